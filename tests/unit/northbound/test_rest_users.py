"""/v3: projects, users and roles, as Keystone's clients use them."""

from __future__ import annotations

import logging

import pytest

from tests.unit.northbound.api_client import Node, options
from tests.unit.northbound.users import (
    PASSWORD,
    As,
    admin,
    asked,
    login,
    members,
    project,
    with_users,
)


@pytest.fixture(scope="module")
def shared():
    node = with_users()
    yield node
    node.close()


@pytest.fixture
def node():
    node = with_users()
    yield node
    node.close()


# ------------------------------------------------------------ the first administrator


def test_without_users_the_log_says_what_to_run_and_nobody_comes_in(caplog):
    with caplog.at_level(logging.WARNING):
        node = Node(conf=options(auth="tokens"))
    try:
        assert f"vnctl identity bootstrap --code {node.identity.code}" in caplog.text
        assert node.call("GET", "/v2.0/networks", status=401)["error"]["code"] == 401
        wanted = {"code": "guess", "password": PASSWORD}
        node.call("POST", "/v1/identity/bootstrap", {"bootstrap": wanted}, 403)
        wanted["code"] = node.identity.code
        node.call("POST", "/v1/identity/bootstrap", {"bootstrap": wanted}, 403,
                  headers={"X-Forwarded-For": "192.0.2.1"})
        assert node.identity.empty
        node.call("POST", "/v1/identity/bootstrap", {"bootstrap": wanted})
        node.call("POST", "/v1/identity/bootstrap", {"bootstrap": wanted}, 409)
    finally:
        node.close()


def test_the_first_administrator_is_one_of_the_system_and_of_a_project(node):
    root = admin(node)
    assert {one["name"] for one in root.about["roles"]} == {"admin", "member", "reader"}
    system = As(node, login(node, asked("admin", scope={"system": {"all": True}})))
    assert system.about["system"] == {"all": True} and "project" not in system.about
    assert system("GET", "/v2.0/networks") == {"networks": []}


# ------------------------------------------------------------ who may


def test_two_projects_do_not_see_each_other(node):
    red, blue = members(node, "red", "blue")
    made = red("POST", "/v2.0/networks", {"network": {"name": "mine"}})["network"]
    assert made["project_id"] == red.about["project"]["id"]
    assert blue("GET", "/v2.0/networks")["networks"] == []
    blue("GET", f"/v2.0/networks/{made['id']}", status=404)
    blue("DELETE", f"/v2.0/networks/{made['id']}", status=404)
    assert [one["id"] for one in admin(node)("GET", "/v2.0/networks")["networks"]] == [made["id"]]


def test_a_header_that_names_another_project_or_role_means_nothing(node):
    red, blue = members(node, "red", "blue")
    red("POST", "/v2.0/networks", {"network": {"name": "mine"}})
    answer = node.call("GET", "/v2.0/networks", headers={
        "X-Auth-Token": blue.token, "X-Project-Id": red.about["project"]["id"],
        "X-Roles": "admin", "X-Identity-Status": "Confirmed",
    })
    assert answer == {"networks": []}


@pytest.mark.parametrize("method, path", [
    ("GET", "/v3/projects"), ("POST", "/v3/projects"), ("GET", "/v3/users"),
    ("POST", "/v3/users"), ("GET", "/v3/role_assignments"), ("GET", "/v1/identity/token-keys"),
    ("POST", "/v1/identity/token-keys/rotate"), ("DELETE", "/v1/identity/token-keys/old"),
    ("PATCH", "/v3/users/{admin}"), ("DELETE", "/v3/users/{admin}"), ("GET", "/v3/users/{admin}"),
    ("GET", "/v3/projects/{admin_project}"), ("PATCH", "/v3/projects/{red}"),
    ("PUT", "/v3/projects/{red}/users/{me}/roles/admin"),
    ("DELETE", "/v3/projects/{red}/users/{admin}/roles/member"),
    ("PUT", "/v3/system/users/{me}/roles/admin"), ("PATCH", "/v3/users/{me}"),
    ("GET", "/v3/users/{admin}/application_credentials"),
    ("POST", "/v3/users/{admin}/application_credentials"),
    ("POST", "/v3/users/{admin}/password"),
])
def test_a_member_administrates_nothing(shared, method, path):
    if not hasattr(shared, "red"):
        shared.red, = members(shared, "red")
        shared.root = admin(shared)
    red, root = shared.red, shared.root
    path = path.format(admin=root.user_id, me=red.user_id, red=red.about["project"]["id"],
                       admin_project=root.about["project"]["id"])
    body = {"user": {"enabled": True}} if method in ("POST", "PATCH") else None
    red(method, path, body, 403)


def test_a_reader_of_the_system_sees_and_changes_nothing(node):
    root = admin(node)
    user = root.create("user", name="auditor", password=PASSWORD)
    root("PUT", f"/v3/system/users/{user['id']}/roles/reader", status=204)
    auditor = As(node, login(node, asked("auditor", scope={"system": {"all": True}})))
    assert len(auditor("GET", "/v3/users")["users"]) == 2
    assert auditor("GET", "/v1/identity/token-keys")
    auditor("POST", "/v3/projects", {"project": {"name": "x"}}, 403)
    auditor("POST", "/v1/identity/token-keys/rotate", None, 403)


def test_a_user_sees_itself_and_where_it_works(node):
    red, _ = members(node, "red", "blue")
    assert red("GET", f"/v3/users/{red.user_id}")["user"]["name"] == "red"
    for path in ("/v3/auth/projects", f"/v3/users/{red.user_id}/projects"):
        assert [one["name"] for one in red("GET", path)["projects"]] == ["red"]
    assert red("GET", f"/v3/projects/{red.about['project']['id']}")["project"]["name"] == "red"
    mine = red("GET", f"/v3/role_assignments?user.id={red.user_id}")["role_assignments"]
    assert [one["role"]["id"] for one in mine] == ["member"]


# ------------------------------------------------------------ resources


def test_projects(node):
    root = admin(node)
    made = root.create("project", name="red", description="of the reds", domain_id="default")
    assert made["enabled"] and made["domain_id"] == "default" and not made["is_domain"]
    path = f"/v3/projects/{made['id']}"
    changed = root("PATCH", path, {"project": {"name": "crimson", "enabled": False}})["project"]
    assert (changed["name"], changed["enabled"]) == ("crimson", False)
    assert root("GET", path)["project"] == changed
    listed = root("GET", "/v3/projects")
    assert [one["name"] for one in listed["projects"]] == ["admin", "crimson"]
    assert listed["links"]["next"] is None
    for query, names in (("name=crimson", ["crimson"]), ("enabled=true", ["admin"]),
                         ("enabled=0", ["crimson"]), ("domain_id=default&name=x", [])):
        found = root("GET", f"/v3/projects?{query}")["projects"]
        assert [one["name"] for one in found] == names, query
    root.refused("POST", "/v3/projects", {"project": {"name": "crimson"}}, 409)
    root("DELETE", path)
    assert "Could not find project" in root.refused("GET", path, None, 404)


def test_users(node):
    root = admin(node)
    made = root.create("user", name="alice", password="secret", email="a@example.org",
                       default_project_id=root.about["project"]["id"])
    assert "password" not in made and made["email"] == "a@example.org"
    path = f"/v3/users/{made['id']}"
    assert root("GET", path)["user"] == made
    assert root("PATCH", path, {"user": {"description": "x"}})["user"]["description"] == "x"
    assert [one["name"] for one in root("GET", "/v3/users?name=alice")["users"]] == ["alice"]
    assert root("GET", f"{path}/groups")["groups"] == []
    root("DELETE", path)
    root.refused("GET", path, None, 404)


@pytest.mark.parametrize("kind, fields", [
    ("project", {}), ("project", {"name": ""}), ("project", {"name": "a\nb"}),
    ("project", {"name": "x" * 256}), ("project", {"name": "x", "domain_id": "other"}),
    ("project", {"name": "x", "is_domain": True}), ("project", {"name": "x", "shoe_size": 42}),
    ("project", {"name": "x", "enabled": "yes"}), ("project", {"name": "x", "parent_id": "a" * 32}),
    ("user", {"name": "x", "password": ""}), ("user", {"name": "x", "password": "p" * 4097}),
    ("user", {"name": "x", "password": 7}), ("user", {"name": 7}), ("user", {"password": "x"}),
    ("user", {"name": "x", "email": {}}), ("project", {"name": "x", "tags": ["a"]}),
])
def test_a_body_that_makes_no_sense(shared, kind, fields):
    message = admin(shared).refused("POST", f"/v3/{kind}s", {kind: fields}, 400)
    assert "pppp" not in message


@pytest.mark.parametrize("body", [None, [], {}, {"project": []}, "text"])
def test_a_body_of_another_form(shared, body):
    admin(shared).refused("POST", "/v3/projects", body, 400)


def test_roles(node):
    root = admin(node)
    user, place = root.create("user", name="u"), root.create("project", name="p")
    assert {one["name"] for one in root("GET", "/v3/roles")["roles"]} == {
        "admin", "member", "reader"}
    assert root("GET", "/v3/roles?name=member")["roles"][0]["id"] == "member"
    assert root("GET", "/v3/roles/reader")["role"]["name"] == "reader"
    root.refused("GET", "/v3/roles/superuser", None, 404)
    for where in (f"/v3/projects/{place['id']}", "/v3/system"):
        grants = f"{where}/users/{user['id']}/roles"
        root.refused("GET", f"{grants}/member", None, 404)
        root("PUT", f"{grants}/member", status=204)
        root("GET", f"{grants}/member", status=204)
        assert [one["id"] for one in root("GET", grants)["roles"]] == ["member"]
    rows = root("GET", f"/v3/role_assignments?user.id={user['id']}&include_names")
    scopes = [one["scope"] for one in rows["role_assignments"]]
    assert {"system": {"all": True}} in scopes
    assert {"project": {"id": place["id"], "name": "p",
                        "domain": {"id": "default", "name": "Default"}}} in scopes
    some = root("GET", f"/v3/role_assignments?scope.project.id={place['id']}&effective")
    assert [one["role"]["id"] for one in some["role_assignments"]] == ["member", "reader"]
    some = root("GET", "/v3/role_assignments?scope.system=all&role.id=member")
    assert [one["user"]["id"] for one in some["role_assignments"]] == [user["id"]]
    root("DELETE", f"/v3/projects/{place['id']}/users/{user['id']}/roles/member")
    root.refused("DELETE", f"/v3/projects/{place['id']}/users/{user['id']}/roles/member", None, 404)
    root.refused("PUT", f"/v3/projects/{'9' * 32}/users/{user['id']}/roles/member", None, 404)


def test_the_last_administrator_stays(node):
    root = admin(node)
    root.refused("DELETE", f"/v3/users/{root.user_id}", None, 409)
    root.refused("PATCH", f"/v3/users/{root.user_id}", {"user": {"enabled": False}}, 409)


def test_what_there_is_one_of(node):
    root = admin(node)
    assert root("GET", "/v3/domains")["domains"][0]["id"] == "default"
    assert root("GET", "/v3/domains/default")["domain"]["name"] == "Default"
    root.refused("GET", "/v3/domains/other", None, 404)
    assert {one["type"] for one in root("GET", "/v3/services")["services"]} == {
        "network", "identity"}
    assert len(root("GET", "/v3/endpoints?interface=public")["endpoints"]) == 2
    assert root("GET", "/v3/regions/RegionOne")["region"]["id"] == "RegionOne"
    inferences = root("GET", "/v3/role_inferences")["role_inferences"]
    assert {one["prior_role"]["id"]: [two["id"] for two in one["implies"]]
            for one in inferences} == {"admin": ["reader", "member"], "member": ["reader"]}


def test_errors_are_in_keystones_words(node):
    root = admin(node)
    root.refused("GET", "/v3/credentials", None, 404)
    root.refused("PATCH", "/v3/roles", {}, 405)
    node.identity.copy._doubt = lambda: "it is another one"
    assert "it is another one" in root.refused(
        "POST", "/v3/projects", {"project": {"name": "x"}}, 503)


def test_without_users_of_its_own_there_is_no_v3():
    node = Node()
    try:
        node.call("GET", "/v3", status=404)
        node.call("POST", "/v3/auth/tokens", asked("admin"), 404)
    finally:
        node.close()


def test_a_project_of_the_same_name_in_another_domain_is_another(node):
    answer = node.call("POST", "/v3/auth/tokens", asked(
        "admin", scope={"project": {"name": "admin", "domain": {"id": "other"}}}), 401)
    assert answer["error"]["code"] == 401
    login(node, asked("admin", scope=project("admin")))
