"""The World: everything one node knows, and ``step``: event in, effects out.

No I/O, no threads, no clock.  One controller thread owns it.  :meth:`World.handle` takes an event
into the inputs and marks what depends on it; :meth:`World.flush` computes that, and returns the
effects.  ``step`` is both; a busy controller handles a batch of events and flushes once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ryu_apps.control import messages as msg
from ryu_apps.control.bindings import Bindings
from ryu_apps.control.configure import Configurer
from ryu_apps.control.convergence import Convergence
from ryu_apps.control.dependents import Dependents
from ryu_apps.control.desired import Desired
from ryu_apps.control.elements import RECORDS, Element, Elements, record
from ryu_apps.control.instances import Instances
from ryu_apps.control.learned import Learned
from ryu_apps.control.local_paths import LocalPaths
from ryu_apps.control.model import Config
from ryu_apps.control.moves import Moves
from ryu_apps.control.names import Names
from ryu_apps.control.policies import Policies
from ryu_apps.control.ports import CLAIMS, Ports
from ryu_apps.control.probes import Probes
from ryu_apps.control.publish import Publisher
from ryu_apps.control.resolve import Resolver
from ryu_apps.control.rib import Rib
from ryu_apps.control.translate import shared_keys
from vrouter_ovs.state import Tunnel, Vrouter

NODES = "/status/nodes/"


@dataclass(frozen=True)
class Settings:
    """``peers``: ids of the configured peers.  Seconds: ``stale_time``, how long the routes of a
    peer that is away are used; ``restart_time``, how long they hold its ports against claims here;
    ``restart_deferral``, see :class:`Convergence`; ``dns_ttl``, how long VMs may remember a name of
    their network.  ``overlay_mtu``: see :class:`~vrouter_ovs.state.Vrouter`."""

    node: str
    local_as: int
    peers: tuple[str, ...] = ()
    stale_time: float = 86400
    restart_time: float = 120
    restart_deferral: float = 30
    overlay_mtu: int = 1450
    dns_ttl: int = 60


class World:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.config = Config()
        self.rib = Rib()
        self.instances = Instances(self.rib)
        self.elements = Elements(settings.node)
        self.desired = Desired()
        self.learned = Learned(self.config, self.rib, self.instances, self.elements)
        self.moves = Moves(self.rib, self.instances)
        self.bindings = Bindings(
            self.config, self.rib, self.instances, self.elements, self.learned
        )
        self.policies = Policies(self.config, self.desired)
        self.ports = Ports(
            self.config, self.elements, self.bindings, self.desired, self.policies,
            self.learned, Names(self.config, settings.dns_ttl),
        )
        self.probes = Probes(self.learned, self.ports.bound, self.ports.active)
        self.resolver = Resolver(
            self.config, self.rib, self.instances, self.elements, self.ports, self.desired,
            self.moves,
        )
        self.dependents = Dependents(
            self.config, self.rib, self.instances, self.elements, self.learned, self.bindings,
            self.ports, self.moves,
        )
        self.publisher = Publisher(self.rib)
        self.local_paths = LocalPaths(
            self.config, settings.local_as, self.elements, self.instances, self.bindings,
            self.ports, self.resolver, self.publisher, self.dependents.follow,
        )
        self.configurer = Configurer(
            self.config, self.instances, self.elements, self.ports, self.resolver,
            self.policies, settings.local_as,
        )
        self.convergence = Convergence(
            self.elements, self.ports, self.probes, settings.peers, settings.restart_deferral
        )
        self.nodes: dict[str, dict[str, Any]] = {}
        self.claim_records: dict[tuple[str, str], dict[str, Any]] = {}
        """(port, element) -> claims that wait, as their nodes recorded them."""
        self.peers_up: dict[str, dict] = {}
        self.peers_down_since: dict[str, float] = {}
        self.rejected: dict[tuple[str, tuple], str] = {}
        """(element, object key) -> why the switch refused it."""
        self._revisions: dict[str, int] = {}
        """Where the count of an element goes on that was forgotten: a late acknowledgement of its
        former channel must confirm nothing."""
        self._known_vteps: frozenset[str] = frozenset()
        self._effects: list = []
        self._handlers: dict[type, Callable[[Any, float], None]] = {
            msg.ConfigChanged: lambda event, now: self.configurer.apply(event.changes),
            msg.ConfigLoaded: self._config_loaded,
            msg.StatusChanged: self._status_changed,
            msg.ElementConnected: self._element_connected,
            msg.ElementChanged: self._element_changed,
            msg.ElementDisconnected: self._element_disconnected,
            msg.InterfacesChanged: self._interfaces_changed,
            msg.TunnelsChanged: self._tunnels_changed,
            msg.VrouterConnected: self._vrouter_connected,
            msg.VrouterDisconnected: self._vrouter_disconnected,
            msg.VrouterAcked: self._vrouter_acked,
            msg.FlowRejected: self._flow_rejected,
            msg.AddressSeen: lambda event, now: self.learned.seen(
                event.element, event.port_id, event.mac, event.address, event.how, now
            ),
            msg.PathsReceived: self._paths_received,
            msg.PeerUp: self._peer_up,
            msg.PeerDown: self._peer_down,
            msg.EndOfRib: self._end_of_rib,
            msg.Tick: self._tick,
            msg.ForgetElement: lambda event, now: self._forget(event.element),
        }

    def step(self, event: Any, now: float) -> list:
        self.handle(event, now)
        return self.flush(now)

    def handle(self, event: Any, now: float) -> None:
        self.convergence.start(now)
        self._handlers[type(event)](event, now)

    # ------------------------------------------------------------ configuration and status

    def _config_loaded(self, event: msg.ConfigLoaded, now: float) -> None:
        self.convergence.loaded = True

    def _status_changed(self, event: msg.StatusChanged, now: float) -> None:
        for key, value in event.changes:
            if key.startswith(RECORDS):
                self._element_record(key[len(RECORDS):], value)
            elif key.startswith(CLAIMS):
                port_id, _, element = key[len(CLAIMS):].partition("/")
                if value is None:
                    self.claim_records.pop((port_id, element), None)
                else:
                    self.claim_records[port_id, element] = value
            elif key.startswith(NODES):
                if value is None:
                    self.nodes.pop(key[len(NODES):], None)
                else:
                    self.nodes[key[len(NODES):]] = value

    def _element_record(self, name: str, value: dict[str, Any] | None) -> None:
        self.elements.set_record(name, value)
        if value is None:
            return
        element = self.elements.accepted.get(name)
        if element is not None and element.session is None:
            if value["owner"] != self.settings.node:
                self._forget(name, keep_record=True)  # It joined another node.
            return
        holder = self.elements.by_vtep[value["vtep"]]
        for element in list(self.elements.accepted.values()):
            other = element.info.element
            if element.vtep == value["vtep"] and other != holder and element.session is not None:
                # Two nodes accepted the same VTEP at once: the higher system-id leaves, everywhere.
                reason = self.elements.objection(element.session, element.info)
                if reason:
                    self._refuse(element.session, element.info, reason)
                    self._forget(other)

    # ------------------------------------------------------------ elements

    def _element_connected(self, event: msg.ElementConnected, now: float) -> None:
        info = event.info
        reason = self.elements.objection(event.session, info)
        if reason:
            self._refuse(event.session, info, reason)
            return
        known = self.elements.accepted.get(info.element)
        if known is not None and known.vtep != info.vtep:
            self._forget(info.element)
        element = self.elements.accept(event.session, info)
        new = known is not self.elements.accepted[info.element]
        if new:
            element.revision = self._revisions.pop(info.element, 0)
            self.dependents.vtep_passed(info.vtep)
            self.desired.add_element(info.element)
            self.desired.put(
                info.element, ("element",), Vrouter(element.router_mac, self.settings.overlay_mtu)
            )
        self._effects.append(msg.AcceptElement(event.session, info.element, info.datapath_id))
        if self.convergence.converged:
            self._effects.append(msg.Hold(info.element, False))
        self._record(element)
        rows: dict[str, Any] = dict.fromkeys(element.interfaces)
        rows.update((row.name, row) for row in event.interfaces)
        self._claims_changed(element, rows)
        tunnels: dict[str, Any] = dict.fromkeys(element.tunnels)
        tunnels.update((tunnel.vtep, tunnel) for tunnel in event.tunnels)
        self._set_tunnels(element, tunnels)
        self.desired.tunnels_dirty[info.element] = None

    def _refuse(self, session: int, info: msg.ElementInfo, reason: str) -> None:
        self.elements.refused[session] = (info, reason)
        self._effects.append(msg.RefuseElement(session, info.element, reason))
        self._notice("error", f"hypervisor {info.hostname} ({info.address})", f"refused: {reason}")

    def _record(self, element: Element) -> None:
        name = element.info.element
        value = record(element.info, self.settings.node, element.session is not None)
        if self.elements.records.get(name) != value:
            self.elements.set_record(name, value)
            self._effects.append(msg.RecordStatus(RECORDS + name, value))

    def _element_changed(self, event: msg.ElementChanged, now: float) -> None:
        element = self.elements.hears(event.session, event.info.element)
        if element is None:
            return
        if event.info.vtep != element.vtep or event.info.identity != element.info.identity:
            # Another VTEP is another vrouter: everything that names it starts again.
            interfaces = tuple(element.interfaces.values())
            tunnels = tuple(element.tunnels.values())
            self._forget(event.info.element)
            self._element_connected(
                msg.ElementConnected(event.session, event.info, interfaces, tunnels), now
            )
            return
        if event.info.datapath_id != element.info.datapath_id:
            self._effects.append(
                msg.AcceptElement(event.session, event.info.element, event.info.datapath_id)
            )
        element.info = event.info
        self._record(element)

    def _element_disconnected(self, event: msg.ElementDisconnected, now: float) -> None:
        self.elements.refused.pop(event.session, None)
        element = self.elements.hears(event.session, event.element)
        if element is None:
            return
        element.session = None
        element.reason = event.reason
        self._record(element)
        self._notice(
            "warning", f"hypervisor {element.info.hostname}",
            f"OVSDB disconnected ({event.reason}); its switch forwards on",
        )

    def _forget(self, name: str, keep_record: bool = False) -> None:
        if not keep_record and name in self.elements.records:
            self.elements.set_record(name, None)
            self._effects.append(msg.RecordStatus(RECORDS + name, None))
        if name not in self.elements.accepted:
            return
        self._revisions[name] = self.elements.accepted[name].revision
        vtep = self.elements.accepted[name].vtep
        self.ports.dirty.update(dict.fromkeys(self.elements.forget(name)))
        self.dependents.vtep_passed(vtep)
        self.ports.resolve()
        for element, vni in [place for place in self.ports.presence if place[0] == name]:
            del self.ports.presence[element, vni]
        self.resolver.remove_element(name)
        self.local_paths.withdraw(name)
        self.desired.remove_element(name)
        self.ports.pending.pop(name, None)
        for place in [place for place in self.rejected if place[0] == name]:
            del self.rejected[place]
        self._effects.append(msg.ReleaseElement(name))

    # ------------------------------------------------------------ interfaces and tunnels

    def _interfaces_changed(self, event: msg.InterfacesChanged, now: float) -> None:
        element = self.elements.hears(event.session, event.element)
        if element is not None:
            self._claims_changed(element, dict(event.changes))

    def _claims_changed(self, element: Element, rows: dict) -> None:
        touched = self.elements.set_interfaces(element, element.info.element, rows)
        self.ports.dirty.update(dict.fromkeys(touched))

    def _tunnels_changed(self, event: msg.TunnelsChanged, now: float) -> None:
        element = self.elements.hears(event.session, event.element)
        if element is not None:
            self._set_tunnels(element, dict(event.changes))

    def _set_tunnels(self, element: Element, changes: dict) -> None:
        name = element.info.element
        for vtep, status in changes.items():
            old = element.tunnels.pop(vtep, None)
            if status is not None:
                element.tunnels[vtep] = status
                if old is not None and old.bfd != status.bfd and "up" in (old.bfd, status.bfd):
                    level = "info" if status.bfd == "up" else "warning"
                    self._notice(
                        level, f"hypervisor {element.info.hostname}",
                        f"tunnel to {vtep}: BFD is {status.bfd or 'off'}",
                    )
            if status is not None and status.ofport > 0:
                self.desired.put(name, ("element",), Tunnel(vtep, status.ofport))
            else:
                self.desired.delete(name, ("element",), ("tunnel", vtep))

    # ------------------------------------------------------------ vrouters

    def _vrouter_connected(self, event: msg.VrouterConnected, now: float) -> None:
        element = self.elements.accepted.get(event.element)
        if element is not None:
            element.openflow = True

    def _vrouter_disconnected(self, event: msg.VrouterDisconnected, now: float) -> None:
        element = self.elements.accepted.get(event.element)
        if element is not None:
            element.openflow = False

    def _vrouter_acked(self, event: msg.VrouterAcked, now: float) -> None:
        element = self.elements.accepted.get(event.element)
        if element is not None:
            element.confirmed(event.revision)
            self.ports.acked(event.element, event.revision)

    def _flow_rejected(self, event: msg.FlowRejected, now: float) -> None:
        element = self.elements.accepted.get(event.element)
        if element is None or self.desired.get(event.element, event.key) is None:
            return
        if event.revision < element.unconfirmed.get(event.key, 0):
            return  # Of what the object was before: the answer to what it is now comes yet.
        self.rejected[event.element, event.key] = event.reason
        if event.key[0] == "port":
            self.ports.reject(event.element, event.key[1], event.reason)
        self._notice(
            "error", f"vrouter {event.element}",
            f"the switch refused {' '.join(map(str, event.key))}: {event.reason}",
        )

    # ------------------------------------------------------------ peers

    def _paths_received(self, event: msg.PathsReceived, now: float) -> None:
        self.dependents.follow(self.rib.update(event.peer, event.announced, event.withdrawn))

    def _peer_up(self, event: msg.PeerUp, now: float) -> None:
        self.peers_up[event.peer] = event.info
        self.bindings.given_up.discard(event.peer)
        self._notice("info", f"peer {event.peer}", "established")

    def _peer_down(self, event: msg.PeerDown, now: float) -> None:
        self.peers_up.pop(event.peer, None)
        self.peers_down_since[event.peer] = now
        self.dependents.follow(self.rib.peer_down(event.peer))
        self._notice(
            "warning", f"peer {event.peer}",
            f"down ({event.reason}); {self.rib.stale_count(event.peer)} routes are stale, in use",
        )

    def _end_of_rib(self, event: msg.EndOfRib, now: float) -> None:
        self.peers_down_since.pop(event.peer, None)
        self.convergence.waiting_peers.pop(event.peer, None)
        self.dependents.follow(self.rib.end_of_rib(event.peer))

    def _tick(self, event: msg.Tick, now: float) -> None:
        self.learned.tick(now)
        self._effects.extend(self.probes.tick(now))
        marks, self.ports.marks = self.ports.marks, {}
        self._effects.extend(
            msg.MarkInstalled(element, tuple(interfaces.items()))
            for element, interfaces in marks.items()
            if element in self.elements.accepted
        )
        for peer, since in list(self.peers_down_since.items()):
            if now - since >= self.settings.restart_time and peer not in self.bindings.given_up:
                self.bindings.given_up.add(peer)
                self.ports.dirty.update(dict.fromkeys(self.ports.refused))
            if now - since >= self.settings.stale_time:
                del self.peers_down_since[peer]
                count = self.rib.stale_count(peer)
                # A peer that is back but never sent End-of-RIB keeps what it announced since.
                self.dependents.follow(self.rib.end_of_rib(peer))
                self._notice("warning", f"peer {peer}", f"{count} stale routes were dropped")

    # ------------------------------------------------------------ flush

    def flush(self, now: float) -> list:
        """Compute everything that is marked and return the effects, in the order to run them."""
        self.ports.resolve()
        self.local_paths.settle()
        self.resolver.resolve()
        while self.resolver.republish_vrfs or self.ports.dirty or self.ports.republish:
            self.ports.resolve()
            self.local_paths.settle()
            self.resolver.resolve()
        self.policies.resolve()
        self._flush_tunnels()
        for name in self.desired.changed_elements():
            element = self.elements.accepted[name]
            program = self.desired.flush(name, element.revision + 1)
            element.programmed(program)
            self.ports.programmed(program)
            for key, _ in program.changes:
                self.rejected.pop((name, key), None)
            self._effects.append(program)
        # A view before the first port that asks for its names.
        self._effects.extend(self.ports.names.flush())
        self._effects.extend(self.ports.edges.flush())
        self.probes.confirmed(self.ports.confirmed)
        self.ports.confirmed.clear()
        self._effects.extend(self.probes.flush(now))
        for vni, address in self.moves.due(now, lambda key: self.resolver.told_of(key[0])):
            self._effects.extend(self.resolver.gratuitous(vni, address))
        self._effects.extend(self.publisher.flush())
        self._effects.extend(self.ports.records)
        self.ports.records.clear()
        send, release = self.convergence.step(now)
        if send:
            self._effects.append(msg.SendEndOfRib())
        if release:
            self.learned.started()
            for key in shared_keys(self.config):
                self.moves.tell(key)
            self._effects.extend(msg.Hold(name, False) for name in self.elements.accepted)
            self._notice("info", "start", "converged; vrouters follow the desired state")
            for name in self.elements.accepted:
                self.desired.tunnels_dirty[name] = None
            self._flush_tunnels()
        effects, self._effects = self._effects, []
        return effects

    def _flush_tunnels(self) -> None:
        vteps = frozenset(self.elements.by_vtep)
        if vteps != self._known_vteps:
            self._known_vteps = vteps
            self.desired.tunnels_dirty.update(dict.fromkeys(self.elements.accepted))
        for name in self.desired.tunnels_dirty:
            element = self.elements.accepted.get(name)
            if element is None or element.session is None:
                continue
            wanted = self.desired.vteps(name) | self.elements.mesh(name)
            if not self.convergence.converged:
                wanted |= element.tunnels.keys()
            self._effects.append(msg.SetTunnels(name, wanted))
        self.desired.tunnels_dirty.clear()

    def _notice(self, level: str, subject: str, text: str) -> None:
        self._effects.append(msg.Notice(level, subject, text))


