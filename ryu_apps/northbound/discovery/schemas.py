"""The schemas of the OpenAPI document: of the bodies of requests, from their models, and of what is
answered, from the attributes that collections declare."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic.json_schema import models_json_schema

from ryu_apps.control.config.resources.access import anyone
from ryu_apps.northbound.bodies.fields import Body
from ryu_apps.northbound.bodies.json_schema import AsRead
from ryu_apps.northbound.bodies.parsing import MAX_BULK
from ryu_apps.northbound.bodies.schemas import (
    RECORDS,
    REF,
    STRING,
    list_of,
    obj,
    ref,
    wrapper,
)
from ryu_apps.northbound.listing.attributes import Attributes
from ryu_apps.northbound.node import schemas as node
from ryu_apps.northbound.read_only.declared import READ_ONLY
from ryu_apps.northbound.resources import quotas
from ryu_apps.northbound.resources.collection import Collection
from ryu_apps.northbound.resources.ports import port_bindings, trunk
from ryu_apps.northbound.resources.qos import qos_rules
from ryu_apps.northbound.resources.security import default_security_group_rules
from ryu_apps.northbound.resources.tags import TagsBody

_DEFAULT_RULES = default_security_group_rules


def of(collections: Sequence[Collection]) -> dict[str, Any]:
    """All of them by name, but those of the Identity API."""
    actions = [action for one in collections for action in one.actions]
    models: list[type[Body]] = [
        TagsBody, quotas.QuotaUpdate, _DEFAULT_RULES.DefaultSecurityGroupRuleCreate,
        *port_bindings.BODIES, *(action.body for action in actions),
    ]
    for one in collections:
        models += [one.create_body, one.update_body]
    _, generated = models_json_schema(
        [(model, "validation") for model in dict.fromkeys(models)], by_alias=True,
        ref_template=REF, schema_generator=AsRead,
    )
    found: dict[str, Any] = dict(generated["$defs"])
    for one in collections:
        hidden = {name for name in one.shown if anyone not in one.kind.access.attribute(name).read}
        hidden |= one.optional
        found |= _answers(one.title, one.name, one.plural,
                          {name: one.attributes[name] for name in one.shown}, hidden)
        found |= create_request(one.title, one.name, one.plural, one.create_body, MAX_BULK)
        found[f"{one.title}UpdateRequest"] = wrapper(one.name, ref(one.update_body.__name__))
        if qos_rules.Alias in one.below:
            found |= qos_rules.alias_schemas(one)
    for read in (*READ_ONLY, _DEFAULT_RULES.READ):
        shown = {name: kind for name, kind in read.attributes.items()
                 if name not in read.filter_only}
        found |= _answers(read.title, read.name, read.plural, shown)
    found |= create_request(
        _DEFAULT_RULES.READ.title, _DEFAULT_RULES.NAME, _DEFAULT_RULES.PLURAL,
        _DEFAULT_RULES.DefaultSecurityGroupRuleCreate, MAX_BULK)
    found |= {
        action.answer.name: action.answer.schema for action in actions if action.answer is not None
    }
    return (
        found | _GENERAL | node.SCHEMAS | port_bindings.SCHEMAS | quotas.SCHEMAS | trunk.SCHEMAS
    )


_GENERAL: dict[str, Any] = {
    "Link": obj(("href", "rel"), href=STRING, rel=STRING),
    "Version": obj(("id", "status", "links"), id=STRING, status=STRING,
                   links=list_of(ref("Link"))),
    "Versions": obj(("versions",), versions=list_of(ref("Version"))),
    "Resources": obj(("resources", "version"), version=ref("Version"), resources=list_of(obj(
        ("name", "collection", "links"), name=STRING, collection=STRING,
        links=list_of(ref("Link"))))),
    "Contents": obj(("resources",), resources=list_of(obj(
        ("method", "path", "summary", "query"), method=STRING, path=STRING, summary=STRING,
        query=list_of(STRING)))),
    "Extension": obj(("alias", "name", "description", "updated", "links"), alias=STRING,
                     name=STRING, description=STRING, updated=STRING, links=RECORDS),
    "ExtensionItem": obj(("extension",), extension=ref("Extension")),
    "ExtensionList": obj(("extensions",), extensions=list_of(ref("Extension"))),
    "OpenApi": obj(("openapi", "info", "paths"), openapi=STRING, info={"type": "object"},
                   paths={"type": "object"}),
}


def _answers(
    title: str, name: str, plural: str, attributes: Attributes, hidden: Iterable[str] = (),
) -> dict[str, Any]:
    """Of one, of a list, of several that were made at once.  With ``fields`` an answer has only
    what was asked for."""
    properties = {key: attributes[key].schema for key in sorted(attributes)}
    whole = {"allOf": [
        ref(f"{title}Fields"), {"required": sorted(attributes.keys() - set(hidden))}]}
    return {
        f"{title}Fields": obj((), **properties),
        title: whole,
        f"{title}Part": obj((name,), **{name: ref(f"{title}Fields")}),
        f"{title}Item": obj((name,), **{name: ref(title)}),
        f"{title}CreateAnswer": {"oneOf": [
            obj((name,), **{name: ref(title)}),
            obj((plural,), **{plural: list_of(ref(title))}),
        ]},
        f"{title}List": obj((plural,), **{
            plural: list_of(ref(f"{title}Fields")), f"{plural}_links": list_of(ref("Link"))}),
    }


def create_request(
    title: str, name: str, plural: str, body: type[Body], most: int,
) -> dict[str, Any]:
    """One, or many at once, each of which may be wrapped again."""
    one = ref(body.__name__)
    many = {"type": "array", "items": {"anyOf": [one, wrapper(name, one)]},
            "minItems": 1, "maxItems": most}
    return {f"{title}CreateRequest": {"oneOf": [wrapper(name, one), wrapper(plural, many)]}}
