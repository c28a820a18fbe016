"""A node that starts: no vrouter is let go before the node knows enough, in whatever order it
learns; and in the end every one is."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lab.beds.option_values import world_settings
from ryu_apps.control import messages as msg
from ryu_apps.control.config.model import Change, Network, Port
from ryu_apps.control.elements.elements import RECORDS, record
from ryu_apps.control.routes import Imet, MacIp
from vrouter_ovs.state import Endpoint

from .world_model import (
    ASN,
    DEEPER,
    NODE,
    PEERS,
    STALE_TIME,
    Driver,
    Inputs,
    Node,
    element_info,
    vteps,
)

DEFERRAL = 30
OWN = ("e0", "e1")


class _Author:
    """Collects a configuration."""

    def __init__(self) -> None:
        self.inputs = Inputs()

    def configure(self, *changes: Change) -> None:
        self.inputs.config.update({(one.kind, one.id): one.resource for one in changes})

    def set(self, kind: str, id: str, resource: Network | Port) -> None:
        self.configure(Change(kind, id, resource))


def _configuration() -> list[Change]:
    author = Driver(_Author())
    for n in range(2):
        author.network(n, 1, 0)
        author.subnet(2 * n, 1, 0)
        author.router(n, 1, 0)
        author.attach(2 * n, 1, 0)
    for n in (0, 1, 4, 5):
        author.port(n, 1, 0)
    return [Change(*place, item) for place, item in author.node.inputs.config.items()]


@dataclass
class Start:
    """A node that has just started, and what it was told so far."""

    node: Node = field(
        default_factory=lambda: Node(
            world_settings(NODE, ASN, PEERS, stale_time=STALE_TIME, restart_time=DEFERRAL),
            converged=False,
        )
    )
    loaded: bool = False
    began: float = field(init=False)
    """The deadline counts from the node's first event, which it has as it is made."""
    openflow: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    sent: bool = False
    released: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.began = self.node.now

    def load(self) -> None:
        """First the records, then the configuration: so the store's reader posts them."""
        if self.loaded:
            return
        records = [(name, NODE, name in OWN) for name in OWN] + [("e2", "other", True)]
        self.handle(msg.StatusChanged(tuple(
            (RECORDS + name, record(element_info(name, vteps(name)[0]), owner, connected))
            for name, owner, connected in records
        )))
        for change in _configuration():
            self.node.configure(change)
        self.handle(msg.ConfigLoaded())
        self.loaded = True

    def handle(self, event: object) -> None:
        self.node.handle(event)

    def connect(self, name: str) -> None:
        node, number = self.node, int(name[1:])
        if name not in node.inputs.elements:
            node.connect(name)
            one = node.inputs.elements[name]
            one.interfaces = {
                f"tap{n}": msg.Interface(f"tap{n}", f"port{number + 4 * n}", n + 1) for n in (0, 1)
            }
            far = Endpoint("192.0.2.7")
            one.tunnels = {far: msg.TunnelStatus(far, 50, "up")}
        node.connect(name)

    def vrouter(self, name: str, up: bool) -> None:
        if name in self.node.world.elements.accepted:
            (self.openflow.add if up else self.openflow.discard)(name)
            event = msg.VrouterConnected(name) if up else msg.VrouterDisconnected(name, "cut")
            self.handle(event)

    def settled(self, name: str) -> bool:
        node = self.node
        return (
            name in node.revisions
            and name in self.openflow
            and node.acked.get(name, 0) >= node.revisions[name]
        )

    def flush(self) -> None:
        node = self.node
        effects = node.flush()
        late = node.now >= self.began + DEFERRAL
        ready = self.loaded and (late or all(self.settled(name) for name in OWN))
        for at, effect in enumerate(effects):
            if isinstance(effect, msg.SendEndOfRib):
                assert ready and not self.sent
                assert not any(isinstance(one, msg.Announce) for one in effects[at:])
                if not late:
                    self.all_announced()
                self.sent = True
            elif isinstance(effect, msg.Defer):
                assert not effect.deferred and self.sent
                assert self.released or late or self.ended >= set(PEERS)
                self.released.add(effect.element)

    def all_announced(self) -> None:
        routes = self.node.announced
        for bound in self.node.world.ports.bound.values():
            assert any(
                isinstance(nlri, MacIp) and nlri.mac == bound.mac for nlri in routes
            )
        assert any(isinstance(nlri, Imet) for nlri in routes)


operation = st.one_of(
    st.tuples(st.just("load")),
    st.tuples(st.just("connect"), st.sampled_from(OWN)),
    st.tuples(st.just("vrouter"), st.sampled_from(OWN), st.booleans()),
    st.tuples(st.just("ack"), st.sampled_from(OWN), st.integers(1, 9)),
    st.tuples(st.just("path"), st.integers(0, 14), st.integers(0, 24), st.integers(0, 29)),
    st.tuples(st.just("end"), st.sampled_from(PEERS)),
    st.tuples(st.just("peer_down"), st.sampled_from(PEERS)),
    st.tuples(st.just("tick"), st.integers(0, 12)),
    st.tuples(st.just("tunnel"), st.sampled_from(OWN), st.sampled_from(["192.0.2.8", "172.16.0.9"]),
              st.booleans()),
    st.tuples(st.just("flush")),
    st.tuples(st.just("flush")),
)


@settings(
    max_examples=300 * DEEPER, deadline=None, suppress_health_check=list(HealthCheck)
)
@given(st.lists(operation, max_size=40), st.booleans())
@example([("tick", 6), ("tick", 12), ("tick", 12)], False)
def test_nothing_is_let_go_before_the_node_knows_enough(operations, wait):
    start = Start()
    node = start.node
    driver = Driver(node)
    for name, *arguments in operations:
        match name:
            case "ack":
                node.ack(*arguments)
            case "path":
                driver.path(*arguments)
            case "end":
                start.ended.add(arguments[0])
                node.end_of_rib(arguments[0])
            case "peer_down":
                node.peer_down(arguments[0])
            case "tick":
                node.tick(arguments[0])
            case "tunnel":
                element, far, there = arguments
                if element in node.inputs.elements:
                    endpoint = Endpoint(far)
                    status = msg.TunnelStatus(endpoint, 60) if there else None
                    node.tunnel(element, endpoint, status)
            case "flush":
                start.flush()
            case _:
                getattr(start, name)(*arguments)
    # And it ends: with everybody back, or with the deadline.
    start.load()
    for name in OWN:
        start.connect(name)
    if wait:
        start.flush()
        node.tick(DEFERRAL)
        start.flush()
    else:
        for name in OWN:
            start.vrouter(name, True)
        for peer in PEERS:
            start.ended.add(peer)
            node.end_of_rib(peer)
        for _ in range(8):
            start.flush()
            for name in OWN:
                node.ack(name)
        start.flush()
    assert start.sent and start.released == set(OWN)
    assert node.world.convergence.waiting_for() == ""


def test_what_is_waited_for_is_told():
    start = Start()
    assert start.node.world.convergence.waiting_for() == "the configuration"
    start.load()
    start.flush()
    told = start.node.world.convergence.waiting_for()
    assert told == "hypervisor e0, hypervisor e1, peer p1, peer p2"
    assert not start.sent and not start.released


def test_tunnels_of_before_the_restart_stay_until_converged():
    start = Start()
    start.load()
    start.connect("e0")
    start.flush()
    assert start.node.tunnels["e0"] >= {Endpoint("192.0.2.7")}
    start.node.tick(DEFERRAL)
    start.flush()
    assert start.released == {"e0"} and Endpoint("192.0.2.7") not in start.node.tunnels["e0"]
