"""The types of the fields of request bodies.

Bodies know more fields than the resources have: what this version does not support is accepted
with the values that ask for nothing, and refused with any other (:func:`only`), so that no client
believes in something that is not there.
"""

from __future__ import annotations

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


MAX_LIST = 1000
"""Addresses, pairs or pools of one resource."""

Text = Annotated[str, BeforeValidator(_text), Field(max_length=255)]
Name = Annotated[str, Field(max_length=255)]
Uuid = Annotated[str, AfterValidator(_uuid), Field(max_length=64)]
UuidOrNone = Annotated[Uuid | None, BeforeValidator(_or_none)]
Uuids = Annotated[list[Uuid], Field(max_length=64)]
Address = Annotated[str, Field(max_length=64)]
Names = Annotated[list[Annotated[str, Field(max_length=255)]], Field(max_length=64)]
Addresses = Annotated[list[Address], Field(max_length=4096)]
Tags = Annotated[list[str], Field(max_length=1024)]
Vni = Annotated[int | None, BeforeValidator(_or_none)]
PortNumber = Annotated[int | None, BeforeValidator(_or_none)]


def only(*allowed: Any) -> Any:
    """Type of a field that may only ask for nothing: one of ``allowed``, or null."""

    def check(value: Any) -> Any:
        if value is not None and value not in allowed:
            raise ValueError(f"{value!r} is not supported in this version; leave it out")
        return value

    return Annotated[Any, AfterValidator(check), WithJsonSchema({
        "description": "Not supported in this version; may stand only with a value that asks for "
        "nothing.", "enum": [None, *allowed],
    })]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=False)
