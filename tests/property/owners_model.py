"""Several nodes, two hypervisors that all of them reach, one store: all as small as can be.

Every node is a World with what it has not written yet, what it has not read yet, and what its
southbound has not done yet; so whatever comes late in the real system can come late here: a node
that is paused is one that gets no turn.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lab.beds.option_values import world_settings
from ryu_apps.control import messages as msg
from ryu_apps.control.elements.elements import RECORDS
from ryu_apps.control.ownership.records import NODES, OWNERS, REACH, OwnerRecord
from ryu_apps.control.world import World

from .world_model import element_info

ELEMENTS = ("e0", "e1")
INFO = {"e0": element_info("e0", "172.16.0.1"), "e1": element_info("e1", "172.16.0.2")}


class Store:
    """All writes in one order; each node reads them when it comes to it."""

    def __init__(self) -> None:
        self.log: list[tuple[str, Any]] = []
        self.data: dict[str, Any] = {}
        self.given: dict[tuple[str, int], str] = {}
        """(element, epoch) -> the node that the store gave it to."""

    def put(self, key: str, value: Any) -> None:
        if value is None and key not in self.data:
            return
        self.log.append((key, value))
        if value is None:
            del self.data[key]
        else:
            self.data[key] = value

    def owner(self, element: str) -> OwnerRecord | None:
        value = self.data.get(OWNERS + element)
        return None if value is None else OwnerRecord(value["owner"], value["epoch"])

    def assign(self, effect: msg.AssignElement) -> None:
        """Compare and swap."""
        known, expected = self.owner(effect.element), effect.expected
        if known != (expected and OwnerRecord(expected.owner, expected.epoch)):
            return
        assert known is None or effect.epoch > known.epoch
        assert (effect.element, effect.epoch) not in self.given, "an epoch is given once"
        self.given[effect.element, effect.epoch] = effect.owner
        self.put(OWNERS + effect.element, OwnerRecord(effect.owner, effect.epoch).value(
            effect.element))  # fmt: skip

    def expire(self, name: str) -> None:
        """The lease of a node runs out."""
        for key in list(self.data):
            if key == NODES + name or key.startswith(f"{REACH}{name}/"):
                self.put(key, None)


class Hypervisor:
    """Its database and its switch: whom they heed."""

    def __init__(self) -> None:
        self.epoch = 0
        self.writers: dict[int, str] = {}
        """Epoch -> who wrote with it."""

    def write(self, node: str, epoch: int) -> bool:
        """A transaction or a bundle of a node; whether it was taken."""
        if epoch < self.epoch:
            return False
        self.epoch = epoch
        assert self.writers.setdefault(epoch, node) == node, "two nodes write with one epoch"
        return True


class Node:
    """A World with its status writer, its watch, and a southbound that does as it is told."""

    def __init__(self, name: str, store: Store, hypervisors: dict[str, Hypervisor]) -> None:
        self.name = name
        self.store = store
        self.hypervisors = hypervisors
        self.alive = False
        self.sessions = 0
        self.start()

    def start(self) -> None:
        """A process begins; what the store has is read."""
        if self.alive:
            return
        self.alive = True
        self.now = 0.0
        self.world = World(world_settings(self.name, 65000, restart_deferral=0))
        self.writes: dict[str, tuple[Any, bool]] = {}
        self.meant: dict[str, Any] = {}
        """Ephemeral records, which are put again when they are seen to go."""
        self.proposals: dict[str, msg.AssignElement] = {}
        self.orders: list[Any] = []
        self.session: dict[str, int] = {}
        self.state: dict[str, str] = {}
        self.epoch: dict[str, int] = {}
        self.read = len(self.store.log)
        self.put(NODES + self.name, {"url": f"http://{self.name}:9696", "ownership": 1}, True)
        self.give(msg.StatusChanged(tuple(self.store.data.items()), whole=True))
        self.give(msg.ConfigLoaded())

    def die(self) -> None:
        """As by kill -9."""
        self.alive = False

    # ------------------------------------------------------------ the World

    def give(self, *events: Any) -> None:
        for event in events:
            self.world.handle(event, self.now)
        for effect in self.world.flush(self.now):
            match effect:
                case msg.RecordStatus(key, value, ephemeral):
                    self.put(key, value, ephemeral)
                case msg.AssignElement(element, _, owner):
                    self.proposals.pop(element, None)
                    if owner:
                        self.proposals[element] = effect
                case (
                    msg.AcceptElement() | msg.RefuseElement() | msg.ReconsiderElement()
                    | msg.ReleaseElement() | msg.Program()
                ):
                    self.orders.append(effect)

    def put(self, key: str, value: Any, ephemeral: bool = False) -> None:
        self.writes.pop(key, None)
        self.writes[key] = value, ephemeral
        if ephemeral and value is not None:
            self.meant[key] = value
        else:
            self.meant.pop(key, None)

    # ------------------------------------------------------------ turns

    def act(self) -> None:
        """The southbound does the next thing that it was told."""
        if not self.orders:
            return
        match self.orders.pop(0):
            case msg.AcceptElement(session, info, epoch):
                name = info.element
                if session == self.session.get(name):
                    self.state[name], self.epoch[name] = "accepted", epoch
                    self.claim(name)
            case msg.RefuseElement(session, info, _, standby, warm):
                name = info.element
                if session == self.session.get(name):
                    self.state[name] = "standby" if standby else "refused"
                    self.epoch.pop(name, None)
                    if warm:
                        self.give(msg.StandbyReady(name, True))
            case msg.ReleaseElement(name):
                self.epoch.pop(name, None)
            case msg.ReconsiderElement(session):
                for name, known in self.session.items():
                    if known == session:
                        self.introduce(name)
            case msg.Program(name, revision):
                if name in self.epoch and self.claim(name):
                    self.give(msg.VrouterAcked(name, revision))

    def claim(self, name: str) -> bool:
        hypervisor, epoch = self.hypervisors[name], self.epoch[name]
        if not hypervisor.write(self.name, epoch):
            del self.epoch[name]
            self.give(msg.MastershipLost(name, hypervisor.epoch))
            return False
        owner = self.store.given.get((name, epoch))
        assert owner == self.name, "it writes with an epoch that the store gave it"
        self.give(msg.VrouterConnected(name))
        return True

    def introduce(self, name: str) -> None:
        self.state.setdefault(name, "connected")
        info = replace(INFO[name], epoch=self.hypervisors[name].epoch, managers=3)
        self.give(msg.ElementConnected(self.session[name], info, (), ()))

    def join(self, name: str) -> None:
        if name not in self.session:
            self.sessions += 1
            self.session[name] = self.sessions
            self.introduce(name)

    def leave(self, name: str) -> None:
        session = self.session.pop(name, None)
        if session is not None:
            self.state.pop(name, None)
            self.epoch.pop(name, None)
            self.give(msg.ElementDisconnected(session, name, "closed"))

    def write(self) -> None:
        """The status writer gets its turn."""
        for key, (value, _) in self.writes.items():
            self.store.put(key, value)
        self.writes.clear()

    def propose(self) -> None:
        """The owner writer gets its turn."""
        for effect in self.proposals.values():
            self.store.assign(effect)
        self.proposals.clear()

    def watch(self) -> None:
        """The next record of the store arrives."""
        if self.read < len(self.store.log):
            key, value = self.store.log[self.read]
            self.read += 1
            if value is None and key in self.meant:
                self.writes.setdefault(key, (self.meant[key], True))
            self.give(msg.StatusChanged(((key, value),)))

    def tick(self) -> None:
        self.now += 1
        self.give(msg.Tick())

    @property
    def idle(self) -> bool:
        return not (
            self.writes or self.proposals or self.orders or self.read < len(self.store.log)
        )


class System:
    """Nodes that may be dead, and hypervisors."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.store = Store()
        self.hypervisors = {name: Hypervisor() for name in ELEMENTS}
        self.nodes = [Node(name, self.store, self.hypervisors) for name in names]

    def rest(self) -> None:
        """Everybody lives, reaches everything, and has all the time that there is."""
        for node in self.nodes:
            node.start()
            for name in ELEMENTS:
                node.join(name)
        quiet = 0
        for _ in range(120):
            before = len(self.store.log)
            for node in self.nodes:
                node.write()
                node.propose()
                while node.read < len(self.store.log):
                    node.watch()
                while node.orders:
                    node.act()
                node.tick()
            still = len(self.store.log) == before and all(node.idle for node in self.nodes)
            quiet = quiet + 1 if still else 0
            if quiet == 15:  # longer than anything waits
                return
        raise AssertionError("they never come to rest")

    def check(self) -> None:
        """One owner of each, which the hypervisor heeds and the others know; they stand by."""
        for name in ELEMENTS:
            record = self.store.owner(name)
            assert record is not None
            states = {node.name: node.state[name] for node in self.nodes}
            assert states == {
                node.name: "accepted" if node.name == record.owner else "standby"
                for node in self.nodes
            }
            assert self.hypervisors[name].epoch == record.epoch
            assert self.store.data[RECORDS + name]["owner"] == record.owner
            assert self.store.data[RECORDS + name]["serving"]
            for node in self.nodes:
                owns = name in node.world.elements.accepted
                assert owns == (node.name == record.owner)
                if owns:
                    element = node.world.elements.accepted[name]
                    assert element.leaving is None and element.epoch == record.epoch
