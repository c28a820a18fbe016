"""Two and three nodes, wired like BGP and a store: what they want together is what one wants alone.

Sessions and the store's watch deliver in order and arbitrarily late; sessions drop and come back.
"""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ryu_apps.control.vpn.rib import LOCAL
from tests.hops import vteps
from tests.property.mesh import Mesh, check, start

from .world_model import DEEPER, ELEMENTS, INTERFACES, PORTS

CONFIG = (
    "network", "subnet", "port", "port", "port", "router", "attach", "attach", "swap",
)  # fmt: skip
operation = st.one_of(
    st.tuples(
        st.sampled_from(CONFIG), st.integers(0, 14), st.integers(0, 24), st.integers(0, 29)
    ),
    st.tuples(
        st.just("bind"), st.sampled_from(ELEMENTS), st.sampled_from(INTERFACES),
        st.sampled_from((*PORTS[:5], None)),
    ),
    st.tuples(st.just("deliver"), st.integers(0, 2), st.integers(0, 2), st.integers(1, 4)),
    st.tuples(st.just("watch"), st.integers(0, 2), st.integers(1, 9)),
    st.tuples(st.just("cut"), st.integers(0, 2), st.integers(0, 2)),
    st.tuples(st.just("mend"), st.integers(0, 2), st.integers(0, 2)),
    st.tuples(st.just("flush"), st.integers(0, 2)),
    st.tuples(st.just("ack"), st.integers(0, 2)),
    st.tuples(st.just("migrate"), st.sampled_from(ELEMENTS), st.integers(0, 2)),
)


def play(mesh: Mesh, operations: list[tuple]) -> None:
    size = len(mesh.nodes)
    for name, *arguments in operations:
        match name:
            case "bind":
                mesh.bind(*arguments)
            case "deliver":
                source, to, count = arguments
                if source % size != to % size:
                    for _ in range(count):
                        mesh.deliver(source % size, to % size)
            case "watch":
                for _ in range(arguments[1]):
                    mesh.watch(arguments[0] % size)
            case "cut" | "mend":
                i, j = arguments[0] % size, arguments[1] % size
                if i != j:
                    getattr(mesh, name)(i, j)
            case "flush":
                mesh.flush(arguments[0] % size)
            case "ack":
                for element in ELEMENTS:
                    mesh.nodes[arguments[0] % size].ack(element)
            case "migrate":
                mesh.migrate(arguments[0], arguments[1] % size)
            case _:
                getattr(mesh.author, name)(*arguments)


@settings(
    max_examples=250 * DEEPER, deadline=None, suppress_health_check=list(HealthCheck)
)
@given(st.integers(2, 3), st.lists(operation, max_size=80))
def test_nodes_together_want_what_one_wants_alone(size, operations):
    mesh = start(size)
    play(mesh, operations)
    check(mesh)


def test_a_port_that_moves_between_nodes_has_the_higher_sequence_number():
    mesh = start(2, doubly_claimed=False)
    assert [bool(node.world.ports.bound.get("port0")) for node in mesh.nodes] == [True, False]
    mesh.bind("e0", "tap0", None)
    mesh.bind("e1", "tap1", "port0")
    mesh.settle()
    check(mesh)
    bound = mesh.nodes[1].world.ports.bound["port0"]
    (path,) = [
        path for path in mesh.nodes[0].world.rib.from_source("n1")
        if getattr(path.nlri, "mac", "") == bound.mac
    ]
    assert path.attrs.mobility == 1
    assert not [
        path for path in mesh.nodes[0].world.rib.from_source(LOCAL)
        if getattr(path.nlri, "mac", "") == bound.mac
    ]


def test_stale_routes_keep_forwarding_until_the_peer_is_back():
    mesh = start(2, doubly_claimed=False)

    def tables() -> dict:
        return {name: dict(node.tables[name]) for node in mesh.nodes for name in node.tables}

    before = tables()
    mesh.cut(0, 1)
    for source, to in mesh.queues:
        while mesh.deliver(source, to):
            mesh.flush(to)
    assert all(node.world.rib.stale_best for node in mesh.nodes)
    assert tables() == before
    mesh.mend(0, 1)
    check(mesh)
    assert tables() == before


def test_a_route_that_its_peer_withdrew_while_away_goes_with_end_of_rib():
    mesh = start(2, doubly_claimed=False)
    mac = mesh.nodes[1].world.ports.bound["port1"].mac
    assert ("mac", 102, mac) not in mesh.nodes[0].tables["e0"]
    mesh.bind("e0", "tap3", "port5")  # The network's other port.
    mesh.settle()
    assert vteps(mesh.nodes[0].tables["e0"]["mac", 102, mac].hops) == ["172.16.0.2"]
    mesh.cut(0, 1)
    mesh.bind("e1", "tap0", None)
    mesh.flush(1)
    mesh.deliver(1, 0)
    mesh.flush(0)
    assert ("mac", 102, mac) in mesh.nodes[0].tables["e0"]
    check(mesh)
    assert ("mac", 102, mac) not in mesh.nodes[0].tables["e0"]
