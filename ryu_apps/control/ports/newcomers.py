"""Ports that have come from another vrouter a while ago, and the connections that they brought."""

from __future__ import annotations

from ryu_apps.control.desired.desired import Desired
from ryu_apps.control.vpn.translate import BoundPort
from vrouter_ovs.state import Arrived

ARRIVED_TIME = 600.0
"""Seconds.  A connection that is silent for longer goes on when the side speaks that a rule
allows."""


class Newcomers:
    """Reads and marks nothing; what it says of a vrouter is desired state."""

    def __init__(self, desired: Desired) -> None:
        self._desired = desired
        self._ports: dict[str, BoundPort] = {}
        self._due: dict[str, float | None] = {}
        """Port id -> when its time is up; None until the next tick."""

    def begin(self, bound: BoundPort) -> None:
        """A port has come."""
        self._ports[bound.port_id] = bound
        self._due[bound.port_id] = None
        self._desired.put(
            bound.element, ("evi", bound.evi), Arrived(bound.port_id, bound.ofport)
        )

    def end(self, port_id: str) -> None:
        """It has gone, or is another; or its time is up."""
        bound = self._ports.pop(port_id, None)
        self._due.pop(port_id, None)
        if bound is not None and bound.element in self._desired.objects:
            self._desired.delete(bound.element, ("evi", bound.evi), (Arrived.kind, port_id))

    def moved(self, new: BoundPort) -> None:
        """It is at another OpenFlow port of the same vrouter, or in another network."""
        if new.port_id in self._ports:
            self.end(new.port_id)
            self.begin(new)

    def tick(self, now: float) -> None:
        """``now``: seconds of the core's clock."""
        for port_id, due in list(self._due.items()):
            if due is None:
                self._due[port_id] = now + ARRIVED_TIME
            elif due <= now:
                self.end(port_id)
