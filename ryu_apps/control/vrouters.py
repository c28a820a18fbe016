"""The vrouters of this node: their tunnels, what they are sent, and what their switches answer."""

from __future__ import annotations

from collections.abc import Mapping

from ryu_apps.control import messages as msg
from ryu_apps.control.convergence import Convergence
from ryu_apps.control.desired import Desired
from ryu_apps.control.elements.elements import Element, Elements
from ryu_apps.control.ports.ports import Ports
from vrouter_ovs.state import Endpoint, Tunnel, tunnel_key


class Vrouters:
    """``effects``: what is to be done is appended to it."""

    def __init__(
        self,
        elements: Elements,
        desired: Desired,
        ports: Ports,
        convergence: Convergence,
        effects: list,
    ) -> None:
        self._elements = elements
        self._desired = desired
        self._ports = ports
        self._convergence = convergence
        self._effects = effects
        self._known_vteps: frozenset[str] = frozenset()

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
            if status is not None and status.ofport > 0:
                self._desired.put(name, ("element",), Tunnel(endpoint, status.ofport))
            else:
                self._desired.delete(name, ("element",), tunnel_key(endpoint))

    def _flush_tunnels(self) -> None:
        vteps = frozenset(self._elements.by_vtep)
        if vteps != self._known_vteps:
            self._known_vteps = vteps
            self._desired.tunnels_dirty.update(dict.fromkeys(self._elements.accepted))
        for name in self._desired.tunnels_dirty:
            element = self._elements.accepted.get(name)
            if element is None or element.session is None:
                continue
            wanted = self._desired.endpoints(name) | self._elements.mesh(name)
            if not self._convergence.converged:
                wanted |= element.tunnels.keys()
            self._effects.append(msg.SetTunnels(name, wanted))
        self._desired.tunnels_dirty.clear()

    # ------------------------------------------------------------ flush

    def flush(self) -> None:
        """The tunnels and the programs of all vrouters whose desired state has changed."""
        self._flush_tunnels()
        for name in self._desired.changed_elements():
            confirmations = self._elements.accepted[name].confirmations
            program = self._desired.flush(name, confirmations.revision + 1)
            confirmations.programmed(program.revision, program.changes)
            self._effects.append(program)

    def release(self) -> None:
        """The node has converged: no vrouter is held any longer, and keeps what it needs alone."""
        self._effects.extend(msg.Hold(name, False) for name in self._elements.accepted)
        self._effects.append(
            msg.Notice("info", "start", "converged; vrouters follow the desired state")
        )
        self._desired.tunnels_dirty.update(dict.fromkeys(self._elements.accepted))
        self._flush_tunnels()
