"""Default security group rules over REST."""

from __future__ import annotations

import pytest

from tests.unit.northbound.api_client import Node

PATH, NAME = "/v2.0/default-security-group-rules", "default_security_group_rule"
MEMBER = {"X-Project-Id": "red"}


@pytest.fixture
def node():
    node = Node()
    yield node
    node.close()


def test_life_of_default_rules(node):
    built_in = node.get(PATH)[f"{NAME}s"]
    assert len(built_in) == 4
    assert {(one["direction"], one["used_in_default_sg"], one["used_in_non_default_sg"],
             one["remote_group_id"]) for one in built_in} == {
        ("egress", True, True, None), ("ingress", True, False, "PARENT")}
    made = node.call("POST", PATH, {NAME: {
        "direction": "ingress", "protocol": 6, "port_range_min": "22", "port_range_max": 22,
        "used_in_default_sg": True, "description": "ssh"}})[NAME]
    assert made["protocol"] == "6" and made["port_range_min"] == 22
    assert made["description"] == "ssh" and "security_group_id" not in made
    assert node.get(f"{PATH}/{made['id']}")[NAME] == made
    for query in ("protocol=tcp", "port_range_min=22", "description=ssh", f"id={made['id']}"):
        assert node.get(f"{PATH}?{query}")[f"{NAME}s"] == [made]
    assert len(node.get(f"{PATH}?used_in_non_default_sg=true")[f"{NAME}s"]) == 3
    assert len(node.get(f"{PATH}?ethertype=IPv6&remote_group_id=PARENT")[f"{NAME}s"]) == 1
    group = node.call("POST", "/v2.0/security-groups", {"security_group": {"name": "g"}})
    assert len(group["security_group"]["security_group_rules"]) == 3
    for one in (*built_in, made):
        node.call("DELETE", f"{PATH}/{one['id']}")
        node.call("GET", f"{PATH}/{one['id']}", status=404)
    assert node.get(PATH) == {f"{NAME}s": []}
    node.refused("DELETE", f"{PATH}/{made['id']}", None, 404, "DefaultSecurityGroupRuleNotFound")
    group = node.call("POST", "/v2.0/security-groups", {"security_group": {"name": "h"}})
    assert group["security_group"]["security_group_rules"] == []
    # Another node that begins with this store knows it.
    other = Node(store=node.store)
    assert other.get(PATH) == {f"{NAME}s": []}
    other.close()


def test_many_at_once_are_all_or_nothing(node):
    rules = [{"direction": "ingress", "protocol": name} for name in ("tcp", "udp", "icmp")]
    node.refused("POST", PATH, {f"{NAME}s": [*rules, rules[0]]}, 409,
                 "DefaultSecurityGroupRuleExists")
    assert len(node.get(PATH)[f"{NAME}s"]) == 4
    assert len(node.call("POST", PATH, {f"{NAME}s": rules})[f"{NAME}s"]) == 3
    for body in ({NAME: {}}, {NAME: {"direction": "ingress", "security_group_id": "x"}}, {},
                 {f"{NAME}s": []}, {NAME: {"direction": "ingress", "tags": ["a"]}}):
        node.call("POST", PATH, body, 400)
    node.call("PUT", f"{PATH}/x", {NAME: {}}, 405)


def test_they_are_read_by_all_and_changed_by_administrators(node):
    found = node.get(PATH, headers=MEMBER)[f"{NAME}s"]
    assert len(found) == 4
    node.call("POST", PATH, {NAME: {"direction": "ingress"}}, 403, headers=MEMBER)
    node.call("DELETE", f"{PATH}/{found[0]['id']}", status=403, headers=MEMBER)
    assert node.get(PATH)[f"{NAME}s"] == found
