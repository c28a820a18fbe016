"""The types of the fields of request bodies.

Bodies know more fields than the resources have: what this version does not support is accepted
with the values that ask for nothing, and refused with any other (:func:`only`), so that no client
believes in something that is not there.
"""

from __future__ import annotations

import re
import uuid
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema


def _text(value: Any) -> Any:
    return "" if value is None else value


def _or_none(value: Any) -> Any:
    return None if value in ("", None) else value


def _uuid(value: str) -> str:
    try:
        uuid.UUID(value)
    except ValueError:
        raise ValueError(f"'{value}' is not a valid UUID") from None
    return value


def _integer(value: Any) -> Any:
    """Clients send numbers also as text; what else may count as one is a mistake."""
    if type(value) is str and _INTEGER.fullmatch(value):
        return int(value)
    if type(value) in (str, bool):
        raise ValueError(f"'{value}' is not an integer")
    return value


_INTEGER = re.compile("0|-?[1-9][0-9]{0,17}")
_INTEGER_SCHEMA: dict[str, Any] = {"anyOf": [
    {"type": "integer"}, {"type": "string", "pattern": f"^({_INTEGER.pattern})$"},
]}
_NULL: dict[str, Any] = {"type": "null"}
_UUID_SCHEMA: dict[str, Any] = {"type": "string", "format": "uuid"}
MAX_LIST = 1000
"""Addresses, pairs or pools of one resource."""


def text(most: int) -> Any:
    """Type of a text of so many characters; null counts as none."""
    return Annotated[
        str, BeforeValidator(_text), Field(max_length=most),
        WithJsonSchema({"type": ["string", "null"], "maxLength": most}),
    ]


def integer(most: int) -> Any:
    """Type of a number of 0 to ``most``, also as text."""
    return Annotated[int, Field(ge=0, le=most), BeforeValidator(_integer), WithJsonSchema({
        "anyOf": [{"type": "integer", "minimum": 0, "maximum": most},
                  {"type": "string", "pattern": f"^({_digits(most)})$"}],
    })]


def _digits(most: int) -> str:
    """An expression for the numbers of 0 to ``most``, without leading zeros."""
    text = str(most)
    if most < 10:
        return f"[0-{most}]"
    found = ["[0-9]", *(f"[1-9][0-9]{{{count}}}" for count in range(1, len(text) - 1))]
    for place, digit in enumerate(text):
        first = 1 if not place else 0
        if int(digit) > first:
            rest = len(text) - place - 1
            found.append(f"{text[:place]}[{first}-{int(digit) - 1}]" + "[0-9]" * rest)
    return "|".join([*found, text])


Text = text(255)
Name = Annotated[str, Field(max_length=255)]
Uuid = Annotated[str, AfterValidator(_uuid), Field(max_length=64), WithJsonSchema(_UUID_SCHEMA)]
UuidOrNone = Annotated[
    Uuid | None, BeforeValidator(_or_none),
    WithJsonSchema({"anyOf": [_UUID_SCHEMA, {"enum": [""]}, _NULL]}),
]
Uuids = Annotated[list[Uuid], Field(max_length=64)]
_MOST = Field(max_length=64)
Address = Annotated[str, _MOST, WithJsonSchema({
    "type": "string", "maxLength": 64, "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}],
})]
Prefix = Annotated[str, _MOST, WithJsonSchema({
    "type": "string", "maxLength": 64, "pattern": "^[0-9A-Fa-f:.]+(/[0-9.]{1,15})?$",
    "examples": ["10.0.0.0/24", "fd00::/64"],
})]
Mac = Annotated[str, _MOST, WithJsonSchema({
    "type": "string", "maxLength": 64, "pattern": "^[0-9A-Fa-f]{2}([:-]?[0-9A-Fa-f]{2}){5}$",
})]
Names = Annotated[list[Annotated[str, Field(max_length=255)]], Field(max_length=64)]
Addresses = Annotated[list[Prefix], Field(max_length=4096)]
Tags = Annotated[list[str], Field(max_length=1024), WithJsonSchema({
    "type": "array", "maxItems": 1024, "items": {"type": "string", "minLength": 1, "maxLength": 255}
})]
Integer = Annotated[int, BeforeValidator(_integer), WithJsonSchema(_INTEGER_SCHEMA)]
IntegerOrNone = Annotated[
    Integer | None, BeforeValidator(_or_none),
    WithJsonSchema({"anyOf": [*_INTEGER_SCHEMA["anyOf"], {"enum": [""]}, _NULL]}),
]
IpVersion = Annotated[Integer, WithJsonSchema({"enum": [4, 6, "4", "6"]})]
Vni = PortNumber = IntegerOrNone


def only(*allowed: Any) -> Any:
    """Type of a field that may only ask for nothing: one of ``allowed``, or null."""

    def check(value: Any) -> Any:
        # 0 is equal to False, and is not it.
        if value is not None and not any(
            type(value) is type(one) and value == one for one in allowed
        ):
            raise ValueError(f"{value!r} is not supported in this version; leave it out")
        return value

    return Annotated[Any, AfterValidator(check), WithJsonSchema({
        "description": "Not supported in this version; may stand only with a value that asks for "
        "nothing.", "enum": [None, *allowed],
    })]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=False)
