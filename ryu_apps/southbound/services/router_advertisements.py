"""When unsolicited router advertisements go to which port; owned by the punt worker's thread."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterable

from ryu_apps.southbound.services.base import Send, SwitchPort
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


class Advertisements:
    """``current(switch_port)``: the port that is there now; ``sent(element)``: an advertisement was
    sent there."""

    def __init__(
        self, send: Send, current: Callable[[SwitchPort], EdgePort | None],
        sent: Callable[[str], None],
    ) -> None:  # fmt: skip
        self._send = send
        self._current = current
        self._sent = sent
        self._due: list[tuple[float, SwitchPort, int, EdgePort]] = []
        """(when, where, how many more come soon after, the port as it is)."""

    def due(self) -> float | None:
        """When :meth:`serve` has to be called, or None."""
        return self._due[0][0] if self._due else None

    def serve(self, fresh: Iterable[SwitchPort], now: float) -> None:
        """Send the advertisements that are due, and plan the next ones.  ``fresh``: where the port
        is new, or is told something else from now on."""
        due = self._due
        for switch_port in fresh:
            port = self._current(switch_port)
            if port is not None:
                heapq.heappush(due, (now, switch_port, RA_FINAL - 1 if port.withdrawn else 0, port))
        while due and due[0][0] <= now:
            _, switch_port, soon, port = heapq.heappop(due)
            if self._current(switch_port) is not port:
                continue  # Gone, or changed since, and planned anew then.
            frames = ra.periodic(port)
            if not frames:
                continue
            if not all([self._send(*switch_port, frame) for frame in frames]):
                wait = RA_RETRY
            else:
                self._sent(switch_port[0])
                wait = RA_INTERVAL * random.uniform(0.75, 1.25)
                if soon:
                    wait, soon = RA_FINAL_INTERVAL, soon - 1
            heapq.heappush(due, (now + wait, switch_port, soon, port))
