"""The OpenAPI 3.1 document, made from the routes and the body models."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic.json_schema import models_json_schema

from ryu_apps.control.config.resources.access import anyone
from ryu_apps.northbound.bodies.fields import Body
from ryu_apps.northbound.bodies.parsing import MAX_BULK
from ryu_apps.northbound.bodies.schemas import RECORDS, REF, STRING, obj, ref
from ryu_apps.northbound.http.call import Route
from ryu_apps.northbound.node import schemas as node
from ryu_apps.northbound.resources import default_security_group_rules, port_bindings, quotas
from ryu_apps.northbound.resources.collection import Collection
from ryu_apps.northbound.resources.quotas import QuotaUpdate
from ryu_apps.northbound.resources.tags import TagsBody


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def document(
    routes: Iterable[Route], collections: Sequence[Collection], version: str
) -> dict[str, Any]:
    """The whole document; every route and every collection is in it."""
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
        "components": {"schemas": _schemas(collections)},
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
    return {"application/json": {"schema": ref(name)}}


def _schemas(collections: Sequence[Collection]) -> dict[str, Any]:
    actions = [action for one in collections for action in one.actions]
    models: list[type[Body]] = [
        TagsBody, QuotaUpdate, default_security_group_rules.DefaultSecurityGroupRuleCreate,
        *port_bindings.BODIES, *(action.body for action in actions),
    ]
    for one in collections:
        models += [one.create_body, one.update_body]
    _, generated = models_json_schema(
        [(model, "validation") for model in dict.fromkeys(models)], by_alias=True,
        ref_template=REF,
    )
    found: dict[str, Any] = dict(generated["$defs"])
    for one in collections:
        found.update(_of_collection(one))
    found.update(_GENERAL)
    found.update({
        action.answer.name: action.answer.schema for action in actions if action.answer is not None
    })
    found.update(node.SCHEMAS)
    found.update(port_bindings.SCHEMAS)
    found.update(quotas.SCHEMAS)
    found.update(default_security_group_rules.SCHEMAS)
    return found


_GENERAL: dict[str, Any] = {
    "Error": obj(("NeutronError",), NeutronError=obj(
        ("type", "message", "detail"), type=STRING, message=STRING, detail=STRING)),
    "Link": obj(("href", "rel"), href=STRING, rel=STRING),
    "Versions": obj(("versions",), versions=RECORDS),
    "Resources": obj(("resources",), resources=RECORDS),
    "Extension": obj(("alias", "name"), alias=STRING, name=STRING, description=STRING,
                     updated=STRING),
    "ExtensionItem": obj(("extension",), extension=ref("Extension")),
    "ExtensionList": obj(("extensions",), extensions=_list(ref("Extension"))),
}


def _of_collection(one: Collection) -> dict[str, Any]:
    """Item, list, and the wrapped requests of one collection."""
    create, update = one.create_body.__name__, one.update_body.__name__
    hidden = {name for name in one.shown if anyone not in one.kind.access.attribute(name).read}
    item, many = one.name, one.plural
    return {
        one.title: obj(
            sorted(one.shown - hidden),
            **{name: one.attributes[name].schema for name in sorted(one.shown)},
        ),
        f"{one.title}Item": obj((item,), **{item: ref(one.title)}),
        f"{one.title}List": obj(
            (many,), **{many: _list(ref(one.title)), f"{many}_links": _list(ref("Link"))}),
        f"{one.title}CreateRequest": {"oneOf": [
            obj((item,), **{item: ref(create)}),
            obj((many,), **{many: {**_list(ref(create)), "minItems": 1, "maxItems": MAX_BULK}}),
        ]},
        f"{one.title}UpdateRequest": obj((item,), **{item: ref(update)}),
    }
