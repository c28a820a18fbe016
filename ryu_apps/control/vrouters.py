"""The vrouters of this node: their tunnels, what they are sent, and what their switches answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ryu_apps.control import messages as msg
from ryu_apps.control.elements.elements import Element
from ryu_apps.control.graph import Marks
from ryu_apps.control.ports.ports import Ports
from ryu_apps.control.tables import Tables
from vrouter_ovs.state import Endpoint, MeterPool, Tunnel, Vrouter, tunnel_key


class Vrouters:
    """Reads: elements and their desired state.
    Marks: tunnel ports that changed.
    Emits: Program, SetTunnels, Hold and Notice, appended to ``effects``.

    ``overlay_mtus``: see :class:`~vrouter_ovs.state.Vrouter`.  ``meter_pools``: those of every
    vrouter."""

    def __init__(
        self,
        tables: Tables,
        marks: Marks,
        ports: Ports,
        overlay_mtus: tuple[tuple[str, int], ...],
        meter_pools: tuple[MeterPool, ...],
        effects: list,
    ) -> None:
        self._elements = tables.elements
        self._desired = tables.desired
        self._marks = marks
        self._ports = ports
        self._overlay_mtus = overlay_mtus
        self._meter_pools = meter_pools
        self._effects = effects

    # ------------------------------------------------------------ OpenFlow

    def connected(self, event: msg.VrouterConnected) -> None:
        """The switch speaks OpenFlow with this node."""
        element = self._elements.accepted.get(event.element)
        if element is not None:
            element.openflow = True

    def disconnected(self, event: msg.VrouterDisconnected) -> None:
        """It no longer does; what it was sent stays in it."""
        element = self._elements.accepted.get(event.element)
        if element is not None:
            element.openflow = False
            element.numbers.forget()

    def acked(self, event: msg.VrouterAcked) -> None:
        """The switch has all that it was sent up to a revision."""
        element = self._elements.accepted.get(event.element)
        if element is not None:
            done = element.confirmations.confirmed(event.revision)
            self._ports.confirm(event.element, done)

    def flow_rejected(self, event: msg.FlowRejected) -> None:
        """The switch refused one object; the rest of its bundle is in it."""
        element = self._elements.accepted.get(event.element)
        if element is None or self._desired.get(event.element, event.key) is None:
            return
        if not element.confirmations.refused(event.key, event.reason, event.revision):
            return
        if event.key[0] == "port":
            self._ports.refuse(event.element, event.key[1])
        self._effects.append(msg.Notice(
            "error", f"vrouter {event.element}",
            f"the switch refused {' '.join(map(str, event.key))}: {event.reason}",
        ))

    # ------------------------------------------------------------ tunnels

    def tunnels_changed(self, event: msg.TunnelsChanged) -> None:
        """Tunnels came, went, or changed their state."""
        element = self._elements.hears(event.session, event.element)
        if element is not None:
            self.set_tunnels(element, dict(event.changes))

    def set_tunnels(
        self, element: Element, changes: Mapping[Endpoint, msg.TunnelStatus | None]
    ) -> None:
        """``changes``: endpoint -> what its tunnel's interface shows; None: there is no tunnel."""
        name = element.info.element
        for endpoint, status in changes.items():
            old = element.tunnels.pop(endpoint, None)
            if status is not None:
                element.tunnels[endpoint] = status
                if old is not None and old.bfd != status.bfd and "up" in (old.bfd, status.bfd):
                    self._effects.append(msg.Notice(
                        "info" if status.bfd == "up" else "warning",
                        f"hypervisor {element.info.hostname}",
                        f"tunnel to {endpoint}: BFD is {status.bfd or 'off'}",
                    ))
            self._marks.tunnel_ports.mark((name, endpoint))

    # ------------------------------------------------------------ flush

    def describe(self, name: str) -> None:
        """Give the vrouter of an element what it has of its own."""
        element = self._elements.accepted.get(name)
        if element is None:
            return
        self._desired.add_element(name)
        for item in (Vrouter(element.router_mac, self._overlay_mtus), *self._meter_pools):
            self._desired.put(name, ("element",), item)
        self._marks.tunnel_ports.mark_all((name, endpoint) for endpoint in element.tunnels)

    def resolve_tunnel(self, place: tuple[str, Endpoint]) -> None:
        """Have the vrouter of the element use its tunnel port to an endpoint, as the database
        shows it: ``(element, endpoint)``."""
        name, endpoint = place
        element = self._elements.accepted.get(name)
        if element is None:
            return
        status = element.tunnels.get(endpoint)
        if status is not None and status.ofport > 0:
            self._desired.put(name, ("element",), Tunnel(endpoint, status.ofport))
        else:
            self._desired.delete(name, ("element",), tunnel_key(endpoint))

    def set_tunnels_of(self, name: str) -> None:
        """Have a hypervisor's database hold the tunnels that are needed."""
        element = self._elements.accepted.get(name)
        if element is None or element.session is None:
            return
        endpoints = self._desired.endpoints(name) | self._elements.mesh(name)
        if element.deferred:
            endpoints |= element.tunnels.keys()
        self._effects.append(msg.SetTunnels(name, endpoints))

    def program(self, name: str) -> None:
        """Tell a switch all changes of its desired state since it was told last."""
        element = self._elements.accepted.get(name)
        if element is None:
            return
        confirmations = element.confirmations
        program = self._desired.flush(name, confirmations.revision + 1)
        if program is not None:
            confirmations.programmed(program.revision, program.changes)
            self._effects.append(program)

    def release(self, names: Iterable[str]) -> None:
        """These vrouters are held no longer, and keep what they need alone."""
        for name in names:
            self._effects.append(msg.Hold(name, False))
            self.set_tunnels_of(name)
