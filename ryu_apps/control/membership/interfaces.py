"""What elements show of their interfaces, and with them of claims."""

from __future__ import annotations

from dataclasses import replace

from ryu_apps.control import messages as msg
from ryu_apps.control.elements.elements import Element
from ryu_apps.control.elements.unknown_ports import UnknownPorts
from ryu_apps.control.graph.graph import Marks
from ryu_apps.control.tables import Tables


class ElementInterfaces:
    """Reads: elements and the configuration's ports.
    Marks: interfaces that have gone, and the ports that claims changed of.
    Emits: a Notice of ports that do not exist, appended to ``effects``."""

    def __init__(self, tables: Tables, marks: Marks, effects: list) -> None:
        self._elements = tables.elements
        self._marks = marks
        self.unknown_ports = UnknownPorts(tables.config, tables.elements, effects)

    def changed(self, event: msg.InterfacesChanged, now: float) -> None:
        """Rows of interfaces, and with them claims, came, went or changed."""
        element = self._elements.of_session(event.session, event.element)
        if element is not None:
            self.set(element, dict(event.changes), now)

    def port_status(self, event: msg.PortStatus, now: float) -> None:
        """The switch tells the number of a port, before the database does."""
        element = self._elements.accepted.get(event.element)
        if element is None:
            return
        row = element.interfaces.get(event.name)
        if event.ofport is not None:
            element.numbers.announced(event.name, event.ofport)
        elif not element.numbers.gone(event.name) or row is None:
            return
        else:
            row = replace(row, ofport=-1)
        if row is not None:
            self.set(element, {event.name: row}, now)

    def renamed(self, element: Element) -> None:
        """Ports that are to be on certain hosts may be on this one now, or no longer."""
        self._marks.claims.mark_all({
            row.iface_id for row in element.interfaces.values() if row.iface_id
        })

    def set(self, element: Element, rows: dict[str, msg.Interface | None], now: float) -> None:
        """These rows of an element are so now; None: gone."""
        self.unknown_ports.changed(element.info.element, rows.items(), now)
        element_id = element.info.element
        for name, row in rows.items():
            if row is None:
                self._marks.interfaces.mark((element_id, name))
        self._marks.claims.mark_all(self._elements.set_interfaces(element, element_id, rows))
