"""Answers that are made piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from ryu_apps.northbound.http import json_body


class Stream(NamedTuple):
    """An answer that is made piece by piece, on a thread of its own.

    ``items``: an iterator of bytes as they are, or of JSON-able data, one line each.  It yields b""
    every few seconds when there is nothing to say: between two items is when it is closed, if it
    is a generator, because the client has gone or the node stops.
    """

    items: Iterator[Any]
    content_type: str = "application/x-ndjson"


class Pieces:
    """The bytes of a stream.  ``at_end(size)`` is told once how many there were."""

    def __init__(self, items: Iterator[Any], at_end: Callable[[int], None]) -> None:
        self._items = items
        self._at_end: Callable[[int], None] | None = at_end
        self._size = 0

    def __iter__(self) -> Pieces:
        return self

    def __next__(self) -> bytes:
        item = next(self._items)
        piece = item if isinstance(item, bytes) else json_body.encode(item) + b"\n"
        self._size += len(piece)
        return piece

    def close(self) -> None:
        """Idempotent."""
        at_end, self._at_end = self._at_end, None
        if at_end is not None:
            try:
                if hasattr(self._items, "close"):
                    self._items.close()
            finally:
                at_end(self._size)
