"""The declaration of a collection of the API: all that it needs to know of one kind of resource."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import Kind
from ryu_apps.northbound.base import NodeView
from ryu_apps.northbound.bodies.fields import Body
from ryu_apps.northbound.bodies.schemas import Schema
from ryu_apps.northbound.environment import Environment
from ryu_apps.northbound.http.call import Call
from ryu_apps.northbound.listing.attributes import Attributes

View = dict[str, Any]
Extensions = Mapping[str, tuple[str, str]]
"""Alias -> name and description, as /v2.0/extensions lists them."""


@dataclass(frozen=True)
class Action:
    """``PUT .../<id>/<name>``: ``rule(draft, id, body, context)``.

    Its result is the answer as it stands, of the schema ``answer``; without one it is the resource,
    to be shown, with ``bare`` without its name around it.  ``refusals``: statuses besides those of
    all actions.
    """

    name: str
    rule: Callable
    body: type[Body]
    answer: Schema | None = None
    refusals: tuple[int, ...] = ()
    bare: bool = False


@dataclass(frozen=True)
class State:
    """Attributes that depend on the running node.  ``add(node_view, views, new)`` puts them in;
    ``new``: what was created by this very request."""

    attributes: frozenset[str]
    add: Callable[[NodeView, list[View], bool], None]


@dataclass(frozen=True)
class Standing:
    """Resources that are there without being stored.  ``items(environment)``: id -> resource;
    ``refused(id)``: the error for who wants to change or delete one."""

    items: Callable[[Environment], Mapping[str, Any]]
    refused: Callable[[str], Exception]


@dataclass(frozen=True)
class Collection:
    """One collection of the API.

    ``path``: below ``/v2.0``, "security-groups"; of one that is nested, below a member of
    ``parent``, which has the resources that the kind's belong to.  ``name`` and ``plural``: of one
    and of several in bodies; by default the kind's name and the end of the path.

    ``attributes``: all that ``view`` has, with their types; ``filter_only``: those of them by which
    lists can be filtered and sorted, but which no answer shows; ``optional``: those that only some
    of them have.  ``view(resource, extra)``;
    ``extra(config, resource)`` looks up what the view needs.

    ``rules``: a module with create(draft, body, context), update(draft, id, body, context) and
    delete(draft, id, context).  ``actions``: member actions (PUT).
    ``refusals``: statuses with which a creation or an update may be refused besides
    those of all resources.
    ``before_list(environment, call, filters)`` may make what a list must have in it.
    ``before_update(environment, id, body)`` finds out what the rules have to know of the running
    node, before anything is planned: fields of their Context.
    ``standing``: what is there besides, and is not changed.
    ``below``: makes what else stands below each of its members, of its handlers and the
    environment; it has ``routes()``.  ``extensions``: those of the API that it brings.
    """

    kind: Kind
    path: str
    create_body: type[Body]
    update_body: type[Body]
    attributes: Attributes
    view: Callable[[Any, Any], View]
    rules: Any
    extra: Callable[[Config, Any], Any] = lambda config, item: None
    parent: Collection | None = None
    name: str = ""
    plural: str = ""
    actions: tuple[Action, ...] = ()
    state: State | None = None
    standing: Standing | None = None
    filter_only: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()
    refusals: tuple[int, ...] = ()
    before_list: Callable[[Environment, Call, dict[str, set[str]]], None] | None = None
    before_update: Callable[[Environment, str, dict[str, Any]], dict[str, Any]] | None = None
    below: tuple[Callable[[Any, Environment], Any], ...] = ()
    extensions: Extensions = field(default_factory=dict)

    def __post_init__(self) -> None:
        last = self.path.rpartition("/")[2].replace("-", "_")
        object.__setattr__(self, "name", self.name or self.kind.name)
        object.__setattr__(self, "plural", self.plural or last)
        within = self.kind.parent
        if self.parent is not None and (within is None or within.kind != self.parent.kind.name):
            raise ValueError(
                f"{self.path} is nested in {self.parent.path}, but a {self.kind.name} does not "
                f"belong to a {self.parent.kind.name}"
            )

    @property
    def root(self) -> str:
        """The path of its routes: "/v2.0/networks", "/v2.0/things/{thing_id}/parts"."""
        if self.parent is None or self.kind.parent is None:
            return f"/v2.0/{self.path}"
        return f"{self.parent.root}/{{{self.kind.parent.field}}}/{self.path}"

    @property
    def title(self) -> str:
        """The name of its schemas: "Security_group"."""
        return self.kind.name.capitalize()

    @functools.cached_property
    def shown(self) -> frozenset[str]:
        """The attributes that answers have."""
        return frozenset(self.attributes) - self.filter_only

    @functools.cached_property
    def named(self) -> frozenset[str]:
        """The attributes that answers and requests have, as the API names them."""
        return self.shown.union(*(
            (field.alias or name for name, field in body.model_fields.items())
            for body in (self.create_body, self.update_body)
        ))

    @property
    def indexes(self) -> list[tuple[str, str]]:
        """Attribute -> the index of a Config that finds ids by its value."""
        return [(index.field, index.name) for index in self.kind.indexes if index.field]
