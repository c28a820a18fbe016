"""Security groups, rules and address groups over HTTP; explain and counters below /v1."""

from __future__ import annotations

import json

import pytest

from ryu_apps.control.policy.rules import NO_GROUPS, groups_of
from ryu_apps.store.base import Put
from tests.unit.northbound.api_client import Node

P, Q = {"X-Project-Id": "p"}, {"X-Project-Id": "q"}


@pytest.fixture
def node():
    node = Node()
    yield node
    node.close()


def group(node, name="web", **fields):
    body = {"security_group": {"name": name, **fields}}
    return node.call("POST", "/v2.0/security-groups", body)["security_group"]


def rule(node, group_id, **fields):
    body = {"security_group_rule": {
        "security_group_id": group_id, "direction": "ingress", **fields}}
    return node.call("POST", "/v2.0/security-group-rules", body)["security_group_rule"]


def test_a_group_and_its_rules(node):
    made = group(node, description="d")
    assert made["stateful"] is True and made["shared"] is False and made["revision_number"] == 1
    assert {(one["direction"], one["ethertype"]) for one in made["security_group_rules"]} == {
        ("egress", "IPv4"), ("egress", "IPv6")}
    one = rule(node, made["id"], protocol="TCP", port_range_min=22, port_range_max=22,
               remote_ip_prefix="192.0.2.9/24", description="ssh")
    assert {key: one[key] for key in (
        "protocol", "port_range_min", "port_range_max", "ethertype", "remote_ip_prefix",
        "normalized_cidr", "remote_group_id", "remote_address_group_id", "belongs_to_default_sg",
    )} == {
        "protocol": "tcp", "port_range_min": 22, "port_range_max": 22, "ethertype": "IPv4",
        "remote_ip_prefix": "192.0.2.9/24", "normalized_cidr": "192.0.2.0/24",
        "remote_group_id": None, "remote_address_group_id": None, "belongs_to_default_sg": False,
    }
    shown = node.get(f"/v2.0/security-groups/{made['id']}")["security_group"]
    assert one in shown["security_group_rules"] and shown["revision_number"] == 2
    path = f"/v2.0/security-group-rules/{one['id']}"
    changed = node.call("PUT", path, {"security_group_rule": {"description": "x"}})
    assert changed["security_group_rule"]["description"] == "x"
    assert "not allowed in PUT" in node.refused(
        "PUT", path, {"security_group_rule": {"protocol": "udp"}}, 400, "HTTPBadRequest")
    assert one["id"] in node.refused(
        "POST", "/v2.0/security-group-rules", {"security_group_rule": {
            "security_group_id": made["id"], "direction": "ingress", "protocol": 6,
            "port_range_min": "22", "port_range_max": 22, "remote_ip_prefix": "192.0.2.0/24",
        }}, 409, "SecurityGroupRuleExists")
    node.call("DELETE", path)
    node.refused("GET", path, None, 404, "SecurityGroupRuleNotFound")
    node.call("PUT", f"/v2.0/security-groups/{made['id']}/tags", {"tags": ["t"]})
    assert len(node.get("/v2.0/security-groups?tags=t")["security_groups"]) == 1
    node.call("DELETE", f"/v2.0/security-groups/{made['id']}")
    left = node.get("/v2.0/security-group-rules?fields=security_group_id")
    assert made["id"] not in {one["security_group_id"] for one in left["security_group_rules"]}


def test_bulk_and_lists(node):
    made = node.call("POST", "/v2.0/security-groups", {"security_groups": [
        {"name": f"g{i}", "project_id": "p"} for i in range(5)]})["security_groups"]
    assert len(made) == 5 and len(node.get("/v2.0/security-groups")["security_groups"]) == 6
    first = made[0]["id"]
    rules = node.call("POST", "/v2.0/security-group-rules", {"security_group_rules": [
        {"security_group_id": first, "direction": "ingress", "protocol": "tcp",
         "port_range_min": port, "port_range_max": port, "remote_group_id": made[1]["id"]}
        for port in range(1, 41)]})["security_group_rules"]
    assert len({one["id"] for one in rules}) == 40
    body = {"security_group_rules": [
        {"security_group_id": first, "direction": "egress", "protocol": "tcp"}] * 2}
    node.refused("POST", "/v2.0/security-group-rules", body, 409, "SecurityGroupRuleExists")
    read = f"/v2.0/security-group-rules?security_group_id={first}&direction=ingress&limit=15"
    page = node.get(f"{read}&sort_key=port_range_min")
    assert [one["port_range_min"] for one in page["security_group_rules"]] == list(range(1, 16))
    assert page["security_group_rules_links"][0]["rel"] == "next"
    by_remote = node.get(f"/v2.0/security-group-rules?remote_group_id={made[1]['id']}")
    assert len(by_remote["security_group_rules"]) == 40
    assert len(node.get("/v2.0/security-group-rules?protocol=tcp&port_range_min=7")[
        "security_group_rules"]) == 1
    named = node.get("/v2.0/security-groups?name=g3&fields=id")["security_groups"]
    assert named == [{"id": made[3]["id"]}]
    node.call("DELETE", f"/v2.0/security-groups/{made[1]['id']}")
    assert not node.get(f"/v2.0/security-group-rules?remote_group_id={made[1]['id']}")[
        "security_group_rules"]


def test_default_groups_come_by_themselves(node):
    assert node.get("/v2.0/security-groups")["security_groups"] == []
    (mine,) = node.get("/v2.0/security-groups", headers=P)["security_groups"]
    assert mine["name"] == "default" and mine["project_id"] == "p"
    assert all(one["belongs_to_default_sg"] for one in mine["security_group_rules"])
    assert {one["remote_group_id"] for one in mine["security_group_rules"]
            if one["direction"] == "ingress"} == {mine["id"]}
    assert node.get("/v2.0/security-groups", headers=P)["security_groups"] == [mine]
    (other,) = node.get("/v2.0/security-groups?project_id=q")["security_groups"]
    assert other["project_id"] == "q"
    error = node.call("DELETE", f"/v2.0/security-groups/{mine['id']}", status=409, headers=P)
    assert error["NeutronError"]["type"] == "SecurityGroupCannotRemoveDefault"
    node.call("DELETE", f"/v2.0/security-groups/{other['id']}")
    node.call("GET", f"/v2.0/security-groups/{mine['id']}", status=404, headers=Q)
    network = node.make("network", name="n", project_id="p")
    ports = node.call("POST", "/v2.0/ports", {"ports": [
        {"network_id": network["id"]} for _ in range(3)]})["ports"]
    assert [one["security_groups"] for one in ports] == [[mine["id"]]] * 3
    listed = node.get(f"/v2.0/ports?security_groups={mine['id']}&fields=id")["ports"]
    assert len(listed) == 3
    bare = node.make("port", network_id=network["id"], security_groups=[])
    assert bare["security_groups"] == []
    made = group(node)
    node.call("PUT", f"/v2.0/ports/{bare['id']}", {"port": {"security_groups": [made["id"]]}})
    assert node.get(f"/v2.0/ports/{bare['id']}")["port"]["security_groups"] == [made["id"]]
    assert node.refused("DELETE", f"/v2.0/security-groups/{made['id']}", None, 409,
                        "SecurityGroupInUse")
    node.call("PUT", f"/v2.0/ports/{bare['id']}", {"port": {"security_groups": None}})
    node.call("DELETE", f"/v2.0/security-groups/{made['id']}")


def test_address_groups(node):
    made = node.call("POST", "/v2.0/address-groups", {"address_group": {
        "name": "offices", "addresses": ["192.0.2.1/32", "198.51.100.0/24"]}})["address_group"]
    assert made["addresses"] == ["192.0.2.1/32", "198.51.100.0/24"]
    path = f"/v2.0/address-groups/{made['id']}"
    more = node.call("PUT", f"{path}/add_addresses", {"addresses": ["fd00::/8"]})
    assert more["address_group"]["addresses"][-1] == "fd00::/8"
    node.refused("PUT", f"{path}/add_addresses", {"addresses": ["fd00::/8"]}, 400,
                 "AddressesAlreadyExist")
    node.refused("PUT", f"{path}/remove_addresses", {"addresses": ["10.0.0.0/8"]}, 404,
                 "AddressesNotFound")
    less = node.call("PUT", f"{path}/remove_addresses", {"addresses": ["fd00::/8"]})
    assert less["address_group"]["revision_number"] == 3
    one = rule(node, group(node)["id"], remote_address_group_id=made["id"])
    assert one["remote_address_group_id"] == made["id"]
    node.refused("DELETE", path, None, 409, "AddressGroupInUse")
    node.call("DELETE", f"/v2.0/security-group-rules/{one['id']}")
    named = node.call("PUT", path, {"address_group": {"name": "places"}})
    assert named["address_group"]["name"] == "places"
    node.call("DELETE", path)
    assert node.get("/v2.0/address-groups")["address_groups"] == []


def test_extensions(node):
    listed = {one["alias"] for one in node.get("/v2.0/extensions")["extensions"]}
    assert {"security-group", "stateful-security-group", "address-group",
            "security-groups-remote-address-group", "security-groups-normalized-cidr"} <= listed


def test_explain(node):
    network = node.make("network", name="n")
    node.make("subnet", network_id=network["id"], cidr="10.0.0.0/24")
    web = group(node)
    one, two = (node.make("port", network_id=network["id"], security_groups=[web["id"]])
                for _ in range(2))
    base = f"/v1/explain?port={one['id']}&to={two['fixed_ips'][0]['ip_address']}"
    answer = node.get(f"{base}&protocol=tcp&dport=22")
    assert answer["verdict"] == "denied" and "ingress" in answer["reason"]
    ssh = rule(node, web["id"], protocol="tcp", port_range_min=22, port_range_max=22)
    answer = node.get(f"{base}&protocol=tcp&dport=22")
    assert answer["verdict"] == "allowed" and ssh["id"] in str(answer["stages"])
    assert node.get(f"/v1/explain?port={one['id']}&to={two['id']}&protocol=6&dport=22")[
        "verdict"] == "allowed"
    assert node.get(f"{base}&icmp_type=13")["packet"] == "icmp type 13 code 0"
    assert node.get(f"{base}&from=10.0.0.250")["reason"].startswith("anti-spoof")
    for path, status, type in (
        ("/v1/explain", 400, "InvalidInput"),
        (f"/v1/explain?port={one['id']}", 400, "InvalidInput"),
        (f"{base}&dport=65536", 400, "InvalidInput"), (f"{base}&dport=x", 400, "InvalidInput"),
        (f"{base}&nonsense=1", 400, "InvalidInput"), (f"{base}&protocol=q", 400, "InvalidInput"),
        (f"/v1/explain?port={one['id']}&to=nowhere", 400, "InvalidInput"),
        ("/v1/explain?port=none&to=10.0.0.1", 404, "PortNotFound"),
    ):
        node.refused("GET", path, None, status, type)


def test_counters_of_all_nodes(node, monkeypatch):
    other = Node(store=node.store)
    try:
        made = rule(node, group(node)["id"], protocol="icmp")
        path = f"/v1/security-group-rules/{made['id']}/counters"
        assert node.get(path) == {
            "rule": made["id"], "packets": 0, "bytes": 0, "vrouters": [], "unanswered": []}
        here = {"element": "hv1", "host": "h1", "packets": 3, "bytes": 300}
        there = {"element": "hv2", "host": "h2", "packets": 4, "bytes": 400}
        silent = {"element": "hv3", "host": "h3", "error": "not connected"}
        node.view.counters[made["id"]] = [here]
        other.view.counters[made["id"]] = [there, silent]
        nodes = [{"node": "a", "self": True, "alive": True, "elements": 1},
                 {"node": "b", "alive": True, "elements": 2, "url": other.url}]
        monkeypatch.setattr(node.view, "nodes", lambda: nodes)
        assert node.get(path) == {
            "rule": made["id"], "packets": 7, "bytes": 700, "vrouters": [here, there],
            "unanswered": [silent]}
        alone = node.get(path, headers={"X-VNC-Forwarded": "1"})
        assert alone["vrouters"] == [here]
        nodes[1]["url"] = "http://127.0.0.1:1"
        answer = node.get(path)
        assert answer["packets"] == 3 and answer["unanswered"][0]["node"] == "b"
        node.refused("GET", "/v1/security-group-rules/none/counters", None, 404,
                     "SecurityGroupRuleNotFound")
    finally:
        other.close()


def test_what_an_earlier_version_stored_stays_open():
    """Its ports had no security groups: they go on unfiltered until they are given some."""
    first = Node()
    network = first.make("network", name="n")
    port = first.make("port", network_id=network["id"], security_groups=[])
    key = f"/config/port/{port['id']}"
    stored = json.loads(first.store.get(key).value)
    del stored["unfiltered"], stored["security_groups"]
    first.store.transact([], [Put(key, json.dumps({**stored, "schema": 1}).encode())])
    first.close()
    node = Node(store=first.store)
    try:
        path = f"/v2.0/ports/{port['id']}"

        def groups():
            return node.configuration.read(lambda config: groups_of(config.ports[port["id"]]))

        assert node.get(path)["port"]["security_groups"] == [] and groups() == ()
        node.call("PUT", path, {"port": {"name": "x"}})
        assert groups() == ()
        node.call("PUT", path, {"port": {"security_groups": []}})
        assert groups() == NO_GROUPS
        new = node.make("port", network_id=network["id"])
        assert len(new["security_groups"]) == 1
    finally:
        node.close()
