"""JSON schemas, as the OpenAPI document has them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

REF = "#/components/schemas/{model}"
OPEN: dict[str, Any] = {"type": "object", "additionalProperties": True}
RECORDS: dict[str, Any] = {"type": "array", "items": OPEN}
STRING: dict[str, Any] = {"type": "string"}
INTEGER: dict[str, Any] = {"type": "integer"}


class Schema(NamedTuple):
    """One that others refer to by its name."""

    name: str
    schema: dict[str, Any]


def ref(name: str) -> dict[str, str]:
    return {"$ref": REF.format(model=name)}


def list_of(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def wrapper(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """An object that has this one member alone, as requests have."""
    return {**obj((name,), **{name: schema}), "additionalProperties": False}


def obj(required: Iterable[str] = (), /, **properties: Any) -> dict[str, Any]:
    """An object with these properties."""
    return {"type": "object", "properties": properties, "required": list(required)}
