"""What the API tells and nobody changes: zones, flavors, addresses that are used, and that there is
no topology of its own making."""

from __future__ import annotations

import pytest

from tests.unit.northbound.api_client import Node

MEMBER = {"X-Project-Id": "red"}


@pytest.fixture
def node():
    node = Node()
    yield node
    node.close()


def test_zones_and_their_hints(node):
    zones = node.get("/v2.0/availability_zones", headers=MEMBER)["availability_zones"]
    assert {(one["resource"], one["state"]) for one in zones} == {
        ("network", "available"), ("router", "available")}
    assert all(set(one) == {"name", "resource", "state"} for one in zones)
    (one,) = node.get("/v2.0/availability_zones?resource=router&state=available")[
        "availability_zones"]
    assert node.get("/v2.0/availability_zones?fields=name&limit=1")["availability_zones"] == [
        {"name": one["name"]}]
    for kind in ("network", "router"):
        made = node.make(kind, availability_zone_hints=[one["name"]])
        assert made["availability_zone_hints"] == made["availability_zones"] == [one["name"]]
        assert node.make(kind)["availability_zone_hints"] == []
        path = f"/v2.0/{kind}s"
        node.refused("POST", path, {kind: {"availability_zone_hints": ["mars"]}}, 404,
                     "AvailabilityZoneNotFound")
        node.call("POST", path, {kind: {"availability_zone_hints": [one["name"]] * 2}}, 400)
        node.call("PUT", f"{path}/{made['id']}", {kind: {"availability_zone_hints": []}}, 400)
        found = node.get(f"{path}?availability_zone_hints={one['name']}")[f"{kind}s"]
        assert [item["id"] for item in found] == [made["id"]]


def test_the_flavor_of_routers(node):
    (flavor,) = node.get("/v2.0/flavors", headers=MEMBER)["flavors"]
    assert flavor["service_type"] == "L3_ROUTER_NAT" and flavor["enabled"] is True
    assert node.get(f"/v2.0/flavors/{flavor['id']}")["flavor"] == flavor
    (profile,) = node.get("/v2.0/service_profiles")["service_profiles"]
    assert flavor["service_profiles"] == [profile["id"]]
    assert node.get("/v2.0/service_profiles", headers=MEMBER) == {"service_profiles": []}
    (provider,) = node.get("/v2.0/service-providers", headers=MEMBER)["service_providers"]
    assert provider == {"service_type": "L3_ROUTER_NAT", "name": flavor["name"], "default": True}
    assert node.make("router", flavor_id=flavor["id"])["flavor_id"] == flavor["id"]
    assert node.make("router")["flavor_id"] is None
    other = profile["id"]
    node.refused("POST", "/v2.0/routers", {"router": {"flavor_id": other}}, 404, "FlavorNotFound")
    node.refused("GET", f"/v2.0/flavors/{other}", None, 404, "FlavorNotFound")
    for method, path in (("POST", "flavors"), ("PUT", f"flavors/{flavor['id']}"),
                         ("DELETE", f"flavors/{flavor['id']}"), ("POST", "availability_zones")):
        node.call(method, f"/v2.0/{path}", {"flavor": {}}, 405)


def test_lists_without_tags_are_not_filtered_by_them(node):
    for path in ("agents", "flavors", "availability_zones", "network-ip-availabilities"):
        node.refused("GET", f"/v2.0/{path}?tags=a", None, 400, "InvalidInput")


@pytest.fixture
def networks(node):
    """Of a network with two subnets, one without addresses to give out, and one without subnets."""
    full = node.make("network", name="full", project_id="red")["id"]
    four = node.make("subnet", network_id=full, cidr="10.0.0.0/24", name="four")["id"]
    node.make("subnet", network_id=full, cidr="fd00::/120")
    for _ in range(3):
        node.make("port", network_id=full)
    node.make("port", network_id=full, fixed_ips=[{"subnet_id": four}, {"subnet_id": four}])
    router = node.make("router")["id"]
    node.call("PUT", f"/v2.0/routers/{router}/add_router_interface", {"subnet_id": four})
    bare = node.make("network", name="bare")["id"]
    node.make("subnet", network_id=bare, cidr="10.1.0.0/28", allocation_pools=[])
    return full, bare, node.make("network", name="none")["id"]


def test_addresses_are_counted_as_neutron_counts(node, networks):
    full, bare, none = networks
    path = "/v2.0/network-ip-availabilities"
    found = {one["network_id"]: one for one in node.get(path)["network_ip_availabilities"]}
    assert set(found) == set(networks)
    one = found[full]
    assert (one["network_name"], one["project_id"], one["tenant_id"]) == ("full", "red", "red")
    parts = {part["ip_version"]: part for part in one["subnet_ip_availability"]}
    # All of the pools; three automatic ports, two of one port, and the router's own.
    assert (parts[4]["total_ips"], parts[4]["used_ips"]) == (253, 6)
    assert (parts[6]["total_ips"], parts[6]["used_ips"]) == (254, 3)
    assert parts[4]["subnet_name"] == "four" and parts[4]["cidr"] == "10.0.0.0/24"
    assert (one["total_ips"], one["used_ips"]) == (507, 9) and "ip_version" not in one
    assert (found[bare]["total_ips"], found[bare]["used_ips"]) == (16, 0)
    assert (found[none]["total_ips"], found[none]["subnet_ip_availability"]) == (0, [])
    assert node.get(f"{path}/{full}")["network_ip_availability"] == one


def test_addresses_are_found_by_network_and_version(node, networks):
    full, bare, _ = networks
    path = "/v2.0/network-ip-availabilities"

    def ids(query):
        return {one["network_id"] for one in node.get(f"{path}?{query}")[
            "network_ip_availabilities"]}

    assert ids(f"network_id={full}") == {full} == ids("network_name=full") == ids("project_id=red")
    assert ids("ip_version=4") == {full, bare} and ids("ip_version=6") == {full}
    (six,) = node.get(f"{path}?ip_version=6")["network_ip_availabilities"]
    assert six["used_ips"] == 3 and len(six["subnet_ip_availability"]) == 1
    assert len(ids("limit=1")) == 1
    for query in ("ip_version=x", "colour=red"):
        node.refused("GET", f"{path}?{query}", None, 400, "InvalidInput")
    assert node.get(path, headers=MEMBER) == {"network_ip_availabilities": []}
    node.call("GET", f"{path}/{full}", status=404, headers=MEMBER)
    node.call("GET", f"{path}/nothing", status=404)


def test_a_topology_is_refused_with_what_is_missing(node):
    path = "/v2.0/auto-allocated-topology"
    for query in ("", "?fields=dry-run"):
        text = node.refused("GET", f"{path}/red{query}", None, 409, "AutoAllocationFailure")
        assert "external network" in text and "subnetpools" in text
    node.make("subnetpool", name="p", prefixes=["10.0.0.0/8"], is_default=True)
    assert "subnetpools" not in node.refused("GET", f"{path}/red", None, 409,
                                             "AutoAllocationFailure")
    # A pool that the project does not see is none.
    for project in ("red", "None"):
        error = node.call("GET", f"{path}/{project}", status=409, headers=MEMBER)
        assert "subnetpools" in error["NeutronError"]["message"]
    node.call("GET", f"{path}/green", status=403, headers=MEMBER)
    node.call("DELETE", f"{path}/green", status=403, headers=MEMBER)
    node.refused("GET", f"{path}/red?fields=colour", None, 400, "BadRequest")
    node.call("DELETE", f"{path}/red", headers=MEMBER)
    assert node.get("/v2.0/networks")["networks"] == []
