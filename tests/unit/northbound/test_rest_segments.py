"""Segments over REST: of each network the one that it has."""

from __future__ import annotations

import pytest

from ryu_apps.control.config import stored
from tests.unit.northbound.api_client import Node

MEMBER = {"X-Project-Id": "red"}


@pytest.fixture
def node():
    node = Node()
    yield node
    node.close()


def segment(node, network):
    (found,) = node.get(f"/v2.0/segments?network_id={network['id']}")["segments"]
    return found


def test_a_network_has_one_segment_with_its_vni(node):
    red, blue = node.make("network"), node.make("network")
    for network in (red, blue):
        found = segment(node, network)
        assert found["segmentation_id"] == network["provider:segmentation_id"]
        assert found["network_type"] == network["provider:network_type"] == "vxlan"
        assert found["physical_network"] is None and found["name"] is None
        shown = node.get(f"/v2.0/segments/{found['id']}")["segment"]
        assert shown == found and "project_id" not in found
    assert len(node.get("/v2.0/segments")["segments"]) == 2
    found = node.get(f"/v2.0/segments?segmentation_id={blue['provider:segmentation_id']}")
    assert [one["network_id"] for one in found["segments"]] == [blue["id"]]
    node.call("DELETE", f"/v2.0/networks/{red['id']}")
    assert [one["network_id"] for one in node.get("/v2.0/segments")["segments"]] == [blue["id"]]


def test_it_is_named_and_tagged_and_that_is_stored(node):
    network = node.make("network", name="red")
    before = segment(node, network)
    path = f"/v2.0/segments/{before['id']}"
    after = node.call("PUT", path, {"segment": {"name": "s", "description": "d"}})["segment"]
    assert after == {**before, "name": "s", "description": "d", "updated_at": after["updated_at"],
                     "revision_number": before["revision_number"] + 1}
    node.call("PUT", f"{path}/tags", {"tags": ["t"]})
    assert node.get("/v2.0/segments?tags=t&name=s")["segments"][0]["id"] == before["id"]
    shown = node.get(f"/v2.0/networks/{network['id']}")["network"]
    assert shown["name"] == "red" and shown["tags"] == [], "what the network says of itself stays"
    kept = node.configuration.read(lambda config: config.networks[network["id"]])
    again = stored.decode("network", stored.encode(kept))
    assert (again.segment_name, again.segment_description, again.segment_tags) == ("s", "d", ("t",))
    unnamed = node.call("PUT", path, {"segment": {"name": None}})["segment"]
    assert unnamed["name"] is None and unnamed["description"] == "d"


def test_changes_may_be_conditional(node):
    found = segment(node, node.make("network"))
    path, body = f"/v2.0/segments/{found['id']}", {"segment": {"name": "s"}}
    now = {"headers": {"If-Match": f"revision_number={found['revision_number']}"}}
    node.call("PUT", path, body, **now)
    for method, below in (("PUT", ""), ("PUT", "/tags/t"), ("DELETE", "")):
        node.call(method, path + below, body if not below else None, status=412, **now)


def test_there_is_no_second_one_and_none_goes_alone(node):
    network = node.make("network")
    found = segment(node, network)
    text = node.refused("POST", "/v2.0/segments", {"segment": {
        "network_id": network["id"], "network_type": "vlan", "physical_network": "p",
        "segmentation_id": 5,
    }}, 501, "NotImplemented")
    assert found["id"] in text
    missing = "5a4f1a49-9d8c-4b58-9b93-5dd7d6ab0d55"
    node.refused("POST", "/v2.0/segments", {"segment": {
        "network_id": missing, "network_type": "vxlan"}}, 404, "NetworkNotFound")
    node.refused("DELETE", f"/v2.0/segments/{found['id']}", None, 409, "SegmentInUse")
    node.refused("GET", f"/v2.0/segments/{missing}", None, 404, "SegmentNotFound")
    node.refused("PUT", f"/v2.0/segments/{found['id']}", {"segment": {"segmentation_id": 7}}, 400,
                 "HTTPBadRequest")


def test_they_are_for_administrators(node):
    network = node.call("POST", "/v2.0/networks", {"network": {}}, headers=MEMBER)["network"]
    found = segment(node, network)
    assert node.get("/v2.0/segments", headers=MEMBER) == {"segments": []}
    for method, body in (("GET", None), ("PUT", {"segment": {"name": "s"}}), ("DELETE", None)):
        node.refused(method, f"/v2.0/segments/{found['id']}", body, 404, "SegmentNotFound",
                     headers=MEMBER)
    body = {"segment": {"network_id": network["id"], "network_type": "vxlan"}}
    node.refused("POST", "/v2.0/segments", body, 403, "PolicyNotAuthorized", headers=MEMBER)


def test_a_subnet_is_in_the_segment_of_its_network(node):
    red, blue = node.make("network"), node.make("network")
    mine, other = segment(node, red)["id"], segment(node, blue)["id"]
    subnet = node.make("subnet", network_id=red["id"], cidr="10.0.0.0/24", segment_id=mine)
    assert subnet["segment_id"] == mine
    found = node.get(f"/v2.0/subnets?segment_id={mine}")["subnets"]
    assert [one["id"] for one in found] == [subnet["id"]]
    path = f"/v2.0/subnets/{subnet['id']}"
    node.call("PUT", path, {"subnet": {"segment_id": mine}})
    node.refused("PUT", path, {"subnet": {"segment_id": None}}, 400,
                 "SubnetSegmentAssociationChangeNotAllowed")
    fresh = {"network_id": red["id"], "cidr": "10.0.1.0/24"}
    for segment_id, status, type in (
        (None, 400, "SubnetsNotAllAssociatedWithSegments"),
        (other, 400, "NetworkIdsDontMatch"),
        (red["id"], 404, "SegmentNotFound"),
    ):
        body = {"subnet": {**fresh, "segment_id": segment_id}}
        node.refused("POST", "/v2.0/subnets", body, status, type)
    node.make("subnet", **fresh, segment_id=mine)
    plain = node.make("subnet", network_id=blue["id"], cidr="10.0.0.0/24")
    assert plain["segment_id"] is None
    after = node.call("PUT", f"/v2.0/subnets/{plain['id']}", {"subnet": {"segment_id": other}})
    assert after["subnet"]["segment_id"] == other
    port = node.make("port", network_id=red["id"])
    assert port["fixed_ips"], "all hosts are in the segment: addresses are given at once"
