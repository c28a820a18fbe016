"""The OpenAPI 3.1 document, made from the routes and what they declare."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ryu_apps.northbound.bodies.schemas import STRING, ref
from ryu_apps.northbound.discovery import answers, schemas
from ryu_apps.northbound.http.call import LINES, Parameter, Route
from ryu_apps.northbound.resources.collection import Collection

TOKEN = "X-Auth-Token"
_IF_MATCH = {
    "name": "If-Match", "in": "header", "required": False,
    "description": "Refuse the request if what it changes has another revision_number",
    "schema": {"type": "string", "pattern": '^"?revision_number=[0-9]{1,18}"?$'},
}


def document(
    routes: Iterable[Route], collections: Sequence[Collection], more: Mapping[str, Any],
    version: str, tokens: bool,
) -> dict[str, Any]:
    """The whole document; every route and every collection is in it.  ``more``: schemas by name
    that the routes refer to besides those of the collections.  ``tokens``: clients that are not
    known by a token are refused."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, tokens)
    components: dict[str, Any] = {
        "schemas": {**schemas.of(collections), **answers.SCHEMAS, **more},
        "responses": answers.components(),
        "headers": answers.headers(),
    }
    if tokens:
        components["securitySchemes"] = {
            "token": {"type": "apiKey", "in": "header", "name": TOKEN},
        }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Virtual network controller",
            "version": version,
            "description": "The OpenStack Networking API v2.0 below /v2.0, and the node below /v1.",
        },
        "paths": paths,
        "components": components,
    }


def _operation(route: Route, tokens: bool) -> dict[str, Any]:
    names = [part[1:-1] for part in route.path.split("/") if part.startswith("{")]
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": STRING} for name in names
    ]
    parameters += [_parameter(one) for one in route.query]
    parameters += [
        {"name": name, "in": "header", "required": True, "schema": STRING} for name in route.needs
    ]
    if route.conditional:
        parameters.append(_IF_MATCH)
    operation: dict[str, Any] = {
        "operationId": _operation_id(route),
        "summary": route.summary,
        "tags": [route.tag or "other"],
        "responses": answers.of(route, tokens),
    }
    if tokens:
        operation["security"] = [] if route.public else [{"token": []}]
    if parameters:
        operation["parameters"] = parameters
    if route.request_schema:
        body = STRING if route.request_media == LINES else ref(route.request_schema)
        operation["requestBody"] = {
            "required": True, "content": {route.request_media: {"schema": body}},
        }
    return operation


def _parameter(one: Parameter) -> dict[str, Any]:
    found = {"name": one.name, "in": "query", "description": one.description,
             "required": one.required}
    if one.many:
        return {**found, "explode": True, "schema": {"type": "array", "items": one.schema}}
    return {**found, "schema": one.schema}


def _operation_id(route: Route) -> str:
    words = route.path.replace("{", "").replace("}", "").replace(".", "_").strip("/")
    return f"{route.method.lower()}_{words.replace('/', '_').replace('-', '_') or 'root'}"


