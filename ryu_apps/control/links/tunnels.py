"""The tunnels of this node's vrouters: which ports lead where, and what their BFD comes to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from ryu_apps.control import messages as msg
from ryu_apps.control.elements.elements import MAX_VTEPS, Element
from ryu_apps.control.graph.graph import Marks
from ryu_apps.control.links.announced import AnnouncedAddresses
from ryu_apps.control.links.damping import Damping
from ryu_apps.control.links.paths import underlay_paths
from ryu_apps.control.tables import Tables
from ryu_apps.control.vpn.instance import Lookup
from vrouter_ovs.encapsulation import SENDABLE
from vrouter_ovs.state import (
    Endpoint,
    Tunnel,
    TunnelPort,
    session_of,
    tunnel_key,
)

PORTS = ("tunnels",)
"""The scope of a vrouter's tunnel ports."""
UP, UNKNOWN = "up", ""


class Tunnels:
    """Reads: elements, their desired state, routes.
    Marks: tunnels whose port or state changed, lookups that may be resolved otherwise, service
    chains, and ports whose mirrors may take other tunnels.
    Emits: Notice, appended to ``effects``.

    ``damping``: of (element, endpoint).  ``watching``: the lookups that are resolved otherwise
    where something changes on the way to a VTEP."""

    def __init__(
        self,
        tables: Tables,
        marks: Marks,
        announced: AnnouncedAddresses,
        damping: Damping,
        watching: Callable[[str], Iterable[Lookup]],
        effects: list,
    ) -> None:
        self._config = tables.config
        self._elements = tables.elements
        self._desired = tables.desired
        self._instances = tables.instances
        self._marks = marks
        self._mirrored = tables.mirrored
        self._announced = announced
        self._watching = watching
        self._effects = effects
        self.damping = damping

    # ------------------------------------------------------------ what databases show

    def changed(self, event: msg.TunnelsChanged, now: float) -> None:
        """Tunnels came, went, or changed their state."""
        element = self._elements.of_session(event.session, event.element)
        if element is not None:
            self.set(element, dict(event.changes), now)

    def set(
        self, element: Element, changes: Mapping[Endpoint, msg.TunnelStatus | None], now: float
    ) -> None:
        """``changes``: endpoint -> what its tunnel's interface shows; None: there is no tunnel."""
        name = element.info.element
        for endpoint, status in changes.items():
            self._marks.mirrors.mark_all(self._mirrored.get(name, ()))
            old = element.tunnels.pop(endpoint, None)
            if session_of(endpoint) is not None:
                if status is not None:
                    element.tunnels[endpoint] = status
                continue
            if status is None:
                self.damping.forget((name, endpoint))
            else:
                element.tunnels[endpoint] = status
                if status.bfd != UNKNOWN:
                    is_far_up = status.far_bfd in (UP, UNKNOWN)
                    self.damping.changed((name, endpoint), status.bfd == UP, now, is_far_up)
                if old is not None and old.bfd != status.bfd and UP in (old.bfd, status.bfd):
                    self._bfd_changed(element, status, now)
            self._marks.tunnels.mark((name, endpoint._replace(path=0)))

    def _bfd_changed(self, element: Element, status: msg.TunnelStatus, now: float) -> None:
        key = element.info.element, status.endpoint
        text = f"tunnel to {status.endpoint}: BFD is {status.bfd or 'off'}"
        if self.damping.is_held(key) and len(self._ports(element, status.endpoint)) > 1:
            returns = self.damping.returning(key)
            when = "when it is at the far end" if returns is None else f"in {returns - now:.1f} s"
            text += f"; the path carries traffic again {when}, if it stays up"
        self._notice(element, "info" if status.bfd == UP else "warning", text)

    def tick(self, now: float) -> None:
        """Time passed: paths that were up for long enough carry traffic again."""
        for name, endpoint in self.damping.tick(now):
            element = self._elements.accepted.get(name)
            if element is None:
                continue
            if len(self._ports(element, endpoint)) > 1:
                self._notice(element, "info", f"tunnel to {endpoint}: carries traffic again")
            self._marks.tunnels.mark((name, endpoint._replace(path=0)))
        self._announced.tick(now)

    def forget(self, element: Element) -> None:
        """An element leaves this node."""
        for endpoint in element.tunnels:
            self.damping.forget((element.info.element, endpoint))

    # ------------------------------------------------------------ flush

    def resolve(self, key: tuple[str, Endpoint]) -> None:
        """Have the vrouter of the element use its tunnel ports to a VTEP, as the database shows
        them: ``(element, endpoint)``, the endpoint of the first path."""
        name, endpoint = key
        element = self._elements.accepted.get(name)
        if element is None:
            return
        tunnel = self._tunnel(element, endpoint)
        if tunnel is not None:
            self._desired.put(name, ("element",), tunnel)
        else:
            self._desired.delete(name, ("element",), tunnel_key(endpoint))
        self._judge(element, endpoint.vtep)
        self._marks.lookups.mark_all(self._watching(endpoint.vtep))
        self._announced.judge(element)

    def _ports(self, element: Element, endpoint: Endpoint) -> list[msg.TunnelStatus]:
        """The tunnels of all paths to a VTEP that have a port, in the order of the paths."""
        found = (
            element.tunnels.get(endpoint._replace(path=path)) for path in range(MAX_VTEPS)
        )
        return [status for status in found if status is not None and status.ofport > 0]

    def _tunnel(self, element: Element, endpoint: Endpoint) -> Tunnel | None:
        """Traffic is spread over the paths where all are as good.  Else the better ones come first,
        and the switch takes the others where none of those is live."""
        ports = self._ports(element, endpoint)
        if not ports:
            return None
        ranks = [self._rank(element, status) for status in ports]
        order = sorted(range(len(ports)), key=lambda number: (ranks[number], number))
        first, *others = [ports[number].ofport for number in order]
        spread = bool(others) and len(set(ranks)) == 1
        return Tunnel(endpoint, first, tuple(others), spread)

    def _rank(self, element: Element, status: msg.TunnelStatus) -> int:
        if status.bfd == UP:
            return 1 if self.damping.is_held((element.info.element, status.endpoint)) else 0
        return 2 if status.bfd == UNKNOWN else 3

    def _judge(self, element: Element, vtep: str) -> None:
        """Whether a VTEP is out of reach: BFD is on with it, and up on no path.  Others than
        hypervisors of the system need not speak BFD."""
        states = [
            status.bfd
            for encap in SENDABLE for status in self._ports(element, Endpoint(vtep, encap))
        ]
        is_lost = (
            bool(states) and vtep in self._elements.by_vtep
            and UP not in states and UNKNOWN not in states
        )
        if is_lost == (vtep in element.unreachable):
            return
        if is_lost:
            element.unreachable[vtep] = None
        else:
            del element.unreachable[vtep]
        self._marks.lookups.mark_all(self._instances.choosing(vtep))
        self._marks.chains.mark_all(self._config.port_chains)
        what = "out of reach, by every underlay path; its routes are used where there is no other"
        self._notice(
            element, "warning" if is_lost else "info",
            f"next hop {vtep}: {what if is_lost else 'within reach again'}",
        )

    def resolve_ports(self, name: str) -> None:
        """A tunnel port on each path to each VTEP that a vrouter sends to, and to all others while
        they are few, of each encapsulation that both have."""
        element = self._elements.accepted.get(name)
        if element is None:
            return
        self._marks.mirrors.mark_all(self._mirrored.get(name, ()))
        endpoints = set(self._desired.endpoints(name))
        for vtep in {one.vtep for one in endpoints} | self._elements.mesh(name):
            # The far end may send by another than we do.
            common = self._elements.encapsulations_with(name, vtep)
            endpoints.update(Endpoint(vtep, encap) for encap in common)
        wanted = {
            port.key: port for endpoint in endpoints for port in self._wanted(element, endpoint)
        }
        for port in wanted.values():
            self._desired.put(name, PORTS, port)
        for key in set(self._desired.keys(name, PORTS)).difference(wanted):
            self._desired.delete(name, PORTS, key)

    def _wanted(self, element: Element, endpoint: Endpoint) -> Iterator[TunnelPort]:
        """The tunnel ports to a VTEP.  One of another system has one path, from where it sends
        to."""
        remote = self._elements.addresses_of(endpoint.vtep)
        own = element.info.vteps if remote else (self._announced.of(element),)
        for number, local, far in underlay_paths(own, remote or (endpoint.vtep,)):
            yield TunnelPort(endpoint._replace(path=number), local, far)

    def _notice(self, element: Element, level: str, text: str) -> None:
        self._effects.append(msg.Notice(level, f"hypervisor {element.info.hostname}", text))
