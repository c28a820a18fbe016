"""The stored form of resources: JSON, with the number of the schema that it was written in."""

from __future__ import annotations

import dataclasses
import functools
import json
import typing
from typing import Any, NamedTuple

from ryu_apps.control.config.model import KINDS, Resource

SCHEMA = max(kind.resource.schema for kind in KINDS.values())
"""Version of the stored form; :func:`decode` upgrades older ones and refuses newer ones."""


class _Form(NamedTuple):
    """``names``: the fields of a class as they are written.  ``parts``: field -> class of what its
    list has in it."""

    names: tuple[str, ...]
    parts: dict[str, type]


@functools.cache
def _form(cls: type) -> _Form:
    """The order is that of the first version, so that a resource is stored in the same bytes by all
    of them: project and description stand after the name, if there is one."""
    names = [field.name for field in dataclasses.fields(cls)]
    if issubclass(cls, Resource):
        standard = [field.name for field in dataclasses.fields(Resource)][1:]
        names = [name for name in names if name not in standard]
        at = names.index("name") + 1 if "name" in names else len(names)
        names = [*names[:at], *standard[:2], *names[at:], *standard[2:]]
    return _Form(tuple(names), {
        name: parts[0] for name, hint in typing.get_type_hints(cls).items()
        if typing.get_origin(hint) is tuple and (parts := typing.get_args(hint))[0] is not str
    })


class ModelError(ValueError):
    """A stored value cannot be understood."""


def encode(resource: Resource) -> bytes:
    """The stored form: JSON with the schema number.  Inverse of :func:`decode`.

    The number is the oldest that means the same, so that a node that was not upgraded yet
    understands what it can, and never takes a filtered port for an open one.
    """
    return _dumps({"schema": resource.schema, **_plain(resource)}).encode()


def _plain(value: Any) -> dict[str, Any]:
    """A dataclass's fields; those within it are asked for one by one as JSON is written."""
    return {name: getattr(value, name) for name in _form(type(value)).names}


_dumps = json.JSONEncoder(separators=(",", ":"), default=_plain).encode


def decode(kind: str, value: bytes) -> Resource:
    """Read a stored resource.  Unknown fields (a newer node's) are ignored.

    Raises ModelError for an unknown kind, malformed JSON, a newer schema or a missing field.
    """
    try:
        data = json.loads(value)
    except ValueError as error:
        raise ModelError(f"stored {kind} is malformed: {error}") from error
    return read(kind, data)


def read(kind: str, data: dict[str, Any]) -> Resource:
    """As :func:`decode`, of the JSON object; which may be changed by it."""
    declared = KINDS.get(kind)
    if declared is None:
        raise ModelError(f"unknown kind of resource {kind!r}")
    cls = declared.resource
    names, parts = _form(cls)
    try:
        if data["schema"] > SCHEMA:
            raise ModelError(
                f"stored {kind} has schema {data['schema']}, this version reads up to {SCHEMA}"
            )
        if data["schema"] < cls.schema:
            cls.upgrade(data)
        known = {}
        for name in names:
            if name not in data:
                continue
            item = data[name]
            if type(item) is list:
                part = parts.get(name)
                item = tuple(_part(part, one) for one in item) if part else tuple(item)
            known[name] = item
        return cls(**known)
    except ModelError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"stored {kind} is malformed: {error}") from error


def plain(resource: Resource) -> dict[str, Any]:
    """The stored form as a JSON object."""
    return json.loads(encode(resource))


def unknown_fields(kind: str, data: dict[str, Any]) -> set[str]:
    """Those that :func:`read` leaves out."""
    return data.keys() - set(_form(KINDS[kind].resource).names) - {"schema"}


def _part(cls: type, value: Any) -> Any:
    return cls(*value) if type(value) is list else cls(**value)
