"""One World under test: its effects folded, and its inputs remembered in the plainest way.

:class:`Node` demands after each flush that the folded effects equal what the World holds.
:class:`Inputs` is what the node was told last.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from lab.beds.option_values import world_settings
from lab.beds.owners import owns
from ryu_apps.control import messages as msg
from ryu_apps.control.config.model import Change
from ryu_apps.control.edge.edge import edge_port
from ryu_apps.control.elements.elements import RECORDS, record
from ryu_apps.control.families import EVPN
from ryu_apps.control.graph.graph import GOING_BACK
from ryu_apps.control.links.paths import underlay_paths
from ryu_apps.control.routes import Nlri, Path
from ryu_apps.control.settings import Settings
from ryu_apps.control.vpn.rib import LOCAL, RELEASED
from ryu_apps.control.world import World
from vrouter_ovs.edge import EdgePort
from vrouter_ovs.state import Endpoint, TunnelPort, collector
from vrouter_ovs.state.meters import meter_pools

from ..element_info import ovs_info, with_facts
from .world_universe import ASN, ENCAPSULATIONS, NODE, STALE_TIME, vteps

BARE = {("vrouter",), *(pool.key for pool in meter_pools(0))}
"""What every vrouter has."""


@dataclass
class Hypervisor:
    info: msg.ElementInfo
    session: int
    connected: bool = True
    interfaces: dict[str, msg.Interface] = field(default_factory=dict)
    tunnels: dict[Endpoint, msg.TunnelStatus] = field(default_factory=dict)


@dataclass
class Inputs:
    """What one node was told, in the plainest form."""

    config: dict[tuple[str, str], Any] = field(default_factory=dict)
    elements: dict[str, Hypervisor] = field(default_factory=dict)
    paths: dict[str, dict[Nlri, tuple[Path, bool]]] = field(default_factory=dict)
    """Peer -> NLRI -> (path, is stale)."""
    down_since: dict[str, float] = field(default_factory=dict)
    elsewhere: dict[str, bool] = field(default_factory=dict)
    """VTEP -> whether it is another node's hypervisor's; else it is a router's."""
    refused: dict[tuple[str, tuple], str] = field(default_factory=dict)
    """(element, key) -> reason, while the object is the one that was refused."""

    def by_kind(self, kind: str) -> list[Any]:
        return [item for (of, _), item in self.config.items() if of == kind]


class Node:
    """A World with its effects folded, and the inputs it was given."""

    def __init__(self, settings: Settings | None = None, converged: bool = True) -> None:
        self.world = World(
            settings or world_settings(NODE, ASN, stale_time=STALE_TIME, restart_deferral=0)
        )
        self.now = 0.0
        self.inputs = Inputs()
        self.tables: dict[str, dict] = {}
        self.revisions: dict[str, int] = {}
        self.highest: dict[str, int] = {}
        self.acked: dict[str, int] = {}
        self.last_program: dict[str, msg.Program] = {}
        self.announced: dict[Nlri, Path] = {}
        self.tunnels: dict[str, set[Endpoint]] = {}
        """What tunnel ports the databases have."""
        self.held: set[str] = set()
        self.edges: dict[tuple[str, int], EdgePort] = {}
        self.effects: list = []
        self.mute: set[str] = set()
        """Elements whose switch does not speak to this node."""
        self.alone = True
        """There is no store that could say who is in charge: it is this node."""
        self._sessions = 0
        self.bgp: dict[str, int] = {}
        """Peers with a session -> its number."""
        self.told: dict[str, int] = {}
        """Those that have what is announced."""
        self._token = 0
        self.handle(msg.StatusChanged((), whole=True))
        if converged:
            self.handle(msg.ConfigLoaded())
            self.flush()

    # -- events

    def handle(self, event: Any) -> None:
        self.world.handle(event, self.now)

    def flush(self) -> list:
        effects = self.world.flush(self.now)
        for effect in effects:
            self._fold(effect)
        kinds = [type(effect) for effect in effects]
        if msg.SendTable in kinds:
            assert not {msg.Announce, msg.Withdraw} & {*kinds[kinds.index(msg.SendTable):]}
        self.check_folds()
        self.effects = effects
        return effects

    def _fold(self, effect: Any) -> None:
        match effect:
            case msg.Program(element, revision, changes):
                assert revision == self.revisions.get(element, 0) + 1
                self.revisions[element] = revision
                assert changes, "an empty Program"
                keys = [key for key, _ in changes]
                assert len(set(keys)) == len(keys), "a key stands twice in a Program"
                table = self.tables.setdefault(element, {})
                for key, item in changes:
                    self.inputs.refused.pop((element, key), None)
                    if item is None:
                        gone = table.pop(key, None)
                        if type(gone) is TunnelPort and element not in self.held:
                            self.tunnels[element].discard(gone.endpoint)
                    else:
                        assert item.key == key
                        table[key] = item
                        if type(item) is TunnelPort:
                            self.tunnels[element].add(item.endpoint)
                self.last_program[element] = effect
            case msg.AcceptElement(_, info):
                name = info.element
                if name not in self.tables:
                    self.tables[name] = {}
                    self.held.add(name)
                    known = self.world.elements.accepted.get(name)
                    self.tunnels[name] = set(known.tunnels) if known is not None else set()
            case msg.Defer(element, False):
                self.held.discard(element)
                self.tunnels[element] = ports_of(self.tables[element])
            case msg.ReleaseElement(element):
                for known in (self.tables, self.acked, self.last_program, self.tunnels):
                    known.pop(element, None)
                self.held.discard(element)
                for place in [one for one in self.inputs.refused if one[0] == element]:
                    del self.inputs.refused[place]
            case msg.Announce(paths):
                assert len({path.nlri for path in paths}) == len(paths)
                self.announced.update((path.nlri, path) for path in paths)
            case msg.Withdraw(nlris):
                for nlri in nlris:
                    self.announced.pop(nlri, None)
                self._superseded(nlris)
            case msg.CatchUp(token):
                assert token > self._token
                self._token = token
            case msg.SendTable(peer, session):
                assert self.told.get(peer) != session, "sent twice"
                if self.bgp.get(peer) == session:
                    self.told[peer] = session
            case msg.EdgeChanged(element, ofport, None):
                del self.edges[element, ofport]
            case msg.EdgeChanged(element, ofport, port):
                assert port.ofport == ofport
                assert self.edges.get((element, ofport)) != port, "told twice"
                self.edges[element, ofport] = port

    def check_folds(self) -> None:
        """The effects, replayed, are the state."""
        world = self.world
        assert world.graph.most_back < GOING_BACK // 10, "far from the bound"
        # One that goes to another node is told nothing more.
        leaving = {
            name for name, one in world.elements.accepted.items() if one.leaving is not None
        }
        assert without(self.tables, leaving) == without(world.desired.objects, leaving)
        kept = kept_paths(world)
        assert world.peers.tables.out or not self._served(kept), "what may be over, unheard"
        ours = {**kept, **local_paths(world)}
        said = [world.publisher.as_announced(path) for path in ours.values()]
        assert self.announced == {path.nlri: path for path in said}
        # What has to be taken back depends on what was said before, and on nothing else does it.
        assert {place: replace(port, withdrawn=()) for place, port in self.edges.items()} == {
            (bound.element, bound.ofport): edge_port(world.config, bound)
            for bound in world.ports.bound.values()
        }
        for name, element in without(world.elements.accepted, leaving).items():
            assert element.confirmations.revision == self.revisions.get(name, 0)
            ends = used_endpoints(world.desired.objects[name])
            for vtep in {end.vtep for end in ends} | world.elements.mesh(name):
                theirs = world.elements.records.get(world.elements.by_vtep.get(vtep, ""), None)
                takes = ENCAPSULATIONS if theirs is None else theirs["encapsulations"]
                ends |= {Endpoint(vtep, one) for one in element.encapsulations if one in takes}
            used = {
                far._replace(path=path.number) for far in ends
                for path in underlay_paths(
                    element.info.vteps if far.vtep in world.elements.by_vtep else (element.vtep,),
                    world.elements.addresses_of(far.vtep) or (far.vtep,),
                )
            }
            used |= collectors_of(world, name)
            assert ports_of(self.tables[name]) == used
            if name in self.held:
                assert self.tunnels[name] >= used | element.tunnels.keys()
            else:
                assert not element.deferred and self.tunnels[name] == used

    def _served(self, kept: dict[Nlri, Path]) -> list[Path]:
        """Those of the elements that another node serves."""
        serving = {
            value["vtep"] for value in self.world.elements.records.values() if value.get("serving")
        }
        return [path for path in kept.values() if path.attrs.next_hop in serving]

    def ack(self, element: str, revision: int | None = None) -> None:
        if element in self.world.elements.accepted and element not in self.mute:
            sent = self.revisions.get(element, 0)
            revision = sent if revision is None else min(revision, sent)
            if revision > self.acked.get(element, 0):
                self.acked[element] = revision
                self.handle(msg.VrouterAcked(element, revision))

    def settle(self) -> None:
        """Flush and let every switch confirm, until nothing more comes of it."""
        self.catch_up()
        self.flush()
        if self.world.publisher.released:
            self.tick(self.world.settings.restart_time)
        for _ in range(30):
            for element in list(self.revisions):
                self.ack(element)
            if not any(isinstance(effect, msg.Program) for effect in self.flush()):
                return
        raise AssertionError("the core does not come to rest")

    # -- inputs, remembered

    def configure(self, *changes: Change) -> None:
        for change in changes:
            if change.resource is None:
                self.inputs.config.pop((change.kind, change.id), None)
            else:
                self.inputs.config[change.kind, change.id] = change.resource
        self.handle(msg.ConfigChanged(changes, 0))

    def set(self, kind: str, id: str, resource: Any) -> None:
        self.configure(Change(kind, id, resource))

    def connect(self, name: str, vtep: str | None = None, **info: Any) -> None:
        """(Re)connect; rows are as before."""
        self._sessions += 1
        old = self.inputs.elements.get(name)
        if old is not None and old.connected:
            self.disconnect(name)
        if old is None:
            new = Hypervisor(element_info(name, vtep or vteps(name)[0]), self._sessions)
        else:
            new = replace(old, session=self._sessions, connected=True)
        new.info = replace(new.info, vtep=vtep or new.info.vtep, **info)
        self.inputs.elements[name] = new
        self.own(name)
        self.introduce(new)

    def introduce(self, one: Hypervisor) -> None:
        """Its session shows what it has."""
        self.handle(msg.ElementConnected(
            one.session, one.info, tuple(one.interfaces.values()), tuple(one.tunnels.values())
        ))

    def own(self, name: str) -> None:
        """The store says that this node is in charge of an element."""
        if self.alone:
            owned_by(self, name, self.world.settings.node)

    def disconnect(self, name: str) -> None:
        one = self.inputs.elements[name]
        one.connected = False
        self.handle(msg.ElementDisconnected(one.session, name, "gone"))

    def change_vtep(self, name: str, vtep: str) -> None:
        one = self.inputs.elements[name]
        one.info = replace(one.info, vtep=vtep)
        self.handle(msg.ElementChanged(one.session, one.info))

    def change_paths(self, name: str, further: tuple[str, ...]) -> None:
        """Its further addresses in the underlay are these."""
        one = self.inputs.elements[name]
        one.info = replace(one.info, further_vteps=further)
        self.handle(msg.ElementChanged(one.session, one.info))

    def change_encapsulations(self, name: str, encapsulations: tuple[str, ...]) -> None:
        self.change_facts(name, encapsulations=encapsulations)

    def change_facts(self, name: str, **changes: object) -> None:
        """Its database says something else of what it is."""
        one = self.inputs.elements[name]
        one.info = with_facts(one.info, **changes)
        self.handle(msg.ElementChanged(one.session, one.info))

    def forget(self, name: str) -> None:
        self.inputs.elements.pop(name, None)
        self.handle(msg.ForgetElement(name))

    def lose(self, name: str, serving: bool = False) -> None:
        """It is disconnected and then joins another node."""
        one = self.inputs.elements.pop(name)
        self.handle(msg.ElementDisconnected(one.session, name, "gone"))
        owned_by(self, name, "other")
        value = dict(
            self.world.elements.records[name], owner="other", connected=True, serving=serving,
        )
        self.handle(msg.StatusChanged(((RECORDS + name, value),)))

    def elsewhere(self, vtep: str, there: bool = True) -> None:
        """Another node has a hypervisor with this VTEP, or it has no more."""
        self.inputs.elsewhere[vtep] = there
        name = f"far-{vtep.rpartition('.')[2]}"
        info = replace(element_info("e7", vtep), element=name, hostname=name)
        value = record(info, "other", True) if there else None
        self.handle(msg.StatusChanged(((RECORDS + name, value),)))

    def interfaces(self, name: str, *changes: tuple[str, msg.Interface | None]) -> None:
        """Rows that change together, in this order; None: the row is gone."""
        one = self.inputs.elements[name]
        for tap, row in changes:
            if row is None:
                one.interfaces.pop(tap, None)
            else:
                one.interfaces[tap] = row
        self.handle(msg.InterfacesChanged(one.session, name, changes))

    def interface(self, name: str, tap: str, row: msg.Interface | None) -> None:
        self.interfaces(name, (tap, row))

    def bind(self, name: str, tap: str, port: str, ofport: int | None = None) -> None:
        number = int(tap[3:]) + 1 if ofport is None else ofport
        self.interface(name, tap, msg.Interface(tap, port, number))

    def tunnel(self, name: str, endpoint: Endpoint, status: msg.TunnelStatus | None) -> None:
        one = self.inputs.elements[name]
        if status is None:
            one.tunnels.pop(endpoint, None)
        else:
            one.tunnels[endpoint] = status
            if name in self.held:
                self.tunnels[name].add(endpoint)
        self.handle(msg.TunnelsChanged(one.session, name, ((endpoint, status),)))

    def receive(self, peer: str, announced: tuple = (), withdrawn: tuple = ()) -> None:
        held = self.inputs.paths.setdefault(peer, {})
        for nlri in withdrawn:
            held.pop(nlri, None)
        held.update((path.nlri, (path, False)) for path in announced)
        self._superseded(withdrawn)
        self.handle(msg.PathsReceived(peer, announced, withdrawn))

    def _superseded(self, withdrawn: tuple) -> None:
        """A node took these back: what is stale of them said what is over."""
        for held in self.inputs.paths.values():
            for nlri in withdrawn:
                if nlri in held and held[nlri][1]:
                    del held[nlri]

    def peer_up(self, peer: str, **more: Any) -> None:
        self._sessions += 1
        self.bgp[peer] = self._sessions
        self.handle(msg.PeerUp(peer, session=self._sessions, **more))

    def catch_up(self) -> None:
        """What the store had when that was last asked for was delivered."""
        self.handle(msg.CaughtUp(self._token))

    def peer_down(self, peer: str) -> None:
        self.bgp.pop(peer, None)
        self.told.pop(peer, None)
        held = self.inputs.paths.setdefault(peer, {})
        if not any(stale for _, stale in held.values()):
            self.inputs.down_since.pop(peer, None)
        if held:
            self.inputs.down_since.setdefault(peer, self.now)
        held.update({nlri: (path, True) for nlri, (path, _) in held.items()})
        self.handle(msg.PeerDown(peer, "cut"))

    def _drop_stale(self, peer: str) -> None:
        held = self.inputs.paths.get(peer, {})
        self.inputs.paths[peer] = {nlri: one for nlri, one in held.items() if not one[1]}
        self.inputs.down_since.pop(peer, None)

    def end_of_rib(self, peer: str) -> None:
        self._drop_stale(peer)
        self.handle(msg.EndOfRib(peer, EVPN))

    def tick(self, seconds: float) -> None:
        self.now += seconds
        for peer, since in list(self.inputs.down_since.items()):
            if self.now - since >= STALE_TIME:
                self._drop_stale(peer)
        self.handle(msg.Tick())

    def refuse(self, element: str, key: tuple) -> None:
        self.inputs.refused[element, key] = "no space"
        self.handle(msg.ObjectRefused(element, key, "no space", self.revisions[element]))

    def refuse_late(self, element: str, key: tuple) -> None:
        """A refusal of what the object was before its last change: nothing comes of it."""
        self.handle(msg.ObjectRefused(element, key, "no space", self.revisions[element] - 1))


def without(table: dict, keys: set[str]) -> dict:
    return {key: item for key, item in table.items() if key not in keys}


def owned_by(one: Node, name: str, owner: str) -> None:
    """The store says that ``owner`` is in charge of an element, unless it said so before."""
    known = one.world.elements.ownership.owners.get(name)
    if known is None or known.owner != owner:
        one.handle(owns(owner, name, epoch=known.epoch + 1 if known is not None else 1))


def element_info(name: str, vtep: str) -> msg.ElementInfo:
    number = int(name[1:])
    return ovs_info(
        name, f"host{number}", vtep, f"uuid-{name}", f"198.51.100.{number + 1}",
        ovs_version="3.1.0", datapath_id=number + 1,
    )


def ports_of(table: dict) -> set[Endpoint]:
    """The endpoints that a vrouter is asked to have tunnel ports to."""
    return {item.endpoint for item in table.values() if type(item) is TunnelPort}


def local_paths(world: World) -> dict[Nlri, Path]:
    return {path.nlri: path for path in world.rib.from_source(LOCAL)}


def kept_paths(world: World) -> dict[Nlri, Path]:
    """What is announced still of elements that another node has now."""
    return {
        path.nlri: path
        for source in world.rib.sources()
        if source.startswith(RELEASED) and source not in world.publisher.unannounced
        for path in world.rib.from_source(source)
    }


def used_endpoints(objects: dict) -> frozenset[Endpoint]:
    """The endpoints that objects send to, read off their fields."""
    found = set()
    for item in objects.values():
        if item.kind == "mac":
            found.update(hop.endpoint for hop in item.hops)
        elif item.kind == "route":
            found.update(hop.endpoint for hop in item.hops if getattr(hop, "endpoint", None))
        elif item.kind == "gatewayport":
            found.update(one.hop.endpoint for one in (*item.before, *item.after))
        elif item.kind == "floodremotes":
            found.update(hop.endpoint for hop in item.remotes)
        elif item.kind == "mirror":
            found.update(item.endpoints)
        elif item.kind == "externalneighbor" and item.hop is not None:
            found.add(item.hop.endpoint)
        elif item.kind == "service" and item.remote is not None:
            found.add(item.remote.endpoint)
    return frozenset(found)


def collectors_of(world: World, element: str) -> set[Endpoint]:
    """Where the copies of tap mirrors of a vrouter's ports go, by the configuration; those of a
    trunk's subports go nowhere."""
    families = {":" in vtep for vtep in world.elements.accepted[element].info.vteps}
    return {
        collector(one.remote_ip, one.mirror_type, session)
        for one in world.config.tap_mirrors.values()
        if (bound := world.ports.bound.get(one.port_id)) is not None and bound.element == element
        and not bound.vlan
        and one.remote_ip not in world.elements.by_vtep and (":" in one.remote_ip) in families
        for session in (one.session_in, one.session_out) if session
    }
