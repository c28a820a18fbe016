"""A node with users of its own, and clients that log in, for tests."""

from __future__ import annotations

from typing import Any

from tests.unit.northbound.api_client import Node, options

PASSWORD = "correct horse battery staple"


def with_users(store: Any = None, lifetime: int = 3600, **api: Any) -> Node:
    """A node with [api] auth = tokens, and its first administrator."""
    conf = options(auth="tokens", **api)
    conf.set_override("bcrypt_cost", 4, "identity")
    conf.set_override("token_lifetime", lifetime, "identity")
    node = Node(store, conf)
    if node.identity.empty:
        node.call("POST", "/v1/identity/bootstrap", {"bootstrap": {
            "code": node.identity.code, "name": "admin", "password": PASSWORD}})
    return node


def asked(user: str, password: str = PASSWORD, scope: Any = None) -> dict[str, Any]:
    """The body of a login."""
    named = {"name": user, "domain": {"id": "default"}}
    auth: dict[str, Any] = {"identity": {
        "methods": ["password"], "password": {"user": {**named, "password": password}}}}
    if scope is not None:
        auth["scope"] = scope
    return {"auth": auth}


def project(name: str) -> dict[str, Any]:
    """A scope."""
    return {"project": {"name": name, "domain": {"id": "default"}}}


def login(node: Node, body: dict[str, Any]) -> str:
    """A token."""
    answer = node.http.post(f"{node.url}/v3/auth/tokens", json=body, timeout=10)
    assert answer.status_code == 201, answer.text
    return answer.headers["X-Subject-Token"]


class As:
    """Requests of one who has logged in."""

    def __init__(self, node: Node, token: str) -> None:
        self.node, self.token = node, token
        self.about = node.call(
            "GET", "/v3/auth/tokens", headers={"X-Auth-Token": token, "X-Subject-Token": token}
        )["token"]
        self.user_id = self.about["user"]["id"]

    def __call__(self, method: str, path: str, body: Any = None, status: int | None = None) -> Any:
        return self.node.call(method, path, body, status, headers={"X-Auth-Token": self.token})

    def refused(self, method: str, path: str, body: Any, status: int) -> str:
        error = self(method, path, body, status)["error"]
        assert set(error) == {"code", "title", "message"} and error["code"] == status
        return error["message"]

    def create(self, kind: str, **fields: Any) -> dict[str, Any]:
        return self("POST", f"/v3/{kind}s", {kind: fields})[kind]


def admin(node: Node) -> As:
    return As(node, login(node, asked("admin", scope=project("admin"))))


def members(node: Node, *names: str) -> list[As]:
    """Each of them a member of a project of its own name."""
    root = admin(node)
    found = []
    for name in names:
        made = root.create("project", name=name)
        user = root.create("user", name=name, password=PASSWORD)
        root("PUT", f"/v3/projects/{made['id']}/users/{user['id']}/roles/member", status=204)
        found.append(As(node, login(node, asked(name, scope=project(name)))))
    return found
