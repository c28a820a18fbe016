"""What was calculated once for an object that many packets ask for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def per_object(entries: int = 4096) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
    """Remember a pure function's value for its one immutable argument, by identity.

    Hashing a port with all its leases for each packet would cost as much as the answer.  The entry
    holds its argument, so an identity is never reused while it is remembered.  Bounded: a full
    table starts afresh.
    """

    def decorate(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        table: dict[int, tuple[Any, Any]] = {}

        def remembered(argument: Any) -> Any:
            entry = table.get(id(argument))
            if entry is not None and entry[0] is argument:
                return entry[1]
            value = function(argument)
            if len(table) >= entries:
                table.clear()
            table[id(argument)] = (argument, value)
            return value

        return remembered

    return decorate
