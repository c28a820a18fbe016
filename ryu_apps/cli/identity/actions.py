"""What the actions of ``vnctl identity`` do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ryu_apps.cli.client import Client, quote
from ryu_apps.cli.command import Records, Result
from ryu_apps.cli.identity.directory import Record, listed, named, place
from ryu_apps.cli.identity.passwords import password
from ryu_apps.cli.table import facts

_SHOWN = [(name, name) for name in (
    "id", "name", "enabled", "description", "email", "default_project_id")]
_COLUMNS = [("NAME", "name"), ("ID", "id"), ("ENABLED", "enabled"), ("DESCRIPTION", "description")]


def show(kind: str) -> Callable[[Client, Any], Result]:
    def perform(client: Client, options: Any) -> Result:
        return _shown(named(client, kind, options.name))

    return perform


def list_(kind: str) -> Callable[[Client, Any], Result]:
    def perform(client: Client, options: Any) -> Result:
        found = listed(client, kind)
        wide = [("EMAIL", "email")] if kind == "user" else []
        return Result(found, Records(found, _COLUMNS, wide, key="name", order="NAME"))

    return perform


def create(kind: str) -> Callable[[Client, Any], Result]:
    def perform(client: Client, options: Any) -> Result:
        fields = {"name": options.name, **_given(client, options)}
        if kind == "user" and not options.no_password:
            fields["password"] = password(options, options.name)
        return _shown(client.write("POST", f"/v3/{kind}s", {kind: fields})[kind])

    return perform


def set_(kind: str) -> Callable[[Client, Any], Result]:
    def perform(client: Client, options: Any) -> Result:
        fields = _given(client, options)
        if options.new_name:
            fields["name"] = options.new_name
        found = named(client, kind, options.name)
        path = f"/v3/{kind}s/{quote(found['id'])}"
        return _shown(client.write("PATCH", path, {kind: fields})[kind])

    return perform


def delete(kind: str) -> Callable[[Client, Any], Result]:
    def perform(client: Client, options: Any) -> Result:
        found = named(client, kind, options.name)
        client.write("DELETE", f"/v3/{kind}s/{quote(found['id'])}")
        return _said(f"{kind} {found['name']} is deleted")

    return perform


def set_password(client: Client, options: Any) -> Result:
    found = named(client, "user", options.name)
    body = {"user": {"password": password(options, found["name"])}}
    client.write("PATCH", f"/v3/users/{quote(found['id'])}", body)
    return _said(f"user {found['name']} has another password; its tokens are void")


# ------------------------------------------------------------ roles


def roles(client: Client, options: Any) -> Result:
    query: dict[str, Any] = {"include_names": "true"}
    if options.user:
        query["user.id"] = named(client, "user", options.user)["id"]
    if options.project:
        query["scope.project.id"] = named(client, "project", options.project)["id"]
    if options.system:
        query["scope.system"] = "all"
    found = [
        {"role": one["role"]["name"], "user": one["user"].get("name", ""),
         "where": one["scope"].get("project", {}).get("name") or "(the whole system)"}
        for one in client.get("/v3/role_assignments", **query)["role_assignments"]
    ]
    columns = [("USER", "user"), ("ROLE", "role"), ("PROJECT", "where")]
    return Result(found, Records(found, columns, key="role", order="USER"))


def assign(client: Client, options: Any) -> Result:
    path, where, user = _grant(client, options)
    client.write("PUT", path)
    return _said(f"{user} has the role {options.role} in {where}")


def unassign(client: Client, options: Any) -> Result:
    path, where, user = _grant(client, options)
    client.write("DELETE", path)
    return _said(f"{user} has the role {options.role} in {where} no more")


def _grant(client: Client, options: Any) -> tuple[str, str, str]:
    user = named(client, "user", options.user)
    path, where = place(client, options)
    return f"{path}/users/{quote(user['id'])}/roles/{options.role}", where, user["name"]


# ------------------------------------------------------------ keys of tokens


def keys(client: Client, options: Any) -> Result:
    return _keys(client.get("/v1/identity/token-keys"))


def rotate(client: Client, options: Any) -> Result:
    return _keys(client.write("POST", "/v1/identity/token-keys/rotate"))


def drop(client: Client, options: Any) -> Result:
    client.write("DELETE", "/v1/identity/token-keys/old")
    return keys(client, options)


def _keys(answer: Record) -> Result:
    found = answer["token_keys"]
    columns = [("NUMBER", "number"), ("STATE", "state"), ("MADE", "made_at")]
    return Result(found, Records(found, columns, key="number"))


# ------------------------------------------------------------ common


def _given(client: Client, options: Any) -> Record:
    """What options say of a user or project."""
    found: Record = {
        name: getattr(options, name) for name in ("description", "email")
        if getattr(options, name, None) is not None
    }
    if options.enable or options.disable:
        found["enabled"] = bool(options.enable)
    if getattr(options, "default_project", None):
        found["default_project_id"] = named(client, "project", options.default_project)["id"]
    return found


def _shown(found: Record) -> Result:
    return Result(found, facts(found, [one for one in _SHOWN if one[0] in found]))


def _said(text: str) -> Result:
    return Result({"done": text}, text)
