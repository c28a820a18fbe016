"""The declaration of a kind of resource."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from ryu_apps.control.config.resources.access import Access, Parent
from ryu_apps.control.config.resources.resource import Resource

Keys = Callable[[Any], str | Iterable[Hashable]]
"""The keys that a resource is found by.  A text is the only one; "" is none."""


@dataclass(frozen=True)
class Index:
    """Finds resources by something else than their id.

    ``name``: the attribute of :class:`~ryu_apps.control.config.config.Config`, a dict key -> ids.
    ``keys(resource)``: what it is found by.  ``field``: the field whose values these are, where it
    is one.  ``across``: several kinds are in it, and (kind, id) stand in it for ids.
    """

    name: str
    keys: Keys
    field: str = ""
    across: bool = False


def by_field(name: str, field: str) -> Index:
    """An index by a field, or by each of the values of one that is a tuple; not by ""."""
    return Index(name, attrgetter(field), field)


@dataclass(frozen=True)
class Projection:
    """What each resource of another kind has one of, and that is stored as a part of it.

    ``of``: the other kind.  ``index``: of that, by the ids of its parts.  ``read(whole)``: the
    part.  ``write(whole, part)``: the whole with this part.
    """

    of: str
    index: str
    read: Callable[[Any], Any]
    write: Callable[[Any, Any], Any]


@dataclass(frozen=True)
class Kind:
    """One kind of resource.

    ``name``: in the store's keys and in changes, "security_group".  ``plural``: of the table, where
    it is not the name with an "s".  ``parent``: what each of them belongs to, and cannot be made
    without.  ``quota``: how many a project may have where nobody said otherwise, -1 for any number;
    None: they are not counted.  ``collection``: whether they are a collection of the API.
    ``shareable``: whether they have ``shared``, and RBAC policies share them.  ``projection``: of
    what they are parts; there are no records of such a kind.
    """

    name: str
    resource: type[Resource]
    access: Access
    parent: Parent | None = None
    indexes: tuple[Index, ...] = ()
    plural: str = ""
    quota: int | None = None
    collection: bool = True
    shareable: bool = False
    projection: Projection | None = None

    @property
    def table(self) -> str:
        """The attribute of a Config that has them all: "security_groups"."""
        return self.plural or f"{self.name}s"

    @property
    def title(self) -> str:
        """As it stands in errors: "SecurityGroup"."""
        return self.resource.__name__
