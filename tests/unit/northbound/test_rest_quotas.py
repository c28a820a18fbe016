"""``/v2.0/quotas``: what projects may have, and what becomes of more."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ryu_apps.control.config.model import KINDS
from ryu_apps.control.config.rules.quotas import COUNTED
from ryu_apps.store.memory import MemoryStore
from tests.unit.northbound.api_client import Node, options

MINE = {"X-Project-Id": "red"}
PATHS = {
    "rbac_policy": "rbac-policies",
    **{kind: f"sfc/{kind}s" for kind in (
        "port_pair", "port_pair_group", "flow_classifier", "port_chain")},
    **{kind: f"taas/{kind}s" for kind in ("tap_mirror", "tap_service", "tap_flow")},
}
"""Of collections whose path does not follow from the kind."""


@pytest.fixture
def node() -> Iterator[Node]:
    made = Node()
    yield made
    made.close()


def make(node: Node, kind: str, status: int = 201, number: int = 0, **fields):
    """One, or several at once, as a member of "red", or an administrator there where it takes
    one."""
    body = {f"{kind}s": [fields] * number} if number else {kind: fields}
    path = PATHS.get(kind) or f"{kind}s".replace("_", "-")
    roles = {"X-Roles": "admin,member,reader"} if kind == "tap_mirror" else {}
    return node.call("POST", f"/v2.0/{path}", body, status, headers={**MINE, **roles})


def limit(node: Node, project: str = "red", **limits: int) -> dict:
    """Also below what is used."""
    body = {"quota": {**limits, "force": True}}
    return node.call("PUT", f"/v2.0/quotas/{project}", body)["quota"]


def test_limits_are_those_of_all_until_one_is_set(node):
    wanted = {kind: KINDS[kind].quota for kind in COUNTED}
    assert node.call("GET", "/v2.0/quotas/red")["quota"] == wanted
    assert limit(node, network=3, port=-1) == {**wanted, "network": 3, "port": -1}
    assert limit(node, router=0) == {**wanted, "network": 3, "port": -1, "router": 0}
    assert node.call("GET", "/v2.0/quotas/red", headers=MINE)["quota"]["network"] == 3
    assert node.call("GET", "/v2.0/quotas/red/default", headers=MINE)["quota"] == wanted
    (listed,) = node.call("GET", "/v2.0/quotas")["quotas"]
    assert listed["project_id"] == "red" and listed["network"] == 3
    node.call("DELETE", "/v2.0/quotas/red")
    assert node.call("GET", "/v2.0/quotas/red")["quota"] == wanted
    assert node.call("DELETE", "/v2.0/quotas/red", status=404)["NeutronError"]["type"] == (
        "TenantQuotaNotFound")


def test_details_say_what_is_used(node):
    make(node, "network", number=2)
    limit(node, network=7)
    shown = node.call("GET", "/v2.0/quotas/red/details.json", headers=MINE)["quota"]
    assert shown["network"] == {"limit": 7, "used": 2, "reserved": 0}
    assert shown["router"]["used"] == 0


def test_one_more_than_the_limit_is_refused_and_room_is_found_again(node):
    limit(node, network=2)
    first = make(node, "network")["network"]["id"]
    make(node, "network")
    assert make(node, "network", 409)["NeutronError"] == {
        "type": "OverQuota", "message": "Quota exceeded for resources: ['network'].", "detail": "",
    }
    node.call("DELETE", f"/v2.0/networks/{first}", headers=MINE)
    make(node, "network")
    # Another project's and nobody's do not count.
    node.call("POST", "/v2.0/networks", {"network": {"project_id": "blue"}})
    node.call("POST", "/v2.0/networks", {"network": {}})
    # An administrator is not above the project's limit.
    node.call("POST", "/v2.0/networks", {"network": {"project_id": "red"}}, 409)


def test_a_group_is_made_with_its_rules_or_not_at_all(node):
    node.call("GET", "/v2.0/security-groups", headers=MINE)  # The default group is there.
    used = node.call("GET", "/v2.0/quotas/red/details", headers=MINE)["quota"]
    limit(node, security_group_rule=used["security_group_rule"]["used"] + 1)
    refused = make(node, "security_group", 409)["NeutronError"]["message"]
    assert refused == "Quota exceeded for resources: ['security_group_rule']."
    limit(node, security_group_rule=used["security_group_rule"]["used"] + 2)
    make(node, "security_group")


def test_an_administrators_list_makes_the_default_group_of_the_project_it_names(node):
    admin = {"X-Project-Id": "admins", "X-Roles": "admin,member,reader"}
    path = "/v2.0/security-groups?name=default&project_id="
    (group,) = node.call("GET", f"{path}green", headers=admin)["security_groups"]
    assert group["project_id"] == "green"
    # Nobody else's list makes something for another project.
    assert node.call("GET", f"{path}blue", headers=MINE)["security_groups"] == []
    found = node.call("GET", "/v2.0/security-groups")["security_groups"]
    assert {one["project_id"] for one in found} <= {"green", "red"}


def test_of_many_at_once_all_or_none(node):
    limit(node, network=4)
    make(node, "network", number=2)
    make(node, "network", 409, number=3)
    assert len(node.call("GET", "/v2.0/networks", headers=MINE)["networks"]) == 2
    make(node, "network", number=2)


@pytest.mark.parametrize("kind", COUNTED)
def test_every_kind_has_one(node, kind):
    network = make(node, "network")["network"]["id"]
    group = make(node, "security_group")["security_group"]["id"]
    outside = node.make("network", **{"router:external": True})["id"]
    node.make("subnet", network_id=outside, cidr="203.0.113.0/24")
    port = make(node, "port", network_id=network)["port"]["id"]
    other = make(node, "port", network_id=network)["port"]["id"]
    services = make(node, "port_pair_group")["port_pair_group"]["id"]
    watched, watching = (make(node, "port", network_id=network)["port"]["id"] for _ in "ab")
    service = make(node, "tap_service", port_id=watching)["tap_service"]["id"]
    fields = {
        "port_pair": {"ingress": port, "egress": port},
        "flow_classifier": {"logical_source_port": other},
        "port_chain": {"port_pair_groups": [services]},
        "tap_mirror": {"port_id": watched, "directions": {"IN": 7}, "remote_ip": "198.51.100.9",
                       "mirror_type": "gre"},
        "tap_service": {"port_id": watching},
        "tap_flow": {"tap_service_id": service, "source_port": watched, "direction": "IN"},
        "floatingip": {"floating_network_id": outside},
        "trunk": {"port_id": port},
        "subnet": {"network_id": network, "ip_version": 4, "cidr": "10.0.0.0/24"},
        "port": {"network_id": network},
        "security_group_rule": {"security_group_id": group, "direction": "ingress"},
        "address_scope": {"name": "s", "ip_version": 4},
        "subnetpool": {"name": "p", "prefixes": ["10.0.0.0/8"]},
        "rbac_policy": {"object_type": "network", "object_id": network, "target_tenant": "blue",
                        "action": "access_as_shared"},
    }.get(kind, {})
    used = node.call("GET", "/v2.0/quotas/red/details", headers=MINE)["quota"][kind]["used"]
    limit(node, **{kind: used})
    make(node, kind, 409, **fields)
    limit(node, **{kind: used + 1})
    make(node, kind, **fields)


def test_what_the_system_makes_counts_and_is_not_refused(node):
    network = make(node, "network")["network"]["id"]
    subnet = make(node, "subnet", network_id=network, ip_version=4, cidr="10.0.0.0/24")["subnet"]
    router = make(node, "router")["router"]["id"]
    limit(node, port=0, security_group=0)
    node.call("PUT", f"/v2.0/routers/{router}/add_router_interface",
              {"subnet_id": subnet["id"]}, headers=MINE)
    assert node.call("GET", "/v2.0/security-groups", headers=MINE)["security_groups"]
    shown = node.call("GET", "/v2.0/quotas/red/details", headers=MINE)["quota"]
    assert shown["port"]["used"] == shown["security_group"]["used"] == 1


@pytest.mark.parametrize("body", [
    {"network": -2}, {"network": 2**31}, {"network": "ten"}, {"network": True}, {"network": 1.5},
    {"network": None}, {"unicorn": 1}, {"project_id": "blue"}, [],
])
def test_limits_that_make_no_sense_are_refused(node, body):
    node.call("PUT", "/v2.0/quotas/red", {"quota": body}, 400)
    assert node.call("GET", "/v2.0/quotas")["quotas"] == []


@pytest.mark.parametrize("more", [{}, {"check_limit": True}, {"force": False}])
def test_a_limit_below_what_is_used_is_forced_or_refused(node, more):
    make(node, "network", number=2)
    refused = node.call("PUT", "/v2.0/quotas/red", {"quota": {"network": 1, **more}}, 400)
    assert refused["NeutronError"]["type"] == "QuotaLimitTooLow"
    limit(node, network=1)
    make(node, "network", 409)
    node.call("PUT", "/v2.0/quotas/red", {"quota": {"network": 0, "check_limit": False}})


def test_the_default_group_does_not_take_the_place_of_the_first_one_asked_for(node):
    limit(node, security_group=1)
    make(node, "security_group")
    assert len(node.call("GET", "/v2.0/security-groups", headers=MINE)["security_groups"]) == 2
    make(node, "security_group", 409)


def test_members_read_their_own_alone(node):
    limit(node, network=5)
    limit(node, "blue", network=6)
    assert node.call("GET", "/v2.0/quotas/blue", status=404, headers=MINE) == node.call(
        "GET", "/v2.0/quotas/blue", status=404, headers={"X-Project-Id": "green"})
    for path in ("default", "details"):
        node.call("GET", f"/v2.0/quotas/blue/{path}", status=404, headers=MINE)
    listed = node.call("GET", "/v2.0/quotas", headers=MINE)["quotas"]
    assert [one["project_id"] for one in listed] == ["red"]
    node.call("PUT", "/v2.0/quotas/red", {"quota": {"network": 9}}, 403, headers=MINE)
    node.call("DELETE", "/v2.0/quotas/red", status=403, headers=MINE)
    node.call("GET", f"/v2.0/quotas/{'x' * 256}", status=400)


def test_two_nodes_at_once_give_no_project_more_than_its_limit():
    store = MemoryStore()
    nodes = [Node(store, options()) for _ in range(2)]
    try:
        limit(nodes[0], network=5)
        statuses: list[int] = []

        def fill(node: Node) -> None:
            for _ in range(6):
                answer = node.http.post(f"{node.url}/v2.0/networks", json={"network": {}},
                                        headers=MINE, timeout=10)
                statuses.append(answer.status_code)

        threads = [threading.Thread(target=fill, args=(node,)) for node in nodes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(statuses) == [201] * 5 + [409] * 7
        for node in nodes:
            assert len(node.call("GET", "/v2.0/networks", headers=MINE)["networks"]) == 5
    finally:
        for node in nodes:
            node.close()


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["red", "blue"]), st.integers(0, 3)), max_size=20))
def test_counts_are_those_of_the_tables_in_every_order(calls):
    node = Node()
    try:
        made: list[str] = []
        for project, what in calls:
            headers = {"X-Project-Id": project}
            if what == 0 and made:
                id = made.pop()
                node.http.delete(f"{node.url}/v2.0/networks/{id}", timeout=10)
            elif what == 1 and made:
                node.http.put(f"{node.url}/v2.0/networks/{made[0]}",
                              json={"network": {"name": "n"}}, headers=headers, timeout=10)
            else:
                made.append(node.call("POST", "/v2.0/networks", {"network": {}},
                                      headers=headers)["network"]["id"])
        config = node.view.config
        counted: dict[tuple[str, str], int] = {}
        for kind, table in config.tables.items():
            for item in table.values():
                key = kind, item.project_id
                counted[key] = counted.get(key, 0) + 1
        assert config.counts == counted
    finally:
        node.close()
