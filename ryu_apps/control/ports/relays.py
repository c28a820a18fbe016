"""What others still send to the vrouter that a port has just left goes on to where the port is.

They follow its route in milliseconds, each at its own time, and nothing is to be lost meanwhile.  A
vrouter relays only to one that announces the port with a higher mobility sequence number (RFC 7432
section 15) than it did itself.  So along a chain of vrouters that a port has left the numbers only
rise, and no frame comes to one of them twice.
"""

from __future__ import annotations

from collections.abc import Iterable

from ryu_apps.control.graph.graph import Marks
from ryu_apps.control.routes import Path
from ryu_apps.control.vpn.instance import Lookup

RELAY_TIME = 10.0
"""Seconds.  Who has not followed by then was cut off, or has lost the route altogether."""


class Relays:
    """Marks: lookups that are relayed, and those that are so no more."""

    def __init__(self, marks: Marks) -> None:
        self._marks = marks
        self._sequence: dict[tuple[str, Lookup], int] = {}
        """(element, lookup) -> the sequence number that the port there was announced with."""
        self._ports: dict[tuple[str, str], tuple[Lookup, ...]] = {}
        """(element, port id) -> the lookups that the port was found by."""
        self._due: dict[tuple[str, str], float | None] = {}
        """(element, port id) -> when it ends; None until the next tick."""

    def begin(self, element: str, port_id: str, lookups: Iterable[Lookup], sequence: int) -> None:
        """A port has left an element; it was announced there with this sequence number."""
        self.end(element, port_id)
        lookups = tuple(lookups)
        self._ports[element, port_id] = lookups
        self._due[element, port_id] = None
        for lookup in lookups:
            self._sequence[element, lookup] = sequence
            self._marks.lookups.mark(lookup)

    def end(self, element: str, port_id: str) -> None:
        """It is back, or the time is up."""
        self._due.pop((element, port_id), None)
        for lookup in self._ports.pop((element, port_id), ()):
            self._sequence.pop((element, lookup), None)
            self._marks.lookups.mark(lookup)

    def forget(self, element: str) -> None:
        """The element is no more."""
        for name, port_id in [key for key in self._ports if key[0] == element]:
            self.end(name, port_id)

    def tick(self, now: float) -> None:
        """``now``: seconds of the core's clock."""
        for key, due in list(self._due.items()):
            if due is None:
                self._due[key] = now + RELAY_TIME
            elif due <= now:
                self.end(*key)

    def relays(self, element: str, lookup: Lookup, path: Path) -> bool:
        """Whether an element sends on what comes to it by tunnel for a lookup, along its route."""
        if not self._sequence:
            return False
        sequence = self._sequence.get((element, lookup))
        return sequence is not None and path.attrs.mobility > sequence
