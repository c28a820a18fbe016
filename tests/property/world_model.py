"""What the property tests of the World share: a small universe of configuration, hypervisors and
peers, a harness around one World, and the same final inputs fed to a fresh one.

:class:`Node` wraps a World: it folds the effects and demands after each flush that the folds equal
what the World holds.  :class:`Inputs` remembers, in the plainest way, what the node was told last.
:func:`rebuild` feeds those final inputs to a fresh World.

What is history by intent is carried over by name: which claim of a port is the older and which one
holds it, the mobility sequence numbers announced, and what the switches confirmed or refused.
"""

from __future__ import annotations

import ipaddress
import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from ryu_apps.control import ids
from ryu_apps.control import messages as msg
from ryu_apps.control.bindings import Mobility
from ryu_apps.control.edge import edge_port
from ryu_apps.control.elements import RECORDS
from ryu_apps.control.model import (
    ROUTER_INTERFACE,
    AddressPair,
    Change,
    DhcpOption,
    FixedIp,
    HostRoute,
    Network,
    Port,
    Router,
    Subnet,
)
from ryu_apps.control.rib import LOCAL
from ryu_apps.control.routes import EVPN, Attributes, Imet, IpPrefix, MacIp, Nlri, Path
from ryu_apps.control.world import Settings, World
from vrouter_ovs.edge import EdgePort
from vrouter_ovs.encode import encode_object

DEEPER = 20 if os.environ.get("HYPOTHESIS_PROFILE") == "soak" else 1
"""How many times more examples: HYPOTHESIS_PROFILE=soak."""
ASN = 64512
STALE_TIME = 100
NODE = "n1"
ELEMENTS = ("e0", "e1", "e2")
PEERS = ("p1", "p2")
PORTS = tuple(f"port{n}" for n in range(7))
INTERFACES = ("tap0", "tap1", "tap2", "tap3")
FOREIGN_VTEPS = ("192.0.2.7", "192.0.2.8")

NETWORKS = {"net0": (101, 1), "net1": (102, 2), "net2": (103, 3), "net3": (101, 1)}
"""net3 has the VNI of net0: ids are freed and given again; they never stand together."""
ROUTERS = {"router0": (201, 11), "router1": (202, 12), "router2": (103, 3)}
SUBNETS = {
    f"{network}-{version}": network for network in NETWORKS for version in ("a", "b")
}
CIDRS = {
    f"net{n}-{letter}": (
        (f"10.{n}.0.0/24", f"10.{n}.1.0/24") if letter == "a" else (f"fd00:{n}::/64",)
    )
    for n in range(4)
    for letter in "ab"
}


def host(subnet: str, number: int) -> str:
    n, letter = subnet[3], subnet[-1]
    text = f"10.{n}.0.{number}" if letter == "a" else f"fd00:{n}::{number:x}"
    return str(ipaddress.ip_address(text))


def mac(network: str, number: int) -> str:
    return f"fa:16:3e:00:0{network[3]}:{number:02x}"


def vteps(element: str) -> tuple[str, str]:
    n = int(element[1:])
    return f"172.16.0.{n + 1}", f"172.16.0.{n + 101}"


def target(vni: int) -> str:
    return ids.route_target(ASN, vni)


# ---------------------------------------------------------------- the final inputs


@dataclass
class Hypervisor:
    info: msg.ElementInfo
    session: int
    connected: bool = True
    interfaces: dict[str, msg.Interface] = field(default_factory=dict)
    tunnels: dict[str, msg.TunnelStatus] = field(default_factory=dict)


@dataclass
class Inputs:
    """What one node was told, in the plainest form."""

    config: dict[tuple[str, str], Any] = field(default_factory=dict)
    elements: dict[str, Hypervisor] = field(default_factory=dict)
    paths: dict[str, dict[Nlri, tuple[Path, bool]]] = field(default_factory=dict)
    """Peer -> NLRI -> (path, is stale)."""
    down_since: dict[str, float] = field(default_factory=dict)
    refused: dict[tuple[str, tuple], str] = field(default_factory=dict)
    """(element, key) -> reason, while the object is the one that was refused."""

    def by_kind(self, kind: str) -> list[Any]:
        return [item for (of, _), item in self.config.items() if of == kind]


# ---------------------------------------------------------------- one node


class Node:
    """A World with its effects folded, and the inputs it was given."""

    def __init__(self, settings: Settings | None = None, converged: bool = True) -> None:
        self.world = World(
            settings or Settings(NODE, ASN, stale_time=STALE_TIME, restart_deferral=0)
        )
        self.now = 0.0
        self.inputs = Inputs()
        self.tables: dict[str, dict] = {}
        self.revisions: dict[str, int] = {}
        self.highest: dict[str, int] = {}
        self.acked: dict[str, int] = {}
        self.last_program: dict[str, msg.Program] = {}
        self.announced: dict[Nlri, Path] = {}
        self.tunnels: dict[str, frozenset[str]] = {}
        self.edges: dict[tuple[str, int], EdgePort] = {}
        self.effects: list = []
        self.mute: set[str] = set()
        """Elements whose switch does not speak to this node."""
        self._sessions = 0
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
                        table.pop(key, None)
                    else:
                        assert item.key == key
                        table[key] = item
                self.last_program[element] = effect
            case msg.AcceptElement(_, element, _):
                self.tables.setdefault(element, {})
            case msg.ReleaseElement(element):
                for known in (self.tables, self.acked, self.last_program, self.tunnels):
                    known.pop(element, None)
                for place in [one for one in self.inputs.refused if one[0] == element]:
                    del self.inputs.refused[place]
            case msg.Announce(paths):
                assert len({path.nlri for path in paths}) == len(paths)
                self.announced.update((path.nlri, path) for path in paths)
            case msg.Withdraw(nlris):
                for nlri in nlris:
                    self.announced.pop(nlri, None)
            case msg.SetTunnels(element, wanted):
                self.tunnels[element] = wanted
            case msg.EdgeChanged(element, ofport, None):
                del self.edges[element, ofport]
            case msg.EdgeChanged(element, ofport, port):
                assert port.ofport == ofport
                assert self.edges.get((element, ofport)) != port, "told twice"
                self.edges[element, ofport] = port

    def check_folds(self) -> None:
        """The effects, replayed, are the state."""
        world = self.world
        assert self.tables == world.desired.objects
        assert self.announced == local_paths(world)
        assert self.edges == {
            (bound.element, bound.ofport): edge_port(world.config, bound)
            for bound in world.ports.bound.values()
        }
        for name, element in world.elements.accepted.items():
            assert element.revision == self.revisions.get(name, 0)
            if element.session is not None:
                used = used_vteps(world.desired.objects[name]) | world.elements.mesh(name)
                if world.convergence.converged:
                    assert self.tunnels.get(name, frozenset()) == used
                else:
                    assert self.tunnels.get(name, frozenset()) >= used

    def ack(self, element: str, revision: int | None = None) -> None:
        if element in self.world.elements.accepted and element not in self.mute:
            sent = self.revisions.get(element, 0)
            revision = sent if revision is None else min(revision, sent)
            if revision > self.acked.get(element, 0):
                self.acked[element] = revision
                self.handle(msg.VrouterAcked(element, revision))

    def settle(self) -> None:
        """Flush and let every switch confirm, until nothing more comes of it."""
        self.flush()
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
        if old is None:
            new = Hypervisor(element_info(name, vtep or vteps(name)[0]), self._sessions)
        else:
            new = replace(old, session=self._sessions, connected=True)
        new.info = replace(new.info, vtep=vtep or new.info.vtep, **info)
        self.inputs.elements[name] = new
        self.handle(
            msg.ElementConnected(
                new.session, new.info, tuple(new.interfaces.values()), tuple(new.tunnels.values())
            )
        )

    def disconnect(self, name: str) -> None:
        one = self.inputs.elements[name]
        one.connected = False
        self.handle(msg.ElementDisconnected(one.session, name, "gone"))

    def change_vtep(self, name: str, vtep: str) -> None:
        one = self.inputs.elements[name]
        one.info = replace(one.info, vtep=vtep)
        self.handle(msg.ElementChanged(one.session, one.info))

    def forget(self, name: str) -> None:
        self.inputs.elements.pop(name, None)
        self.handle(msg.ForgetElement(name))

    def lose(self, name: str) -> None:
        """It is disconnected and then joins another node."""
        one = self.inputs.elements.pop(name)
        self.handle(msg.ElementDisconnected(one.session, name, "gone"))
        value = dict(self.world.elements.records[name], owner="other", connected=True)
        self.handle(msg.StatusChanged(((RECORDS + name, value),)))

    def interface(self, name: str, tap: str, row: msg.Interface | None) -> None:
        one = self.inputs.elements[name]
        if row is None:
            one.interfaces.pop(tap, None)
        else:
            one.interfaces[tap] = row
        self.handle(msg.InterfacesChanged(one.session, name, ((tap, row),)))

    def bind(self, name: str, tap: str, port: str, ofport: int | None = None) -> None:
        number = int(tap[3:]) + 1 if ofport is None else ofport
        self.interface(name, tap, msg.Interface(tap, port, number))

    def tunnel(self, name: str, vtep: str, status: msg.TunnelStatus | None) -> None:
        one = self.inputs.elements[name]
        if status is None:
            one.tunnels.pop(vtep, None)
        else:
            one.tunnels[vtep] = status
        self.handle(msg.TunnelsChanged(one.session, name, ((vtep, status),)))

    def receive(self, peer: str, announced: tuple = (), withdrawn: tuple = ()) -> None:
        held = self.inputs.paths.setdefault(peer, {})
        for nlri in withdrawn:
            held.pop(nlri, None)
        held.update((path.nlri, (path, False)) for path in announced)
        self.handle(msg.PathsReceived(peer, announced, withdrawn))

    def peer_down(self, peer: str) -> None:
        held = self.inputs.paths.setdefault(peer, {})
        held.update({nlri: (path, True) for nlri, (path, _) in held.items()})
        self.inputs.down_since[peer] = self.now
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
        self.handle(msg.FlowRejected(element, key, "no space"))


def element_info(name: str, vtep: str) -> msg.ElementInfo:
    number = int(name[1:])
    return msg.ElementInfo(
        name, f"host{number}", vtep, f"uuid-{name}", f"198.51.100.{number + 1}:4711", "3.1.0",
        number + 1,
    )


def local_paths(world: World) -> dict[Nlri, Path]:
    return {path.nlri: path for path in world.rib.from_source(LOCAL)}


def used_vteps(objects: dict) -> frozenset[str]:
    """The VTEPs that objects send to, read off their fields."""
    found = set()
    for item in objects.values():
        if item.kind == "mac":
            found.add(item.vtep)
        elif item.kind == "route":
            found.update(hop.vtep for hop in item.hops if hasattr(hop, "vtep"))
        elif item.kind == "flood":
            found.update(vtep for vtep, _ in item.remotes)
    return frozenset(found)


@lru_cache(maxsize=65536)
def flow_keys(item: Any) -> tuple[bytes, ...]:
    return tuple(flow.key for flow in encode_object(item))


def check_collisions(objects: dict) -> None:
    """No two objects of one vrouter render the same flow."""
    owner: dict[bytes, Any] = {}
    for item in objects.values():
        for key in flow_keys(item):
            other = owner.setdefault(key, item)
            assert other is item, f"{other} and {item} render one flow"


# ---------------------------------------------------------------- from scratch


def rebuild(node: Node, seed: int = 0) -> Node:
    """A fresh node that is told the final inputs of ``node``, in the random order ``seed``.

    First the ports that are held, confirmed by their switches; then what the peers say; then the
    claims that wait.
    """
    shuffled = random.Random(seed)
    inputs, old = node.inputs, node.world
    fresh = Node()
    fresh.now = node.now
    bindings = fresh.world.bindings
    bindings.mobility.update(old.bindings.mobility)
    bindings.given_up.update(old.bindings.given_up)
    for port_id in old.ports.active:
        path = old.publisher.get(("port", port_id))[0]
        bindings.mobility[port_id] = Mobility(path.attrs.mobility, path.attrs.next_hop)

    changes = [Change(kind, id, item) for (kind, id), item in inputs.config.items()]
    shuffled.shuffle(changes)
    held = [
        (bound.element, bound.interface, port_id) for port_id, bound in old.ports.bound.items()
    ]
    shuffled.shuffle(held)
    steps: list[Callable[[], None]] = [lambda one=one: fresh.configure(one) for one in changes]
    for name, element in inputs.elements.items():
        def join(name: str = name, element: Hypervisor = element) -> None:
            fresh.inputs.elements[name] = Hypervisor(
                element.info, 0, tunnels=dict(element.tunnels)
            )
            fresh.connect(name)
        steps.append(join)
    shuffled.shuffle(steps)
    for step in steps:
        step()
    for element, tap, _ in held:
        fresh.interface(element, tap, inputs.elements[element].interfaces[tap])
    fresh.flush()
    for element, key in inputs.refused:
        if key[0] == "port":
            fresh.refuse(element, key)
    fresh.settle()

    peers = list(inputs.paths)
    shuffled.shuffle(peers)
    for peer in peers:
        known = list(inputs.paths[peer].values())
        shuffled.shuffle(known)
        fresh.receive(peer, tuple(path for path, stale in known if stale))
        fresh.peer_down(peer)
        fresh.receive(peer, tuple(path for path, stale in known if not stale))
    fresh.settle()

    claimed = list(old.elements.claims.items())
    shuffled.shuffle(claimed)
    for _, claims in claimed:
        for claim, row in claims.items():
            if claim.interface not in fresh.inputs.elements[claim.element].interfaces:
                fresh.interface(claim.element, claim.interface, row)
    for name, element in inputs.elements.items():
        if not element.connected:
            fresh.disconnect(name)
    fresh.settle()
    return fresh


def same(one: Node, other: Node) -> None:
    """Both want the same of every vrouter and announce the same."""
    left, right = one.world, other.world
    assert left.desired.objects.keys() == right.desired.objects.keys()
    for element, objects in left.desired.objects.items():
        assert_equal(objects, right.desired.objects[element], element)
    assert_equal(local_paths(left), local_paths(right), "announced")
    assert left.ports.bound == right.ports.bound
    assert_equal(one.edges, other.edges, "edge")
    assert left.ports.active == right.ports.active


def assert_equal(one: dict, other: dict, where: str) -> None:
    """Dict equality that names only what differs."""
    if one != other:
        lines = [
            f"{where} {key}: {one.get(key)} != {other.get(key)}"
            for key in one.keys() | other.keys()
            if one.get(key) != other.get(key)
        ]
        raise AssertionError("\n".join(lines))


# ---------------------------------------------------------------- random operations


MODES = ("", "slaac", "dhcpv6-stateful")
TARGETS = ((), (target(102),), (target(202), "65000:7"))


class Driver:
    """Turns tuples of small integers into operations on a node.

    ``conflicts``: whether ports are claimed twice and peers announce MACs of our ports.
    """

    OPERATIONS = (
        "network", "subnet", "port", "port", "port", "router", "attach", "attach", "swap",
        "connect", "disconnect", "vtep", "forget", "lose", "interface", "interface", "interface",
        "tunnel", "ack", "ack", "ack_all", "reject", "path", "path", "path", "withdraw",
        "peer_down", "peer_up", "end_of_rib", "tick", "flush", "flush",
    )  # fmt: skip

    def __init__(self, node: Node, conflicts: bool = True) -> None:
        self.node = node
        self.conflicts = conflicts

    def run(self, operations: list[tuple[int, int, int, int]]) -> None:
        for code, a, b, c in operations:
            getattr(self, self.OPERATIONS[code % len(self.OPERATIONS)])(a, b, c)

    def populate(self) -> None:
        """A start that is worth changing: everything exists, two hypervisors hold ports."""
        for n in range(3):
            self.network(n, 1, 0)
            self.subnet(n * 2, 1, 0)
        for n in range(2):
            self.router(n, 1, 0)
            self.attach(n * 2, 1 + n, 0)
        for n in range(6):
            self.port(n, 1, 0)
        for n in range(3):
            self.connect(n, 0, 0)
            self.interface(n, 0, 1)
            self.interface(n, 1, 1)

    def _has(self, kind: str, id: str) -> Any:
        return self.node.inputs.config.get((kind, id))

    # -- configuration

    def network(self, a: int, b: int, c: int) -> None:
        id = list(NETWORKS)[a % 4]
        vni, rd = NETWORKS[id]
        if self._vni_taken(vni, id):
            return
        item = Network(
            id, vni, rd, admin_state_up=b % 7 != 6, import_targets=TARGETS[c % 3],
            export_targets=TARGETS[c // 3 % 3], mtu=(1450, 1400)[b // 2 % 2],
            dns_domain=("", "example.org.")[b // 3 % 2],
        )
        self.node.set("network", id, item if b else None)

    def _vni_taken(self, vni: int, id: str) -> bool:
        return any(
            item.vni == vni and item.id != id
            for kind in ("network", "router")
            for item in self.node.inputs.by_kind(kind)
        )

    def subnet(self, a: int, b: int, c: int) -> None:
        id = list(SUBNETS)[a % len(SUBNETS)]
        cidr = CIDRS[id][c % len(CIDRS[id])]
        item = Subnet(
            id, SUBNETS[id], cidr, gateway_ip=(host(id, 1), "")[b // 2 % 2],
            enable_dhcp=b % 3 != 2, dns_nameservers=((), ("192.0.2.53",))[b // 3 % 2],
            host_routes=(HostRoute("10.8.0.0/16", host(id, 9)),) if b % 5 == 4 else (),
            ipv6_ra_mode=MODES[b // 4 % 3] if id.endswith("b") else "",
            ipv6_address_mode=MODES[b // 5 % 3] if id.endswith("b") else "",
        )
        self.node.set("subnet", id, item if b else None)

    def _network_of_port(self, number: int) -> str:
        return f"net{number % 4}"

    def _free(self, port: Port) -> bool:
        """Whether nobody else has its MAC or one of its addresses: the writers see to that."""
        for other in self.node.inputs.by_kind("port"):
            if other.id == port.id or other.network_id != port.network_id:
                continue
            if other.mac_address == port.mac_address or set(other.fixed_ips) & set(port.fixed_ips):
                return False
        return True

    def port(self, a: int, b: int, c: int) -> None:
        number = a % len(PORTS)
        id = PORTS[number]
        if not b:
            self.node.set("port", id, None)
            return
        network = self._network_of_port(number)
        fixed = []
        if b % 5 != 4:
            subnet = f"{network}-a"
            fixed.append(FixedIp(subnet, host(subnet, 10 + (number // 4 + c) % 3)))
        if b % 3 == 2:
            subnet = f"{network}-b"
            fixed.append(FixedIp(subnet, host(subnet, 10 + (number // 4 + c // 2) % 3)))
        item = Port(
            id, network, mac(network, 16 + (number // 4 + c // 3) % 3), fixed_ips=tuple(fixed),
            admin_state_up=b % 7 != 6, requested_host=("", "", "host0", "e1")[c % 4],
            port_security_enabled=b % 11 != 10,
            allowed_address_pairs=(AddressPair("10.9.0.0/24"),) if c % 5 == 4 else (),
            dns_name=("", "vm")[c // 4 % 2],
            extra_dhcp_opts=(DhcpOption(4, "ntp-server", "192.0.2.1"),) if b % 4 == 3 else (),
        )
        if self._free(item):
            self.node.set("port", id, item)

    def swap(self, a: int, b: int, c: int) -> None:
        """Two ports of a network exchange their MACs and addresses in one commit."""
        one, other = PORTS[a % 3], PORTS[a % 3 + 4]
        p, q = self._has("port", one), self._has("port", other)
        if p is None or q is None:
            return
        self.node.configure(
            Change("port", one, replace(p, mac_address=q.mac_address, fixed_ips=q.fixed_ips)),
            Change("port", other, replace(q, mac_address=p.mac_address, fixed_ips=p.fixed_ips)),
        )

    def router(self, a: int, b: int, c: int) -> None:
        id = list(ROUTERS)[a % 3]
        vni, rd = ROUTERS[id]
        if self._vni_taken(vni, id):
            return
        item = Router(
            id, vni, rd, admin_state_up=b % 7 != 6, import_targets=TARGETS[c % 3],
            export_targets=TARGETS[c // 3 % 3],
        )
        self.node.set("router", id, item if b else None)

    def attach(self, a: int, b: int, c: int) -> None:
        """One interface a subnet: attach, detach, move to another router, other MAC."""
        subnet = list(SUBNETS)[a % len(SUBNETS)]
        network = SUBNETS[subnet]
        id = f"if-{subnet}"
        if not b:
            self.node.set("port", id, None)
            return
        item = Port(
            id, network, mac(network, 1 + 2 * (subnet[-1] == "b") + c % 2),
            fixed_ips=(FixedIp(subnet, host(subnet, 1 + c // 2 % 2)),),
            device_id=list(ROUTERS)[(b - 1) % 3], device_owner=ROUTER_INTERFACE,
            admin_state_up=c % 7 != 6, port_security_enabled=False,
        )
        if self._free(item):
            self.node.set("port", id, item)

    # -- hypervisors

    def _element(self, a: int) -> str:
        return ELEMENTS[a % len(ELEMENTS)]

    def _connected(self, a: int) -> str | None:
        name = self._element(a)
        one = self.node.inputs.elements.get(name)
        return name if one is not None and one.connected else None

    def connect(self, a: int, b: int, c: int) -> None:
        name = self._element(a)
        known = self.node.inputs.elements.get(name)
        vtep = vteps(name)[1] if b % 6 == 5 else (known.info.vtep if known else None)
        self.node.connect(name, vtep)

    def disconnect(self, a: int, b: int, c: int) -> None:
        if name := self._connected(a):
            self.node.disconnect(name)

    def vtep(self, a: int, b: int, c: int) -> None:
        if name := self._connected(a):
            self.node.change_vtep(name, vteps(name)[b % 2])

    def forget(self, a: int, b: int, c: int) -> None:
        if b % 3 == 0:
            self.node.forget(self._element(a))

    def lose(self, a: int, b: int, c: int) -> None:
        if b % 3 == 0 and (name := self._connected(a)):
            self.node.lose(name)

    def interface(self, a: int, b: int, c: int) -> None:
        name = self._connected(a)
        if name is None:
            return
        tap = INTERFACES[b % len(INTERFACES)]
        number = int(tap[3:])
        if c % 5 == 0:
            self.node.interface(name, tap, None)
            return
        if self.conflicts:
            port = (*PORTS, "unknown")[(a + b + c // 5) % (len(PORTS) + 1)]
        else:
            # Each interface stands for one port of its own.
            port = f"port{(ELEMENTS.index(name) * len(INTERFACES) + number) % 12}"
        ofport = number + 1 + 10 * (c % 3)
        if c % 11 == 10:
            row = msg.Interface(tap, port, -1, error="no such device")
        else:
            row = msg.Interface(tap, port, ofport)
        self.node.interface(name, tap, row)

    def tunnel(self, a: int, b: int, c: int) -> None:
        name = self._connected(a)
        if name is None:
            return
        others = [vteps(other)[0] for other in ELEMENTS if other != name]
        far = (*others, *FOREIGN_VTEPS)[b % 4]
        ofport = -1 if c % 4 == 3 else 100 + b % 4 + 10 * (c % 2)
        self.node.tunnel(name, far, msg.TunnelStatus(far, ofport) if c % 5 else None)

    def ack(self, a: int, b: int, c: int) -> None:
        self.node.ack(self._element(a), b % 12)

    def ack_all(self, a: int, b: int, c: int) -> None:
        for name in ELEMENTS:
            self.node.ack(name)

    def reject(self, a: int, b: int, c: int) -> None:
        """The switch refuses a port of the last revision, which it has not confirmed."""
        name = self._element(a)
        program = self.node.last_program.get(name)
        if program is None or self.node.acked.get(name, 0) >= program.revision:
            return
        wanted = self.node.world.desired.objects.get(name, {})
        keys = [key for key, item in program.changes if key[0] == "port" and key in wanted and
                wanted[key] == item]
        if keys:
            self.node.refuse(name, keys[b % len(keys)])

    # -- peers

    def make_path(self, a: int, b: int, c: int) -> Path:
        number = a % 3
        network, router = f"net{number}", f"router{number % 2}"
        evi, vrf = NETWORKS[network][0], ROUTERS[router][0]
        far = FOREIGN_VTEPS[b % 2]
        if self.conflicts and b % 13 == 12:
            far = vteps(ELEMENTS[c % 3])[0]
        attrs = Attributes(
            far, (), mobility=c % 3, sticky=b % 17 == 16, local_pref=(100, 100, 200)[b % 3],
        )
        rd = f"{FOREIGN_VTEPS[b // 2 % 2]}:{1 + number}"
        kind = c // 3 % 8
        if kind == 0:
            return Path(Imet(rd, 0, far), attrs._replace(rts=(target(evi),)), (evi + a % 2,))
        if kind in (1, 2):
            prefix = ("0.0.0.0/0", "10.0.0.0/24", "10.0.0.10/32", "172.31.0.0/16")[a // 3 % 4]
            attrs = attrs._replace(
                rts=(target(vrf),), router_mac="02:76:c0:00:02:09" if b % 5 else ""
            )
            return Path(IpPrefix(rd, 0, prefix), attrs, (vrf,))
        if self.conflicts and kind in (3, 4):
            # A MAC, and perhaps an address, of one of our ports.
            where = mac(network, 16 + b // 4 % 3)
            ip = host(f"{network}-a", 10 + a // 3 % 3)
        elif kind == 5:
            # The gateway's own.
            where, ip = mac(network, 1 + a % 2), host(f"{network}-a", 1 + b // 4 % 2)
        else:
            where, ip = mac(network, 200 + b // 4 % 2), host(f"{network}-a", 20 + a // 3 % 2)
        if kind == 6:
            return Path(MacIp(rd, 0, where, ""), attrs._replace(rts=(target(evi),)), (evi,))
        rts = tuple(sorted((target(evi), target(vrf))))
        if a % 5 == 4:
            rts = (target(vrf),)  # For the VRF alone.
        attrs = attrs._replace(rts=rts, router_mac="02:76:c0:00:02:09")
        return Path(MacIp(rd, 0, where, ip), attrs, (evi, vrf))

    def path(self, a: int, b: int, c: int) -> None:
        self.node.receive(PEERS[(a + b) % 2], (self.make_path(a, b, c),))

    def withdraw(self, a: int, b: int, c: int) -> None:
        peer = PEERS[a % 2]
        known = list(self.node.inputs.paths.get(peer, ()))
        if known:
            self.node.receive(peer, (), (known[b % len(known)],))

    def peer_down(self, a: int, b: int, c: int) -> None:
        self.node.peer_down(PEERS[a % 2])

    def peer_up(self, a: int, b: int, c: int) -> None:
        """Back, with some of its routes."""
        peer = PEERS[a % 2]
        self.node.handle(msg.PeerUp(peer))
        known = [path for path, _ in self.node.inputs.paths.get(peer, {}).values()]
        self.node.receive(peer, tuple(path for n, path in enumerate(known) if (n + b) % 3))

    def end_of_rib(self, a: int, b: int, c: int) -> None:
        self.node.end_of_rib(PEERS[a % 2])

    def tick(self, a: int, b: int, c: int) -> None:
        self.node.tick(1 + b * 7)

    def flush(self, a: int, b: int, c: int) -> None:
        self.node.flush()
