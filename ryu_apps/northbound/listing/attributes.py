"""Types of attributes: their JSON schema, and how a filter's text becomes such a value.

A filter is converted as the attribute itself is, so that it finds a value however it is spelled:
``FA-16-3E-00-00-0A``, ``t``, ``FD00:0::1``.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ryu_apps.control.config.ipam import mac_spelled
from ryu_apps.control.config.protocols import protocol_number

TRUE = frozenset({"true", "t", "1", "yes", "y", "on"})
FALSE = frozenset({"false", "f", "0", "no", "n", "off"})


MAX_DIGITS = 39
"""How many addresses of IPv6 there are has so many."""


def as_boolean(text: str) -> bool:
    """Raises ValueError."""
    lower = text.strip().lower()
    if lower not in TRUE | FALSE:
        raise ValueError(f"it is true or false, not '{text}'")
    return lower in TRUE


def as_integer(text: str) -> int:
    """Raises ValueError."""
    digits = text.strip().removeprefix("-")
    if not digits.isascii() or not digits.isdigit() or len(digits) > MAX_DIGITS:
        raise ValueError(f"'{text}' is not an integer")
    return int(text)


def as_text(value: str) -> str:
    return value


# What is not an address is looked for as it stands, and not found: as Neutron has it.


def as_mac(text: str) -> str:
    return mac_spelled(text) or text


def as_address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return text


def as_prefix(text: str) -> str:
    """With its host bits: those of a rule's remote_ip_prefix are shown as they were given."""
    try:
        return str(ipaddress.ip_interface(text))
    except ValueError:
        return text


def as_protocol(text: str) -> Any:
    try:
        return protocol_number(text.strip().lower(), 4)
    except ValueError:
        return text


Convert = Callable[[str], Any]


@dataclass(frozen=True)
class Type:
    """``convert(text)`` raises ValueError; of a list it makes one element.  ``keys``: of the
    objects in a list, how their values are converted."""

    schema: dict[str, Any]
    convert: Convert = as_text
    keys: dict[str, Convert] = field(default_factory=dict)

    @property
    def nullable(self) -> bool:
        return "null" in self.schema.get("type", ())


Attributes = Mapping[str, Type]

_OPEN: dict[str, Any] = {"type": "object", "additionalProperties": True}
_STRING = {"type": "string"}

STRING = Type(_STRING)
BOOLEAN = Type({"type": "boolean"}, as_boolean)
INTEGER = Type({"type": "integer"}, as_integer)
TIME = Type({"type": "string", "format": "date-time"})
OBJECT = Type(_OPEN)
MAC = Type(_STRING, as_mac)
PREFIX = Type(_STRING, as_prefix)
STATUS = Type({"enum": ["ACTIVE", "BUILD", "DOWN", "ERROR", "N/A"]}, str.upper)
"""N/A: of the port of a floating IP there is nothing to say."""


def or_null(type: str, convert: Convert = as_text) -> Type:
    """A JSON type, or null."""
    return Type({"type": [type, "null"]}, convert)


def one_of(*values: str) -> Type:
    """One of these, looked for in any case of letters."""
    return Type({"enum": list(values)}, str.lower)


def list_of(convert: Convert = as_text) -> Type:
    """A list of strings."""
    return Type({"type": "array", "items": _STRING}, convert)


def objects(**keys: Convert) -> Type:
    """A list of objects, which are looked for by these keys."""
    properties = {
        name: {"type": ["integer" if convert is as_integer else "string", "null"]}
        for name, convert in keys.items() if not name.endswith("_substr")
    }
    return Type({"type": "array", "items": {**_OPEN, "properties": properties}}, keys=keys)
