"""Checks of arguments that every store makes the same way."""

from __future__ import annotations

from collections.abc import Sequence

from .base import Compare, Delete, Put


def check_key(key: str) -> str:
    """Return ``key``; raises ValueError when it cannot be a key or a prefix of one."""
    if type(key) is not str or not key.startswith("/") or "\0" in key:
        raise ValueError(f'a key is a text that begins with "/" and has no NUL, not {key!r}')
    return key


def check_transaction(compares: Sequence[Compare], operations: Sequence[Put | Delete]) -> None:
    """Raises ValueError for a bad key, a value that is no bytes, or a key that is written twice."""
    for compare in compares:
        check_key(compare.key)
    seen: set[str] = set()
    for operation in operations:
        key = check_key(operation.key)
        if key in seen:
            raise ValueError(f"{key} stands twice in one transaction")
        seen.add(key)
        if type(operation) is Put and not isinstance(operation.value, bytes):
            raise ValueError(f"the value of {key} is {type(operation.value).__name__}, not bytes")
