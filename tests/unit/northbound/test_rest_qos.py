"""QoS: policies and their rules, in both shapes, and what has a policy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.northbound.api_client import Node

RED = {"X-Project-Id": "red"}
RULES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "bandwidth_limit_rule": (
        {"max_kbps": 200, "max_burst_kbps": 1337}, {"max_kbps": 300, "direction": "ingress"}),
    "packet_rate_limit_rule": (
        {"max_kpps": 2, "max_burst_kpps": 1}, {"max_kpps": 3, "direction": "ingress"}),
    "dscp_marking_rule": ({"dscp_mark": 16}, {"dscp_mark": 48}),
    "minimum_bandwidth_rule": ({"min_kbps": 7}, {"min_kbps": 8, "direction": "ingress"}),
    "minimum_packet_rate_rule": ({"min_kpps": 7}, {"min_kpps": 8, "direction": "any"}),
}
"""Of each type what one may say, and how it may change."""


@pytest.fixture
def node() -> Iterator[Node]:
    made = Node()
    yield made
    made.close()


def policy(node: Node, **fields: Any) -> str:
    return node.call("POST", "/v2.0/qos/policies", {"policy": fields})["policy"]["id"]


def rule(node: Node, policy_id: str, name: str, status: int = 201, **fields: Any) -> Any:
    answer = node.call(
        "POST", f"/v2.0/qos/policies/{policy_id}/{name}s", {name: fields}, status)
    return answer.get(name) or answer["NeutronError"]["type"]


def shown(node: Node, kind: str, id: str, **how: Any) -> dict[str, Any]:
    return node.call("GET", f"/v2.0/{kind}s/{id}", **how)[kind]


@pytest.mark.parametrize("name", RULES)
def test_a_rule_in_both_shapes(node, name):
    first, change = RULES[name]
    one = policy(node)
    before = node.get(f"/v2.0/qos/policies/{one}")["policy"]["revision_number"]
    made = rule(node, one, name, **first)
    assert {**made, **first} == made
    direction = {} if name == "dscp_marking_rule" else {"direction": "egress"}
    assert {**made, **direction} == made
    nested, alias = (f"/v2.0/qos/policies/{one}/{name}s/{made['id']}",
                     f"/v2.0/qos/alias_{name}s/{made['id']}")
    assert node.get(nested) == {name: made} and node.get(alias) == {f"alias_{name}": made}
    after = node.get(f"/v2.0/qos/policies/{one}")["policy"]
    assert after["revision_number"] == before + 1
    assert after["rules"] == [
        {**made, "type": name.removesuffix("_rule"), "qos_policy_id": one}]
    changed = node.call("PUT", alias, {f"alias_{name}": change})[f"alias_{name}"]
    assert changed == {**made, **change} == node.get(nested)[name]
    assert node.call("PUT", nested, {name: first})[name] == {**made, **change, **first}
    other = policy(node)
    node.call("GET", f"/v2.0/qos/policies/{other}/{name}s/{made['id']}", status=404)
    node.call("PUT", alias, {name: change}, 400)
    node.call("DELETE", alias)
    for path in (nested, alias):
        for method, body in (("GET", None), ("DELETE", None)):
            node.call(method, path, body, 404)
    assert node.get(f"/v2.0/qos/policies/{one}/{name}s") == {f"{name}s": []}
    node.call("GET", f"/v2.0/qos/policies/{one}x/{name}s", status=404)


@pytest.mark.parametrize("name,wrong", [
    ("bandwidth_limit_rule", {}), ("bandwidth_limit_rule", {"max_kbps": -1}),
    ("bandwidth_limit_rule", {"max_kbps": 2**31}), ("bandwidth_limit_rule", {"max_kbps": "x"}),
    ("bandwidth_limit_rule", {"max_kbps": 1, "direction": "any"}),
    ("bandwidth_limit_rule", {"max_kbps": 1, "max_burst_kbps": -1}),
    ("packet_rate_limit_rule", {"max_kpps": 1, "direction": "both"}),
    ("dscp_marking_rule", {"dscp_mark": 58}), ("dscp_marking_rule", {"dscp_mark": 9}),
    ("dscp_marking_rule", {"dscp_mark": 8, "direction": "egress"}),
    ("minimum_packet_rate_rule", {"min_kpps": None}),
])
def test_a_rule_that_is_none(node, name, wrong):
    one = policy(node)
    assert rule(node, one, name, 400, **wrong) == "HTTPBadRequest"
    assert node.get(f"/v2.0/qos/policies/{one}")["policy"]["rules"] == []


def test_rules_that_contradict_each_other(node):
    one = policy(node)
    limit = rule(node, one, "bandwidth_limit_rule", max_kbps=100)
    assert rule(node, one, "bandwidth_limit_rule", 409, max_kbps=1) == "QoSRulesConflict"
    other = rule(node, one, "bandwidth_limit_rule", max_kbps=0, direction="ingress")
    path = f"/v2.0/qos/policies/{one}/bandwidth_limit_rules"
    body = {"bandwidth_limit_rule": {"direction": "egress"}}
    node.refused("PUT", f"{path}/{other['id']}", body, 409, "QoSRulesConflict")
    rule(node, one, "dscp_marking_rule", dscp_mark=8)
    assert rule(node, one, "dscp_marking_rule", 409, dscp_mark=10) == "QoSRulesConflict"
    assert rule(node, one, "minimum_bandwidth_rule", 409, min_kbps=101) == (
        "QoSRuleParameterConflict")
    rule(node, one, "minimum_bandwidth_rule", min_kbps=100)
    body = {"bandwidth_limit_rule": {"max_kbps": 99}}
    node.refused("PUT", f"{path}/{limit['id']}", body, 409, "QoSRuleParameterConflict")
    # Nothing is limited that way, so nothing is below the guarantee.
    rule(node, one, "minimum_bandwidth_rule", min_kbps=101, direction="ingress")
    rule(node, one, "minimum_packet_rate_rule", min_kpps=1, direction="any")
    assert rule(node, one, "minimum_packet_rate_rule", 409, min_kpps=1) == (
        "QoSRuleParameterConflict")


def test_the_default_policy_is_that_of_new_networks(node):
    before = node.make("network", project_id="red")["id"]
    one = policy(node, is_default=True, project_id="red")
    node.refused("POST", "/v2.0/qos/policies", {"policy": {"is_default": True,
                 "project_id": "red"}}, 409, "QoSPolicyDefaultAlreadyExists")
    second = policy(node, project_id="red")
    node.refused("PUT", f"/v2.0/qos/policies/{second}", {"policy": {"is_default": True}}, 409,
                 "QoSPolicyDefaultAlreadyExists")
    policy(node, is_default=True, project_id="blue")
    has = node.make("network", project_id="red")
    assert has["qos_policy_id"] == one
    assert shown(node, "network", before)["qos_policy_id"] is None
    assert node.make("network", project_id="red", qos_policy_id=second)["qos_policy_id"] == second
    node.call("PUT", f"/v2.0/qos/policies/{one}", {"policy": {"is_default": False}})
    node.call("PUT", f"/v2.0/qos/policies/{second}", {"policy": {"is_default": True}})
    assert node.make("network", project_id="red")["qos_policy_id"] == second
    assert node.get("/v2.0/qos/policies?is_default=true&project_id=red")["policies"][0][
        "id"] == second


def test_ports_show_their_policy_and_their_networks(node):
    one, other = policy(node), policy(node)
    network = node.make("network", qos_policy_id=one)["id"]
    port = node.make("port", network_id=network)
    assert (port["qos_policy_id"], port["qos_network_policy_id"]) == (None, one)
    path = f"/v2.0/ports/{port['id']}"
    changed = node.call("PUT", path, {"port": {"qos_policy_id": other}})["port"]
    assert (changed["qos_policy_id"], changed["qos_network_policy_id"]) == (other, one)
    assert [found["id"] for found in node.get(f"/v2.0/ports?qos_policy_id={other}")["ports"]] == [
        port["id"]]
    for id in (one, other):
        node.refused("DELETE", f"/v2.0/qos/policies/{id}", None, 409, "QosPolicyInUse")
    node.call("PUT", path, {"port": {"qos_policy_id": None}})
    node.call("PUT", f"/v2.0/networks/{network}", {"network": {"qos_policy_id": other}})
    rule(node, one, "dscp_marking_rule", dscp_mark=8)
    node.call("DELETE", f"/v2.0/qos/policies/{one}")
    assert shown(node, "port", port["id"])["qos_network_policy_id"] == other
    missing = "00000000-0000-4000-8000-000000000000"
    node.refused("PUT", path, {"port": {"qos_policy_id": missing}}, 404, "QosPolicyNotFound")
    node.call("PUT", path, {"port": {"qos_policy_id": "x"}}, 400)


@pytest.mark.parametrize("name", ["minimum_bandwidth_rule", "minimum_packet_rate_rule"])
def test_what_no_switch_guarantees_is_refused_to_who_would_have_it(node, name):
    one, used = policy(node), policy(node)
    rule(node, one, name, **RULES[name][0])
    network = node.make("network", qos_policy_id=used)["id"]
    port = node.make("port", network_id=network)["id"]
    for kind, id in (("network", network), ("port", port)):
        node.refused("PUT", f"/v2.0/{kind}s/{id}", {kind: {"qos_policy_id": one}}, 409,
                     "QosRuleNotSupported" + ("ByNetwork" if kind == "network" else ""))
    node.refused("POST", "/v2.0/networks", {"network": {"qos_policy_id": one}}, 409,
                 "QosRuleNotSupportedByNetwork")
    node.refused("POST", "/v2.0/ports", {"port": {"network_id": network, "qos_policy_id": one}},
                 409, "QosRuleNotSupported")
    assert rule(node, used, name, 409, **RULES[name][0]) == "QosRuleNotSupportedByNetwork"
    types = [found["type"] for found in node.get("/v2.0/qos/rule-types")["rule_types"]]
    assert types == ["bandwidth_limit", "dscp_marking", "packet_rate_limit"]
    every = node.get("/v2.0/qos/rule-types?all_rules=true")["rule_types"]
    assert name.removesuffix("_rule") in {found["type"] for found in every}


def test_who_is_limited_does_not_lift_the_limit(node):
    one, lent = policy(node), policy(node, shared=True)
    rule(node, lent, "bandwidth_limit_rule", max_kbps=1)
    network = node.make("network", project_id="red", qos_policy_id=one)["id"]
    node.refused("PUT", f"/v2.0/networks/{network}", {"network": {"qos_policy_id": None}}, 403,
                 "PolicyRemoveAuthorizationError", headers=RED)
    assert shown(node, "network", network, headers=RED)["qos_policy_id"] == one
    node.call("GET", f"/v2.0/qos/policies/{one}", status=404, headers=RED)
    node.call("GET", f"/v2.0/qos/policies/{one}/bandwidth_limit_rules", status=404, headers=RED)
    node.call("POST", "/v2.0/qos/policies", {"policy": {}}, 403, headers=RED)
    # One that is shared is there for all to read and to have.
    path = f"/v2.0/qos/policies/{lent}/bandwidth_limit_rules"
    (found,) = node.call("GET", path, headers=RED)["bandwidth_limit_rules"]
    for method, body in (
        ("PUT", {"bandwidth_limit_rule": {"max_kbps": 9}}), ("DELETE", None),
    ):
        node.call(method, f"{path}/{found['id']}", body, 403, headers=RED)
    port = node.make("port", network_id=network, project_id="red")["id"]
    for id in (lent, None):
        body = {"port": {"qos_policy_id": id}}
        node.call("PUT", f"/v2.0/ports/{port}", body, headers=RED)
    body = {"port": {"qos_policy_id": one}}
    node.refused("PUT", f"/v2.0/ports/{port}", body, 404, "QosPolicyNotFound", headers=RED)


def test_tags_are_where_clients_look_for_them(node):
    one = policy(node)
    for path in (f"/v2.0/policies/{one}", f"/v2.0/qos/policies/{one}"):
        node.call("PUT", f"{path}/tags", {"tags": ["a"]})
        assert node.get(f"/v2.0/policies/{one}/tags") == {"tags": ["a"]}
        node.call("DELETE", f"{path}/tags")
    assert node.get(f"/v2.0/qos/policies/{one}")["policy"]["tags"] == []


def test_what_everyone_has_stays_so_while_it_is_used(node):
    one = policy(node, shared=True)
    network = node.make("network", qos_policy_id=one)["id"]
    path = f"/v2.0/qos/policies/{one}"
    node.refused("PUT", path, {"policy": {"shared": False}}, 409, "QosPolicyInUse")
    node.call("DELETE", f"/v2.0/networks/{network}")
    node.call("PUT", path, {"policy": {"shared": False}})


def test_what_the_switches_carry_out_is_told_in_detail(node):
    found = node.get("/v2.0/qos/rule-types/dscp_marking")["rule_type"]
    (driver,) = found["drivers"]
    (parameter,) = driver["supported_parameters"]
    assert parameter["parameter_name"] == "dscp_mark" and 46 in parameter["parameter_values"]
    node.refused("GET", "/v2.0/qos/rule-types/dscp_marking", None, 403, "PolicyNotAuthorized",
                 headers=RED)
    node.call("GET", "/v2.0/qos/rule-types/minimum_bandwidth", status=404)
