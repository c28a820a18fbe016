"""A collection that is read: its routes, made of a function that tells what is in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ryu_apps.northbound.environment import Environment
from ryu_apps.northbound.http.call import Call, Reply, Route
from ryu_apps.northbound.http.errors import ApiError
from ryu_apps.northbound.listing import listing, matching, parameters
from ryu_apps.northbound.listing.attributes import Attributes

View = dict[str, Any]
Extensions = dict[str, tuple[str, str]]


@dataclass(frozen=True)
class ReadOnly:
    """``path``: below ``/v2.0``.  ``name`` and ``plural``: of one and of several in answers.

    ``items(environment, call, filters)``: all that this client sees; it takes out of ``filters``
    what it heeds itself.  ``attributes``: all that each has, with their types; ``filter_only``:
    what lists can be filtered by besides.  ``details``: what only one by itself shows, to whom the
    rule ``detail_rule`` lets see it, if there is one; others are refused.  ``key``: the attribute
    by which one is asked for; "" for none.  ``title``: as it stands in errors.  ``words``: of
    several, for the OpenAPI document.
    """

    path: str
    name: str
    plural: str
    title: str
    words: str
    items: Callable[[Environment, Call, dict[str, set[str]]], list[View]]
    attributes: Attributes
    key: str = "id"
    filter_only: frozenset[str] = frozenset()
    details: frozenset[str] = frozenset()
    detail_rule: str = ""
    extensions: Extensions = field(default_factory=dict)

    def routes(self, environment: Environment) -> list[Route]:
        root = f"/v2.0/{self.path}"

        def index(call: Call) -> Reply:
            return self._index(environment, call, root)

        def show(call: Call, id: str) -> Reply:
            return self._show(environment, call, id)

        found = [Route("GET", root, index, f"List {self.words}", self.path, None,
                       f"{self.title}List", query=parameters.of(self.attributes, self.filter_only))]
        if self.key:
            found.append(Route("GET", f"{root}/{{id}}", show, f"Show one of the {self.words}",
                               self.path, None, f"{self.title}Part",
                               query=(parameters.FIELDS,),
                               refusals=(403,) if self.detail_rule else ()))
        return found

    def _index(self, environment: Environment, call: Call, root: str) -> Reply:
        asked = listing.parse(
            call.query, self.attributes, environment.max_page, unsorted=self.filter_only)
        items = self.items(environment, call, asked.filters)
        matches = matching.matcher(asked, self.attributes)
        found = [self._with_id(item) for item in items if matches(item)]
        shown, cut = listing.page(found, asked)
        body: View = {self.plural: [self._select(one, asked.fields) for one in shown]}
        if asked.paged or cut:
            url = f"{call.base_url()}{root}"
            body[f"{self.plural}_links"] = listing.links(url, call.query, shown, asked)
        return Reply(200, body)

    def _with_id(self, item: View) -> View:
        """Lists are in order of it, and pages begin after one."""
        if self.key:
            return {**item, "id": item[self.key]}
        return {**item, "id": " ".join(map(str, item.values()))}

    def _select(self, item: View, fields: set[str], whole: bool = False) -> View:
        hidden = item.keys() - self.attributes.keys() | self.filter_only
        return listing.select(item, fields, hidden if whole else hidden | self.details)

    def _show(self, environment: Environment, call: Call, id: str) -> Reply:
        if self.detail_rule and not call.authority.regardless(self.detail_rule):
            raise ApiError(
                403, "PolicyNotAuthorized",
                f"rule:{self.detail_rule} is disallowed by policy: it is not yours to see.",
            )
        fields = {part for text in call.query.getall("fields") for part in text.split(",")}
        for item in self.items(environment, call, {self.key: {id}}):
            if item[self.key] == id:
                return Reply(200, {self.name: self._select(item, fields - {""}, whole=True)})
        raise ApiError(404, f"{self.title}NotFound", f"{self.title} {id} could not be found.")
