"""A hypervisor with two manager targets: whatever comes first, one node ends up in charge of it."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lab.beds.option_values import world_settings
from ryu_apps.control import messages as msg
from ryu_apps.control.elements.elements import RECORDS
from ryu_apps.control.world import NODES, World

from .world_model import element_info

NAMES = ("n1", "n2")
INFO = element_info("e0", "172.16.0.1")


class Store:
    """All writes in one order; each node reads them when it comes to it."""

    def __init__(self) -> None:
        self.log: list[tuple[str, Any]] = []


class Node:
    """A World with its status writer, its watch and the session of the one hypervisor."""

    def __init__(self, name: str, store: Store) -> None:
        self.name = name
        self.world = World(world_settings(name, 65000, restart_deferral=0))
        self.store = store
        self.pending: dict[str, Any] = {}
        self.read = 0
        self.session = 0
        self.state = ""
        self.give(msg.ConfigLoaded())
        self.give(msg.StatusChanged(tuple(
            (NODES + other, {"url": f"http://{other}:9696"}) for other in NAMES
        )))  # fmt: skip

    def give(self, *events: Any) -> None:
        again = []
        for event in events:
            self.world.handle(event, 0.0)
        for effect in self.world.flush(0.0):
            match effect:
                case msg.RecordStatus(key, value):
                    self.pending.pop(key, None)
                    self.pending[key] = value
                case msg.AcceptElement(session) if session == self.session:
                    self.state = "accepted"
                case msg.RefuseElement(session, _, _, standby) if session == self.session:
                    self.state = "standby" if standby else "refused"
                case msg.ReconsiderElement(session) if session == self.session:
                    again.append(self.introduction())
        if again:
            self.give(*again)

    def introduction(self) -> msg.ElementConnected:
        self.state = "connected"
        return msg.ElementConnected(self.session, INFO, (), ())

    def join(self) -> None:
        if not self.state:
            self.session += 1
            self.give(self.introduction())

    def leave(self) -> None:
        if self.state:
            self.state = ""
            self.give(msg.ElementDisconnected(self.session, "e0", "closed"))

    def write(self) -> None:
        """The status writer gets its turn."""
        self.store.log += self.pending.items()
        self.pending.clear()

    def watch(self) -> None:
        """The next record of the store arrives."""
        if self.read < len(self.store.log):
            self.read += 1
            self.give(msg.StatusChanged((self.store.log[self.read - 1],)))

    @property
    def idle(self) -> bool:
        return not self.pending and self.read == len(self.store.log)


STEPS = st.lists(
    st.tuples(st.sampled_from(("join", "leave", "write", "watch")), st.sampled_from((0, 1))),
    max_size=40,
)


@settings(max_examples=300)
@given(STEPS)
def test_one_node_is_in_charge_when_all_have_heard(steps):
    store = Store()
    nodes = [Node(name, store) for name in NAMES]
    for what, which in steps:
        getattr(nodes[which], what)()
    for _ in range(30):
        for node in nodes:
            node.write()
        for node in nodes:
            while node.read < len(store.log):
                node.watch()
    assert all(node.idle for node in nodes), "they never come to rest"
    states = sorted(node.state for node in nodes if node.state)
    assert states in ([], ["accepted"], ["accepted", "standby"])
    for node in nodes:
        element = node.world.elements.accepted.get("e0")
        held = element is not None and element.session is not None
        assert held == (node.state == "accepted")
        if states:
            (owner,) = [one.name for one in nodes if one.state == "accepted"]
            known = node.world.elements.records["e0"]
            assert (known["owner"], known["connected"]) == (owner, True)
            assert RECORDS + "e0" not in node.pending
