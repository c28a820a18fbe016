"""Two and three nodes, wired like BGP and a store.

A session brings nothing until its node says so, which reads the store before.
"""

from __future__ import annotations

from collections import deque
from itertools import combinations
from typing import Any, TypeVar

from lab.beds.option_values import world_settings
from ryu_apps.control import messages as msg
from ryu_apps.control.config.model import Change
from ryu_apps.control.families import EVPN
from ryu_apps.control.graceful_restart import Negotiated
from ryu_apps.control.ownership.records import OWNERS, OwnerRecord
from ryu_apps.control.routes import Nlri, Path

from .world_model import (
    ASN,
    ELEMENTS,
    PORTS,
    STALE_TIME,
    Driver,
    Inputs,
    Node,
    assert_equal,
    check_collisions,
    local_paths,
    of_switch,
)


class Author:
    """Who writes the configuration: commits go into the store's log."""

    def __init__(self, log: list) -> None:
        self.inputs = Inputs()
        self._log = log

    def configure(self, *changes: Change) -> None:
        for change in changes:
            if change.resource is None:
                self.inputs.config.pop((change.kind, change.id), None)
            else:
                self.inputs.config[change.kind, change.id] = change.resource
        self._log.append(msg.ConfigChanged(changes, len(self._log)))

    def set(self, kind: str, id: str, resource: Any) -> None:
        self.configure(Change(kind, id, resource))


class Mesh:
    """Nodes n0, n1 ...; element number k starts at node k modulo their number."""

    RESTART_TIME = 0

    def __init__(self, size: int) -> None:
        self.log: list = []
        self.owners: dict[str, OwnerRecord] = {}
        self.read = [0] * size
        self.author = Driver(Author(self.log))
        self.nodes = []
        for n in range(size):
            peers = tuple(f"n{other}" for other in range(size) if other != n)
            node = Node(world_settings(
                f"n{n}", ASN, peers, stale_time=STALE_TIME, restart_time=self.RESTART_TIME,
            ))
            node.mute = set(ELEMENTS)
            node.alone = False
            self.nodes.append(node)
        self.links = {frozenset(pair): False for pair in combinations(range(size), 2)}
        self.queues: dict[tuple[int, int], deque] = {
            (i, j): deque() for i in range(size) for j in range(size) if i != j
        }
        self.sessions = 0
        self.session: dict[tuple[int, int], int] = {}
        """Of a node with another -> its number; both ends count by themselves."""
        self.opened: set[tuple[int, int]] = set()
        """(from, to) of the sessions in which the table was sent."""
        self.catching: list[deque] = [deque() for _ in range(size)]
        """Of each node: (how much of the log it has to have read, token)."""
        self.paused: set[int] = set()
        """Nodes that take nothing in at :meth:`rest`."""
        for pair in combinations(range(size), 2):
            self.mend(*pair)
        self.home = {name: number % size for number, name in enumerate(ELEMENTS)}
        for name, number in self.home.items():
            self.nodes[number].mute.discard(name)
            self.nodes[number].connect(name)
            self.flush(number)

    # -- wires

    def flush(self, number: int) -> bool:
        effects = self.nodes[number].flush()
        for effect in effects:
            match effect:
                case msg.Withdraw(nlris):
                    self._send(number, ("paths", (), nlris))
                case msg.Announce(paths):
                    self._send(number, ("paths", paths, ()))
                case msg.SendTable(peer, session):
                    self._send_table(number, int(peer[1:]), session)
                case msg.CatchUp(token):
                    self.catching[number].append((len(self.log), token))
                case msg.RecordStatus(key, value):
                    self.log.append(msg.StatusChanged(((key, value),)))
                case msg.AssignElement(name, expected, owner, epoch) if owner:
                    if self.owners.get(name) == expected:
                        self.owners[name] = record = OwnerRecord(owner, epoch)
                        self.log.append(msg.StatusChanged(((OWNERS + name, record.value(name)),)))
                case msg.ReconsiderElement(session):
                    for one in self.nodes[number].inputs.elements.values():
                        if one.connected and one.session == session:
                            self.nodes[number].introduce(one)
        return self._caught_up(number) or bool(effects)

    def _send(self, number: int, item: tuple) -> None:
        for source, to in self.opened:
            if source == number:
                self.queues[source, to].append(item)

    def _send_table(self, source: int, to: int, session: int) -> None:
        if self.session.get((source, to)) == session:
            self.opened.add((source, to))
            paths = tuple(self.nodes[source].announced.values())
            self.queues[source, to] += [("paths", paths, ()), ("end",)]

    def _caught_up(self, number: int) -> bool:
        """Tell a node that it has read what it wanted to, where it has."""
        waiting, done = self.catching[number], False
        while waiting and waiting[0][0] <= self.read[number]:
            self.nodes[number].handle(msg.CaughtUp(waiting.popleft()[1]))
            done = True
        return done

    def deliver(self, source: int, to: int) -> bool:
        queue = self.queues[source, to]
        if not queue:
            return False
        node, peer = self.nodes[to], f"n{source}"
        match queue.popleft():
            case ("paths", announced, withdrawn):
                node.receive(peer, announced, withdrawn)
            case ("down",):
                node.peer_down(peer)
            case ("up", session):
                node.bgp[peer] = session
                node.handle(msg.PeerUp(peer, families={
                    EVPN: Negotiated(graceful_restart=True, restarting=True)}, session=session))
            case ("end",):
                node.end_of_rib(peer)
        return True

    def watch(self, number: int) -> bool:
        if self.read[number] == len(self.log):
            return False
        event = self.log[self.read[number]]
        self.read[number] += 1
        self.nodes[number].handle(event)
        return True

    def cut(self, i: int, j: int) -> None:
        """What is on the wire is lost."""
        link = frozenset((i, j))
        if self.links[link]:
            self.links[link] = False
            for ends in ((i, j), (j, i)):
                self.session.pop(ends, None)
                self.opened.discard(ends)
                self.queues[ends].clear()
                self.queues[ends].append(("down",))

    def mend(self, i: int, j: int) -> None:
        link = frozenset((i, j))
        if not self.links[link]:
            self.links[link] = True
            for source, to in ((i, j), (j, i)):
                self.sessions += 1
                self.session[to, source] = self.sessions
                self.queues[source, to].append(("up", self.sessions))

    def meet(self, i: int, j: int) -> None:
        """Two nodes whose session is back have each other's tables before anything else comes that
        is on its way to them."""
        while (i, j) not in self.opened or (j, i) not in self.opened or self.queues[i, j] or \
                self.queues[j, i]:
            for source, to in ((i, j), (j, i)):
                while self.deliver(source, to):
                    pass
                self.flush(to)
                self.watch(to)

    # -- hypervisors

    def bind(self, name: str, tap: str, port: str | None) -> None:
        node = self.nodes[self.home[name]]
        if port is None:
            node.interface(name, tap, None)
        else:
            node.bind(name, tap, port)

    def migrate(self, name: str, to: int) -> None:
        """The hypervisor connects to another node."""
        old, new = self.nodes[self.home[name]], self.nodes[to]
        if old is new:
            return
        one = old.inputs.elements.pop(name)
        old.handle(msg.ElementDisconnected(one.session, name, "moved"))
        old.mute.add(name)
        self.home[name] = to
        new.mute.discard(name)
        one.connected = False
        new.inputs.elements[name] = one
        new.connect(name)

    # -- to rest

    def settle(self) -> None:
        away = [pair for pair, there in self.links.items() if not there]
        for pair in away:
            self.mend(*pair)
        for pair in away:
            self.meet(*pair)
        self.rest()
        if any(node.world.publisher.released for node in self.nodes):
            # What new owners of hypervisors did not announce goes after a while.
            for node in self.nodes:
                node.tick(node.world.settings.restart_time)
            self.rest()

    def rest(self) -> None:
        """Deliver and confirm everything; no time passes."""
        for _ in range(200):
            busy = False
            for number, node in enumerate(self.nodes):
                if number in self.paused:
                    continue
                while self.watch(number):
                    busy = True
                for source in range(len(self.nodes)):
                    while source != number and self.deliver(source, number):
                        busy = True
                busy |= self.flush(number)
                for name in list(node.revisions):
                    if node.acked.get(name, 0) < node.revisions[name] and name not in node.mute:
                        node.ack(name)
                        busy = True
                busy |= self.flush(number)
            if not busy:
                return
        raise AssertionError("the nodes do not agree")


M = TypeVar("M", bound=Mesh)


def alone(mesh: Mesh) -> Node:
    """One node that has all hypervisors, and in which the same claims hold their ports."""
    one = Node()
    for (kind, id), item in mesh.author.node.inputs.config.items():
        one.set(kind, id, item)
    for name in ELEMENTS:
        one.connect(name)
    waiting = []
    for node in mesh.nodes:
        claims = node.world.elements.claims
        held = {(bound.element, bound.interface) for bound in node.world.ports.bound.values()}
        for name, element in node.inputs.elements.items():
            for tap, row in element.interfaces.items():
                if (name, tap) in held or (name, tap) not in claims.get(row.iface_id, ()):
                    one.interface(name, tap, row)
        waiting += [
            (claim, row) for of_port in claims.values() for claim, row in of_port.items()
            if claim not in held
        ]
    one.settle()
    for (name, tap), row in waiting:  # Of one port the oldest first.
        one.interface(name, tap, row)
    one.settle()
    return one


def plain(paths: dict[Nlri, Path]) -> dict[Nlri, Path]:
    """Without mobility sequence numbers: they are history."""
    return {
        nlri: path._replace(attrs=path.attrs._replace(mobility=0)) for nlri, path in paths.items()
    }


def check(mesh: Mesh) -> None:
    mesh.settle()
    single = alone(mesh)
    holders: dict[str, list[str]] = {}
    announced: dict[Nlri, Path] = {}
    for number, node in enumerate(mesh.nodes):
        world = node.world
        assert set(world.elements.accepted) == {
            name for name, home in mesh.home.items() if home == number
        }
        for port_id, bound in world.ports.bound.items():
            holders.setdefault(port_id, []).append(bound.element)
        for name, objects in world.desired.objects.items():
            assert_equal(
                of_switch(objects), of_switch(single.world.desired.objects[name]), name
            )
            check_collisions(objects)
        announced.update(local_paths(world))
        for other, source in enumerate(mesh.nodes):
            if other != number:
                heard = {path.nlri: path for path in world.rib.from_source(f"n{other}")}
                assert_equal(heard, local_paths(source.world), f"n{number} of n{other}")
        assert not world.rib.stale_best
    assert holders == {
        port_id: [bound.element] for port_id, bound in single.world.ports.bound.items()
    }
    assert_equal(plain(announced), plain(local_paths(single.world)), "announced")


def start(size: int, doubly_claimed: bool = True) -> Mesh:
    return furnish(Mesh(size), doubly_claimed)


def furnish(mesh: M, doubly_claimed: bool = False, second_ports: bool = False) -> M:
    """Three networks, two of them with a router, each with a port at its own hypervisor; at rest.

    ``doubly_claimed``: each hypervisor also claims the port of the next.  ``second_ports``: e0 and
    e1 have a second port, of the network of e2 and of e1.
    """
    author = mesh.author
    for n in range(3):
        author.network(n, 1, 0)
        author.subnet(n * 2, 1, 0)
    for n in range(2):
        author.router(n, 1, 0)
        author.attach(n * 2, 1 + n, 0)
    for n in range(6):
        author.port(n, 1, 0)
    for n, name in enumerate(ELEMENTS):
        mesh.bind(name, "tap0", PORTS[n])
        if doubly_claimed:
            mesh.bind(name, "tap1", PORTS[(n + 1) % 3])
    if second_ports:
        mesh.bind("e0", "tap2", "port5")
        mesh.bind("e1", "tap2", "port4")
    mesh.settle()
    return mesh
