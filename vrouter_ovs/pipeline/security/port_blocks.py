"""Ranges of ports as a switch matches them: blocks of a power of two, by value and mask."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache


@lru_cache(maxsize=4096)
def blocks(first: int, last: int) -> tuple[tuple[int, int], ...]:
    """The fewest (value, mask) that together are the ports ``first`` to ``last``."""
    return tuple(_blocks(first, last))


def _blocks(first: int, last: int) -> Iterator[tuple[int, int]]:
    while first <= last:
        size = first & -first or 0x10000
        while first + size - 1 > last:
            size >>= 1
        yield first, 0x10000 - size
        first += size
