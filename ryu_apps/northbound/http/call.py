"""What a handler is given and what it answers, and the route that leads to it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from webob import Request

from ryu_apps.control.config.access import Authority, Principal
from ryu_apps.northbound.http import json_body
from ryu_apps.northbound.http.errors import ApiError

MAX_PARAMETERS = 2000
JSON, LINES = "application/json", "application/x-ndjson"
"""Types of bodies: JSON; JSON that is one object a line."""


class Reply(NamedTuple):
    """``body``: JSON-able data, bytes already in JSON, a Stream, or None for no content."""

    status: int
    body: Any = None
    headers: tuple[tuple[str, str], ...] = ()


class Parameter(NamedTuple):
    """A parameter of a query.  ``schema``: of its text.  ``many``: it may be repeated.
    ``required``: none is refused."""

    name: str
    description: str = ""
    schema: Mapping[str, Any] = {"type": "string"}
    many: bool = False
    required: bool = False


@dataclass(frozen=True)
class Route:
    """``path``: with ``{name}`` parameters; ``handler(call, **parameters) -> Reply``.  ``public``:
    also for clients that nobody knows.

    The rest is for the OpenAPI document: schemas by name, query parameters, and what it answers.
    ``status``: where it succeeds, with ``response_schema``, of the type ``media``, and the headers
    ``gives``.  ``also``: other answers of a schema of their own.  ``refusals``: statuses besides
    those of all routes like it (:mod:`ryu_apps.northbound.discovery.answers`).  ``identity``: its
    errors are in the words of the Identity API.  ``conditional``: it heeds If-Match.  ``needs``:
    headers that a request must have.
    """

    method: str
    path: str
    handler: Callable[..., Reply]
    summary: str = ""
    tag: str = ""
    request_schema: Any = None
    response_schema: Any = None
    status: int = 200
    query: tuple[Parameter, ...] = ()
    public: bool = False
    also: tuple[tuple[int, str], ...] = ()
    refusals: tuple[int, ...] = ()
    identity: bool = False
    conditional: bool = False
    needs: tuple[str, ...] = ()
    gives: tuple[str, ...] = ()
    media: str = JSON
    request_media: str = JSON


def strict(route: Route) -> Route:
    """The route, refusing query parameters that it does not declare: a filter that was ignored
    would select everything."""
    known = {parameter.name for parameter in route.query}

    def handle(call: Call, **parameters: str) -> Reply:
        unknown = set(call.query) - known
        if unknown:
            there = f"; there are: {', '.join(sorted(known))}" if known else "; it has none"
            raise ApiError(
                400, "InvalidInput", f"'{min(unknown)}' is not a parameter of this query{there}."
            )
        return route.handler(call, **parameters)

    return dataclasses.replace(route, handler=handle)


class Call:
    """A request, with what handlers ask of it.

    ``authority``: who asks, and what it may do; on a public route that is nobody, who may nothing.
    ``forwarded``: the headers with which another node is asked for the same client.
    """

    def __init__(
        self, request: Request, authority: Authority, forwarded: Mapping[str, str] = {},
    ) -> None:
        self.request = request
        self.authority = authority
        self.forwarded = forwarded

    @property
    def principal(self) -> Principal:
        """Who asks."""
        return self.authority.principal

    @property
    def query(self) -> Any:
        """A multidict of the query string.  Raises ApiError 400 when it is not UTF-8, or has more
        parameters than anybody needs."""
        if self.request.query_string.count("&") >= MAX_PARAMETERS:
            raise ApiError(
                400, "HTTPBadRequest",
                f"The query has more than {MAX_PARAMETERS} parameters; split the request.",
            )
        try:
            return self.request.GET
        except UnicodeDecodeError as error:
            raise ApiError(400, "HTTPBadRequest", "The query string is not UTF-8.") from error

    def header(self, name: str) -> str:
        return self.request.headers.get(name, "").strip()

    def base_url(self) -> str:
        return self.request.host_url

    def json(self) -> Any:
        """The body.  Its content type is not looked at.  Raises ApiError 400 or 413."""
        return json_body.decode(self.request.body)
