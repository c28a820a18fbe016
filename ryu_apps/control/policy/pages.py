"""Where the groups that rules name have their bits.  Pure functions.

A switch looks an address up in a page and learns of all groups of the page whether it is a member:
one bit each.  The groups of a project that any rule names share its pages.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from functools import lru_cache
from typing import NamedTuple

from vrouter_ovs.state import BITS, MAX_PAGE

FEWEST = 16
"""Slots that a project begins with: as many as have the groups of an ordinary quota without any
moving.  Rules that match different bits are looked for one bit after the other, so bits that few
projects need should be few."""


SECURITY_GROUP, ADDRESS_GROUP = "security_group", "address_group"


class Named(NamedTuple):
    """A group that rules may name.  ``kind``: :data:`SECURITY_GROUP` or :data:`ADDRESS_GROUP`."""

    kind: str
    id: str


class PageKey(NamedTuple):
    """The ``number``th page of a project, from 0 on."""

    project: str
    number: int


class Place(NamedTuple):
    page: PageKey
    bit: int


@lru_cache(maxsize=65536)
def _digest(named: Named) -> int:
    return int.from_bytes(hashlib.blake2b("\0".join(named).encode(), digest_size=8).digest())


def slots(count: int) -> int:
    """A power of two of which ``count`` groups take at most three quarters."""
    found = FEWEST
    while 4 * count > 3 * found:
        found *= 2
    return found


def places(project: str, groups: Collection[Named]) -> dict[Named, Place]:
    """Where the groups of a project are, whatever happened before: at the slot that the group's
    hash names or the next free one.  One more or less moves those alone that wanted its slot; with
    twice as many slots about half of the groups stay."""
    size = slots(len(groups))
    taken: dict[int, Named] = {}
    for one in sorted(groups, key=lambda named: (_digest(named), named)):
        slot = _digest(one) % size
        while slot in taken:
            slot = (slot + 1) % size
        taken[slot] = one
    return {
        one: Place(PageKey(project, slot // BITS), slot % BITS) for slot, one in taken.items()
    }


def page_id(key: PageKey, taken: Collection[int] = ()) -> int:
    """A number of 30 bits for a page, the same after every restart."""
    text = f"{key.project}\0{key.number}"
    number = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest()) >> 2 or 1
    while number in taken:
        number = number % MAX_PAGE + 1
    return number


@lru_cache(maxsize=65536)
def bits_of(value: int) -> tuple[int, ...]:
    """The numbers of the bits that are set, rising."""
    return tuple(bit for bit in range(value.bit_length()) if value >> bit & 1)
