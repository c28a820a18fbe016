"""The answers of an operation, as the OpenAPI document has them.

What a route may be refused with follows from what it is: every request may be malformed, or meet a
config store that does not answer; one that names something in its path, or in a body, may name
what there is not; one that changes something may be forbidden, or in conflict with what there is.
What else there is it declares itself.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from ryu_apps.northbound.bodies.schemas import STRING, obj, ref
from ryu_apps.northbound.http.call import JSON, LINES, Route
from ryu_apps.northbound.http.errors import ERROR, IDENTITY_ERROR

_READING = ("GET", "HEAD")
_WHY = {
    400: "What is asked makes no sense, or cannot be read",
    401: "Nobody knows who asks",
    403: "The client may not do that",
    404: "There is no such thing, or the client does not see it",
    409: "It is in conflict with what there is",
    412: "It has another revision than If-Match says",
    413: "The request is too large; split it",
    429: "Too many attempts",
    501: "This version cannot do that",
    502: "The node that has to be asked does not answer",
    503: "It cannot be told or done now",
}
_REQUEST_ID = "X-Openstack-Request-Id"
_HEADERS: dict[str, dict[str, Any]] = {
    _REQUEST_ID: {
        "description": "The number of the request, as the audit trail has it", "required": True,
        "schema": {"type": "string", "pattern": "^req-[0-9a-f-]{36}$"},
    },
    "WWW-Authenticate": {
        "description": "Where a client gets a token", "required": True,
        "schema": {"type": "string", "pattern": '^Keystone uri="'},
    },
    "Retry-After": {
        "description": "Seconds", "schema": {"type": "string", "pattern": "^[0-9]+$"},
    },
    "X-Subject-Token": {
        "description": "The token that this is about", "required": True, "schema": STRING,
    },
    "Vary": {"description": "What else the answer depends on", "schema": STRING},
}
_OF_STATUS = {401: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}


def refusals(route: Route, tokens: bool) -> list[int]:
    """Statuses.  ``tokens``: clients that are not known are refused."""
    found = {400, 503, *route.refusals}
    if tokens and not route.public:
        found.add(401)
    if "{" in route.path or route.request_schema:
        found.add(404)
    if route.method not in _READING:
        found |= {403, 409}
    if route.request_schema:
        found.add(413)
    if route.conditional:
        found.add(412)
    return sorted(found)


def of(route: Route, tokens: bool) -> dict[str, Any]:
    """The ``responses`` of an operation; what is refused by reference to :func:`components`."""
    done: dict[str, Any] = {"description": "Done", "headers": _headers(_REQUEST_ID, *route.gives)}
    if route.response_schema:
        done["content"] = _content(route.response_schema, route.media)
    found = {str(route.status): done}
    also = dict(route.also)
    for status in refusals(route, tokens):
        name = _name(status, route.identity or status == 401)
        found[str(status)] = {"$ref": f"#/components/responses/{name}"}
        if status in also:
            found[str(status)] = _refused(status, {"anyOf": [ref(also[status]), ref(ERROR)]})
    return found


def components() -> dict[str, Any]:
    """All that a request can be refused with, by name."""
    return {
        _name(status, identity): _refused(status, ref(IDENTITY_ERROR if identity else ERROR))
        for status in _WHY for identity in (False, True)
    }


def headers() -> dict[str, Any]:
    """All headers of answers, by name."""
    return _HEADERS


SCHEMAS: dict[str, Any] = {
    ERROR: obj(("NeutronError",), NeutronError=obj(
        ("type", "message", "detail"), type=STRING, message=STRING, detail=STRING)),
    IDENTITY_ERROR: obj(("error",), error=obj(
        ("code", "title", "message"), code={"type": "integer"}, title=STRING, message=STRING)),
}


def _name(status: int, identity: bool) -> str:
    phrase = HTTPStatus(status).phrase.title().replace(" ", "").replace("-", "")
    return f"Identity{phrase}" if identity else phrase


def _refused(status: int, schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "description": _WHY[status],
        "headers": _headers(_REQUEST_ID, *_OF_STATUS.get(status, ())),
        "content": {JSON: {"schema": schema}},
    }


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _content(schema: str, media: str) -> dict[str, Any]:
    """Of lines the schema is each one's, and what stands here is their text."""
    return {media: {"schema": STRING if media == LINES else ref(schema)}}
