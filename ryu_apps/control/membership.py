"""How elements join this node, change, disconnect and are forgotten."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ryu_apps.control import messages as msg
from ryu_apps.control.convergence import Convergence
from ryu_apps.control.desired import Desired
from ryu_apps.control.elements import RECORDS, Element, Elements, record
from ryu_apps.control.local_paths import LocalPaths
from ryu_apps.control.ports import Ports
from ryu_apps.control.presence import Presence
from ryu_apps.control.trust import Trust
from ryu_apps.control.vrouters import Vrouters
from vrouter_ovs.state import Vrouter


class Membership:
    """``overlay_mtu``: see :class:`~vrouter_ovs.state.Vrouter`.  ``effects``: what is to be done is
    appended to it."""

    def __init__(
        self,
        elements: Elements,
        desired: Desired,
        ports: Ports,
        presence: Presence,
        local_paths: LocalPaths,
        vrouters: Vrouters,
        convergence: Convergence,
        trust: Trust,
        overlay_mtu: int,
        effects: list,
    ) -> None:
        self._elements = elements
        self._desired = desired
        self._ports = ports
        self._presence = presence
        self._local_paths = local_paths
        self._vrouters = vrouters
        self._convergence = convergence
        self._trust = trust
        self._overlay_mtu = overlay_mtu
        self._effects = effects
        self._revisions: dict[str, int] = {}
        """Where the count of an element goes on that was forgotten: a late acknowledgement of its
        former channel must confirm nothing."""

    # ------------------------------------------------------------ joining

    def connected(self, event: msg.ElementConnected) -> None:
        """An OVSDB session shows its element: accept it, unless another stands against it."""
        info = event.info
        reason = self._elements.objection(event.session, info)
        if reason:
            self._refuse(event.session, info, reason)
            return
        known = self._elements.accepted.get(info.element)
        if known is not None and known.vtep != info.vtep:
            self.forget(info.element)
        element = self._elements.accept(event.session, info)
        if element is not known:
            self._enter(element)
        self._effects.append(msg.AcceptElement(event.session, info.element, info.datapath_id))
        self._record(element)
        rows: dict[str, Any] = dict.fromkeys(element.interfaces)
        rows.update((row.name, row) for row in event.interfaces)
        self._set_interfaces(element, rows)
        if self._convergence.converged and not self._trust.weigh():
            self._effects.append(msg.Hold(info.element, False))
        tunnels: dict[str, Any] = dict.fromkeys(element.tunnels)
        tunnels.update((tunnel.vtep, tunnel) for tunnel in event.tunnels)
        self._vrouters.set_tunnels(element, tunnels)
        self._desired.tunnels_dirty[info.element] = None

    def _enter(self, element: Element) -> None:
        name = element.info.element
        element.revision = self._revisions.pop(name, 0)
        self._elements.passed[element.vtep] = None
        self._desired.add_element(name)
        self._desired.put(name, ("element",), Vrouter(element.router_mac, self._overlay_mtu))

    def _refuse(self, session: int, info: msg.ElementInfo, reason: str) -> None:
        self._elements.refused[session] = (info, reason)
        self._effects.append(msg.RefuseElement(session, info.element, reason))
        self._effects.append(msg.Notice(
            "error", f"hypervisor {info.hostname} ({info.address})", f"refused: {reason}"
        ))

    # ------------------------------------------------------------ records

    def _record(self, element: Element) -> None:
        name = element.info.element
        value = record(element.info, self._elements.node, element.session is not None)
        if self._elements.records.get(name) != value:
            self._elements.set_record(name, value)
            self._effects.append(msg.RecordStatus(RECORDS + name, value))

    def recorded(self, name: str, value: dict[str, Any] | None) -> None:
        """The store's record of an element, of this node or another, is ``value`` now."""
        self._elements.set_record(name, value)
        if value is None:
            return
        element = self._elements.accepted.get(name)
        if element is not None and element.session is None:
            if value["owner"] != self._elements.node:
                self.forget(name, keep_record=True)  # It joined another node.
            return
        holder = self._elements.by_vtep[value["vtep"]]
        for element in list(self._elements.accepted.values()):
            other = element.info.element
            if element.vtep == value["vtep"] and other != holder and element.session is not None:
                # Two nodes accepted the same VTEP at once: the higher system-id leaves, everywhere.
                reason = self._elements.objection(element.session, element.info)
                if reason:
                    self._refuse(element.session, element.info, reason)
                    self.forget(other)

    # ------------------------------------------------------------ what an element shows

    def changed(self, event: msg.ElementChanged) -> None:
        """What an element is called, or where it is, has changed."""
        element = self._elements.hears(event.session, event.info.element)
        if element is None:
            return
        if event.info.vtep != element.vtep or event.info.identity != element.info.identity:
            # Another VTEP is another vrouter: everything that names it starts again.
            interfaces = tuple(element.interfaces.values())
            tunnels = tuple(element.tunnels.values())
            self.forget(event.info.element)
            self.connected(msg.ElementConnected(event.session, event.info, interfaces, tunnels))
            return
        if event.info.datapath_id != element.info.datapath_id:
            self._effects.append(
                msg.AcceptElement(event.session, event.info.element, event.info.datapath_id)
            )
        element.info = event.info
        self._record(element)

    def interfaces_changed(self, event: msg.InterfacesChanged) -> None:
        """Rows of interfaces, and with them claims, came, went or changed."""
        element = self._elements.hears(event.session, event.element)
        if element is not None:
            self._set_interfaces(element, dict(event.changes))

    def port_status(self, event: msg.PortStatus) -> None:
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
            self._set_interfaces(element, {event.name: row})

    def _set_interfaces(self, element: Element, rows: dict[str, msg.Interface | None]) -> None:
        touched = self._elements.set_interfaces(element, element.info.element, rows)
        self._ports.dirty.update(dict.fromkeys(touched))

    # ------------------------------------------------------------ leaving

    def disconnected(self, event: msg.ElementDisconnected) -> None:
        """A session ended.  An element that was accepted stays: its switch forwards on."""
        self._elements.refused.pop(event.session, None)
        element = self._elements.hears(event.session, event.element)
        if element is None:
            return
        element.session = None
        element.reason = event.reason
        self._record(element)
        self._effects.append(msg.Notice(
            "warning", f"hypervisor {element.info.hostname}",
            f"OVSDB disconnected ({event.reason}); its switch forwards on",
        ))

    def forget(self, name: str, keep_record: bool = False) -> None:
        """Let an element go with all that it had: its ports, its paths, its vrouter.

        ``keep_record``: it is another node's now, and the record is of that.
        """
        if not keep_record and name in self._elements.records:
            self._elements.set_record(name, None)
            self._effects.append(msg.RecordStatus(RECORDS + name, None))
        element = self._elements.accepted.get(name)
        if element is None:
            return
        self._revisions[name] = element.revision
        self._ports.dirty.update(dict.fromkeys(self._elements.forget(name)))
        self._elements.passed[element.vtep] = None
        self._ports.remove_element(name)
        self._presence.remove_element(name)
        self._local_paths.withdraw(name)
        self._desired.remove_element(name)
        self._vrouters.remove_element(name)
        self._effects.append(msg.ReleaseElement(name))
