"""Address scopes and subnet pools over REST."""

from __future__ import annotations

import threading

import pytest

from ryu_apps.control.config import stored
from ryu_apps.control.config.model import Subnet
from tests.unit.northbound.api_client import Node
from tests.unit.store.store_support import until

MEMBER, OTHER = {"X-Project-Id": "red"}, {"X-Project-Id": "green"}


@pytest.fixture
def node():
    node = Node()
    yield node
    node.close()


def scope(node, **fields):
    body = {"address_scope": {"name": "s", "ip_version": 4, **fields}}
    return node.call("POST", "/v2.0/address-scopes", body)["address_scope"]


def test_from_scope_to_subnet(node):
    made = scope(node)
    assert made["ip_version"] == 4 and made["shared"] is False and made["name"] == "s"
    pool = node.make("subnetpool", name="p", prefixes=["10.11.12.13/24"], min_prefixlen="26",
                     address_scope_id=made["id"])
    assert pool["prefixes"] == ["10.11.12.0/24"] and pool["default_quota"] is None
    # Neutron shows the lengths as text, however they were given.
    assert (pool["min_prefixlen"], pool["default_prefixlen"], pool["max_prefixlen"]) == (
        "26", "26", "32")
    network = node.make("network")
    assert network["ipv4_address_scope"] is None and network["ipv6_address_scope"] is None
    subnet = node.make("subnet", network_id=network["id"], subnetpool_id=pool["id"], ip_version=4)
    assert subnet["cidr"] == "10.11.12.0/26" and subnet["subnetpool_id"] == pool["id"]
    assert "use_default_subnetpool" not in subnet and "prefixlen" not in subnet
    shown = node.get(f"/v2.0/networks/{network['id']}")["network"]
    assert shown["ipv4_address_scope"] == made["id"] and shown["ipv6_address_scope"] is None
    for query in (f"subnetpools?address_scope_id={made['id']}", "subnetpools?ip_version=4",
                  "subnetpools?is_default=false&shared=false&min_prefixlen=26",
                  f"subnets?subnetpool_id={pool['id']}", "address-scopes?ip_version=4&name=s",
                  "subnetpools?prefixes=10.11.12.0/24", "subnetpools?default_quota="):
        (found,) = node.get(f"/v2.0/{query}").popitem()[1]
        assert found["id"] in (pool["id"], subnet["id"], made["id"])
    node.refused("DELETE", f"/v2.0/address-scopes/{made['id']}", None, 409, "AddressScopeInUse")
    node.refused("DELETE", f"/v2.0/subnetpools/{pool['id']}", None, 400, "SubnetPoolDeleteError")
    node.call("DELETE", f"/v2.0/subnets/{subnet['id']}")
    node.call("DELETE", f"/v2.0/subnetpools/{pool['id']}")
    node.call("DELETE", f"/v2.0/address-scopes/{made['id']}")


def test_changes_of_a_pool(node):
    pool = node.make("subnetpool", name="p", prefixes=["10.0.0.0/24"], default_quota=9)
    path = f"/v2.0/subnetpools/{pool['id']}"
    changed = node.call("PUT", path, {"subnetpool": {
        "name": "q", "description": "d", "default_quota": None, "default_prefixlen": 28,
        "prefixes": ["10.0.0.0/16"]}})["subnetpool"]
    assert changed["name"] == "q" and changed["prefixes"] == ["10.0.0.0/16"]
    assert changed["default_quota"] is None and changed["default_prefixlen"] == "28"
    assert changed["revision_number"] == 2
    answer = node.call("PUT", f"{path}/add_prefixes", {"prefixes": ["10.2.0.0/16"]})
    assert answer == {"prefixes": ["10.0.0.0/16", "10.2.0.0/16"]}
    answer = node.call("PUT", f"{path}/remove_prefixes", {"prefixes": ["10.0.0.0/8"]})
    assert answer == {"prefixes": []}
    network = node.make("network")["id"]
    node.refused("POST", "/v2.0/subnets", {"subnet": {
        "network_id": network, "subnetpool_id": pool["id"]}}, 409, "SubnetAllocationError")
    for body in ({"shared": True}, {"project_id": "p"}, {"ip_version": 4}, {"name": " "},
                 {"min_prefixlen": -1}, {"default_quota": -1}, {"address_scope_id": "foo"},
                 {"prefixes": "x"}):
        node.call("PUT", path, {"subnetpool": body}, 400)
    for body in ({"prefixes": ["10.0.0.0/8"]}, {"name": "p"}, {"name": "", "prefixes": ["::/48"]}):
        node.call("POST", "/v2.0/subnetpools", {"subnetpool": body}, 400)
    node.call("PUT", f"{path}/tags/blue", status=201)
    assert node.get("/v2.0/subnetpools?tags=blue")["subnetpools"][0]["id"] == pool["id"]


def test_bulk_gives_each_its_own(node):
    pool = node.make("subnetpool", name="p", prefixes=["10.0.0.0/24"], default_prefixlen=28)
    networks = node.call("POST", "/v2.0/networks", {"networks": [{}] * 17})["networks"]
    wanted = [{"network_id": one["id"], "subnetpool_id": pool["id"]} for one in networks]
    node.refused("POST", "/v2.0/subnets", {"subnets": wanted}, 409, "SubnetAllocationError")
    assert node.get("/v2.0/subnets")["subnets"] == []
    made = node.call("POST", "/v2.0/subnets", {"subnets": wanted[:16]})["subnets"]
    assert [one["cidr"] for one in made] == [f"10.0.0.{16 * n}/28" for n in range(16)]


def test_two_nodes_at_once_never_give_one_prefix_twice(node):
    """Each plans on what it knows; who comes second to the store plans again."""
    other = Node(store=node.store)
    try:
        pool = node.make("subnetpool", name="p", prefixes=["10.0.0.0/20"], default_prefixlen=24)
        networks = node.call("POST", "/v2.0/networks", {"networks": [{}] * 16})["networks"]
        until(lambda: other.configuration.read(lambda config: len(config.networks) == 16))
        start, cidrs, failed = threading.Barrier(2), [], []

        def work(at, mine):
            start.wait()
            for network in mine:
                answer = at.http.post(f"{at.url}/v2.0/subnets", timeout=30, json={"subnet": {
                    "network_id": network["id"], "subnetpool_id": pool["id"]}})
                if answer.status_code == 201:
                    cidrs.append(answer.json()["subnet"]["cidr"])
                else:
                    failed.append(answer.text)

        threads = [threading.Thread(target=work, args=each) for each in (
            (node, networks[::2]), (other, networks[1::2]))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failed
        assert sorted(cidrs) == sorted(f"10.0.{n}.0/24" for n in range(16))
    finally:
        other.close()


def test_what_projects_may_do_with_pools(node):
    body = {"subnetpool": {"name": "p", "prefixes": ["10.0.0.0/16"], "default_prefixlen": 24}}
    own = node.call("POST", "/v2.0/subnetpools", body, headers=MEMBER)["subnetpool"]
    assert own["project_id"] == "red"
    for field in ("shared", "is_default"):
        refused = {"subnetpool": {**body["subnetpool"], field: True}}
        node.call("POST", "/v2.0/subnetpools", refused, 403, headers=MEMBER)
    node.call("PUT", f"/v2.0/subnetpools/{own['id']}", {"subnetpool": {"is_default": True}}, 403,
              headers=MEMBER)
    node.call("POST", "/v2.0/address-scopes", {"address_scope": {"ip_version": 4, "shared": True}},
              403, headers=MEMBER)
    for path in ("", "/add_prefixes", "/remove_prefixes"):
        node.call("PUT", f"/v2.0/subnetpools/{own['id']}{path}",
                  {"subnetpool": {}} if not path else {"prefixes": []}, 404, headers=OTHER)
    network = node.call("POST", "/v2.0/networks", {"network": {}}, headers=OTHER)["network"]["id"]
    subnet = {"subnet": {"network_id": network, "subnetpool_id": own["id"]}}
    node.call("POST", "/v2.0/subnets", subnet, 404, headers=OTHER)
    public = node.make("subnetpool", name="public", prefixes=["10.1.0.0/16"], shared=True,
                       default_prefixlen=24, is_default=True)
    assert public["id"] in {
        one["id"] for one in node.get("/v2.0/subnetpools", headers=OTHER)["subnetpools"]}
    node.call("PUT", f"/v2.0/subnetpools/{public['id']}", {"subnetpool": {"name": "x"}}, 403,
              headers=OTHER)
    node.call("PUT", f"/v2.0/subnetpools/{public['id']}/add_prefixes",
              {"prefixes": ["10.2.0.0/16"]}, 403, headers=OTHER)
    made = node.call("POST", "/v2.0/subnets", {"subnet": {
        "network_id": network, "ip_version": 4, "use_default_subnetpool": True}}, headers=OTHER)
    assert made["subnet"]["subnetpool_id"] == public["id"]


def test_a_subnet_that_an_older_version_stored_is_of_no_pool(node):
    old = stored.plain(Subnet("s", "n", "10.0.0.0/24"))
    del old["subnetpool_id"]
    assert stored.read("subnet", old).subnetpool_id == ""


def test_no_prefix_is_asked_of_another_router(node):
    network = node.make("network")["id"]
    text = node.refused("POST", "/v2.0/subnets", {"subnet": {
        "network_id": network, "ip_version": 6, "subnetpool_id": "prefix_delegation"}}, 400,
        "HTTPBadRequest")
    assert "prefix delegation" in text
