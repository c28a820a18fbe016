"""The real clients against the API: the ``openstack`` command and openstacksdk."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import openstack
import pytest

from tests.lab.openstack_support import read, run
from tests.unit.northbound.api_client import Node

COMMAND = pathlib.Path(sys.executable).parent / "openstack"


def process(node: Node, *words: str) -> str:
    """The installed command, as a user runs it."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("OS_")}
    done = subprocess.run(
        [COMMAND, "--os-auth-type", "none", "--os-endpoint", node.url, *words],
        capture_output=True, text=True, timeout=60, env={**environment, "no_proxy": "*"},
    )
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done.stdout


def test_as_a_user_runs_it(node):
    process(node, "network", "create", "plain")
    assert "plain" in process(node, "network", "list", "-f", "value")
    process(node, "network", "delete", "plain")


def test_command_line(node):
    made = read(node, "network", "create", "--description", "first", "--mtu", "1400", "red")
    assert made["name"] == "red" and made["mtu"] == 1400 and made["status"] == "ACTIVE"
    subnet = read(node, "subnet", "create", "--network", "red", "--subnet-range", "10.1.0.0/24",
                  "--dns-nameserver", "9.9.9.9", "--allocation-pool",
                  "start=10.1.0.10,end=10.1.0.20", "red4")
    assert subnet["gateway_ip"] == "10.1.0.1" and subnet["cidr"] == "10.1.0.0/24"
    port = read(node, "port", "create", "--network", "red", "--fixed-ip",
                "subnet=red4,ip-address=10.1.0.77", "--host", "hv1", "p1")
    assert port["fixed_ips"][0]["ip_address"] == "10.1.0.77"
    assert port["binding_host_id"] == "hv1" and port["status"] == "DOWN"
    second = read(node, "port", "create", "--network", "red", "--mac-address",
                  "fa:16:3e:11:22:33", "--disable-port-security", "--tag", "t1", "p2")
    assert second["mac_address"] == "fa:16:3e:11:22:33" and second["tags"] == ["t1"]
    router = read(node, "router", "create", "r1")
    run(node, "router", "add", "subnet", "r1", "red4")
    shown = read(node, "router", "show", "r1")
    assert shown["id"] == router["id"]
    assert shown["interfaces_info"][0]["ip_address"] == "10.1.0.1"
    assert "still has ports" in run(node, "router", "delete", "r1", ok=False)
    assert {one["Name"] for one in read(node, "port", "list", "--network", "red")} == {
        "p1", "p2", ""}
    assert len(read(node, "port", "list", "--router", "r1")) == 1
    assert read(node, "subnet", "list", "--network", "red", "--long")[0]["Name"] == "red4"
    assert read(node, "network", "list", "--name", "red", "--long")[0]["Subnets"]

    run(node, "network", "set", "--name", "crimson", "--tag", "a", "red")
    assert read(node, "network", "show", "crimson")["tags"] == ["a"]
    run(node, "subnet", "set", "--no-dhcp", "--host-route",
        "destination=192.0.2.0/24,gateway=10.1.0.9", "red4")
    assert read(node, "subnet", "show", "red4")["host_routes"][0]["nexthop"] == "10.1.0.9"
    run(node, "port", "set", "--name", "vm", "--disable", "--allowed-address",
        "ip-address=10.1.0.200", "p1")
    changed = read(node, "port", "show", "vm")
    assert changed["admin_state_up"] is False and changed["allowed_address_pairs"]
    run(node, "router", "set", "--description", "main", "r1")
    assert read(node, "router", "show", "r1")["description"] == "main"

    run(node, "router", "remove", "subnet", "r1", "red4")
    run(node, "router", "add", "port", "r1", "p2")
    run(node, "router", "remove", "port", "r1", "p2")
    run(node, "router", "delete", "r1")
    run(node, "port", "delete", "vm")
    run(node, "subnet", "delete", "red4")
    run(node, "network", "delete", "crimson")
    assert read(node, "network", "list") == [] and read(node, "router", "list") == []
    assert read(node, "extension", "list")


def test_security_groups(node):
    def rules_of(name):
        return read(node, "security", "group", "rule", "list", name)

    web = read(node, "security", "group", "create", "--description", "front", "web")
    assert web["stateful"] is True and len(web["rules"]) == 2
    run(node, "security", "group", "create", "--tag", "t", "db")
    run(node, "security", "group", "create", "--stateless", "free")
    rule = read(node, "security", "group", "rule", "create", "--protocol", "tcp", "--dst-port",
                "22", "--remote-ip", "192.0.2.0/24", "web")
    assert rule["port_range_min"] == 22 and rule["remote_ip_prefix"] == "192.0.2.0/24"
    run(node, "security", "group", "rule", "create", "--ethertype", "IPv6", "--protocol",
        "ipv6-icmp", "--icmp-type", "128", "web")
    run(node, "security", "group", "rule", "create", "--protocol", "udp", "--dst-port",
        "5000:5100", "--remote-group", "web", "db")
    # The client names 0.0.0.0/0, and that is what every new group allows.
    assert "already exists" in run(
        node, "security", "group", "rule", "create", "--egress", "--protocol", "any", "db",
        ok=False)
    assert "already exists" in run(
        node, "security", "group", "rule", "create", "--protocol", "tcp", "--dst-port", "22",
        "--remote-ip", "192.0.2.0/24", "web", ok=False)
    run(node, "address", "group", "create", "--address", "198.51.100.7", "offices")
    run(node, "address", "group", "set", "--address", "203.0.113.0/24", "offices")
    run(node, "address", "group", "unset", "--address", "198.51.100.7/32", "offices")
    assert read(node, "address", "group", "show", "offices")["addresses"] == ["203.0.113.0/24"]
    run(node, "security", "group", "rule", "create", "--protocol", "tcp", "--remote-address-group",
        "offices", "web")
    assert len(rules_of("web")) == 5 and len(rules_of("db")) == 3
    assert "in use" in run(node, "address", "group", "delete", "offices", ok=False)

    network = read(node, "network", "create", "guarded")
    port = read(node, "port", "create", "--network", "guarded", "--security-group", "web",
                "--security-group", "db", "both")
    assert len(port["security_group_ids"]) == 2
    assert "stateful and stateless" in run(
        node, "port", "set", "--security-group", "free", "both", ok=False)
    bare = read(node, "port", "create", "--network", "guarded", "--no-security-group", "bare")
    assert bare["security_group_ids"] == []
    plain = read(node, "port", "create", "--network", "guarded", "plain")
    (default,) = plain["security_group_ids"]
    assert read(node, "security", "group", "show", default)["name"] == "default"
    run(node, "port", "set", "--security-group", "web", "bare")
    assert read(node, "port", "show", "bare")["security_group_ids"] == [web["id"]]
    run(node, "port", "set", "--no-security-group", "both")
    run(node, "port", "unset", "--security-group", "web", "bare")
    assert read(node, "port", "show", "bare")["security_group_ids"] == []
    assert "associated" in run(node, "port", "set", "--disable-port-security", "plain", ok=False)
    run(node, "port", "set", "--no-security-group", "--disable-port-security", "plain")

    run(node, "security", "group", "set", "--name", "front", "--tag", "a", "web")
    assert {one["Name"] for one in read(node, "security", "group", "list")} == {
        "default", "front", "db", "free"}
    assert read(node, "security", "group", "list", "--tags", "a")[0]["ID"] == web["id"]
    assert len(read(node, "security", "group", "rule", "list", "--protocol", "tcp")) == 2
    run(node, "security", "group", "delete", "default")
    run(node, "security", "group", "rule", "delete", rule["id"])
    run(node, "security", "group", "delete", "front", "db")
    run(node, "address", "group", "delete", "offices")
    run(node, "port", "delete", "both", "bare", "plain")
    run(node, "network", "delete", network["id"])


def test_sdk(node):
    cloud = openstack.connection.Connection(
        auth_type="none", endpoint=node.url, network_endpoint_override=f"{node.url}/v2.0"
    )
    api = cloud.network
    network = api.create_network(name="sdk", is_port_security_enabled=True)
    subnet = api.create_subnet(
        network_id=network.id, ip_version=4, cidr="10.2.0.0/24", name="s", gateway_ip="10.2.0.254"
    )
    six = api.create_subnet(network_id=network.id, ip_version=6, cidr="fd00:2::/64")
    port = api.create_port(network_id=network.id, name="one")
    assert {item["ip_address"] for item in port.fixed_ips} == {"10.2.0.1", "fd00:2::2"}
    ports = api.create_ports([{"network_id": network.id, "name": f"b{i}"} for i in range(5)])
    assert len(list(ports)) == 5
    assert len(list(api.ports(network_id=network.id, limit=2))) == 6
    assert api.find_port("b3").name == "b3" and api.find_port("none") is None
    assert api.update_port(port, name="two").revision_number == 2
    router = api.create_router(name="r")
    answer = api.add_interface_to_router(router, subnet_id=subnet.id)
    assert api.get_port(answer["port_id"]).fixed_ips[0]["ip_address"] == "10.2.0.254"
    with pytest.raises(openstack.exceptions.ConflictException):
        api.delete_network(network)
    api.remove_interface_from_router(router, subnet_id=subnet.id)
    api.delete_router(router)
    api.set_tags(network, ["x", "y"])
    assert [one.id for one in api.networks(tags="x")] == [network.id]
    for one in api.ports(network_id=network.id):
        api.delete_port(one)
    api.delete_subnet(six)
    api.delete_network(network)
    assert list(api.subnets()) == []
    with pytest.raises(openstack.exceptions.NotFoundException):
        api.get_network(network.id)
    cloud.close()
