"""Two and three nodes, wired like BGP and a store: what they want together is what one wants alone.

Sessions and the store's watch deliver in order and arbitrarily late; sessions drop and come back.
"""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ryu_apps.control.vpn.rib import LOCAL
from tests.hops import vteps
from tests.property.mesh import check, start
from tests.property.mesh_operations import operation, play

from .world_model import DEEPER


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
