"""``/v2.0/rbac-policies``: what is shared with one project, or with everyone."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest

from ryu_apps.control.config.model import KINDS, Change
from ryu_apps.control.config.rules.access.sharing import USES
from tests.unit.northbound.api_client import Node

RED, BLUE, GREEN = ({"X-Project-Id": name} for name in ("red", "blue", "green"))
SHAREABLE = sorted(name for name, kind in KINDS.items() if kind.shareable)
BODIES: dict[str, dict[str, Any]] = {
    "address_scope": {"name": "s", "ip_version": 4},
    "subnetpool": {"name": "p", "prefixes": ["10.0.0.0/8"]},
}
PATHS = {"subnetpool": "subnetpools", "qos_policy": "qos/policies"}
NAMES = {"qos_policy": "policy"}
"""Of one in bodies, where it is not the kind."""


@pytest.fixture
def node() -> Iterator[Node]:
    made = Node()
    yield made
    made.close()


def path(kind: str, id: str = "") -> str:
    plural = PATHS.get(kind, f"{kind.replace('_', '-')}s")
    return f"/v2.0/{plural}" + (f"/{id}" if id else "")


def make(node: Node, kind: str, who: dict[str, str], status: int = 201, **fields: Any) -> Any:
    name, body = NAMES.get(kind, kind), {**BODIES.get(kind, {}), **fields}
    if kind == "qos_policy" and who:  # Administrators make them, also those that projects have.
        body, who = {"project_id": who["X-Project-Id"], **body}, {}
    answer = node.call("POST", path(kind), {name: body}, status, headers=who)
    return answer.get(name) or answer["NeutronError"]["type"]


def share(node: Node, kind: str, id: str, target: str, who: dict[str, str] = RED,
          status: int = 201, **fields: Any) -> Any:
    answer = node.call("POST", "/v2.0/rbac-policies", {"rbac_policy": {
        "object_type": kind, "object_id": id, "target_tenant": target,
        "action": "access_as_shared", **fields,
    }}, status, headers=who)
    return answer.get("rbac_policy") or answer["NeutronError"]["type"]


def sees(node: Node, kind: str, id: str, who: dict[str, str]) -> bool:
    """By its id and in lists, which agree."""
    plural = path(kind).rpartition("/")[2].replace("-", "_")
    listed = node.call("GET", path(kind), headers=who)[plural]
    answer = node.http.get(node.url + path(kind, id), headers=who, timeout=10)
    assert (answer.status_code == 200) == (id in {one["id"] for one in listed})
    return answer.status_code == 200


def test_what_can_be_shared_has_its_uses():
    assert sorted(USES) == SHAREABLE


@pytest.mark.parametrize("kind", SHAREABLE)
def test_one_project_more_sees_it_and_changes_nothing(node, kind):
    id = make(node, kind, RED)["id"]
    assert not sees(node, kind, id, BLUE)
    policy = share(node, kind, id, "blue")
    assert policy["project_id"] == "red" and policy["action"] == "access_as_shared"
    assert sees(node, kind, id, BLUE) and not sees(node, kind, id, GREEN)
    shown = node.call("GET", path(kind, id), headers=BLUE)[NAMES.get(kind, kind)]
    assert shown["shared"] is True
    assert node.call("GET", path(kind, id), headers=RED)[NAMES.get(kind, kind)]["shared"] is False
    listed = node.call("GET", f"{path(kind)}?shared=true", headers=BLUE)
    assert [one["id"] for one in next(iter(listed.values()))] == [id]
    node.call("PUT", path(kind, id), {NAMES.get(kind, kind): {"name": "taken"}}, 403, headers=BLUE)
    node.call("DELETE", path(kind, id), status=403, headers=BLUE)
    node.call("GET", f"/v2.0/rbac-policies/{policy['id']}", status=404, headers=BLUE)
    node.call("DELETE", f"/v2.0/rbac-policies/{policy['id']}", headers=RED)
    assert not sees(node, kind, id, BLUE)


@pytest.mark.parametrize("kind", SHAREABLE)
def test_a_policy_goes_with_what_it_shares(node, kind):
    id = make(node, kind, RED)["id"]
    share(node, kind, id, "blue")
    node.call("DELETE", path(kind, id), headers={} if kind == "qos_policy" else RED)
    assert node.call("GET", "/v2.0/rbac-policies")["rbac_policies"] == []


@pytest.mark.parametrize("kind", SHAREABLE)
def test_shared_and_the_policy_for_everyone_are_one(node, kind):
    id = make(node, kind, RED)["id"]
    assert share(node, kind, id, "*", status=403) == "PolicyNotAuthorized"
    policy = share(node, kind, id, "*", {})
    assert node.call("GET", path(kind, id), headers=GREEN)[NAMES.get(kind, kind)]["shared"] is True
    assert share(node, kind, id, "*", {}, 409) == "DuplicateRbacPolicy"
    node.call("DELETE", f"/v2.0/rbac-policies/{policy['id']}")
    assert node.call("GET", path(kind, id), headers=RED)[NAMES.get(kind, kind)]["shared"] is False
    assert not sees(node, kind, id, GREEN)


def test_a_network_that_is_set_shared_has_a_policy_and_loses_it(node):
    id = make(node, "network", {}, project_id="red", shared=True)["id"]
    (policy,) = node.call("GET", f"/v2.0/rbac-policies?object_id={id}")["rbac_policies"]
    assert policy["target_tenant"] == "*" and policy["project_id"] == "red"
    node.call("PUT", path("network", id), {"network": {"shared": False}})
    assert node.call("GET", "/v2.0/rbac-policies")["rbac_policies"] == []


def used(node: Node, kind: str, id: str) -> tuple[str, dict[str, str]]:
    """Something of blue's that uses what red has; where that is, and of whom."""
    if kind == "network":
        return path("port", make(node, "port", BLUE, network_id=id)["id"]), BLUE
    if kind == "security_group":
        network = make(node, "network", BLUE)["id"]
        made = make(node, "port", BLUE, network_id=network, security_groups=[id])
        return path("port", made["id"]), BLUE
    if kind == "address_group":
        group = make(node, "security_group", BLUE)["id"]
        made = make(node, "security_group_rule", BLUE, security_group_id=group,
                    direction="ingress", remote_address_group_id=id)
        return path("security_group_rule", made["id"]), BLUE
    if kind == "qos_policy":
        return path("network", make(node, "network", BLUE, qos_policy_id=id)["id"]), BLUE
    if kind == "address_scope":
        made = make(node, "subnetpool", BLUE, address_scope_id=id)
        return path("subnetpool", made["id"]), BLUE
    network = make(node, "network", BLUE)["id"]
    made = make(node, "subnet", BLUE, network_id=network, ip_version=4, subnetpool_id=id,
                prefixlen=24)
    return path("subnet", made["id"]), BLUE


@pytest.mark.parametrize("kind", SHAREABLE)
@pytest.mark.parametrize("target", ["blue", "*"])
def test_what_is_in_use_stays_shared_with_who_uses_it(node, kind, target):
    id = make(node, kind, RED)["id"]
    if target == "blue":
        with pytest.raises(AssertionError):
            used(node, kind, id)
    policy = share(node, kind, id, target, {})
    use, who = used(node, kind, id)
    one = f"/v2.0/rbac-policies/{policy['id']}"
    refused = node.call("DELETE", one, status=409)["NeutronError"]
    assert refused["type"] == "RbacPolicyInUse" and id in refused["message"]
    refused = node.call("PUT", one, {"rbac_policy": {"target_tenant": "green"}}, 409)
    assert refused["NeutronError"]["type"] == "RbacPolicyInUse"
    # It is shared with blue in the other way, too: either may go then, not both.
    other = share(node, kind, id, "*" if target == "blue" else "blue", {})
    node.call("DELETE", one)
    node.call("DELETE", f"/v2.0/rbac-policies/{other['id']}", status=409)
    node.call("DELETE", use, headers=who)
    node.call("DELETE", f"/v2.0/rbac-policies/{other['id']}")
    assert not sees(node, kind, id, BLUE)


def test_who_has_a_grant_uses_a_network_as_a_shared_one(node):
    id = make(node, "network", RED)["id"]
    subnet = make(node, "subnet", RED, network_id=id, ip_version=4, cidr="10.0.0.0/24")["id"]
    assert make(node, "port", BLUE, 404, network_id=id) == "NetworkNotFound"
    share(node, "network", id, "blue")
    assert sees(node, "subnet", subnet, BLUE) and not sees(node, "subnet", subnet, GREEN)
    found = node.call("GET", "/v2.0/subnets?shared=true", headers=BLUE)["subnets"]
    assert [one["id"] for one in found] == [subnet] and "shared" not in found[0]
    assert node.call("GET", "/v2.0/subnets?shared=true", headers=RED)["subnets"] == []
    make(node, "port", BLUE, network_id=id)
    assert make(node, "port", BLUE, 403, network_id=id, fixed_ips=[
        {"ip_address": "10.0.0.9"}]) == "PolicyNotAuthorized"
    assert make(node, "subnet", BLUE, 403, network_id=id, ip_version=4,
                cidr="10.1.0.0/24") == "PolicyNotAuthorized"
    assert make(node, "port", GREEN, 404, network_id=id) == "NetworkNotFound"


def test_another_project_takes_the_place_of_one(node):
    id = make(node, "network", RED)["id"]
    policy = share(node, "network", id, "blue")
    one = f"/v2.0/rbac-policies/{policy['id']}"
    changed = node.call("PUT", one, {"rbac_policy": {"target_tenant": "green"}}, headers=RED)
    assert changed["rbac_policy"]["target_tenant"] == "green"
    assert sees(node, "network", id, GREEN) and not sees(node, "network", id, BLUE)
    node.call("PUT", one, {"rbac_policy": {"target_tenant": "*"}}, 403, headers=RED)
    node.call("PUT", one, {"rbac_policy": {"object_id": id}}, 400, headers=RED)


def test_what_is_refused(node):
    id, other = make(node, "network", RED)["id"], make(node, "network", BLUE)["id"]
    assert share(node, "network", other, "green", status=404) == "NetworkNotFound"
    shared = make(node, "network", {}, shared=True)["id"]
    assert share(node, "network", shared, "green", status=400) == "InvalidInput"
    assert share(node, "router", id, "blue", status=400) == "HTTPBadRequest"
    assert share(node, "network", id, "", status=400) == "HTTPBadRequest"
    assert share(node, "network", id, "x" * 256, status=400) == "HTTPBadRequest"
    assert share(node, "network", id, "blue", status=400, action="own") == "InvalidInput"
    group = make(node, "security_group", RED)["id"]
    assert share(node, "security_group", group, "blue", status=400,
                 action="access_as_external") == "InvalidInput"
    share(node, "network", id, "blue")
    assert share(node, "network", id, "blue", status=409) == "DuplicateRbacPolicy"
    reader = {**RED, "X-Roles": "reader"}
    assert share(node, "network", id, "green", reader, 403) == "PolicyNotAuthorized"


def test_a_pool_is_shared_with_who_has_its_scope(node):
    scope = make(node, "address_scope", RED)["id"]
    pool = make(node, "subnetpool", RED, address_scope_id=scope)["id"]
    assert share(node, "subnetpool", pool, "blue", status=400) == "InvalidInput"
    share(node, "address_scope", scope, "blue")
    policy = share(node, "subnetpool", pool, "blue")
    one = f"/v2.0/rbac-policies/{policy['id']}"
    node.call("PUT", one, {"rbac_policy": {"target_tenant": "green"}}, 400, headers=RED)
    assert share(node, "subnetpool", pool, "*", {}, 400) == "InvalidInput"


@pytest.mark.parametrize("kind", SHAREABLE)
def test_what_an_earlier_version_shared_with_all_stays_so_whatever_one_project_is_given(node, kind):
    """It has no policy for everyone: there were none."""
    id = make(node, kind, {}, project_id="red")["id"]

    def share_as_before(config: Any) -> tuple[list[Change], None]:
        item = config.tables[kind][id]
        return [Change(kind, id, dataclasses.replace(item, shared=True))], None

    node.configuration.commit(share_as_before)
    assert sees(node, kind, id, GREEN)
    policy = share(node, kind, id, "blue", {})
    one = f"/v2.0/rbac-policies/{policy['id']}"
    node.call("PUT", one, {"rbac_policy": {"target_tenant": "yellow"}})
    assert sees(node, kind, id, GREEN)
    node.call("DELETE", one)
    assert sees(node, kind, id, GREEN)
