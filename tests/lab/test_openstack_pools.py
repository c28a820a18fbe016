"""The real clients against subnet pools and address scopes."""

from __future__ import annotations

import openstack

from tests.lab.openstack_support import read, run


def test_pools_and_scopes(node):
    scope = read(node, "address", "scope", "create", "--ip-version", "4", "private")
    assert scope["ip_version"] == 4 and scope["shared"] is False
    pool = read(node, "subnet", "pool", "create", "--pool-prefix", "10.0.0.0/8",
                "--default-prefix-length", "24", "--min-prefix-length", "20",
                "--address-scope", "private", "--default-quota", "1024", "--default", "four")
    assert pool["default_prefixlen"] == 24 and pool["is_default"] is True
    run(node, "network", "create", "red")
    first = read(node, "subnet", "create", "--network", "red", "--subnet-pool", "four", "r1")
    assert first["cidr"] == "10.0.0.0/24" and first["subnetpool_id"] == pool["id"]
    second = read(node, "subnet", "create", "--network", "red", "--use-default-subnet-pool",
                  "--prefix-length", "26", "--ip-version", "4", "r2")
    assert second["cidr"] == "10.0.1.0/26"
    third = read(node, "subnet", "create", "--network", "red", "--subnet-pool", "four",
                 "--subnet-range", "10.9.0.0/25", "r3")
    assert third["cidr"] == "10.9.0.0/25"
    assert read(node, "network", "show", "red")["ipv4_address_scope"] == scope["id"]
    assert len(read(node, "subnet", "list", "--subnet-pool", "four")) == 3
    assert "quota exceeded" in run(node, "subnet", "create", "--network", "red", "--subnet-pool",
                                   "four", "--prefix-length", "22", "r4", ok=False)
    run(node, "subnet", "pool", "set", "--pool-prefix", "192.168.0.0/16", "--no-default",
        "--default-quota", "4096", "--tag", "a", "four")
    shown = read(node, "subnet", "pool", "show", "four")
    assert shown["prefixes"] == ["10.0.0.0/8", "192.168.0.0/16"] and shown["tags"] == ["a"]
    assert shown["default_quota"] == 4096 and shown["is_default"] is False
    assert read(node, "subnet", "pool", "list", "--address-scope", "private", "--long")[0][
        "Name"] == "four"
    run(node, "subnet", "pool", "set", "--no-address-scope", "four")
    assert "existing allocations" in run(node, "subnet", "pool", "delete", "four", ok=False)
    run(node, "address", "scope", "set", "--name", "p", "private")
    run(node, "address", "scope", "delete", "p")
    run(node, "network", "delete", "red")
    run(node, "subnet", "pool", "delete", "four")
    assert read(node, "subnet", "pool", "list") == [] == read(node, "address", "scope", "list")


def test_sdk(node):
    cloud = openstack.connection.Connection(
        auth_type="none", endpoint=node.url, network_endpoint_override=f"{node.url}/v2.0"
    )
    api = cloud.network
    scope = api.create_address_scope(name="s", ip_version=6)
    pool = api.create_subnet_pool(name="six", prefixes=["2001:db8::/48"],
                                  address_scope_id=scope.id, is_shared=True)
    assert pool.ip_version == 6 and pool.minimum_prefix_length == 64 and pool.is_shared
    network = api.create_network(name="n")
    subnet = api.create_subnet(network_id=network.id, ip_version=6, subnet_pool_id=pool.id,
                               ipv6_ra_mode="slaac", ipv6_address_mode="slaac")
    assert subnet.cidr == "2001:db8::/64" and subnet.subnet_pool_id == pool.id
    assert api.get_network(network).ipv6_address_scope_id == scope.id
    assert [one.id for one in api.subnet_pools(ip_version=6)] == [pool.id]
    api.delete_network(network)
    api.delete_subnet_pool(pool)
    api.delete_address_scope(scope)
    cloud.close()


def test_what_is_only_read(node):
    zones = read(node, "availability", "zone", "list", "--network", "--long")
    assert {one["Zone Resource"] for one in zones} == {"network", "router"}
    zone = zones[0]["Zone Name"]
    made = read(node, "network", "create", "--availability-zone-hint", zone, "zoned")
    assert made["availability_zone_hints"] == [zone] == made["availability_zones"]
    assert "could not be found" in run(
        node, "router", "create", "--availability-zone-hint", "mars", "r", ok=False)
    read(node, "router", "create", "--availability-zone-hint", zone, "r")
    read(node, "subnet", "create", "--network", "zoned", "--subnet-range", "10.3.0.0/24", "s")
    read(node, "port", "create", "--network", "zoned", "p")
    (usage,) = read(node, "ip", "availability", "list", "--ip-version", "4")
    assert (usage["Total IPs"], usage["Used IPs"]) == (253, 1)
    assert read(node, "ip", "availability", "show", "zoned")["used_ips"] == 1
    (flavor,) = read(node, "network", "flavor", "list")
    assert read(node, "network", "flavor", "show", flavor["Name"])["service_type"] == (
        "L3_ROUTER_NAT")
    (provider,) = read(node, "network", "service", "provider", "list")
    assert provider["Name"] == flavor["Name"] and provider["Default"] is True
    assert len(read(node, "network", "flavor", "profile", "list")) == 1
    for what in (("port", "p"), ("network", "zoned"), ("router", "r")):
        run(node, what[0], "delete", what[1])


def test_extra_routes(node):
    run(node, "network", "create", "n")
    read(node, "subnet", "create", "--network", "n", "--subnet-range", "10.4.0.0/24", "s")
    run(node, "router", "create", "r")
    run(node, "router", "add", "subnet", "r", "s")
    run(node, "router", "set", "--route", "destination=192.168.1.0/24,gateway=10.4.0.9", "r")
    run(node, "router", "add", "route", "--route", "destination=192.168.2.0/24,gateway=10.4.0.9",
        "r")
    assert len(read(node, "router", "show", "r")["routes"]) == 2
    assert "not connected" in run(
        node, "router", "set", "--route", "destination=192.168.3.0/24,gateway=10.5.0.9", "r",
        ok=False)
    run(node, "router", "remove", "route", "--route",
        "destination=192.168.2.0/24,gateway=10.4.0.9", "r")
    run(node, "router", "unset", "--route", "destination=192.168.1.0/24,gateway=10.4.0.9", "r")
    assert read(node, "router", "show", "r")["routes"] == []
    run(node, "router", "remove", "subnet", "r", "s")
    run(node, "router", "delete", "r")
    run(node, "network", "delete", "n")


def test_service_types(node):
    run(node, "network", "create", "n")
    made = read(node, "subnet", "create", "--network", "n", "--subnet-range", "10.4.0.0/24",
                "--service-type", "compute:nova", "s")
    assert made["service_types"] == ["compute:nova"]
    assert "No valid service subnet" in run(node, "port", "create", "--network", "n", "p", ok=False)
    port = read(node, "port", "create", "--network", "n", "--device-owner", "compute:nova", "p")
    assert port["fixed_ips"][0]["subnet_id"] == made["id"]
    run(node, "subnet", "unset", "--service-type", "compute:nova", "s")
    run(node, "subnet", "set", "--service-type", "network:foo", "s")
    assert read(node, "subnet", "show", "s")["service_types"] == ["network:foo"]
    run(node, "port", "delete", "p")
    run(node, "network", "delete", "n")


def test_default_security_group_rules(node):
    words = "default", "security", "group", "rule"
    assert len(read(node, *words, "list")) == 4
    made = read(node, *words, "create", "--protocol", "tcp", "--dst-port", "22",
                "--remote-group", "PARENT", "--for-default-sg", "--for-custom-sg")
    assert made["remote_group_id"] == "PARENT" and made["used_in_default_sg"] is True
    assert read(node, *words, "show", made["id"])["port_range_max"] == 22
    group = read(node, "security", "group", "create", "templated")
    (rule,) = [one for one in read(node, "security", "group", "show", "templated")["rules"]
               if one["direction"] == "ingress"]
    assert rule["remote_group_id"] == group["id"] and rule["protocol"] == "tcp"
    assert "already exists" in run(node, *words, "create", "--protocol", "tcp", "--dst-port", "22",
                                   "--remote-group", "PARENT", "--for-custom-sg", ok=False)
    run(node, *words, "delete", made["id"])
    run(node, "security", "group", "delete", "templated")
    assert len(read(node, *words, "list")) == 4
