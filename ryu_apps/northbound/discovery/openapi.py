"""The OpenAPI 3.1 document, made from the routes and the body models."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic.json_schema import models_json_schema

from ryu_apps.control.config import access
from ryu_apps.control.config.access import Principal
from ryu_apps.northbound.bodies.fields import Body
from ryu_apps.northbound.bodies.parsing import MAX_BULK
from ryu_apps.northbound.http.application import Route
from ryu_apps.northbound.listing.attributes import type_of
from ryu_apps.northbound.resources import bodies, declarations
from ryu_apps.northbound.resources.resource import Declaration

_REF = "#/components/schemas/{model}"
_OPEN: dict[str, Any] = {"type": "object", "additionalProperties": True}
_LIST_OF_RECORDS: dict[str, Any] = {"type": "array", "items": _OPEN}


def document(routes: Iterable[Route], version: str) -> dict[str, Any]:
    """The whole document; every route is in it."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Virtual network controller",
            "version": version,
            "description": "The OpenStack Networking API v2.0 below /v2.0, and the node below /v1.",
        },
        "paths": paths,
        "components": {"schemas": _schemas()},
    }


def _operation(route: Route) -> dict[str, Any]:
    names = [part[1:-1] for part in route.path.split("/") if part.startswith("{")]
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in names
    ]
    for name, description in route.query:
        parameters.append({
            "name": name, "in": "query", "description": description, "explode": True,
            "schema": {"type": "array", "items": {"type": "string"}},
        })
    answer: dict[str, Any] = {"description": "Done"}
    if route.response_schema:
        answer["content"] = _json_of(route.response_schema)
    operation: dict[str, Any] = {
        "operationId": _operation_id(route),
        "summary": route.summary,
        "tags": [route.tag or "other"],
        "responses": {
            str(route.status): answer,
            "default": {"description": "Refused", "content": _json_of("Error")},
        },
    }
    if parameters:
        operation["parameters"] = parameters
    if route.request_schema:
        operation["requestBody"] = {"required": True, "content": _json_of(route.request_schema)}
    return operation


def _operation_id(route: Route) -> str:
    words = route.path.replace("{", "").replace("}", "").replace(".", "_").strip("/")
    return f"{route.method.lower()}_{words.replace('/', '_').replace('-', '_') or 'root'}"


def _json_of(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": _ref(name)}}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": _REF.format(model=name)}


def _object(required: Iterable[str] = (), /, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


def _schemas() -> dict[str, Any]:
    models: list[type[Body]] = [
        bodies.InterfaceBody, bodies.TagsBody, bodies.AddressesBody
    ]
    for declaration in declarations.ALL:
        models += [declaration.create_body, declaration.update_body]
    _, generated = models_json_schema(
        [(model, "validation") for model in models], by_alias=True, ref_template=_REF
    )
    schemas: dict[str, Any] = dict(generated["$defs"])
    for declaration in declarations.ALL:
        schemas.update(_resource_schemas(declaration))
    link = _object(("href", "rel"), href={"type": "string"}, rel={"type": "string"})
    extension = _object(("alias", "name"), alias={"type": "string"}, name={"type": "string"},
                        description={"type": "string"}, updated={"type": "string"})
    schemas.update({
        "Error": _object(("NeutronError",), NeutronError=_object(
            ("type", "message", "detail"), type={"type": "string"}, message={"type": "string"},
            detail={"type": "string"})),
        "Link": link,
        "Versions": _object(("versions",), versions=_LIST_OF_RECORDS),
        "Resources": _object(("resources",), resources=_LIST_OF_RECORDS),
        "Extension": extension,
        "ExtensionItem": _object(("extension",), extension=_ref("Extension")),
        "ExtensionList": _object(("extensions",),
                                 extensions={"type": "array", "items": _ref("Extension")}),
        "InterfaceAnswer": _object(
            ("id", "port_id", "subnet_id"),
            **{name: {"type": "string"} for name in
               ("id", "port_id", "network_id", "subnet_id", "project_id", "tenant_id")},
            subnet_ids={"type": "array", "items": {"type": "string"}},
            tags={"type": "array", "items": {"type": "string"}}),
        "Record": _OPEN,
        "Health": _object(("status",), status={"enum": ["ok", "degraded"]},
                          checks=_LIST_OF_RECORDS),
        "Explanation": _object(
            ("verdict", "reason", "packet", "source", "destination", "stages"),
            verdict={"enum": ["allowed", "denied", "unreachable"]}, reason={"type": "string"},
            packet={"type": "string"}, source=_OPEN, destination=_OPEN, stages=_LIST_OF_RECORDS),
        "Counters": _object(
            ("rule", "packets", "bytes", "vrouters", "unanswered"), rule={"type": "string"},
            packets={"type": "integer"}, bytes={"type": "integer"}, vrouters=_LIST_OF_RECORDS,
            unanswered=_LIST_OF_RECORDS),
        "Document": _OPEN,
    })
    for name in ("nodes", "elements", "evis", "vrfs", "peers", "ports", "rib", "objects", "flows"):
        schemas[f"{name.capitalize()}Answer"] = _object(
            (name, "total", "offset"), **{name: _LIST_OF_RECORDS}, total={"type": "integer"},
            offset={"type": "integer"}, unanswered=_LIST_OF_RECORDS)
    return schemas


def _resource_schemas(declaration: Declaration) -> dict[str, Any]:
    """Item, list, and the wrapped requests of one resource."""
    title, kind, collection = declaration.kind.capitalize(), declaration.kind, declaration.plural
    create, update = declaration.create_body.__name__, declaration.update_body.__name__
    many = {"type": "array", "items": _ref(create), "minItems": 1, "maxItems": MAX_BULK}
    return {
        title: _object(
            sorted(declaration.attributes - access.hidden(
                Principal("any"), declaration.kind, declaration.attributes
            )),
            **{name: type_of(name).schema for name in sorted(declaration.attributes)},
        ),
        f"{title}Item": _object((kind,), **{kind: _ref(title)}),
        f"{title}List": _object(
            (collection,), **{collection: {"type": "array", "items": _ref(title)},
                              f"{collection}_links": {"type": "array", "items": _ref("Link")}}),
        f"{title}CreateRequest": {"oneOf": [
            _object((kind,), **{kind: _ref(create)}),
            _object((collection,), **{collection: many}),
        ]},
        f"{title}UpdateRequest": _object((kind,), **{kind: _ref(update)}),
    }
