"""What the actions and attributes of a kind need (Neutron's default policies): declarations.

One of the relations that are named must hold between the client's project and the resource; none
named means administrators alone, who may do everything.  :mod:`ryu_apps.control.config.access`
decides by them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Tables = Mapping[str, Mapping[str, Any]]
"""Kind -> id -> resource."""
Relation = Callable[[Tables, str, Any], bool]
"""Whether it holds for a project and a resource, or what is proposed to become one."""
Needs = tuple[Relation, ...]
ADMIN: Needs = ()


def anyone(tables: Tables, project: str, item: Any) -> bool:
    return True


def owner(tables: Tables, project: str, item: Any) -> bool:
    return item.project_id == project


def shared(tables: Tables, project: str, item: Any) -> bool:
    """The resource itself is shared with all projects."""
    return item.shared


@dataclass(frozen=True)
class Parent:
    """What a resource belongs to: ``kind`` of that, and the ``field`` that has its id.

    :meth:`owner` and :meth:`shared` are relations: those of the parent.
    """

    kind: str
    field: str

    def owner(self, tables: Tables, project: str, item: Any) -> bool:
        parent = tables[self.kind].get(getattr(item, self.field))
        return parent is not None and parent.project_id == project

    def shared(self, tables: Tables, project: str, item: Any) -> bool:
        parent = tables[self.kind].get(getattr(item, self.field))
        return parent is not None and parent.shared


@dataclass(frozen=True)
class Attribute:
    """Who may read an attribute, set it in a new resource, and change it."""

    read: Needs = (anyone,)
    create: Needs = (anyone,)
    update: Needs = (anyone,)


@dataclass(frozen=True)
class Access:
    """Who may do what with the resources of one kind.

    ``attributes``: by their names in the API; ``fixed_ips:ip_address`` is the key ``ip_address`` of
    an item of ``fixed_ips``; ``vpn:*`` is all that begin so.  One that is not named is anybody's
    who may do the action.
    """

    read: Needs
    create: Needs = (owner,)
    update: Needs = (owner,)
    delete: Needs = (owner,)
    attributes: Mapping[str, Attribute] = field(default_factory=dict)


SYSTEM = Attribute(ADMIN, ADMIN, ADMIN)
"""What only administrators see and set."""
SET_BY_ADMIN = Attribute(create=ADMIN, update=ADMIN)
