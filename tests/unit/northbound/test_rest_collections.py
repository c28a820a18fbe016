"""Collections are what they declare."""

from __future__ import annotations

import pytest

from ryu_apps.northbound.resources.declared import COLLECTIONS
from tests.unit.northbound.api_client import Node
from tests.unit.northbound.everything import located


@pytest.fixture(scope="module")
def node():
    node = Node()
    network = node.make("network", name="n")["id"]
    node.make("subnet", network_id=network, cidr="10.0.0.0/24")
    port = node.make("port", network_id=network)["id"]
    node.call("POST", "/v2.0/trunks", {"trunk": {"port_id": port}})
    node.make("router")
    node.call("POST", "/v2.0/security-groups", {"security_group": {"name": "g"}})
    node.call("POST", "/v2.0/address-groups", {"address_group": {}})
    scope = node.call("POST", "/v2.0/address-scopes", {"address_scope": {"ip_version": 4}})
    node.make("subnetpool", name="p", prefixes=["10.0.0.0/8"],
              address_scope_id=scope["address_scope"]["id"])
    node.call("POST", "/v2.0/rbac-policies", {"rbac_policy": {
        "object_type": "network", "object_id": network, "target_tenant": "p",
        "action": "access_as_shared"}})
    outside = node.make("network", **{"router:external": True})["id"]
    node.make("subnet", network_id=outside, cidr="203.0.113.0/24")
    node.make("floatingip", floating_network_id=outside)
    node.make("router", external_gateway_info={"network_id": outside})
    policy = node.call("POST", "/v2.0/qos/policies", {"policy": {}})["policy"]["id"]
    for name, rule in (
        ("bandwidth_limit_rule", {"max_kbps": 1}), ("packet_rate_limit_rule", {"max_kpps": 1}),
        ("dscp_marking_rule", {"dscp_mark": 8}), ("minimum_bandwidth_rule", {"min_kbps": 1}),
        ("minimum_packet_rate_rule", {"min_kpps": 1}),
    ):
        node.call("POST", f"/v2.0/qos/policies/{policy}/{name}s", {name: rule})
    port = node.make("port", network_id=network)["id"]
    pair = node.call("POST", "/v2.0/sfc/port_pairs", {"port_pair": {
        "ingress": port, "egress": port}})["port_pair"]["id"]
    group = node.call("POST", "/v2.0/sfc/port_pair_groups", {"port_pair_group": {
        "port_pairs": [pair]}})["port_pair_group"]["id"]
    node.call("POST", "/v2.0/sfc/flow_classifiers", {"flow_classifier": {
        "logical_source_port": node.make("port", network_id=network)["id"]}})
    node.call("POST", "/v2.0/sfc/port_chains", {"port_chain": {"port_pair_groups": [group]}})
    watched, watching = (node.make("port", network_id=network)["id"] for _ in "ab")
    node.call("POST", "/v2.0/taas/tap_mirrors", {"tap_mirror": {
        "port_id": watched, "directions": {"IN": 7}, "remote_ip": "198.51.100.9",
        "mirror_type": "gre"}})
    service = node.call("POST", "/v2.0/taas/tap_services", {"tap_service": {"port_id": watching}})
    node.call("POST", "/v2.0/taas/tap_flows", {"tap_flow": {
        "tap_service_id": service["tap_service"]["id"], "source_port": watched,
        "direction": "BOTH"}})
    yield node
    node.close()


@pytest.mark.parametrize("collection", COLLECTIONS, ids=lambda one: one.path)
def test_an_answer_has_the_attributes_that_are_declared(node, collection):
    found = node.get(located(node, collection.root, collection.parent))[collection.plural]
    assert found
    for one in found:
        assert collection.shown - collection.optional <= set(one) <= collection.shown


JSON_TYPES = {
    "boolean": bool, "integer": int, "string": str, "array": list, "object": dict,
    "null": type(None),
}


@pytest.mark.parametrize("collection", COLLECTIONS, ids=lambda one: one.path)
def test_a_value_is_of_the_type_that_is_declared(node, collection):
    """A filter converts its text to this type, and finds nothing where it is another one."""
    for one in node.get(located(node, collection.root, collection.parent))[collection.plural]:
        for name in collection.attributes.keys() & one.keys():
            declared = collection.attributes[name]
            if "enum" in declared.schema:
                assert one[name] in declared.schema["enum"], name
                continue
            types = declared.schema["type"]
            allowed = {JSON_TYPES[t] for t in ([types] if isinstance(types, str) else types)}
            assert type(one[name]) in allowed, f"{name}: {one[name]!r}"


def test_networks_are_found_by_what_they_flood(node):
    flooding = node.make("network", **{"vpn:flood_unknown": True})["id"]
    for text in ("true", "True", "1"):
        found = node.get(f"/v2.0/networks?vpn:flood_unknown={text}")["networks"]
        assert [one["id"] for one in found] == [flooding]
    others = node.get("/v2.0/networks?vpn:flood_unknown=false")["networks"]
    assert others and flooding not in {one["id"] for one in others}


def test_what_is_not_set_is_found_also_where_there_is_an_index(node):
    for attribute in ("remote_group_id", "remote_address_group_id"):
        for text in ("", "null", "None"):
            found = node.get(f"/v2.0/security-group-rules?{attribute}={text}")
            rules = found["security_group_rules"]
            assert rules and all(one[attribute] is None for one in rules)
