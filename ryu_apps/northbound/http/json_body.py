"""JSON of bodies.  A request's is read within bounds that are looked at before anything is built
from it."""

from __future__ import annotations

import json
import re
from typing import Any

from ryu_apps.northbound.http.errors import ApiError

MAX_VALUES = 500_000
"""Values of a body, counted by its commas: each becomes an object of a hundred bytes or so, at a
microsecond or so of the interpreter, which all threads of the node share.  10,000 ports with all
of their attributes have half as many."""
MAX_DEPTH = 32
"""Brackets within brackets."""


def encode(data: Any) -> bytes:
    return json.dumps(data, separators=(",", ":")).encode()


def decode(raw: bytes) -> Any:
    """Raises ApiError 400 or 413."""
    if not raw:
        raise ApiError(400, "HTTPBadRequest", "The request needs a JSON body; it has none.")
    if raw.count(b",") > MAX_VALUES:
        raise ApiError(
            413, "RequestEntityTooLarge",
            f"The body has more than {MAX_VALUES} values; split the request.",
        )
    try:
        data = json.loads(raw, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deep" if isinstance(error, RecursionError) else str(error)
        raise ApiError(
            400, "HTTPBadRequest", f"The body is not valid JSON: {reason[:200]}."
        ) from error
    if _SURROGATE.search(raw) and not _is_text(data):
        raise ApiError(
            400, "HTTPBadRequest",
            "The body has half of a surrogate pair in it, which is no character (RFC 8259 section "
            "8.2).",
        )
    if _deeper(data, MAX_DEPTH):
        raise ApiError(
            400, "HTTPBadRequest",
            f"The body has more than {MAX_DEPTH} lists and objects within one another.",
        )
    return data


_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def _is_text(data: Any) -> bool:
    """Whether all strings are of characters."""
    try:
        json.dumps(data, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


def _deeper(data: Any, levels: int) -> bool:
    """Whether it is nested deeper than so many levels; without recursion."""
    level = [data]
    for _ in range(levels):
        below: list[Any] = []
        for one in level:
            if type(one) is dict:
                below += [value for value in one.values() if type(value) in (dict, list)]
            elif type(one) is list:
                below += [value for value in one if type(value) in (dict, list)]
        if not below:
            return False
        level = below
    return True
