"""The guard against addresses that move too often (RFC 7432 section 15.1 asks for one; this one
needs nobody to clear it).

A move that comes too early is done later: two ports that both insist cost no more than this.
"""

from __future__ import annotations

from ryu_apps.control.addresses.holders import Key

BURST, REFILL = 5, 5.0
"""An address may move so many times at once, and once in so many seconds from then on."""


class MoveDampening:
    """How often each address has moved of late, and the moves that wait."""

    def __init__(self) -> None:
        self._busy: dict[Key, float] = {}
        """Address -> when it may make as many moves as one that never moved."""
        self._waiting: dict[Key, tuple[str, str]] = {}

    def _after(self, key: Key, now: float) -> float:
        """The entry of an address after one more move."""
        return max(self._busy.get(key, now), now) + REFILL

    def allows(self, key: Key, now: float) -> bool:
        """Whether an address may move now."""
        return self._after(key, now) - now <= BURST * REFILL

    def moved(self, key: Key, now: float) -> None:
        """An address moves now."""
        self._busy[key] = self._after(key, now)

    def postpone(self, key: Key, port_id: str, mac: str) -> None:
        """The move of an address to a port, with a MAC, comes later; it replaces any that waits."""
        self._waiting[key] = port_id, mac

    def forget(self, key: Key) -> None:
        """No move of an address waits any more."""
        self._waiting.pop(key, None)

    def waiting(self) -> list[tuple[Key, str, str]]:
        """The moves that wait: address, port id, MAC."""
        return [(key, port_id, mac) for key, (port_id, mac) in self._waiting.items()]

    def tick(self, now: float) -> None:
        """Forget the addresses that have not moved for long."""
        for key in [key for key, busy in self._busy.items() if busy <= now]:
            del self._busy[key]
