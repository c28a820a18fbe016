"""When unsolicited router advertisements go to which port; owned by the punt worker's thread."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterable

from vrouter_ovs.edge import EdgePort
from vrouter_ovs.proxies import ra

RA_INTERVAL = 200.0
"""Seconds between two unsolicited router advertisements to a port, give or take a quarter, at
random (RFC 4861 section 6.2.4).  Lifetimes are much longer."""
RA_FINAL, RA_FINAL_INTERVAL = 3, 4.0
"""How often what is no longer true is taken back at first, and the seconds between (RFC 4861
sections 6.2.5 and 10, MAX_FINAL_RTR_ADVERTISEMENTS); then with the others."""
RA_RETRY = 15.0
"""Seconds until an advertisement is tried again that could not be sent."""

Place = tuple[str, int]
"""(element, OpenFlow port)."""


class Advertisements:
    """``send(element, ofport, frame) -> sent``; ``current(place)``: the port that is there now;
    ``sent(element)``: an advertisement was sent there."""

    def __init__(
        self, send: Callable[[str, int, bytes], bool],
        current: Callable[[Place], EdgePort | None], sent: Callable[[str], None],
    ) -> None:  # fmt: skip
        self._send = send
        self._current = current
        self._sent = sent
        self._due: list[tuple[float, Place, int, EdgePort]] = []
        """(when, where, how many more come soon after, the port as it is)."""

    def due(self) -> float | None:
        """When :meth:`serve` has to be called, or None."""
        return self._due[0][0] if self._due else None

    def serve(self, fresh: Iterable[Place], now: float) -> None:
        """Send the advertisements that are due, and plan the next ones.  ``fresh``: where the port
        is new, or is told something else from now on."""
        due = self._due
        for place in fresh:
            port = self._current(place)
            if port is not None:
                heapq.heappush(due, (now, place, RA_FINAL - 1 if port.withdrawn else 0, port))
        while due and due[0][0] <= now:
            _, place, soon, port = heapq.heappop(due)
            if self._current(place) is not port:
                continue  # Gone, or changed since, and planned anew then.
            frames = ra.periodic(port)
            if not frames:
                continue
            if not all([self._send(*place, frame) for frame in frames]):
                wait = RA_RETRY
            else:
                self._sent(place[0])
                wait = RA_INTERVAL * random.uniform(0.75, 1.25)
                if soon:
                    wait, soon = RA_FINAL_INTERVAL, soon - 1
            heapq.heappush(due, (now + wait, place, soon, port))
