"""Bodies of requests of the Identity API, field by field.

What cannot be carried out is refused, not ignored: a field that is not known here, unless what it
says is nothing.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ryu_apps.identity.directory import rules
from ryu_apps.identity.directory.directory import ROLES
from ryu_apps.identity.directory.errors import IdentityError, bad
from ryu_apps.identity.directory.records import DOMAIN
from ryu_apps.identity.passwords import MAX_PASSWORD
from ryu_apps.identity.tokens.requests import section
from ryu_apps.northbound.http.call import Call

Fields = dict[str, Any]
_OF_DOMAIN = {"domain_id": DOMAIN, "parent_id": DOMAIN, "is_domain": False}
"""What there is one value of."""
_NOTHING: list[Any] = [None, [], {}, ""]


class Field(NamedTuple):
    """``read(value, name)`` checks a value and makes it what the rules take; it raises
    IdentityError.  ``schema``: of what it accepts."""

    read: Callable[[Any, str], Any]
    schema: dict[str, Any]


def read(call: Call, object: str, fields: Mapping[str, Field]) -> Fields:
    """The ``object`` of that name in the body, its ``fields`` checked.  Raises IdentityError."""
    given = section(call.json(), object)
    found = {}
    for key, value in given.items():
        if key in fields:
            found[key] = fields[key].read(value, key)
        elif key in _OF_DOMAIN:
            if value is not None and (
                type(value) is not type(_OF_DOMAIN[key]) or value != _OF_DOMAIN[key]
            ):
                raise bad(f"{key}: there is one domain, {DOMAIN}, and no hierarchy of projects.")
        elif value not in _NOTHING:
            raise bad(f"{key:.60}: this identity service has no such attribute of a "
                      f"{object.replace('_', ' ')}.")
    return found


def schema(fields: Mapping[str, Field], *required: str) -> dict[str, Any]:
    """Of an object that :func:`read` accepts."""
    return {
        "type": "object", "required": list(required),
        "properties": {
            **{name: {"enum": [None, value]} for name, value in _OF_DOMAIN.items()},
            **{name: field.schema for name, field in fields.items()},
        },
        "additionalProperties": {"enum": _NOTHING},
    }


def needs(given: Fields, name: str) -> Any:
    if name not in given:
        raise bad(f"{name!r} is a required property.")
    return given[name]


def text(most: int) -> Field:
    """A text that may be empty; null counts as that."""
    def check(value: Any, field: str) -> str:
        if value is None:
            return ""
        if type(value) is not str or len(value) > most:
            raise bad(f"Invalid input for field {field!r}: a text of at most {most} characters.")
        return value

    return Field(check, {"type": ["string", "null"], "maxLength": most})


name = Field(rules.named, {"type": "string", "minLength": 1, "maxLength": rules.MAX_NAME})
description = text(rules.MAX_DESCRIPTION)
email = text(rules.MAX_EMAIL)
id = text(64)


def _flag(value: Any, field: str) -> bool:
    if type(value) is not bool:
        raise bad(f"Invalid input for field {field!r}: true or false.")
    return value


def _password(value: Any, field: str) -> str:
    """A password; null means none, "".  Its text is in no error."""
    if value is None:
        return ""
    if type(value) is not str or not value or len(value.encode("utf-8", "surrogatepass")) > \
            MAX_PASSWORD:
        raise bad(f"Invalid input for field {field!r}: 1 to {MAX_PASSWORD} bytes.")
    return value


def _time(value: Any, field: str) -> int:
    """ISO 8601, UTC unless it says another zone; seconds since 1970, 0 of null."""
    if value is None:
        return 0
    try:
        found = datetime.datetime.fromisoformat(value)
        if found.tzinfo is None:
            found = found.replace(tzinfo=datetime.UTC)
        return max(1, int(found.timestamp()))
    except (ValueError, TypeError, OverflowError, OSError):
        raise bad(f"Invalid input for field {field!r}: a time such as "
                  "2030-01-31T12:00:00Z.") from None


def _roles(value: Any, field: str) -> tuple[str, ...]:
    """``[{"id": ...}, {"name": ...}]``; the name of a role is its id."""
    if type(value) is not list or len(value) > 10:
        raise bad(f"Invalid input for field {field!r}: a list of roles.")
    found = []
    for one in value:
        named = one.get("id", one.get("name")) if type(one) is dict else None
        if type(named) is not str:
            raise bad(f"Invalid input for field {field!r}: each role by its id or name.")
        found.append(rules.role(named))
    return tuple(dict.fromkeys(found))


def _nothing(value: Any, field: str) -> None:
    """A field that may only say nothing."""
    if value not in _NOTHING:
        raise IdentityError(400, f"{field} is not supported by this identity service.")


_ROLE = {"type": "string", "enum": list(ROLES)}
flag = Field(_flag, {"type": "boolean"})
password = Field(
    _password, {"type": ["string", "null"], "minLength": 1, "maxLength": MAX_PASSWORD})
time = Field(_time, {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]})
roles = Field(_roles, {"type": "array", "maxItems": 10, "items": {"anyOf": [
    {"type": "object", "properties": {"id": _ROLE}, "required": ["id"]},
    {"type": "object", "properties": {"name": _ROLE, "id": False}, "required": ["name"]},
]}})
nothing = Field(_nothing, {"enum": _NOTHING})
