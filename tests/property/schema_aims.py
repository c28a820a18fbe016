"""What the requests name that schemathesis makes: things that there are, mostly."""

from __future__ import annotations

import random
import re
from typing import Any

from schemathesis.core.parameters import ParameterLocation

from .schema_site import Site

_UUID = re.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_KINDS = {
    "remote_group_id": "security_group", "remote_address_group_id": "address_group",
    "security_groups": "security_group", "object_id": "network", "default_project_id": "project",
}
"""What fields name whose names do not say it."""
_SINGULAR = {"rbac-policies": "rbac_policy", "vrouters": "element", "quotas": "project",
             "auto-allocated-topology": "project", "network-ip-availabilities": "network",
             "policies": "qos_policy"}
_AIMED = 0.8
"""How many of the ids are of something that there is."""


def aim(case: Any, site: Site, source: random.Random, required: frozenset[str]) -> None:
    """Have most ids of a request name what there is; where something else than an id is wrong in
    it, that stays.  ``required``: :func:`required_fields`."""
    path = case.operation.path.split("/")
    components = case.meta.components
    if _positive(components, ParameterLocation.PATH):
        for name in case.path_parameters or {}:
            there = _there(site, _of_path(path, name))
            if there and source.random() < _AIMED:
                case.path_parameters[name] = source.choice(there)
    if isinstance(case.body, dict | list):
        case.body = _aimed(case.body, "", site, source)
    if case.meta.generation.mode.is_positive and source.random() < _AIMED:
        (case.headers or {}).pop("If-Match", None)
        if isinstance(case.body, dict):
            case.body = {name: _simple(one, required, source) for name, one in case.body.items()}


def required_fields(schema: Any) -> frozenset[str]:
    """What any body needs."""
    found = schema.raw_schema["components"]["schemas"].items()
    return frozenset(
        field for name, one in found if name.endswith(("Create", "Body"))
        for field in one.get("required", ())
    )


def _simple(value: Any, required: frozenset[str], source: random.Random) -> Any:
    """A body with few of what it may have, and prefixes that go together: one that has everything
    is refused for one thing or another."""
    if type(value) is list:
        return [_simple(one, required, source) for one in value[:2]]
    if type(value) is not dict:
        return value
    kept = {name for name in value if name in required}
    others = sorted(value.keys() - kept)
    kept |= set(source.sample(others, min(len(others), source.randrange(3))))
    found = {name: one for name, one in value.items() if name in kept}
    if {"network_id", "cidr"} <= value.keys():
        found |= {"cidr": _prefix(source), "ip_version": 4}
    for name in ("prefixes", "addresses"):
        if name in found:
            found[name] = [_prefix(source)]
    return found


def _prefix(source: random.Random) -> str:
    return f"10.{source.randrange(10, 250)}.{source.randrange(250)}.0/24"


def _positive(components: Any, location: ParameterLocation) -> bool:
    found = components.get(location)
    return found is not None and found.mode.is_positive


def _of_path(path: list[str], name: str) -> str:
    """What kind of thing a parameter of the path names."""
    if name not in ("id", "alias"):
        return name.removesuffix("_id")
    before = path[path.index(f"{{{name}}}") - 1]
    before = before.removeprefix("alias_")
    return _SINGULAR.get(before, before.removesuffix("s").replace("-", "_"))


def _there(site: Site, kind: str) -> list[str]:
    tables = site.configuration.read(lambda config: list(config.tables.get(kind, ())))
    return tables[-8:] + site.ids.get(kind, [])


def _aimed(value: Any, key: str, site: Site, source: random.Random) -> Any:
    if type(value) is dict:
        return {name: _aimed(one, name, site, source) for name, one in value.items()}
    if type(value) is list:
        return [_aimed(one, key, site, source) for one in value]
    if type(value) is str and _UUID.fullmatch(value):
        there = _there(site, _KINDS.get(key, key.removesuffix("_id")))
        if there and source.random() < _AIMED:
            return source.choice(there)
    return value
