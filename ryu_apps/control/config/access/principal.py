"""Who asks."""

from __future__ import annotations

from dataclasses import dataclass

READER, MEMBER, ADMIN = "reader", "member", "admin"
"""The roles that default policies know; each has what those before it have (Keystone's Identity
guide, "Default Roles")."""


def roles_up_to(role: str) -> frozenset[str]:
    """A default role and those that it implies."""
    order = (READER, MEMBER, ADMIN)
    return frozenset(order[: order.index(role) + 1])


@dataclass(frozen=True)
class Principal:
    """``project_id``: the project that the client works in, or "".  ``roles``: its roles there, all
    that they imply included, as a token of Keystone names them.  ``system_scope``: "all" of a token
    for the whole system, else "".  ``user_id``, ``user_name``: who it is, or "" where nobody has to
    say so."""

    project_id: str = ""
    roles: frozenset[str] = roles_up_to(MEMBER)
    user_id: str = ""
    user_name: str = ""
    system_scope: str = ""


ADMINISTRATOR = Principal(roles=roles_up_to(ADMIN))
