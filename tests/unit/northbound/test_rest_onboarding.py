"""Subnets that a network has are taken into a subnet pool."""

from __future__ import annotations

import pytest

from tests.unit.northbound.api_client import Node

MEMBER, OTHER = {"X-Project-Id": "red"}, {"X-Project-Id": "green"}


@pytest.fixture
def node():
    node = Node()
    yield node
    node.close()


def network(node, *cidrs, **fields):
    made = node.make("network", **fields)["id"]
    return made, [node.make("subnet", network_id=made, cidr=cidr)["id"] for cidr in cidrs]


def pool(node, *prefixes, **fields):
    return node.make("subnetpool", name="p", prefixes=prefixes, **fields)["id"]


def path(pool):
    return f"/v2.0/subnetpools/{pool}/onboard_network_subnets"


def onboard(node, pool, network, **kwargs):
    return node.call("PUT", path(pool), {"network_id": network}, **kwargs)


def prefixes(node, pool):
    return node.get(f"/v2.0/subnetpools/{pool}")["subnetpool"]["prefixes"]


def of_pool(node, pool):
    return {one["id"] for one in node.get(f"/v2.0/subnets?subnetpool_id={pool}")["subnets"]}


def test_the_subnets_of_the_pools_ip_version_become_its_own(node):
    red, (low, high, _) = network(node, "10.0.0.0/25", "10.0.0.128/25", "fd00::/64")
    made = pool(node, "192.168.0.0/24")
    before = node.get(f"/v2.0/subnets/{low}")["subnet"]["revision_number"]
    answer = onboard(node, made, red)
    assert sorted(answer, key=lambda one: one["cidr"]) == [
        {"id": low, "cidr": "10.0.0.0/25"}, {"id": high, "cidr": "10.0.0.128/25"}]
    assert prefixes(node, made) == ["10.0.0.0/24", "192.168.0.0/24"]
    assert of_pool(node, made) == {low, high}
    assert node.get(f"/v2.0/subnets/{low}")["subnet"]["revision_number"] == before + 1
    other = node.make("network")["id"]
    taken = {"subnet": {"network_id": other, "subnetpool_id": made, "cidr": "10.0.0.0/26"}}
    node.refused("POST", "/v2.0/subnets", taken, 409, "SubnetAllocationError")
    # What it has already conflicts with itself, as in Neutron.
    node.refused("PUT", path(made), {"network_id": red}, 400, "IllegalSubnetPoolUpdate")
    node.call("DELETE", f"/v2.0/networks/{red}")
    node.make("subnet", **taken["subnet"])


def test_a_network_without_any_changes_nothing(node):
    red, _ = network(node, "fd00::/64")
    made = pool(node, "192.168.0.0/24")
    assert onboard(node, made, red) == []
    assert prefixes(node, made) == ["192.168.0.0/24"]


def test_another_pool_gives_them_away_and_keeps_the_prefix(node):
    red, (subnet,) = network(node, "10.0.0.0/24")
    first, second = pool(node, "192.168.0.0/24"), pool(node, "192.168.1.0/24")
    onboard(node, first, red)
    onboard(node, second, red)
    assert of_pool(node, first) == set() and of_pool(node, second) == {subnet}
    assert "10.0.0.0/24" in prefixes(node, first) and "10.0.0.0/24" in prefixes(node, second)


def test_what_conflicts_is_refused_whole(node):
    made = pool(node, "10.0.0.0/8")
    taken = node.make("network")["id"]
    node.make("subnet", network_id=taken, subnetpool_id=made, cidr="10.1.0.0/24")
    red, _ = network(node, "10.1.0.0/16", "10.2.0.0/16")
    node.refused("PUT", path(made), {"network_id": red}, 400, "IllegalSubnetPoolUpdate")
    assert len(of_pool(node, made)) == 1
    scope = node.call("POST", "/v2.0/address-scopes", {"address_scope": {"ip_version": 4}})[
        "address_scope"]["id"]
    pool(node, "172.16.0.0/16", address_scope_id=scope)
    second = pool(node, "172.17.0.0/16", address_scope_id=scope)
    blue, _ = network(node, "172.16.1.0/24")
    node.refused("PUT", path(second), {"network_id": blue}, 409, "AddressScopePrefixConflict")
    assert prefixes(node, second) == ["172.17.0.0/16"] and not of_pool(node, second)


def test_a_router_does_not_get_into_two_address_scopes(node):
    red, (one,) = network(node, "10.0.0.0/24")
    _, (two,) = network(node, "10.0.1.0/24")
    router = node.make("router")["id"]
    for subnet in (one, two):
        node.call("PUT", f"/v2.0/routers/{router}/add_router_interface", {"subnet_id": subnet})
    scope = node.call("POST", "/v2.0/address-scopes", {"address_scope": {"ip_version": 4}})[
        "address_scope"]["id"]
    made = pool(node, "172.16.0.0/16", address_scope_id=scope)
    node.refused("PUT", path(made), {"network_id": red}, 501, "NotImplemented")
    assert prefixes(node, made) == ["172.16.0.0/16"] and not of_pool(node, made)


def test_who_may(node):
    shared, _ = network(node, "10.0.0.0/24", shared=True)
    hidden, _ = network(node, "10.0.1.0/24")
    mine = node.call("POST", "/v2.0/networks", {"network": {}}, headers=MEMBER)["network"]["id"]
    node.call("POST", "/v2.0/subnets", {"subnet": {"network_id": mine, "cidr": "10.0.2.0/24"}},
              headers=MEMBER)
    made = node.call("POST", "/v2.0/subnetpools", {"subnetpool": {
        "name": "p", "prefixes": ["192.168.0.0/24"]}}, headers=MEMBER)["subnetpool"]["id"]

    def refused(status, type, network, headers=MEMBER):
        node.refused("PUT", path(made), {"network_id": network}, status, type, headers=headers)

    refused(403, "PolicyNotAuthorized", shared)
    refused(404, "NetworkNotFound", hidden)
    refused(404, "SubnetPoolNotFound", mine, OTHER)
    node.refused("PUT", path(made), {}, 400, "HTTPBadRequest", headers=MEMBER)
    onboard(node, made, mine, headers={**MEMBER, "If-Match": "revision_number=9"}, status=412)
    onboard(node, made, mine, headers={**MEMBER, "If-Match": "revision_number=1"})
    onboard(node, made, shared)
