"""/v3/auth/tokens: who gets a token, what it gives, and when it gives nothing any more."""

from __future__ import annotations

import json
import logging
import time

import pytest

from ryu_apps.identity.tokens import payload
from ryu_apps.store.memory import MemoryStore
from tests.unit.identity.directories import until
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


@pytest.fixture
def node():
    node = with_users()
    yield node
    node.close()


def bodies(who: As, **changes):
    """Logins that are refused, each for another reason."""
    wrong = asked("red", "not this one", project("red"))
    return {
        "password": wrong, "empty password": asked("red", "", project("red")),
        "user": asked("nobody", PASSWORD, project("red")),
        "project": asked("red", PASSWORD, project("blue")),
        "no such project": asked("red", PASSWORD, project("green")),
        "system": asked("red", PASSWORD, {"system": {"all": True}}),
        "domain": asked("red", PASSWORD, {"domain": {"id": "default"}}),
        "method": {"auth": {"identity": {"methods": ["totp"], "totp": {}}}},
        "two methods": {"auth": {"identity": {
            "methods": ["password", "token"], "token": {"id": "x"},
            "password": wrong["auth"]["identity"]["password"]}}},
        "token": {"auth": {"identity": {"methods": ["token"], "token": {"id": "gAAAAA"}}}},
        "credential": {"auth": {"identity": {
            "methods": ["application_credential"],
            "application_credential": {"id": "9" * 32, "secret": "x"}}}},
    }


def test_logins_that_are_refused(node):
    red, _ = members(node, "red", "blue")
    texts = {}
    for name, body in bodies(red).items():
        texts[name] = node.call("POST", "/v3/auth/tokens", body, 401)["error"]["message"]
    # Whether there is such a user or project is not told.
    assert len({texts[one] for one in ("password", "user", "project", "no such project", "system",
                                       "token", "credential")}) == 1


@pytest.mark.parametrize("auth", [
    None, {}, {"identity": {}}, {"identity": {"methods": "password"}},
    {"identity": {"methods": []}},
    {"identity": {"methods": ["password"]}}, {"identity": {"methods": ["password", "password"]}},
    {"identity": {"methods": ["password"], "password": {"user": {"name": "admin"}}}},
    {"identity": {"methods": ["password"], "password": {"user": {"password": "x"}}}},
    {"identity": {"methods": ["password"], "password": {"user": {"name": [], "password": "x"}}}},
    {"identity": {"methods": ["token"], "token": {"id": 7}}},
])
def test_logins_of_another_form(node, auth):
    error = node.call("POST", "/v3/auth/tokens", {"auth": auth}, 400)["error"]
    assert error["code"] == 400
    node.call("POST", "/v3/auth/tokens", {"auth": {**asked("admin")["auth"], "scope": []}}, 400)


def test_what_a_token_says(node):
    red, = members(node, "red")
    about = red.about
    assert about["methods"] == ["password"] and len(about["audit_ids"]) == 1
    assert about["user"]["domain"] == {"id": "default", "name": "Default"}
    assert about["project"]["name"] == "red" and about["is_domain"] is False
    assert [one["name"] for one in about["roles"]] == ["reader", "member"]
    urls = {one["type"]: {two["url"] for two in one["endpoints"]} for one in about["catalog"]}
    assert urls == {"network": {node.url}, "identity": {f"{node.url}/v3"}}
    span = [time.strptime(about[name], "%Y-%m-%dT%H:%M:%S.000000Z")
            for name in ("issued_at", "expires_at")]
    assert time.mktime(span[1]) - time.mktime(span[0]) == 3600
    headers = {"X-Auth-Token": red.token, "X-Subject-Token": red.token}
    assert "catalog" not in node.get("/v3/auth/tokens?nocatalog", headers=headers)["token"]
    answer = node.http.head(f"{node.url}/v3/auth/tokens", headers=headers)
    assert (answer.status_code, answer.content) == (200, b"")
    assert node.get("/v3")["version"]["id"].startswith("v3.")
    assert red("GET", "/v3/auth/catalog")["catalog"] == about["catalog"]
    assert red("GET", "/v3/auth/domains")["domains"] == []
    assert red("GET", "/v3/auth/system")["system"] == []


def test_a_scope_that_was_not_asked_for_is_the_users_first_project(node):
    root = admin(node)
    place = root.create("project", name="p")
    user = root.create("user", name="u", password=PASSWORD, default_project_id=place["id"])
    path = f"/v3/projects/{place['id']}/users/{user['id']}/roles/reader"
    assert "project" not in As(node, login(node, asked("u"))).about
    root("PUT", path, status=204)
    assert As(node, login(node, asked("u"))).about["project"]["id"] == place["id"]
    for scope in ("unscoped", {"unscoped": {}}):
        found = As(node, login(node, asked("u", scope=scope)))
        assert not {"project", "roles", "catalog"} & set(found.about)
        assert [one["name"] for one in found("GET", "/v3/auth/projects")["projects"]] == ["p"]
        assert found("GET", "/v2.0/networks") == {"networks": []}
        found("POST", "/v2.0/networks", {"network": {"name": "x"}}, 403)


def test_a_token_gives_one_of_another_scope_that_lives_no_longer(node):
    root = admin(node)
    again = {"auth": {"identity": {"methods": ["token"], "token": {"id": root.token}},
                      "scope": {"system": {"all": True}}}}
    other = As(node, login(node, again))
    assert other.about["methods"] == ["password", "token"]
    assert other.about["expires_at"] == root.about["expires_at"]
    assert other.about["audit_ids"][1] == root.about["audit_ids"][0]
    both = {"auth": {"identity": {
        "methods": ["password", "token"], "token": {"id": root.token},
        "password": asked("admin")["auth"]["identity"]["password"]}}}
    login(node, both)
    members(node, "red")
    both["auth"]["identity"]["password"]["user"]["name"] = "red"
    node.call("POST", "/v3/auth/tokens", both, 401)


# ------------------------------------------------------------ the end of a token


def gone(who: As) -> bool:
    answer = who.node.http.get(f"{who.node.url}/v2.0/networks",
                               headers={"X-Auth-Token": who.token})
    if answer.status_code == 401:
        assert answer.headers["WWW-Authenticate"] == f'Keystone uri="{who.node.url}/v3"'
        assert answer.json()["error"]["title"] == "Unauthorized"
    return answer.status_code == 401


def test_a_token_that_was_given_back(node):
    red, = members(node, "red")
    other = As(node, login(node, asked("red", scope=project("red"))))
    headers = {"X-Auth-Token": red.token, "X-Subject-Token": red.token}
    node.call("DELETE", "/v3/auth/tokens", headers=headers)
    assert gone(red) and not gone(other)
    node.call("DELETE", "/v3/auth/tokens", status=404,
              headers={"X-Auth-Token": other.token, "X-Subject-Token": red.token})


def test_of_anothers_token_only_administrators_are_told(node):
    red, blue = members(node, "red", "blue")
    headers = {"X-Auth-Token": blue.token, "X-Subject-Token": red.token}
    for method in ("GET", "DELETE"):
        node.call(method, "/v3/auth/tokens", status=403, headers=headers)
    headers["X-Auth-Token"] = admin(node).token
    node.call("GET", "/v3/auth/tokens", headers=headers)
    node.call("DELETE", "/v3/auth/tokens", headers=headers)
    assert gone(red)
    node.call("GET", "/v3/auth/tokens", status=400, headers={"X-Auth-Token": blue.token})


@pytest.mark.parametrize("method, path, body", [
    ("PATCH", "/v3/users/{user}", {"user": {"enabled": False}}),
    ("PATCH", "/v3/users/{user}", {"user": {"password": "another"}}),
    ("DELETE", "/v3/users/{user}", None),
    ("PATCH", "/v3/projects/{project}", {"project": {"enabled": False}}),
    ("DELETE", "/v3/projects/{project}", None),
    ("DELETE", "/v3/projects/{project}/users/{user}/roles/member", None),
])
def test_what_ends_a_token_at_once(node, method, path, body):
    red, = members(node, "red")
    root = admin(node)
    assert not gone(red)
    place = red.about["project"]["id"]
    root(method, path.format(user=red.user_id, project=place), body)
    assert gone(red)
    node.call("POST", "/v3/auth/tokens", asked("red", scope=project("red")), 401)


def test_a_role_that_comes_and_goes(node):
    red, = members(node, "red")
    place, root = red.about["project"]["id"], admin(node)
    grants = f"/v3/projects/{place}/users/{red.user_id}/roles"
    root("PUT", f"{grants}/reader", status=204)
    root("DELETE", f"{grants}/member")
    assert not gone(red)
    red("POST", "/v2.0/networks", {"network": {"name": "x"}}, 403)
    root("PUT", f"{grants}/member", status=204)
    red("POST", "/v2.0/networks", {"network": {"name": "x"}})


def test_a_token_expires():
    node = with_users()
    try:
        red, = members(node, "red")
        now = time.time()
        node.identity._now = lambda: now + 3599
        assert not gone(red)
        node.identity._now = lambda: now + 3601
        assert gone(red)
    finally:
        node.close()


def test_keys_are_rotated_and_old_ones_forgotten(node):
    root = admin(node)
    states = [one["state"] for one in root("GET", "/v1/identity/token-keys")["token_keys"]]
    assert states == ["primary", "staged"]
    answer = root("POST", "/v1/identity/token-keys/rotate", None, 200)
    assert [one["state"] for one in answer["token_keys"]] == ["old", "primary", "staged"]
    later = admin(node)
    assert not gone(root)
    root("DELETE", "/v1/identity/token-keys/old")
    assert gone(root) and not gone(later)


@pytest.mark.parametrize("token", [
    "x", "gAAAAA", "\xe4" * 10, "g" * (payload.MAX_TOKEN + 1), "g" * 60_000,
])
def test_what_is_no_token(node, token):
    answer = node.http.get(f"{node.url}/v2.0/networks",
                           headers={"X-Auth-Token": token.encode("latin-1")})
    assert answer.status_code == 401


def test_a_token_of_a_mebibyte_is_refused_unread(node):
    answer = node.http.get(f"{node.url}/v2.0/networks", headers={"X-Auth-Token": "g" * (1 << 20)})
    assert answer.status_code in (400, 401, 413, 431)
    body = {"auth": {"identity": {"methods": ["token"], "token": {"id": "g" * (1 << 20)}}}}
    node.call("POST", "/v3/auth/tokens", body, 400)


# ------------------------------------------------------------ passwords


def test_ones_own_password(node):
    red, = members(node, "red")
    path = f"/v3/users/{red.user_id}/password"
    change = {"user": {"password": "another", "original_password": "not this one"}}
    red.refused("POST", path, change, 401)
    assert not gone(red)
    change["user"]["original_password"] = PASSWORD
    red("POST", path, change, 204)
    assert gone(red)
    node.call("POST", "/v3/auth/tokens", asked("red"), 401)
    login(node, asked("red", "another"))


def test_a_user_without_password_does_not_log_in(node):
    admin(node).create("user", name="u")
    for password in ("", "x"):
        node.call("POST", "/v3/auth/tokens", asked("u", password), 401)


def test_nothing_that_is_hashed_or_sealed_is_shown_or_logged(node, caplog):
    with caplog.at_level(logging.DEBUG):
        red, = members(node, "red")
        root = admin(node)
        root("PATCH", f"/v3/users/{red.user_id}", {"user": {"password": "another-secret"}})
        node.call("POST", "/v3/auth/tokens", asked("red", "guessed-secret"), 401)
        shown = [json.dumps(root("GET", path)) for path in (
            "/v3/users", f"/v3/users/{red.user_id}", "/v3/role_assignments",
            "/v1/identity/token-keys", "/v1/configuration")]
        for name in ("export", "backup"):
            shown.append(node.http.get(f"{node.url}/v1/configuration/{name}",
                                       headers={"X-Auth-Token": root.token}).text)
    assert any('"name":"red"' in text.replace('\\', "") for text in shown)
    keys = node.identity.read(
        lambda directory: [one.key for one in directory.token_keys.values()])
    for text in (*shown, caplog.text):
        for secret in ("bcrypt", PASSWORD, "another-secret", "guessed-secret", red.token, *keys):
            assert secret not in text


# ------------------------------------------------------------ application credentials


def with_credential(node, who: As, **fields) -> tuple[dict, dict]:
    """A credential of ``who``, and the login with it."""
    made = who("POST", f"/v3/users/{who.user_id}/application_credentials",
               {"application_credential": {"name": "ci", **fields}})["application_credential"]
    return made, {"auth": {"identity": {
        "methods": ["application_credential"],
        "application_credential": {"id": made["id"], "secret": made["secret"]}}}}


def test_a_program_logs_in(node):
    red, = members(node, "red")
    made, body = with_credential(node, red)
    assert len(made["secret"]) > 80 and made["unrestricted"] is False
    assert [one["name"] for one in made["roles"]] == ["member"]
    program = As(node, login(node, body))
    assert program.about["application_credential"]["restricted"] is True
    assert program.about["project"]["name"] == "red"
    program("POST", "/v2.0/networks", {"network": {"name": "x"}})
    by_name = body["auth"]["identity"]["application_credential"]
    del by_name["id"]
    by_name |= {"name": "ci", "user": {"name": "red", "domain": {"name": "Default"}}}
    login(node, body)
    path = f"/v3/users/{red.user_id}/application_credentials"
    listed = red("GET", path)["application_credentials"]
    assert [one["name"] for one in listed] == ["ci"] and "secret" not in listed[0]
    assert red("GET", f"{path}?name=x")["application_credentials"] == []
    assert "secret" not in red("GET", f"{path}/{made['id']}")["application_credential"]
    red.refused("POST", path, {"application_credential": {"name": "ci"}}, 409)
    program("POST", path, {"application_credential": {"name": "more"}}, 403)
    program("DELETE", f"{path}/{made['id']}", None, 403)
    program("POST", f"/v3/users/{red.user_id}/password", {"user": {}}, 403)
    node.call("POST", "/v3/auth/tokens", {"auth": {"identity": {
        "methods": ["token"], "token": {"id": program.token}}}}, 403)
    red("DELETE", f"{path}/{made['id']}")
    assert gone(program)
    node.call("POST", "/v3/auth/tokens", body, 401)


def test_a_program_has_the_roles_that_it_was_given(node):
    red, = members(node, "red")
    _, body = with_credential(node, red, roles=[{"name": "reader"}], secret="mine")
    program = As(node, login(node, body))
    assert [one["name"] for one in program.about["roles"]] == ["reader"]
    program("POST", "/v2.0/networks", {"network": {"name": "x"}}, 403)
    body["auth"]["scope"] = project("red")
    node.call("POST", "/v3/auth/tokens", body, 401)
    path = f"/v3/users/{red.user_id}/application_credentials"
    for fields in ({"roles": [{"name": "admin"}]}, {"roles": "reader"}, {"roles": [{"id": 7}]},
                   {"access_rules": [{"path": "/"}]}, {"expires_at": "soon"},
                   {"project_id": "9" * 32}):
        red.refused("POST", path, {"application_credential": {"name": "x", **fields}}, 400)
    red.refused("POST", path, {"application_credential": {"name": "x",
                                                          "roles": [{"id": "superuser"}]}}, 404)


def test_a_programs_credential_expires(node):
    red, = members(node, "red")
    soon = time.time() + 600
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(soon))
    _, body = with_credential(node, red, expires_at=text)
    program = As(node, login(node, body))
    assert program.about["expires_at"].startswith(text)
    node.identity._now = node.identity.logins._now = lambda: soon + 1
    assert gone(program)
    node.call("POST", "/v3/auth/tokens", body, 401)


# ------------------------------------------------------------ two nodes


def test_a_token_is_valid_at_every_node_and_void_at_every_node():
    store = MemoryStore()
    one, two = with_users(store), with_users(store)
    try:
        red, = members(one, "red")
        there = As(two, red.token)
        assert there("GET", "/v2.0/networks") == {"networks": []}
        again = As(two, login(two, asked("red", scope=project("red"))))
        admin(two)("POST", "/v1/identity/token-keys/rotate", None, 200)
        later = login(two, asked("red", scope=project("red")))
        until(lambda: not gone(As(one, later)))
        one.call("DELETE", "/v3/auth/tokens",
                 headers={"X-Auth-Token": red.token, "X-Subject-Token": red.token})
        until(lambda: gone(there))
        assert not gone(again)
        admin(one)("PATCH", f"/v3/users/{red.user_id}", {"user": {"enabled": False}})
        until(lambda: gone(again))
    finally:
        two.close()
        one.close()
