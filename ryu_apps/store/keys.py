"""Checks of arguments that every store makes the same way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .base import Compare, Delete, Item, Put

MAX_KEY = 4096
"""Bytes of a key, encoded."""


def check_key(key: str) -> str:
    """Return ``key``; raises ValueError when it cannot be a key or a prefix of one."""
    if type(key) is not str or not key.startswith("/") or "\0" in key:
        raise ValueError(f'a key is a text that begins with "/" and has no NUL, not {key!r:.200}')
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        raise ValueError(f"a key is a text that can be encoded, not {key!r:.200}") from None
    if size > MAX_KEY:
        raise ValueError(f"a key has {MAX_KEY} bytes at most, not {size}: {key!r:.200}")
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


def difference_revision(put: Iterable[Item], otherwise: int) -> int:
    """The revision of a batch that stands for several: that of its newest value, so that a key
    which every transaction writes can be compared with it; ``otherwise`` when all are deletes."""
    return max((item.revision for item in put), default=otherwise)
