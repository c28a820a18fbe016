"""What holds for changes of the resources of every collection: revisions, times, If-Match, tags."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ryu_apps.northbound.resources.declared import COLLECTIONS
from tests.unit.northbound.api_client import Node
from tests.unit.northbound.everything import populated

REVISED = [one for one in COLLECTIONS if "revision_number" in one.shown]
OTHERS = [one for one in COLLECTIONS if one not in REVISED and one.parent is None]


@pytest.fixture(scope="module")
def node():
    node = populated()
    yield node
    node.close()


@pytest.fixture(params=REVISED, ids=lambda one: one.path)
def collection(request):
    return request.param


@pytest.fixture
def path(node, collection):
    """Of one of them, which is no default."""
    found = node.get(collection.root)[collection.plural]
    standing = collection.standing
    one = next(one for one in found
               if (standing is None or not one["default"]) and one.get("name") != "default")
    return f"{collection.root}/{one['id']}"


def show(node: Node, collection: Any, path: str) -> dict[str, Any]:
    return node.get(path)[collection.name]


def expecting(revision: int) -> dict[str, Any]:
    return {"headers": {"If-Match": f"revision_number={revision}"}}


def test_every_change_raises_the_revision_and_nothing_else_does(node, collection, path):
    name, value = "description", "another one"
    before = show(node, collection, path)
    assert before["revision_number"] >= 1
    assert "1970" < before["created_at"] <= before["updated_at"]
    assert show(node, collection, path) == before
    body = {collection.name: {name: value}}
    after = node.call("PUT", path, body)[collection.name]
    assert after[name] == value != before[name]
    assert after["revision_number"] == before["revision_number"] + 1
    assert after["created_at"] == before["created_at"]
    assert after["updated_at"] >= before["updated_at"]
    assert show(node, collection, path) == after
    for same in (body, {collection.name: {}}):
        assert node.call("PUT", path, same)[collection.name] == after


def test_a_change_may_depend_on_the_revision(node, collection, path):
    before = show(node, collection, path)
    now = before["revision_number"]
    body = {collection.name: {"description": "conditional"}}
    for wrong in (now - 1, now + 1, 10**17):
        for method in ("PUT", "DELETE"):
            text = node.refused(
                method, path, body if method == "PUT" else None, 412,
                "RevisionNumberConstraintFailed", **expecting(wrong))
            assert str(now) in text
    assert show(node, collection, path) == before
    for bad in ("*", "5", "revision_number=", "revision_number=-1", "revision_number=x"):
        node.call("PUT", path, body, 400, headers={"If-Match": bad})
    after = node.call("PUT", path, body, **expecting(now))[collection.name]
    assert after["revision_number"] == now + 1
    node.call("PUT", path, body, 412, **expecting(now))
    node.call("PUT", path, body, headers={"If-Match": f'"revision_number={now + 1}"'})


TAG_CHANGES: list[tuple[str, str, Any, set[str]]] = [
    ("PUT", "/tags", {"tags": ["one", "two"]}, {"one", "two"}),
    ("POST", "/tags", {"tags": ["three"]}, {"one", "two", "three"}),
    ("PUT", "/tags/four", None, {"one", "two", "three", "four"}),
    ("DELETE", "/tags/one", None, {"two", "three", "four"}),
    ("DELETE", "/tags", None, set()),
]


def test_tags_are_changes_like_others(node, collection, path):
    statuses = {"/tags/four": 201}
    for method, below, body, wanted in TAG_CHANGES:
        before = show(node, collection, path)
        now = before["revision_number"]
        node.refused(method, path + below, body, 412, "RevisionNumberConstraintFailed",
                     **expecting(now + 1))
        assert show(node, collection, path) == before
        node.call(method, path + below, body, statuses.get(below), **expecting(now))
        after = show(node, collection, path)
        assert set(after["tags"]) == wanted and after["tags"] == sorted(after["tags"])
        assert after["revision_number"] == now + 1, (method, below)
        assert node.get(f"{path}/tags") == {"tags": after["tags"]}
        for tag in ("one", "four"):
            node.call("GET", f"{path}/tags/{tag}", status=204 if tag in wanted else 404)
    for bad in (["x" * 256], [""], ["twice", "twice"], [str(n) for n in range(51)], "text"):
        node.call("PUT", f"{path}/tags", {"tags": bad}, 400)
    assert show(node, collection, path)["tags"] == []


def test_one_without_a_revision_is_an_rbac_policy_and_has_no_tags(node):
    """As in Neutron."""
    assert [one.path for one in OTHERS] == ["rbac-policies"]
    one = node.get("/v2.0/rbac-policies")["rbac_policies"][0]
    assert not {"tags", "created_at", "updated_at", "description"} & one.keys()
    for method, below in (("GET", ""), ("PUT", "/x"), ("DELETE", "")):
        node.refused(method, f"/v2.0/rbac-policies/{one['id']}/tags{below}", None, 404,
                     "HTTPNotFound")


def _subnet(node: Node) -> str:
    return node.get("/v2.0/subnets?cidr=10.0.0.0/24")["subnets"][0]["id"]


_ROUTES = {"router": {"routes": [{"destination": "10.60.0.0/16", "nexthop": "10.0.3.60"}]}}
ACTIONS: dict[str, Callable[[Node], dict[str, Any]]] = {
    "add_router_interface": lambda node: {"subnet_id": _subnet(node)},
    "remove_router_interface": lambda node: {"subnet_id": _subnet(node)},
    "add_extraroutes": lambda node: _ROUTES,
    "remove_extraroutes": lambda node: _ROUTES,
    "add_addresses": lambda node: {"addresses": ["10.77.0.0/16"]},
    "remove_addresses": lambda node: {"addresses": ["10.0.0.7/32"]},
    "add_prefixes": lambda node: {"prefixes": ["100.64.0.0/16"]},
    "remove_prefixes": lambda node: {"prefixes": ["100.64.0.0/16"]},
    "add_subports": lambda node: {"sub_ports": []},
    "remove_subports": lambda node: {"sub_ports": []},
    "onboard_network_subnets": lambda node: {
        "network_id": node.get("/v2.0/networks?name=Red")["networks"][0]["id"]},
}
"""A body for each action of a member."""
MEMBERS = {
    "add_addresses": "name=m", "remove_addresses": "name=l&project_id=", "add_prefixes": "name=c",
    "remove_prefixes": "name=c", "onboard_network_subnets": "name=c",
}
"""Whose action it is, where it is not anybody's."""


@pytest.mark.parametrize("collection,name", [
    (one, action.name) for one in COLLECTIONS for action in one.actions
], ids=lambda one: one if isinstance(one, str) else one.path)
def test_so_may_every_action(node, collection, name):
    body = ACTIONS[name](node)
    query = MEMBERS.get(name, "")
    one = node.get(f"{collection.root}?{query}")[collection.plural][0]
    path = f"{collection.root}/{one['id']}"
    node.refused("PUT", f"{path}/{name}", body, 412, "RevisionNumberConstraintFailed",
                 **expecting(one["revision_number"] + 1))
    assert show(node, collection, path) == one


def test_so_may_bindings_of_a_port(node):
    port = node.make("port", network_id=node.get("/v2.0/networks?name=Red")["networks"][0]["id"],
                     **{"binding:host_id": "hv1"})
    path = f"/v2.0/ports/{port['id']}"
    node.call("POST", f"{path}/bindings", {"binding": {"host": "hv2"}})
    before = node.get(path)["port"]
    wrong = expecting(before["revision_number"] + 1)
    for method, below, body in (
        ("POST", "", {"binding": {"host": "hv3"}}), ("PUT", "/hv2/activate", {}),
        ("PUT", "/hv2", {"binding": {"profile": {"a": 1}}}), ("DELETE", "/hv2", None),
    ):
        node.refused(method, f"{path}/bindings{below}", body, 412,
                     "RevisionNumberConstraintFailed", **wrong)
    assert node.get(path)["port"] == before


def test_what_belongs_to_another_changes_its_revision(node):
    network = node.make("network")
    group = node.call("POST", "/v2.0/security-groups", {"security_group": {"name": "x"}})[
        "security_group"]
    router = node.make("router")

    def revision(path, kind):
        return node.get(f"/v2.0/{path}")[kind]["revision_number"]

    before = revision(f"networks/{network['id']}", "network")
    subnet = node.make("subnet", network_id=network["id"], cidr="10.33.0.0/24")
    steps = [revision(f"networks/{network['id']}", "network")]
    node.call("PUT", f"/v2.0/subnets/{subnet['id']}", {"subnet": {"name": "y"}})
    steps.append(revision(f"networks/{network['id']}", "network"))
    assert [*sorted({before, *steps})] == [before, *steps]
    path = f"routers/{router['id']}"
    node.call("PUT", f"/v2.0/{path}/add_router_interface", {"subnet_id": subnet["id"]})
    assert revision(path, "router") > router["revision_number"]
    node.call("POST", "/v2.0/security-group-rules", {"security_group_rule": {
        "security_group_id": group["id"], "direction": "ingress"}})
    assert revision(f"security-groups/{group['id']}", "security_group") > group["revision_number"]
    segment = node.get(f"/v2.0/segments?network_id={network['id']}")["segments"][0]
    assert segment["revision_number"] == revision(f"networks/{network['id']}", "network")
