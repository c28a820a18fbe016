"""What was heard at each uplink, and for how long it holds.  Pure.

A neighbour that has gone silent is kept as such for a while: whoever looks for a cut cable wants to
know where it led.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vrouter_ovs.proxies.lldp import Neighbour

MAX_NEIGHBOURS = 8
"""At one uplink; there are several where a hub or a bridge that forwards LLDP is between."""
KEPT = 600.0
"""Seconds that one that has gone silent is shown."""
Uplink = tuple[str, str]
"""(element, name of the interface)."""


@dataclass(slots=True)
class Heard:
    said: Neighbour
    at: float

    def is_silent(self, now: float) -> bool:
        return now > self.at + self.said.ttl


class Neighbours:
    def __init__(self) -> None:
        self._heard: dict[Uplink, dict[tuple[str, str], Heard]] = {}
        self.refused = 0
        """How many were too many at their uplink."""

    def heard(self, uplink: Uplink, said: Neighbour, now: float) -> bool:
        """A frame arrived; returns whether it tells of somebody new."""
        there = self._heard.setdefault(uplink, {})
        key = said.chassis, said.port
        known = there.get(key)
        if said.ttl == 0:  # farewell
            there.pop(key, None)
            return False
        if known is None:
            # Who is here now stands where the silent ones were.
            for other in [one for one, heard in there.items() if heard.is_silent(now)]:
                del there[other]
            if len(there) >= MAX_NEIGHBOURS:
                self.refused += 1
                return False
        there[key] = Heard(said, now)
        return known is None

    def keep(self, uplinks: set[Uplink]) -> None:
        """Forget all other uplinks."""
        for gone in self._heard.keys() - uplinks:
            del self._heard[gone]

    def shown(self, uplink: Uplink, now: float) -> list[dict[str, Any]]:
        """``heard``: seconds since the last frame; ``silent``: longer than the neighbour said that
        what it says holds."""
        found = []
        for _, one in sorted(self._heard.get(uplink, {}).items()):
            if now <= one.at + one.said.ttl + KEPT:
                said = one.said._asdict() | {
                    "capabilities": list(one.said.capabilities),
                    "management": list(one.said.management),
                }
                found.append(
                    said | {"heard": round(now - one.at, 1), "silent": one.is_silent(now)}
                )
        return found
