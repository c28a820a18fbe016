"""After a start: can the configuration be the one that the switches were programmed from?

A node that has no record of its own to compare with asks the hypervisors: an interface bears a
mark as long as its port's flows are confirmed (``external_ids:vnc-installed``).  Ports that bear it
and that the configuration does not know are about to lose their flows.  Where they are too many,
nothing is deleted until the configuration knows them or an operator accepts it.
"""

from __future__ import annotations

from collections.abc import Mapping

from ryu_apps.control.config.config import Config
from ryu_apps.control.elements.elements import Elements


class Trust:
    """``active``: ports whose flows are confirmed.

    ``most_lost``: percent of the ports that the hypervisors hold which may be unknown."""

    def __init__(
        self, config: Config, elements: Elements, active: Mapping[str, None], most_lost: int
    ) -> None:
        self._config = config
        self._elements = elements
        self._active = active
        self._most_lost = most_lost
        self.given = True
        """The configuration is known to be the one from before, or was accepted."""
        self.patient = False
        self.doubt = ""
        """Why it cannot be, as :meth:`weigh` found."""

    def begin(self, known: bool, patient: bool) -> None:
        """The configuration was loaded.  ``known``: it follows on what this node knew.
        ``patient``: hypervisors should have time to come before anything is decided."""
        self.given, self.patient = known, patient

    def accept(self) -> None:
        """An operator's word."""
        self.given, self.doubt = True, ""

    def weigh(self) -> str:
        """Compare with what the hypervisors hold now; returns ``doubt``.  Looks at all interfaces,
        unless trust is given already; with evidence for the configuration it is."""
        if self.given:
            return ""
        ports = self._config.ports
        configured = [
            row.iface_id in ports
            for element in self._elements.accepted.values()
            for row in element.interfaces.values()
            if row.installed or row.iface_id in self._active
        ]
        unknown = configured.count(False)
        if unknown and (
            unknown == len(configured) or unknown * 100 > self._most_lost * len(configured)
        ):
            self.doubt = (
                f"the hypervisors hold {len(configured)} ports of which the configuration in the "
                f"store does not know {unknown}: it was emptied or restored, or prefix, path or "
                "endpoints name another one"
            )
        else:
            self.doubt = ""
            self.given = bool(configured)
        return self.doubt
