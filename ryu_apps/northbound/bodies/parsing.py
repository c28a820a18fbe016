"""Reads request bodies by their models, and says what is wrong with them."""

from __future__ import annotations

import itertools
import typing
from collections.abc import Collection, Sequence
from typing import Any

from pydantic import ValidationError

from ryu_apps.northbound.bodies.fields import Body
from ryu_apps.northbound.http.errors import ApiError

MAX_BULK = 10000
MAX_ATTRIBUTES = 100
"""Of one resource, in a body: more than any has."""
NAMED, LONGEST = 5, 64
"""So many names a message repeats of a request, and so many characters of each."""
"""Resources in one request."""


def parse(
    model: type[Body], data: Any, known: Collection[str] = (), method: str = "POST"
) -> dict[str, Any]:
    """The fields that the request has, keyed for the rules.  Raises ApiError 400.

    ``known``: attributes that the resource has, whether or not ``method`` may set them.
    """
    if type(data) is not dict:
        raise ApiError(400, "HTTPBadRequest", "The body of a resource must be a JSON object.")
    if len(data) > MAX_ATTRIBUTES:
        unknown = itertools.islice((key for key in data if key not in known), NAMED + 1)
        raise ApiError(
            400, "HTTPBadRequest",
            f"Unrecognized attribute(s) '{few(list(unknown))}': no resource has more than "
            f"{MAX_ATTRIBUTES} attributes; /openapi.json describes what there is.",
        )
    try:
        return model.model_validate(data).model_dump(exclude_unset=True)
    except ValidationError as error:
        raise ApiError(400, "HTTPBadRequest", explain(error, known, method)) from error


def unwrap(data: Any, name: str, single: str = "") -> Any:
    """What the body has under ``name``; ``single``: what might stand there instead.  Raises
    ApiError 400."""
    if type(data) is not dict or name not in data:
        names = f"'{single}', or '{name}' for many," if single else f"'{name}'"
        raise ApiError(
            400, "HTTPBadRequest", f"The body must be a JSON object with {names} in it."
        )
    if len(data) > 1:
        others = itertools.islice((key for key in data if key != name), NAMED + 1)
        extra = few(sorted(others))
        raise ApiError(400, "HTTPBadRequest", f"Unrecognized attribute(s) '{extra}'.")
    return data[name]


def requests(data: Any, name: str, plural: str) -> tuple[list[Any], bool]:
    """What a body asks for under ``name``, or many at once under ``plural``, where each may be
    wrapped again; and whether it is one.  Raises ApiError 400."""
    single = type(data) is dict and name in data
    found = [unwrap(data, name)] if single else unwrap(data, plural, name)
    if type(found) is not list or not 1 <= len(found) <= MAX_BULK:
        raise ApiError(
            400, "HTTPBadRequest", f"'{plural}' must be a list of 1 to {MAX_BULK} objects."
        )
    return [
        unwrap(one, name) if type(one) is dict and name in one else one for one in found
    ], single


def named(model: type[Body], body: dict[str, Any]) -> list[str]:
    """The attributes that a parsed body names, as the API spells them; keys of the items of a list
    as ``fixed_ips:ip_address``, those of a body as ``external_gateway_info:enable_snat``."""
    found = []
    for field, value in body.items():
        name = model.model_fields[field].alias or field
        found.append(name)
        if type(value) is list:
            keys = {
                key for item in value if type(item) is dict
                for key, part in item.items() if part is not None
            }
            found += [f"{name}:{key}" for key in sorted(keys)]
        elif type(value) is dict and _is_body(model.model_fields[field].annotation):
            found += [
                f"{name}:{key}" for key, part in sorted(value.items()) if part not in (None, [])
            ]
    return found


def _is_body(annotation: Any) -> bool:
    """Whether a field's value is an object with declared keys."""
    return any(
        isinstance(one, type) and issubclass(one, Body)
        for one in (annotation, *typing.get_args(annotation))
    )


def asked(model: type[Body], body: dict[str, Any]) -> list[str]:
    """Those of :func:`named` that ask for anything else than what comes by itself."""
    return named(model, {
        field: value for field, value in body.items()
        if value not in (None, "", [], {}) and value != model.model_fields[field].default
    })


def few(names: Sequence[str]) -> str:
    """The first few of them, for a message."""
    shown = [name if len(name) <= LONGEST else f"{name[:LONGEST]}..." for name in names[:NAMED]]
    return ", ".join([*shown, "..."] if len(names) > NAMED else shown)


def explain(error: ValidationError, known: Collection[str], method: str) -> str:
    """The first thing that is wrong, in the Networking API's words."""
    problems = error.errors(include_url=False, include_context=False)
    extra = [".".join(str(part) for part in item["loc"])
             for item in problems if item["type"] == "extra_forbidden"]
    unknown = [name for name in extra if name not in known]
    if unknown:
        return (f"Unrecognized attribute(s) '{few(unknown)}'; /openapi.json describes what there "
                "is.")
    if extra:
        why = "they cannot be set" if method == "POST" else "they cannot change"
        return f"Attribute(s) '{few(extra)}' not allowed in {method}: {why}."
    first = problems[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "missing":
        return f"Failed to parse request. Required attribute '{where}' not specified."
    reason = first["msg"].removeprefix("Value error, ")
    return f"Invalid input for {where}. Reason: {reason}."
