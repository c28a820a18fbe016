"""Users, projects and roles, as their ids or names stand in a command."""

from __future__ import annotations

from typing import Any

from ryu_apps.cli.client import Client, quote
from ryu_apps.cli.errors import CliError

Record = dict[str, Any]


def listed(client: Client, kind: str, **query: Any) -> list[Record]:
    """All of a kind, "user" or "project"."""
    found = client.get(f"/v3/{kind}s", **query)[f"{kind}s"]
    return list(found)


def named(client: Client, kind: str, name: str) -> Record:
    """By id or name.  Raises CliError."""
    found = [one for one in listed(client, kind) if name in (one["id"], one["name"])]
    exact = [one for one in found if one["id"] == name] or found
    if not exact:
        raise CliError(f"no {kind} has the id or name {name}; see `vnctl identity {kind} list`")
    return exact[0]


def names(client: Client, kind: str) -> list[str]:
    return [one["name"] for one in listed(client, kind)]


def place(client: Client, options: Any) -> tuple[str, str]:
    """Where a role is meant: the beginning of its path, and in words.  Raises CliError."""
    if options.system:
        return "/v3/system", "the whole system"
    found = named(client, "project", options.project)
    return f"/v3/projects/{quote(found['id'])}", f"project {found['name']}"
