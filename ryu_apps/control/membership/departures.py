"""What is left behind when an element is forgotten: its ports, its routes, its vrouter."""

from __future__ import annotations

from ryu_apps.control.forwarding.mirrors import Mirrors
from ryu_apps.control.forwarding.presence import Presence
from ryu_apps.control.forwarding.segments import Segments
from ryu_apps.control.graph.graph import Marks
from ryu_apps.control.ports.ports import Ports
from ryu_apps.control.tables import Tables


class Departures:
    """Reads: elements.
    Marks: the vrouter of an element that is back already; by the ports what they leave.
    Emits nothing: what an element had is no longer desired."""

    def __init__(
        self,
        tables: Tables,
        marks: Marks,
        ports: Ports,
        presence: Presence,
        segments: Segments,
        mirrors: Mirrors,
    ) -> None:
        self._elements = tables.elements
        self._desired = tables.desired
        self._marks = marks
        self._ports = ports
        self._presence = presence
        self._segments = segments
        self._mirrors = mirrors

    def depart(self, name: str) -> None:
        """Take everything from an element that was forgotten.  Where it has joined again meanwhile
        it starts with nothing.  Nothing is computed here that could fail, and be tried again when
        the element has something."""
        self._ports.remove_element(name)
        self._presence.remove_element(name)
        self._segments.remove_element(name)
        self._mirrors.remove_element(name)
        self._desired.remove_element(name)
        if name in self._elements.accepted:
            self._marks.vrouters.mark(name)
