"""Prefixes as sets of addresses: what is free of a subnet pool.  Pure arithmetic.

A *space* is a list of ranges (first, last) of numbers, in order, none next to another.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from functools import lru_cache

Net = ipaddress.IPv4Network | ipaddress.IPv6Network
Range = tuple[int, int]
Space = list[Range]
BITS = {4: 32, 6: 128}


def space(nets: Iterable[Net]) -> Space:
    """All addresses of prefixes of one IP version."""
    return _merged((int(net.network_address), int(net.broadcast_address)) for net in nets)


def of_texts(texts: Iterable[str]) -> Space:
    """:func:`space` of prefixes as text."""
    return _merged(map(_range, texts))


@lru_cache(maxsize=16384)
def _range(text: str) -> Range:
    net = ipaddress.ip_network(text)
    return int(net.network_address), int(net.broadcast_address)


def _merged(ranges: Iterable[Range]) -> Space:
    found: Space = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(last, found[-1][1])
        else:
            found.append((first, last))
    return found


def overlap(one: Space, other: Space) -> bool:
    """Whether two spaces share an address."""
    return without(one, other) != one


def without(whole: Space, part: Space) -> Space:
    """What of ``whole`` is not in ``part``."""
    found, position = [], 0
    for first, last in whole:
        while position < len(part) and part[position][1] < first:
            position += 1
        at = position
        while at < len(part) and part[at][0] <= last:
            if part[at][0] > first:
                found.append((first, part[at][0] - 1))
            first = part[at][1] + 1
            at += 1
        if first <= last:
            found.append((first, last))
    return found


def prefixes(of: Space, version: int) -> tuple[str, ...]:
    """A space as the fewest prefixes, in order."""
    bits = BITS[version]
    return tuple(
        str(_net(first, bits - size, version)) for one in of for first, size in _blocks(one, bits)
    )


def best_fit(free: Space, length: int, version: int) -> Net | None:
    """The prefix of ``length`` that leaves the largest blocks whole: the first one of the smallest
    block that has room, of those the lowest.  None where there is no room."""
    bits = BITS[version]
    wanted = bits - length
    best: Range | None = None
    for one in free:
        for first, size in _blocks(one, bits):
            if size >= wanted and (best is None or size < best[1]):
                best = first, size
                if size == wanted:
                    break
        if best is not None and best[1] == wanted:
            break
    if best is None:
        return None
    return _net(best[0], length, version)


def holds(free: Space, net: Net) -> bool:
    """Whether all of a prefix is in a space."""
    first, last = int(net.network_address), int(net.broadcast_address)
    return any(low <= first and last <= high for low, high in free)


def _net(first: int, length: int, version: int) -> Net:
    cls = ipaddress.IPv4Network if version == 4 else ipaddress.IPv6Network
    return cls((first, length))


def _blocks(one: Range, bits: int) -> Iterator[Range]:
    """The fewest prefixes that make up a range: (first, bits of the host part)."""
    first, last = one
    while first <= last:
        aligned = (first & -first).bit_length() - 1 if first else bits
        size = min(aligned, (last - first + 1).bit_length() - 1)
        yield first, size
        first += 1 << size
