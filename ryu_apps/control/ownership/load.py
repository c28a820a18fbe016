"""How much work an element is, as a coarse number: noise must move nothing.

A unit is what one port costs.  An element without ports counts :data:`BARE` units, for its
channels; a message of it each second counts as one port.  Ports and messages are rounded down to a
power of two, and change only when they have left the rounded value by more than a factor of two.
"""

from __future__ import annotations

from collections.abc import Iterable

BARE = 16
INTERVAL = 10.0
"""Seconds over which messages are counted."""


def coarse(number: float, former: int = 0) -> int:
    """``number`` as a power of two, or 0; ``former`` stays while it is near enough."""
    whole = int(number)
    if former and former / 2 < number < former * 2:
        return former
    return 1 << (whole.bit_length() - 1) if whole > 0 else 0


class LoadMeter:
    """Counts what elements send, and tells the load of each."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._since: float | None = None
        self._ports: dict[str, int] = {}
        self._messages: dict[str, int] = {}

    def count(self, element: str) -> None:
        """A message of this element came."""
        self._counts[element] = self._counts.get(element, 0) + 1

    def tick(self, ports: Iterable[tuple[str, int]], now: float) -> bool:
        """``ports``: how many each element has that there is.  Whether a load may have changed:
        only once in INTERVAL."""
        if self._since is None:
            self._since = now
        seconds = now - self._since
        if seconds < INTERVAL:
            return False
        before = self._ports, self._messages
        found = list(ports)
        self._ports = {name: coarse(count, before[0].get(name, 0)) for name, count in found}
        self._messages = {
            name: coarse(self._counts.get(name, 0) / seconds, before[1].get(name, 0))
            for name, _ in found
        }
        self._counts, self._since = {}, now
        return (self._ports, self._messages) != before

    def of(self, element: str) -> int:
        """The load of an element, in units."""
        return BARE + self._ports.get(element, 0) + self._messages.get(element, 0)

    def totals(self) -> dict[str, int]:
        """Of all elements together, for the node's record."""
        return {
            "elements": len(self._ports), "ports": sum(self._ports.values()),
            "messages": sum(self._messages.values()),
        }
