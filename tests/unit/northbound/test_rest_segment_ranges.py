"""Network segment ranges over REST: which VNIs the networks of which projects get."""

from __future__ import annotations

import threading

import pytest

from tests.unit.northbound.api_client import Node, options

RED, GREEN = {"X-Project-Id": "red"}, {"X-Project-Id": "green"}
PATH = "/v2.0/network_segment_ranges"


@pytest.fixture
def node():
    conf = options()
    conf.set_override("vni_range", "100-119", "vpn")
    node = Node(conf=conf)
    yield node
    node.close()


def add(node, minimum, maximum, project="", **fields):
    body = {"minimum": minimum, "maximum": maximum, "network_type": "vxlan", **fields}
    if project:
        body |= {"shared": False, "project_id": project}
    return node.call("POST", PATH, {"network_segment_range": body})["network_segment_range"]


def show(node, id):
    return node.get(f"{PATH}/{id}")["network_segment_range"]


def network(node, headers=None, **fields):
    """The VNI of a new one."""
    made = node.call("POST", "/v2.0/networks", {"network": fields}, headers=headers or {})
    found = node.get(f"/v2.0/networks/{made['network']['id']}")["network"]
    return found["provider:segmentation_id"]


def test_the_range_of_the_options_is_always_there(node):
    (found,) = node.get(PATH)["network_segment_ranges"]
    assert (found["default"], found["shared"], found["minimum"], found["maximum"]) == (
        True, True, 100, 119)
    assert found["network_type"] == "vxlan" and found["physical_network"] is None
    assert found["used"] == {} and found["available"] == list(range(100, 120))
    assert network(node, RED) == 100
    router = node.call("POST", "/v2.0/routers", {"router": {}}, headers=GREEN)["router"]
    found = show(node, found["id"])
    assert found["used"] == {"100": "red", "101": "green"} and found["available"][0] == 102
    assert [one["id"] for one in node.get(f"{PATH}?default=true")["network_segment_ranges"]] == [
        found["id"]]
    assert not node.get(f"{PATH}?default=false")["network_segment_ranges"]
    node.call("DELETE", f"/v2.0/routers/{router['id']}")
    assert show(node, found["id"])["used"] == {"100": "red"}
    path = f"{PATH}/{found['id']}"
    for method, below, body in (
        ("PUT", "", {"network_segment_range": {"name": "x"}}), ("DELETE", "", None),
        ("PUT", "/tags/t", None),
    ):
        node.refused(method, path + below, body, 400, "NetworkSegmentRangeDefaultReadOnly")


def test_a_network_is_of_its_projects_ranges_then_of_shared_ones(node):
    add(node, 102, 103, "red", name="red's")
    add(node, 300, 301, name="all")
    assert [network(node, RED) for _ in range(4)] == [102, 103, 300, 301]
    # Without what is red's alone; and red goes on where all do.
    assert [network(node, GREEN) for _ in range(3)] == [100, 101, 104]
    assert network(node, RED) == 105
    assert network(node) == 106, "a network of no project"
    made = node.call("POST", "/v2.0/routers", {"router": {}}, headers=RED)["router"]
    assert node.get(f"/v2.0/routers/{made['id']}")["router"]["vpn:vni"] == 107
    while network(node, GREEN) != 119:
        pass
    body = {"network": {}}
    node.refused("POST", "/v2.0/networks", body, 503, "NoNetworkAvailable", headers=GREEN)
    add(node, 400, 400, "green")
    assert network(node, GREEN) == 400


def test_a_vni_may_be_chosen_out_of_any_range(node):
    choose = "provider:segmentation_id"
    node.refused("POST", "/v2.0/networks", {"network": {choose: 300}}, 400, "InvalidInput")
    made = add(node, 300, 301, "red")
    assert network(node, project_id="green", **{choose: 300}) == 300
    assert show(node, made["id"])["used"] == {"300": "green"}
    node.refused("POST", "/v2.0/networks", {"network": {choose: 300}}, 409, "TunnelIdInUse")


def test_what_is_used_stays_in_its_range(node):
    made = add(node, 300, 309, "red")
    assert made["project_id"] == "red" and made["shared"] is False
    path = f"{PATH}/{made['id']}"
    kept = [network(node, RED) for _ in range(3)]
    assert kept == [300, 301, 302]
    for limits in ({"minimum": 301}, {"maximum": 301}, {"minimum": 303, "maximum": 400}):
        node.refused("PUT", path, {"network_segment_range": limits}, 409,
                     "NetworkSegmentRangeReferencedByProject")
    after = node.call("PUT", path, {"network_segment_range": {
        "maximum": 302, "name": "few", "description": "d"}})["network_segment_range"]
    assert (after["maximum"], after["name"], after["description"]) == (302, "few", "d")
    assert after["available"] == [] and set(after["used"].values()) == {"red"}
    assert network(node, RED) == 100
    text = node.refused("DELETE", path, None, 409, "NetworkSegmentRangeReferencedByProject")
    assert "300, 301, 302" in text
    for one in node.get("/v2.0/networks?project_id=red")["networks"]:
        node.call("DELETE", f"/v2.0/networks/{one['id']}")
    node.call("DELETE", path)
    node.refused("GET", path, None, 404, "NetworkSegmentRangeNotFound")


def test_what_is_no_range(node):
    made = add(node, 300, 309)
    assert made["project_id"] == "" and made["shared"] is True
    other = add(node, 310, 319)

    def refused(status, type, method="POST", path=PATH, **fields):
        return node.refused(method, path, {"network_segment_range": fields}, status, type)

    vxlan = {"network_type": "vxlan"}
    for minimum, maximum in ((309, 400), (200, 300), (301, 302), (200, 400)):
        text = refused(409, "NetworkSegmentRangeOverlaps", minimum=minimum, maximum=maximum,
                       **vxlan)
        assert made["id"] in text
    refused(409, "NetworkSegmentRangeOverlaps", "PUT", f"{PATH}/{other['id']}", minimum=309)
    for minimum, maximum in ((0, 5), (6, 5), (5, 1 << 24)):
        refused(400, "NetworkTunnelRangeError", minimum=minimum, maximum=maximum, **vxlan)
    limits = {"minimum": 1, "maximum": 2}
    refused(400, "NetworkSegmentRangeNetTypeNotSupported", network_type="flat", **limits)
    refused(400, "InvalidInput", physical_network="p", **vxlan, **limits)
    refused(400, "InvalidInput", network_type="vlan", **limits)
    vlan = {"network_type": "vlan", "physical_network": "p"}
    for minimum, maximum in ((0, 5), (6, 5), (5, 4095)):
        refused(400, "NetworkVlanRangeError", minimum=minimum, maximum=maximum, **vlan)
    refused(400, "InvalidInput", shared=False, **vxlan, **limits)
    refused(400, "HTTPBadRequest", **vxlan, minimum=1)
    refused(400, "HTTPBadRequest", "PUT", f"{PATH}/{made['id']}", shared=False)


def test_they_are_for_administrators(node):
    made = add(node, 300, 309, "red")
    assert node.get(PATH, headers=RED) == {"network_segment_ranges": []}
    default = next(one["id"] for one in node.get(PATH)["network_segment_ranges"] if one["default"])
    for id in (made["id"], default):
        for method, body in (("GET", None), ("PUT", {"network_segment_range": {}}),
                             ("DELETE", None)):
            node.refused(method, f"{PATH}/{id}", body, 404, "NetworkSegmentRangeNotFound",
                         headers=RED)
    body = {"network_segment_range": {"minimum": 1, "maximum": 2, "network_type": "vxlan"}}
    node.refused("POST", PATH, body, 403, "PolicyNotAuthorized", headers=RED)


def test_nodes_that_write_at_once_give_no_vni_twice(node):
    other = Node(store=node.store, conf=node.settings)
    try:
        add(node, 300, 305, "red")
        found: list[int] = []

        def make(at):
            for _ in range(5):
                found.append(network(at, RED))

        threads = [threading.Thread(target=make, args=(at,)) for at in (node, other) * 2]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(found) == [*range(100, 114), *range(300, 306)]
    finally:
        other.close()
