"""By which of its addresses others reach a vrouter: the next hop of its routes.

It is the first one, by which this system's own nodes know the vrouter.  Where BFD is up on no
tunnel from there, and on some from another address, its uplink is dead: then the owner announces
the other one, and routers of other systems follow.  Nodes take any address of a vrouter for the
vrouter, so nothing changes on this system's own.
"""

from __future__ import annotations

from ryu_apps.control import messages as msg
from ryu_apps.control.elements.elements import Element
from ryu_apps.control.graph.graph import Marks
from ryu_apps.control.links.damping import Damping
from ryu_apps.control.tables import Tables
from ryu_apps.control.vpn.publish import Publisher

GRACE = 3.0
"""Seconds that tunnels which nobody saw up have to come up, before their address counts as dead:
after a start they do so one by one."""


class AnnouncedAddresses:
    """Reads: elements and their tunnels.
    Marks: tunnel ports of an element that is announced by another address.
    Emits: Notice, appended to ``effects``, and by the publisher routes with another next hop.

    ``damping``: of (element, endpoint)."""

    def __init__(
        self,
        tables: Tables,
        marks: Marks,
        publisher: Publisher,
        damping: Damping,
        effects: list,
    ) -> None:
        self._elements = tables.elements
        self._marks = marks
        self._publisher = publisher
        self._damping = damping
        self._effects = effects
        self._doubtful: dict[str, float | None] = {}
        """Elements whose address nobody saw alive -> since when; None: since the next tick."""

    def of(self, element: Element) -> str:
        """The next hop of an element's routes."""
        return self._publisher.next_hop(element.vtep)

    def judge(self, element: Element, is_late: bool = False) -> None:
        """Its tunnels changed.  ``is_late``: those that are not up had time enough."""
        name, vteps, current = element.info.element, element.info.vteps, self.of(element)
        doubt = self._doubtful.pop(name, None)
        if len(vteps) < 2 and current == element.vtep:
            return
        best = next((vtep for vtep in vteps if self._is_usable(element, vtep)), element.vtep)
        if best == current:
            return
        if current in vteps and vteps.index(best) > vteps.index(current):
            states = [self._up_or_failed(element, key) for key in self._of(element, current)]
            if not states or any(is_up for is_up, _ in states):
                return
            if not is_late and not any(has_failed for _, has_failed in states):
                self._doubtful[name] = doubt
                return
        elif current in vteps and not self._is_usable(element, best):
            return  # Nothing is known to be better.
        self._publisher.set_next_hop(element.vtep, best)
        self._marks.tunnel_ports.mark(name)
        why = "is not reached any more" if best != element.vtep else "is reached again"
        self._effects.append(msg.Notice(
            "warning" if best != element.vtep else "info",
            f"hypervisor {element.info.hostname}",
            f"{element.vtep} {why}: its routes are announced with the next hop {best}",
        ))

    def tick(self, now: float) -> None:
        """Time passed."""
        for name, since in list(self._doubtful.items()):
            element = self._elements.accepted.get(name)
            if element is None:
                del self._doubtful[name]
            elif since is None:
                self._doubtful[name] = now
            elif now - since >= GRACE:
                self.judge(element, is_late=True)

    def _of(self, element: Element, vtep: str) -> list:
        """The endpoints of the tunnels to hypervisors of this system from an address."""
        path = element.info.vteps.index(vtep)
        return [
            endpoint for endpoint, status in element.tunnels.items()
            if endpoint.path == path and status.bfd and endpoint.vtep in self._elements.by_vtep
        ]

    def _up_or_failed(self, element: Element, endpoint) -> tuple[bool, bool]:
        is_up = element.tunnels[endpoint].bfd == "up"
        return is_up, self._damping.has_failed((element.info.element, endpoint))

    def _is_usable(self, element: Element, vtep: str) -> bool:
        """Somebody is reached from there, and was for long enough."""
        return any(
            element.tunnels[endpoint].bfd == "up"
            and not self._damping.is_held((element.info.element, endpoint))
            for endpoint in self._of(element, vtep)
        )
