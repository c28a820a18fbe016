"""The stored form of resources: JSON, with the number of the schema that it was written in."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from ryu_apps.control.config.model import (
    KINDS,
    AddressPair,
    DhcpOption,
    FixedIp,
    HostRoute,
    Pool,
    Port,
    Resource,
    Subnet,
)

SCHEMA = 2
"""Version of the stored form; :func:`decode` upgrades older ones and refuses newer ones.

2: ports have security groups.
"""

_NESTED: dict[tuple[type, str], type] = {
    (Port, "fixed_ips"): FixedIp,
    (Port, "allowed_address_pairs"): AddressPair,
    (Port, "extra_dhcp_opts"): DhcpOption,
    (Subnet, "allocation_pools"): Pool,
    (Subnet, "host_routes"): HostRoute,
}
_NAMES = {
    cls: tuple(field.name for field in dataclasses.fields(cls))
    for cls in (*KINDS.values(), *_NESTED.values()) if dataclasses.is_dataclass(cls)
}
_FIELDS = {cls: {f.name for f in dataclasses.fields(cls)} for cls in KINDS.values()}


class ModelError(ValueError):
    """A stored value cannot be understood."""


def encode(resource: Resource) -> bytes:
    """The stored form: JSON with the schema number.  Inverse of :func:`decode`.

    The number is the oldest that means the same, so that a node that was not upgraded yet
    understands what it can, and never takes a filtered port for an open one.
    """
    schema = SCHEMA if type(resource) is Port else 1
    return _dumps({"schema": schema, **_plain(resource)}).encode()


def _plain(value: Any) -> dict[str, Any]:
    """A dataclass's fields; those within it are asked for one by one as JSON is written."""
    return {name: getattr(value, name) for name in _NAMES[type(value)]}


_dumps = json.JSONEncoder(separators=(",", ":"), default=_plain).encode


def _upgrade(kind: str, data: dict[str, Any]) -> None:
    if data["schema"] < 2 and kind == "port" and not data.get("security_groups"):
        data["unfiltered"] = True


def decode(kind: str, value: bytes) -> Resource:
    """Read a stored resource.  Unknown fields (a newer node's) are ignored.

    Raises ModelError for an unknown kind, malformed JSON, a newer schema or a missing field.
    """
    cls = KINDS.get(kind)
    if cls is None:
        raise ModelError(f"unknown kind of resource {kind!r}")
    try:
        data: dict[str, Any] = json.loads(value)
        if data["schema"] > SCHEMA:
            raise ModelError(
                f"stored {kind} has schema {data['schema']}, this version reads up to {SCHEMA}"
            )
        _upgrade(kind, data)
        known = {}
        for name in _FIELDS[cls] & data.keys():
            item = data[name]
            if type(item) is list:
                nested = _NESTED.get((cls, name))
                item = tuple(_nested(nested, one) for one in item) if nested else tuple(item)
            known[name] = item
        return cls(**known)
    except ModelError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"stored {kind} is malformed: {error}") from error


def _nested(cls: type, value: Any) -> Any:
    return cls(*value) if type(value) is list else cls(**value)
