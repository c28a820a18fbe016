"""The generic engine of Networking API resources: create (also bulk), show, list, update, delete.

A resource is a :class:`Declaration`; the engine makes its routes.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from ryu_apps.control.config import access
from ryu_apps.control.config.config import Config
from ryu_apps.control.config.rules import Draft
from ryu_apps.control.config.rules.authority import may, may_create
from ryu_apps.northbound.bodies import parsing
from ryu_apps.northbound.bodies.fields import Body
from ryu_apps.northbound.environment import Environment
from ryu_apps.northbound.http.application import Call, Reply, Route
from ryu_apps.northbound.http.errors import ApiError
from ryu_apps.northbound.listing import listing, matching
from ryu_apps.northbound.resources import views


@dataclass(frozen=True)
class Action:
    """``PUT .../<id>/<name>``: ``rule(draft, id, body, context)``.

    Its result is the answer as it stands; with ``resource`` it is the resource, to be shown.
    """

    name: str
    rule: Callable
    body: type[Body]
    resource: bool = False


@dataclass(frozen=True)
class Declaration:
    """One resource of the API.

    ``rules``: a module with create(draft, body, context), update(draft, id, body, context) and
    delete(draft, id, context).  ``view(resource, extra)``; ``extra(config, resource)`` looks up
    what the view needs.  ``indexes``: attribute -> name of the Config index that finds ids by it.
    ``actions``: member actions (PUT).  ``filter_only``: what views have and lists can be filtered
    and sorted by, but no answer shows.  ``before_list(environment, call, filters)`` may make what a
    list must have in it.
    """

    kind: str
    collection: str
    create_body: type[Body]
    update_body: type[Body]
    rules: Any
    view: Callable[[Any, Any], dict[str, Any]]
    attributes: frozenset[str]
    extra: Callable[[Config, Any], Any] = lambda config, item: None
    indexes: tuple[tuple[str, str], ...] = ()
    actions: tuple[Action, ...] = ()
    state_keys: frozenset[str] = frozenset()
    filter_only: frozenset[str] = frozenset()
    before_list: Callable[[Environment, Call, dict[str, set[str]]], None] | None = None

    @property
    def plural(self) -> str:
        """The collection's name in bodies; ``collection`` is that in paths."""
        return self.collection.replace("-", "_")


class Resource:
    """The handlers of one declaration."""

    def __init__(self, declaration: Declaration, environment: Environment):
        self.d = declaration
        self._env = environment
        self._configuration = environment.configuration

    def routes(self) -> list[Route]:
        d = self.d
        root, member = f"/v2.0/{d.collection}", f"/v2.0/{d.collection}/{{id}}"
        title = d.kind.capitalize()
        words = d.kind.replace("_", " ")
        one, many = f"{title}Item", f"{title}List"
        query = tuple(
            (name, "")
            for name in sorted(
                d.attributes | d.filter_only | listing.RESERVED | listing.TAG_FILTERS
            )
        )
        found = [
            Route("GET", root, self.index, f"List {d.collection}", d.collection, None, many,
                  query=query),
            Route("POST", root, self.create, f"Create one {words}, or many at once",
                  d.collection, f"{title}CreateRequest", one, 201),
            Route("GET", member, self.show, f"Show a {words}", d.collection, None, one,
                  query=(("fields", ""),)),
            Route("PUT", member, self.update, f"Change a {words}", d.collection,
                  f"{title}UpdateRequest", one),
            Route("DELETE", member, self.delete, f"Delete a {words}", d.collection, status=204),
        ]
        for action in d.actions:
            found.append(
                Route("PUT", f"{member}/{action.name}", self._action(action),
                      action.name.replace("_", " ").capitalize(), d.collection,
                      action.body.__name__, one if action.resource else "InterfaceAnswer")
            )
        return found

    # ------------------------------------------------------------ reading

    def index(self, call: Call) -> Reply:
        d, query, who = self.d, call.query, call.principal
        hidden = access.hidden(who, d.kind, d.attributes)
        wanted = listing.parse(
            query, d.attributes | d.filter_only, self._env.max_page, hidden
        )
        if d.before_list is not None:
            d.before_list(self._env, call, wanted.filters)
        pairs = self._configuration.read(
            lambda config: [
                (item, d.extra(config, item)) for item in self._candidates(config, wanted.filters)
                if access.visible(config, who, d.kind, item)
            ]
        )
        found = [d.view(item, extra) for item, extra in pairs]
        early = wanted.touches(d.state_keys)
        if early:
            self._add_states(found)
        if wanted.filters or wanted.tags:
            found = list(filter(matching.matcher(wanted), found))
        shown, cut = listing.page(found, wanted)
        if not early and (not wanted.fields or wanted.fields & d.state_keys):
            self._add_states(shown)
        body: dict[str, Any] = {
            d.plural: [
                listing.select(view, wanted.fields, hidden | d.filter_only) for view in shown
            ]
        }
        if wanted.paged or cut:
            url = f"{call.base_url()}/v2.0/{d.collection}"
            body[f"{d.plural}_links"] = listing.links(url, query, shown, wanted)
        return Reply(200, body)

    def _candidates(self, config: Config, filters: dict[str, set[str]]) -> list[Any]:
        """Fewer than all, where an id or an index says which can match."""
        table = config.tables[self.d.kind]
        ids = filters.get("id")
        if ids is not None:
            return [table[id] for id in ids if id in table]
        for attribute, index in self.d.indexes:
            values = filters.get(attribute)
            if values is not None and "" not in values:
                found = getattr(config, index)
                return [table[id] for value in values for id in found.get(value, ())]
        return list(table.values())

    def show(self, call: Call, id: str) -> Reply:
        fields = {part for text in call.query.getall("fields") for part in text.split(",") if part}

        def find(config: Config) -> tuple[Any, Any]:
            item = self.visible(config, call, id)
            return item, self.d.extra(config, item)

        item, extra = self._configuration.read(find)
        view = self.d.view(item, extra)
        self._add_states([view])
        return Reply(200, {self.d.kind: listing.select(view, fields, self._hidden(call))})

    def visible(self, config: Config, call: Call, id: str) -> Any:
        """The resource, if the client may see it.  Raises RuleError 404."""
        return Draft(config, call.principal).get(self.d.kind, id)

    def _hidden(self, call: Call) -> frozenset[str]:
        """What the client does not get to see of a resource."""
        d = self.d
        return access.hidden(call.principal, d.kind, d.attributes) | d.filter_only

    def _add_states(self, found: list[dict[str, Any]]) -> None:
        if self.d.state_keys and found:
            states = self._env.node_view.port_states([view["id"] for view in found])
            views.add_states(found, states)

    def _reply(self, call: Call, status: int, items: list[Any], single: bool) -> Reply:
        extras = self._configuration.read(
            lambda config: [self.d.extra(config, item) for item in items]
        )
        found = [self.d.view(item, extra) for item, extra in zip(items, extras, strict=True)]
        if status == 201 and self.d.state_keys:
            views.add_states(found, {})  # just created: no switch can have confirmed it
        else:
            self._add_states(found)
        hidden = self._hidden(call)
        found = [listing.select(view, set(), hidden) for view in found]
        return Reply(status, {self.d.kind: found[0]} if single else {self.d.plural: found})

    # ------------------------------------------------------------ writing

    def create(self, call: Call) -> Reply:
        d, data = self.d, call.json()
        single = type(data) is dict and d.kind in data
        requests = (
            [self._unwrap(data, d.kind)] if single else self._unwrap(data, d.plural, d.kind)
        )
        if type(requests) is not list or not 1 <= len(requests) <= parsing.MAX_BULK:
            raise ApiError(
                400, "HTTPBadRequest",
                f"'{d.plural}' must be a list of 1 to {parsing.MAX_BULK} objects.",
            )
        requests = [
            # In a list too, clients may wrap each one.
            self._unwrap(one, d.kind) if type(one) is dict and d.kind in one else one
            for one in requests
        ]
        parsed = [parsing.parse(d.create_body, request, d.attributes) for request in requests]
        context, who = self._env.context(call), call.principal
        named = [parsing.asked(d.create_body, body) for body in parsed]

        def plan(config: Config) -> tuple[list, list]:
            with Draft(config, who) as draft:
                made = []
                for body, attributes in zip(parsed, named, strict=True):
                    may_create(draft, d.kind, body, attributes)
                    made.append(d.rules.create(draft, body, context))
                return draft.changes(), made

        return self._reply(call, 201, self._configuration.commit(plan), single)

    def update(self, call: Call, id: str) -> Reply:
        d = self.d
        body = parsing.parse(
            d.update_body, self._unwrap(call.json(), d.kind), d.attributes, "PUT"
        )
        context = self._env.context(call)
        item = self.commit_one(
            call, id, "update", lambda draft: d.rules.update(draft, id, body, context),
            parsing.named(d.update_body, body),
        )
        return self._reply(call, 200, [item], True)

    def delete(self, call: Call, id: str) -> Reply:
        context = self._env.context(call)
        self.commit_one(
            call, id, "delete", lambda draft: self.d.rules.delete(draft, id, context)
        )
        return Reply(204)

    def _action(self, action: Action) -> Callable[..., Reply]:
        def handle(call: Call, id: str) -> Reply:
            body = parsing.parse(action.body, call.json())
            context = self._env.context(call)
            result = self.commit_one(
                call, id, "update", lambda draft: action.rule(draft, id, body, context)
            )
            if action.resource:
                return self._reply(call, 200, [result], True)
            return Reply(200, result)

        return handle

    def commit_one(
        self, call: Call, id: str, action: str, change: Callable[[Draft], Any],
        attributes: Collection[str] = (),
    ) -> Any:
        """Commit ``change(draft)`` to the resource ``id``, if the client may do that: ``action``
        is "update" or "delete", ``attributes`` those that an update sets."""
        who = call.principal

        def plan(config: Config) -> tuple[list, Any]:
            with Draft(config, who) as draft:
                may(draft, self.d.kind, id, action, attributes)
                result = change(draft)
                return draft.changes(), result

        return self._configuration.commit(plan)

    def _unwrap(self, data: Any, name: str, single: str = "") -> Any:
        """What the body has under ``name``; ``single``: what might stand there instead."""
        if type(data) is not dict or name not in data:
            names = f"'{single}', or '{name}' for many," if single else f"'{name}'"
            raise ApiError(
                400, "HTTPBadRequest", f"The body must be a JSON object with {names} in it."
            )
        if len(data) > 1:
            others = itertools.islice((key for key in data if key != name), parsing.NAMED + 1)
            extra = parsing.few(sorted(others))
            raise ApiError(400, "HTTPBadRequest", f"Unrecognized attribute(s) '{extra}'.")
        return data[name]
