"""The handlers of a collection: create (also many at once), show, list, update, delete, actions.

``within`` of a handler: of a nested collection the field that has the parent's id, and that id;
else nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from collections.abc import Collection as Names
from typing import Any
from urllib.parse import quote

from ryu_apps.control.config import access
from ryu_apps.control.config.config import Config
from ryu_apps.control.config.rules import Context, Draft, quotas
from ryu_apps.control.config.rules.access import sharing
from ryu_apps.control.config.rules.access.authority import may, may_create
from ryu_apps.control.config.rules.draft import not_found
from ryu_apps.northbound.bodies import parsing
from ryu_apps.northbound.environment import Environment
from ryu_apps.northbound.http import audit
from ryu_apps.northbound.http.call import Call, Reply, Route
from ryu_apps.northbound.listing import listing, matching, parameters
from ryu_apps.northbound.resources.collection import Action, Collection, View

Seen = tuple[Any, Any, bool | None]
"""A resource, what its view needs beside it, and what who asks is told of ``shared``."""


class Handlers:
    """The handlers of one collection."""

    def __init__(self, collection: Collection, environment: Environment):
        self.collection = collection
        self.kind = collection.kind.name
        self._env = environment
        self._configuration = environment.configuration
        standing = collection.standing
        self._standing = {} if standing is None else standing.items(environment)

    @property
    def tag(self) -> str:
        """Under which the OpenAPI document lists the routes."""
        return self.collection.root.split("/")[2]

    def routes(self) -> list[Route]:
        c = self.collection
        root, member = c.root, f"{c.root}/{{id}}"
        tag = self.tag
        words = c.kind.name.replace("_", " ")
        one = f"{c.title}Item"
        found = [
            Route("GET", root, self.index, f"List {c.path}", tag, None, f"{c.title}List",
                  query=parameters.of(c.attributes), refusals=(403,)),
            Route("POST", root, self.create, f"Create one {words}, or many at once", tag,
                  f"{c.title}CreateRequest", f"{c.title}CreateAnswer", 201,
                  refusals=c.refusals, conditional=True),
            Route("GET", member, self.show, f"Show a {words}", tag, None, f"{c.title}Part",
                  query=(parameters.FIELDS,)),
            Route("PUT", member, self.update, f"Change a {words}", tag,
                  f"{c.title}UpdateRequest", one, refusals=c.refusals, conditional=True),
            Route("DELETE", member, self.delete, f"Delete a {words}", tag, status=204,
                  conditional=True),
        ]
        for action in c.actions:
            found.append(
                Route("PUT", f"{member}/{action.name}", self._action(action),
                      action.name.replace("_", " ").capitalize(), tag, action.body.__name__,
                      action.answer.name if action.answer is not None
                      else c.title if action.bare else one,
                      refusals=action.refusals, conditional=True)
            )
        return found

    # ------------------------------------------------------------ reading

    def index(self, call: Call, **within: str) -> Reply:
        c, query, who = self.collection, call.query, call.authority
        hidden = access.hidden(who, self.kind, c.shown)
        asked = listing.parse(query, c.attributes, self._env.max_page, hidden)
        if c.before_list is not None:
            c.before_list(self._env, call, asked.filters)

        def find(config: Config) -> list[Seen]:
            self._check_parent(Draft(config, who), within)
            items = self._candidates(config, asked.filters, within)
            return [
                self._seen(config, call, item)
                for item in access.only_visible(config, who, self.kind, items)
            ]

        found = [self._view(*seen) for seen in self._configuration.read(find)]
        early = c.state is not None and asked.touches(c.state.attributes)
        if early:
            self._add_states(found)
        if asked.filters or asked.tags:
            found = list(filter(matching.matcher(asked, c.attributes), found))
        shown, cut = listing.page(found, asked)
        if c.state is not None and not early and (
            not asked.fields or asked.fields & c.state.attributes
        ):
            self._add_states(shown)
        body: dict[str, Any] = {
            c.plural: [
                listing.select(view, asked.fields, hidden | c.filter_only, c.optional)
                for view in shown
            ]
        }
        if asked.paged or cut:
            path = c.root.format(**{name: quote(id, safe="") for name, id in within.items()})
            url = f"{call.base_url()}{path}"
            body[f"{c.plural}_links"] = listing.links(url, query, shown, asked)
        return Reply(200, body)

    def _candidates(
        self, config: Config, filters: dict[str, set[str]], within: dict[str, str]
    ) -> list[Any]:
        """Fewer than all, where an id or an index says which can match; all of them ``within``."""
        table = self._table(config)
        ids = filters.get("id")
        if ids is not None:
            found = [table[id] for id in ids if id in table]
        else:
            found = self._by_index(config, {
                **filters, **{field: {id} for field, id in within.items()}
            })
        return [item for item in found if _is_within(item, within)] if within else found

    def _table(self, config: Config) -> Mapping[str, Any]:
        table = config.table(self.kind)
        return {**table, **self._standing} if self._standing else table

    def _by_index(self, config: Config, filters: dict[str, set[str]]) -> list[Any]:
        table = self._table(config)
        for attribute, index in self.collection.indexes:
            values = filters.get(attribute)
            if values is not None and not any(map(matching.asks_for_nothing, values)):
                members = getattr(config, index)
                return [table[id] for value in values for id in members.get(value, ())]
        return list(table.values())

    def show(self, call: Call, id: str, **within: str) -> Reply:
        fields = {part for text in call.query.getall("fields") for part in text.split(",") if part}

        def find(config: Config) -> Seen:
            return self._seen(config, call, self.visible(config, call, id, within))

        view = self._view(*self._configuration.read(find))
        self._add_states([view])
        return Reply(200, {
            self.collection.name: listing.select(
                view, fields, self._hidden(call), self.collection.optional)
        })

    def visible(self, config: Config, call: Call, id: str, within: dict[str, str]) -> Any:
        """The resource, if the client may see it.  Raises RuleError 404."""
        return self._get(Draft(config, call.authority), id, within)

    def _get(self, draft: Draft, id: str, within: dict[str, str]) -> Any:
        self._check_parent(draft, within)
        standing = self._standing.get(id)
        if standing is not None and access.visible(draft.config, draft.who, self.kind, standing):
            return standing
        item = draft.get(self.kind, id)
        if not _is_within(item, within):
            raise not_found(self.kind, id)
        return item

    def _check_parent(self, draft: Draft, within: dict[str, str]) -> None:
        """Raises RuleError 404 where the client does not see the parent that the path names."""
        parent = self.collection.kind.parent
        if within and parent is not None:
            draft.get(parent.kind, within[parent.field])

    def _hidden(self, call: Call) -> frozenset[str]:
        """What the client does not get to see of a resource."""
        c = self.collection
        return access.hidden(call.authority, self.kind, c.shown) | c.filter_only

    def _seen(self, config: Config, call: Call, item: Any) -> Seen:
        """What is looked up of a resource for who asks."""
        c, project = self.collection, call.authority.project_id
        shared = (access.seems_shared(config, project, self.kind, item)
                  if "shared" in c.attributes else None)
        return item, c.extra(config, item), shared

    def _view(self, item: Any, extra: Any, shared: bool | None) -> View:
        view = self.collection.view(item, extra)
        return view if shared is None else {**view, "shared": shared}

    def _add_states(self, found: list[View], new: bool = False) -> None:
        state = self.collection.state
        if state is not None and found:
            state.add(self._env.node_view, found, new)

    def _reply(self, call: Call, status: int, items: list[Any], single: bool) -> Reply:
        c = self.collection
        found = [self._view(*seen) for seen in self._configuration.read(
            lambda config: [self._seen(config, call, item) for item in items])]
        self._add_states(found, new=status == 201)
        hidden = self._hidden(call)
        found = [listing.select(view, set(), hidden, c.optional) for view in found]
        return Reply(status, {c.name: found[0]} if single else {c.plural: found})

    # ------------------------------------------------------------ writing

    def create(self, call: Call, **within: str) -> Reply:
        c = self.collection
        requests, single = parsing.requests(call.json(), c.name, c.plural)
        parsed = [parsing.parse(c.create_body, request, c.shown) for request in requests]
        context = self._env.context(call)
        named = [parsing.asked(c.create_body, body) for body in parsed]

        def plan(config: Config) -> tuple[list, list]:
            with Draft(config, call.authority) as draft:
                made = []
                for body, attributes in zip(parsed, named, strict=True):
                    body = {**body, **within}
                    may_create(draft, self.kind, body, attributes)
                    made.append(c.rules.create(draft, body, context))
                    sharing.follow(draft, self.kind, made[-1], context)
                quotas.require(draft, self.kind, made, context)
                return draft.changes(), made

        return self._reply(call, 201, audit.committed(self._configuration.commit, plan), single)

    def update(self, call: Call, id: str, **within: str) -> Reply:
        return self.updated(call, id, parsing.unwrap(call.json(), self.collection.name), **within)

    def updated(self, call: Call, id: str, request: Any, **within: str) -> Reply:
        """Update by ``request``, the body without its wrapper."""
        c = self.collection
        body = parsing.parse(c.update_body, request, c.shown, "PUT")
        context = self._env.context(call)
        if c.before_update is not None:
            context = dataclasses.replace(context, **c.before_update(self._env, id, body))
        item = self.commit_one(
            call, id, "update", self._updating(id, body, context),
            parsing.named(c.update_body, body), within,
        )
        return self._reply(call, 200, [item], True)

    def delete(self, call: Call, id: str, **within: str) -> Reply:
        context = self._env.context(call)
        self.commit_one(
            call, id, "delete", self._deleting(id, context), within=within,
        )
        return Reply(204)

    def _updating(self, id: str, body: dict[str, Any], context: Context) -> Callable[[Draft], Any]:
        def change(draft: Draft) -> Any:
            item = self.collection.rules.update(draft, id, body, context)
            sharing.follow(draft, self.kind, item, context)
            return item

        return change

    def _deleting(self, id: str, context: Context) -> Callable[[Draft], None]:
        def change(draft: Draft) -> None:
            self.collection.rules.delete(draft, id, context)
            sharing.forget(draft, self.kind, id)

        return change

    def _action(self, action: Action) -> Callable[..., Reply]:
        def handle(call: Call, id: str, **within: str) -> Reply:
            body = parsing.parse(action.body, call.json())
            context = self._env.context(call)
            result = self.commit_one(
                call, id, "update", lambda draft: action.rule(draft, id, body, context),
                within=within,
            )
            if action.answer is not None:
                return Reply(200, result)
            reply = self._reply(call, 200, [result], True)
            return Reply(200, reply.body[self.collection.name]) if action.bare else reply

        return handle

    def commit_one(
        self, call: Call, id: str, action: str, change: Callable[[Draft], Any],
        attributes: Names[str] = (), within: dict[str, str] | None = None,
    ) -> Any:
        """Commit ``change(draft)`` to the resource ``id``, if the client may do that: ``action``
        is "update" or "delete", ``attributes`` those that an update sets."""
        def plan(config: Config) -> tuple[list, Any]:
            with Draft(config, call.authority) as draft:
                if within:
                    self._get(draft, id, within)
                self._not_standing(draft, id, action)
                may(draft, self.kind, id, action, attributes)
                result = change(draft)
                return draft.changes(), result

        return audit.committed(self._configuration.commit, plan)


    def _not_standing(self, draft: Draft, id: str, action: str) -> None:
        """Refuse to change what is not stored.  Raises RuleError."""
        standing, item = self.collection.standing, self._standing.get(id)
        if standing is not None and item is not None and access.allowed(
            draft.config, draft.who, self.kind, action, item
        ):
            raise standing.refused(id)


def _is_within(item: Any, within: dict[str, str]) -> bool:
    return all(getattr(item, field) == id for field, id in within.items())
