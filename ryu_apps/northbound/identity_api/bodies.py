"""Bodies of requests of the Identity API, field by field.

What cannot be carried out is refused, not ignored: a field that is not known here, unless what it
says is nothing.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

from ryu_apps.identity.directory import rules
from ryu_apps.identity.directory.errors import IdentityError, bad
from ryu_apps.identity.directory.records import DOMAIN
from ryu_apps.identity.passwords import MAX_PASSWORD
from ryu_apps.identity.tokens.requests import section
from ryu_apps.northbound.http.call import Call

Fields = dict[str, Any]
_OF_DOMAIN = {"domain_id": DOMAIN, "parent_id": DOMAIN, "is_domain": False}
"""What there is one value of."""


def read(call: Call, object: str, /, **fields: Callable[[Any, str], Any]) -> Fields:
    """The ``object`` of that name in the body, its ``fields`` checked by their functions.  Raises
    IdentityError."""
    given = section(call.json(), object)
    found = {}
    for key, value in given.items():
        if key in fields:
            found[key] = fields[key](value, key)
        elif key in _OF_DOMAIN:
            if value not in (None, _OF_DOMAIN[key]):
                raise bad(f"{key}: there is one domain, {DOMAIN}, and no hierarchy of projects.")
        elif value not in (None, [], {}, ""):
            raise bad(f"{key:.60}: this identity service has no such attribute of a "
                      f"{object.replace('_', ' ')}.")
    return found


def needs(given: Fields, name: str) -> Any:
    if name not in given:
        raise bad(f"{name!r} is a required property.")
    return given[name]


def name(value: Any, field: str) -> str:
    return rules.named(value, field)


def text(most: int) -> Callable[[Any, str], str]:
    """A text that may be empty; null counts as that."""
    def check(value: Any, field: str) -> str:
        if value is None:
            return ""
        if type(value) is not str or len(value) > most:
            raise bad(f"Invalid input for field {field!r}: a text of at most {most} characters.")
        return value

    return check


description = text(rules.MAX_DESCRIPTION)
email = text(rules.MAX_EMAIL)
id = text(64)


def flag(value: Any, field: str) -> bool:
    if type(value) is not bool:
        raise bad(f"Invalid input for field {field!r}: true or false.")
    return value


def password(value: Any, field: str) -> str:
    """A password; null means none, "".  Its text is in no error."""
    if value is None:
        return ""
    if type(value) is not str or not value or len(value.encode("utf-8", "surrogatepass")) > \
            MAX_PASSWORD:
        raise bad(f"Invalid input for field {field!r}: 1 to {MAX_PASSWORD} bytes.")
    return value


def time(value: Any, field: str) -> int:
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


def roles(value: Any, field: str) -> tuple[str, ...]:
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


def nothing(value: Any, field: str) -> None:
    """A field that may only say nothing."""
    if value not in (None, [], {}, ""):
        raise IdentityError(400, f"{field} is not supported by this identity service.")
