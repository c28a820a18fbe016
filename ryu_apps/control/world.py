"""The World: everything one node knows, and ``step``: event in, effects out.

No I/O, no threads, no clock.  One controller thread owns it.  :meth:`World.handle` takes an event
into the inputs and marks what depends on it; :meth:`World.flush` computes that, in the order of
:mod:`ryu_apps.control.graph.graph`, and returns the effects.  ``step`` is both; a busy controller
handles a batch of events and flushes once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ryu_apps.control import messages as msg
from ryu_apps.control.addresses.learned import Learned
from ryu_apps.control.addresses.macs import LearnedMacs
from ryu_apps.control.addresses.probes import Probes
from ryu_apps.control.chains.chains import Chains
from ryu_apps.control.config.config import Config
from ryu_apps.control.configure import Configurer
from ryu_apps.control.dependents import Dependents
from ryu_apps.control.desired.desired import Desired
from ryu_apps.control.edge.edge import Edges
from ryu_apps.control.edge.names import Names
from ryu_apps.control.elements.elements import Elements
from ryu_apps.control.elements.trust import Trust
from ryu_apps.control.forwarding.gateways import Gateways
from ryu_apps.control.forwarding.mirrors import Mirrors
from ryu_apps.control.forwarding.presence import Presence
from ryu_apps.control.forwarding.resolve import Resolver
from ryu_apps.control.forwarding.segments import Segments
from ryu_apps.control.forwarding.services import Services
from ryu_apps.control.graph.graph import Graph
from ryu_apps.control.links.announced import AnnouncedAddresses
from ryu_apps.control.links.damping import Damping
from ryu_apps.control.links.offers import Offers
from ryu_apps.control.links.tunnels import Tunnels
from ryu_apps.control.local_paths import LocalPaths
from ryu_apps.control.membership.acceptance import Acceptance
from ryu_apps.control.membership.assignment import Assignment
from ryu_apps.control.membership.convergence import Convergence
from ryu_apps.control.membership.departures import Departures
from ryu_apps.control.membership.interfaces import ElementInterfaces
from ryu_apps.control.membership.membership import Membership
from ryu_apps.control.multicast.snooping import MulticastSnooping
from ryu_apps.control.outside.ways_out import WaysOut
from ryu_apps.control.peers import PeerOptions, Peers
from ryu_apps.control.policy.memberships import Memberships
from ryu_apps.control.policy.sets import Policies
from ryu_apps.control.ports.activations import Activations
from ryu_apps.control.ports.bindings import Bindings
from ryu_apps.control.ports.claim_records import ClaimRecords
from ryu_apps.control.ports.interfaces import InterfaceReports
from ryu_apps.control.ports.locations import Locations
from ryu_apps.control.ports.ports import Ports
from ryu_apps.control.ports.relays import Relays
from ryu_apps.control.settings import Settings
from ryu_apps.control.status import StatusRecords
from ryu_apps.control.tables import Tables
from ryu_apps.control.vpn.duplicates import Duplicates
from ryu_apps.control.vpn.instances import Instances
from ryu_apps.control.vpn.moves import MoveNotifier
from ryu_apps.control.vpn.origins import Origins
from ryu_apps.control.vpn.publish import Publisher
from ryu_apps.control.vpn.released import Released
from ryu_apps.control.vpn.rib import Rib
from ryu_apps.control.vpn.translate import shared_keys
from ryu_apps.control.vpn.underlay import Underlay
from ryu_apps.control.vrouters import Vrouters
from vrouter_ovs.state import Metadata, StormControl
from vrouter_ovs.state.meters import meter_pools


class World:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._effects: list = []
        """One list for all who append to it: effects run in the order in which they came up."""
        self.graph = graph = Graph(self._effects)
        marks = graph.marks
        self.config = Config()
        self.rib = Rib()
        self.elements = Elements(settings.node, marks("Elements"))
        origins = Origins(self.elements, self.rib)
        self.is_node = origins.is_node
        self.instances = Instances(
            self.rib, marks("Instances"), origins.stands, settings.import_any_as
        )
        self.underlay = Underlay(self.rib)
        self.desired = Desired(marks("Desired"))
        tables = Tables(
            self.config, self.rib, self.elements, self.instances, self.desired, origins,
            self.underlay,
        )
        self.duplicates = Duplicates(self._effects)
        self.learned = Learned(tables, marks("Learned"))
        self.floating = tables.floating
        self.macs = LearnedMacs(
            tables, marks("LearnedMacs"), settings.mac_limit, settings.mac_ageing, self._effects
        )
        self.moves = MoveNotifier(self.instances)
        self.bindings = Bindings(tables, self.learned, self.duplicates)
        memberships = Memberships(tables, marks("Memberships"))
        self.policies = Policies(tables, marks("Policies"), memberships)
        self.names = Names(self.config, marks("Names"), self._effects, settings.dns_ttl)
        self.edges = Edges(
            self.config, tables.bound, marks("Edges"), self._effects, settings.metadata
        )
        locations = Locations(tables, marks("Locations"))
        self.ports = Ports(
            tables, marks("Ports"), self.bindings, self.policies, self.learned, self.macs,
            self.names,
            Relays(marks("Relays")), locations, InterfaceReports(tables, marks("InterfaceReports")),
        )
        self.ports.count_new = settings.new_connections > 0
        self.ports.storm_control = settings.storm_rate > 0
        activations = Activations(tables, self.bindings.arrivals, self._effects)
        self.conflicts = ClaimRecords(tables, marks("ClaimRecords"), self._effects)
        self.probes = Probes(tables, self.learned, self._effects)
        self.multicast = MulticastSnooping(
            tables, marks("MulticastSnooping"), settings.igmp_flood_unregistered, self._effects
        )
        services = Services(tables, marks("Services"), self.moves)
        gateways = Gateways(tables, marks("Gateways"), self.moves)
        damping = Damping(settings.path_hold)
        self.ways_out = WaysOut(tables, marks("WaysOut"), locations, damping.is_held)
        self.presence = Presence(tables, marks("Presence"), services, gateways, self.ways_out)
        self.segments = Segments(tables, marks("Segments"))
        self.chains = Chains(tables)
        self.resolver = Resolver(
            tables, graph.worklists["lookups"], locations, self.ports.relays, self.presence,
            services, gateways, self.ways_out, marks("Resolver"), self.chains.watching,
        )
        self.mirrors = Mirrors(tables, self._effects)
        self.publisher = Publisher(self.rib)
        self.dependents = Dependents(
            tables, marks("Dependents"), self.learned, self.macs, self.bindings, self.moves,
            self.publisher,
        )
        options = PeerOptions(
            settings.peer_kinds, settings.peers, settings.stale_time, settings.restart_time,
            settings.stalepath_time,
        )
        self.peers = Peers(options, tables, marks("Peers"), self.dependents, self._effects)
        origins.is_router = self.rib.is_router = self.peers.is_router
        released = Released(self.rib, self.publisher, settings.restart_time, self.peers)
        self.local_paths = LocalPaths(
            tables, marks("LocalPaths"), settings.local_as, self.ports, released,
            self.ways_out, self.dependents.apply_best_changes,
        )
        self.configurer = Configurer(
            tables, marks("Configurer"), self.learned, self.macs, self.policies,
            settings.local_as,
        )
        self.trust = Trust(self.config, self.elements, tables.active, settings.most_lost_ports)
        self._trust_sent = "", False
        self.convergence = Convergence(
            self.elements, (self.probes, self.multicast), self.peers, self.trust,
            settings.restart_deferral,
        )
        self.announced = AnnouncedAddresses(
            tables, marks("AnnouncedAddresses"), self.publisher, damping, self._effects
        )
        self.tunnels = Tunnels(
            tables, marks("Tunnels"), self.announced, damping, self.ways_out.watching,
            self._effects,
        )
        self.assignment = Assignment(
            self.elements, marks("Assignment"), settings.weight, self._effects
        )
        self.vrouters = Vrouters(
            tables, marks("Vrouters"), self.ports, self.segments, settings.overlay_mtus,
            (
                *meter_pools(settings.new_connections, settings.storm_rate),
                *([Metadata()] if settings.metadata else []),
                *([StormControl()] if settings.storm_rate else []),
            ),
            self.assignment.standby_targets, self._effects,
        )
        interfaces = ElementInterfaces(tables, marks("ElementInterfaces"), self._effects)
        acceptance = Acceptance(
            tables, marks("Acceptance"), self.local_paths, self.tunnels, self.convergence,
            interfaces, self._effects,
        )
        self.membership = Membership(
            tables, marks("Membership"), acceptance, self.local_paths, self.tunnels,
            self.assignment, self._effects,
        )
        departures = Departures(
            tables, marks("Departures"), self.ports, self.presence, self.segments, self.mirrors
        )
        self._marks = marks("World")
        self.status = StatusRecords(
            self.elements, self.membership, self.assignment, self.convergence, self.peers,
            self.conflicts, self.edges.advertised,
        )
        self._connect(departures, services, activations, Offers(tables, marks("Offers")))
        self._handlers = self._handlers_of_events()

    def _connect(
        self, departures: Departures, services: Services, activations: Activations, offers: Offers
    ) -> None:
        """Bind the methods that the graph names."""
        memberships = self.policies.memberships
        self.graph.connect(
            departures.depart,
            self.vrouters.describe, self.vrouters.program,
            self.tunnels.resolve, self.tunnels.resolve_ports,
            self.dependents.judge_again, offers.changed, self.segments.attached,
            self.ports.resolve, self.ports.interfaces.resolve,
            self.local_paths.publish_port, self.local_paths.publish_evi,
            self.local_paths.publish_vrf,
            self.ways_out.resolve,
            self.presence.describe_evi, self.presence.describe_vrf, self.presence.resolve_evi,
            self.presence.leave_vrouters,
            self.presence.enter_vrouters,
            services.resolve, self.segments.resolve,
            self.resolver.resolve_instance, self.resolver.resolve_lookup,
            self.chains.resolve, self.mirrors.resolve,
            self.multicast.resolve,
            self.policies.resolve_set, memberships.resolve_pages, memberships.resolve_peer,
            memberships.resolve_members,
            self.names.resolve_network, self.names.resolve_port,
            self.edges.resolve, self.edges.emit,
            self.probes.confirmed, self.probes.search,
            activations.follow, self.conflicts.write,
        )

    def _handlers_of_events(self) -> dict[type, Callable[[Any, float], None]]:
        """What takes in each class of events."""
        return {
            msg.ConfigChanged: lambda event, now: self.configurer.apply(event.changes),
            msg.ConfigLoaded: self._config_loaded,
            msg.ConfigAccepted: lambda event, now: self.trust.accept(),
            msg.StatusChanged: self.status.changed,
            msg.ElementConnected: self.membership.connected,
            msg.ElementChanged: self.membership.changed,
            msg.ElementUnusable: self.membership.refusals.unusable,
            msg.ElementDisconnected: self.membership.disconnected,
            msg.StandbyReady: lambda event, now: self.assignment.standby_ready(
                event.element, event.ready
            ),
            msg.MastershipLost: self.membership.mastership_lost,
            msg.InterfacesChanged: self.membership.interfaces.changed,
            msg.PortStatus: self.membership.interfaces.port_status,
            msg.TunnelsChanged: self.tunnels.changed,
            msg.VrouterConnected: self._vrouter_connected,
            msg.VrouterDisconnected: lambda event, now: self.vrouters.disconnected(event),
            msg.VrouterAcked: lambda event, now: self.vrouters.acked(event),
            msg.ObjectRefused: lambda event, now: self.vrouters.object_refused(event),
            msg.AddressSeen: lambda event, now: self.learned.seen(
                event.element, event.port_id, event.mac, event.address, event.how, now
            ),
            msg.MacSeen: lambda event, now: self.macs.seen(
                event.element, event.port_id, event.mac, now
            ),
            msg.GroupsReported: self.multicast.reported,
            msg.QuerierSeen: self.multicast.querier_seen,
            msg.GuestSeen: lambda event, now: self.ports.seen(event.element, event.ofport),
            msg.PathsReceived: lambda event, now: self.peers.paths_received(event, now),
            msg.PeerUp: lambda event, now: self.peers.came_up(event, now),
            msg.PeerDown: lambda event, now: self.peers.went_down(event, now),
            msg.EndOfRib: lambda event, now: self.peers.end_of_rib(event),
            msg.CaughtUp: lambda event, now: self.peers.tables.caught_up(event.token),
            msg.Tick: self._tick,
            msg.ClearDuplicate: lambda event, now: self._announce_again(event.port_id),
            msg.ForgetElement: lambda event, now: self.membership.gone_for_good(event.element),
        }

    def step(self, event: Any, now: float) -> list:
        """Handle one event and flush."""
        self.handle(event, now)
        return self.flush(now)

    def handle(self, event: Any, now: float) -> None:
        """Take an event in; its effects come with the next flush."""
        self.convergence.start(now)
        self.duplicates.now = now
        if (element := getattr(event, "element", None)) is not None:
            self.assignment.meter.count(element)
        self._handlers[type(event)](event, now)

    # ------------------------------------------------------------ events of several parts

    def _config_loaded(self, event: msg.ConfigLoaded, now: float) -> None:
        self.convergence.loaded = True
        # Only peers are told that all is announced.
        patient = not event.known and not event.remembers and bool(self.settings.peers)
        self.trust.begin(event.known, patient)

    def _vrouter_connected(self, event: msg.VrouterConnected, now: float) -> None:
        self.vrouters.connected(event)
        self.membership.records.served(event.element)

    def _tick(self, event: msg.Tick, now: float) -> None:
        self.graph.tick()
        self.edges.tick(now)
        if self.convergence.loaded:
            self.trust.weigh()
        self.learned.tick(now)
        self.macs.tick(now)
        for port_id in self.duplicates.expired():
            self._announce_again(port_id)
        self.membership.tick(now)
        self.tunnels.tick(now)
        self.segments.tick(now)
        self.assignment.tick(now)
        self.probes.tick(now)
        self.multicast.tick(now)
        self.ports.tick(now)
        self.peers.tick(now)
        self.local_paths.tick(now)

    def _announce_again(self, port_id: str) -> None:
        self.duplicates.release(port_id)
        if port_id in self.ports.bound:
            self._marks.port_routes.mark(port_id)

    # ------------------------------------------------------------ flush

    def flush(self, now: float) -> list:
        """Compute everything that is marked and return the effects, in the order to run them.

        A step that raises holds up no other one, and no effect.
        """
        self.duplicates.now = now
        for step in (
            self.membership.refusals.reconsider, self.membership.sessions, self.assignment.step,
        ):
            self.graph.attempt(step, now)
        self.graph.flush()
        for step in (
            self.membership.records.arrivals, self._record_advertisements, self.probes.flush,
            self._notify_moves, self._publish, self._converge,
        ):
            self.graph.attempt(step, now)
        effects = list(self._effects)
        self._effects.clear()
        return effects

    def _record_advertisements(self, now: float) -> None:
        self._effects.extend(self.edges.advertised.records(self.settings.node))

    def _notify_moves(self, now: float) -> None:
        for vni, address in self.moves.due(
            now, lambda key: self.resolver.notification_cost(key[0])
        ):
            self._effects.extend(self.resolver.move_notifications(vni, address))

    def _publish(self, now: float) -> None:
        self.local_paths.follow_sessions()
        self._effects.extend(self.publisher.flush())
        self._effects.extend(self.peers.tables.flush())

    def _converge(self, now: float) -> None:
        step = self.convergence.step(now)
        trust = self.trust.doubt, self.trust.given and self.convergence.loaded
        if trust != self._trust_sent:
            self._trust_sent = trust
            self._effects.append(msg.ConfigDoubted(*trust))
        if step.send:
            self._effects.append(msg.SendEndOfRib())
        if step.converged:
            self.conflicts.review()
            for key in shared_keys(self.config):
                self.moves.notify(key)
            self._effects.append(
                msg.Notice("info", "start", "converged; vrouters follow the desired state")
            )
        if step.released:
            self.learned.released(step.released)
            self.vrouters.release(step.released)
