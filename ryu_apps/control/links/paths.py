"""The underlay paths from one vrouter to another, from the addresses that both have.  Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class UnderlayPath(NamedTuple):
    """``number``: of the path, the same at both ends.  ``local``, ``remote``: the addresses of its
    ends."""

    number: int
    local: str
    remote: str


def underlay_paths(own: Sequence[str], remote: Sequence[str]) -> tuple[UnderlayPath, ...]:
    """Path i leads from the i-th address of one side to the i-th of the other, the last one of a
    side that has fewer; none between two families.  The first ones are of one family, so there is
    at least one path."""
    found: dict[tuple[str, str], UnderlayPath] = {}
    for number in range(max(len(own), len(remote))):
        here, there = own[min(number, len(own) - 1)], remote[min(number, len(remote) - 1)]
        if (":" in here) == (":" in there):
            found.setdefault((here, there), UnderlayPath(number, here, there))
    return tuple(found.values())
