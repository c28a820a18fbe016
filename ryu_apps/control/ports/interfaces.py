"""What hypervisors' own software is told: for which interfaces flows are installed."""

from __future__ import annotations

from ryu_apps.control.graph.graph import Marks
from ryu_apps.control.tables import Tables
from vrouter_ovs.state import InterfaceInstalled

INTERFACES = ("interfaces",)
"""The scope of what is said of interfaces in a hypervisor's database."""


class InterfaceReports:
    """Reads: how ports are bound, and which are active.
    Marks: interfaces whose hypervisors are to be told.
    Emits nothing: what they are told is desired state."""

    def __init__(self, tables: Tables, marks: Marks) -> None:
        self._elements = tables.elements
        self._desired = tables.desired
        self._bound = tables.bound
        self._active = tables.active
        self._marks = marks
        self._unreported: dict[tuple[str, str], None] = {}
        """(element, interface) that may be installed since the last tick, or be so no more."""

    def look_at(self, element: str, interface: str) -> None:
        """An interface may be installed now, or be so no more."""
        self._unreported[element, interface] = None

    def look_at_port(self, port_id: str) -> None:
        """The same of the interface that has a port, if any."""
        bound = self._bound.get(port_id)
        if bound is not None:
            self._unreported[bound.element, bound.interface] = None

    def tick(self) -> None:
        """Have the hosts told which interfaces are installed: at most once a second, because every
        write makes ovs-vswitchd look at all of its ports."""
        self._marks.interfaces.mark_all(self._unreported)
        self._unreported.clear()

    def resolve(self, key: tuple[str, str]) -> None:
        """Say in the hypervisor's database whether the flows of an interface's port are confirmed;
        nothing, where the interface is gone: ``(element, interface)``."""
        name, interface = key
        element = self._elements.accepted.get(name)
        if element is None:
            return
        row = element.interfaces.get(interface)
        if row is None:
            self._desired.delete(name, INTERFACES, (InterfaceInstalled.kind, interface))
            return
        bound = self._bound.get(row.iface_id)
        holds = bound is not None and (bound.element, bound.interface) == (name, interface)
        installed = holds and row.iface_id in self._active
        self._desired.put(name, INTERFACES, InterfaceInstalled(interface, installed))
