"""Whose a route is, a node's or a router's, and what a port yields to which."""

from __future__ import annotations

from lab.beds.option_values import world_settings
from ryu_apps.control import messages as msg
from ryu_apps.control.routes import LAST_SEQUENCE
from ryu_apps.views.ports import port_state
from tests.hops import vteps
from tests.property.world_model import ASN, Node
from tests.unit.control import learned_support as shared
from tests.unit.control.duplicates_support import (
    IP,
    LOW,
    MAC,
    ROUTER,
    hear,
    node,
    route,
    sequence,
    works,
)


def test_a_route_that_turns_out_to_be_a_nodes_is_a_claim():
    """The record of the hypervisor comes later than its route."""
    one = node()
    hear(one, route(3))
    assert sequence(one) == 4
    hear(one, route(5))
    one.elsewhere(ROUTER)
    one.settle()
    assert sequence(one) == 6, "it was outdone meanwhile"
    works(one)
    hear(one, route(7))
    assert "vm" not in one.world.ports.bound
    assert port_state(one.world, "vm")[:2] == ("ACTIVE", "far-7")
    one.elsewhere(ROUTER, False)
    one.settle()
    works(one)
    assert sequence(one) == 8


def test_a_waiting_claim_learns_that_a_route_is_a_nodes():
    one = node(plugged=False)
    one.elsewhere(ROUTER)
    hear(one, route(3))
    one.bind("e0", "tap0", "vm")
    one.settle()
    assert "vm" not in one.world.ports.bound
    one.elsewhere(ROUTER, False)
    one.settle()
    works(one)


def test_what_others_choose_follows_whose_a_route_is():
    """Another node's port, and a router that outdoes it: the node's own answer may be late."""
    one = node(plugged=False)
    one.elsewhere(ROUTER)
    hear(one, route(1))
    one.receive("p2", (route(5, LOW, sticky=True),))
    one.settle()
    assert vteps(one.tables["e1"]["mac", 101, MAC].hops) == [ROUTER]
    assert port_state(one.world, "vm")[:2] == ("ACTIVE", "far-7")
    one.elsewhere(ROUTER, False)
    one.settle()
    assert vteps(one.tables["e1"]["mac", 101, MAC].hops) == [LOW]
    assert one.tables["e1"]["neighbor", 101, IP].mac == MAC
    assert vteps(one.tables["e1"]["route", 201, f"{IP}/32"].hops) == [LOW]
    one.elsewhere(ROUTER)
    one.settle()
    assert vteps(one.tables["e1"]["mac", 101, MAC].hops) == [ROUTER]


def test_a_router_that_names_a_hypervisor_as_next_hop_is_a_router():
    """What it says leads to a VTEP of ours, or of another node, and is no claim."""
    one = Node(world_settings("n1", ASN, ("p1", "p2"), restart_deferral=0, peer_kinds={
        "p1": "auto", "p2": "reflector"}))  # fmt: skip
    again = node(plugged=False)
    for (kind, id), item in again.inputs.config.items():
        one.set(kind, id, item)
    one.connect("e0")
    one.connect("e1")
    one.elsewhere(ROUTER)
    one.bind("e0", "tap0", "vm")
    one.bind("e1", "tap0", "vm2")
    one.handle(msg.ConfigLoaded())
    one.settle()
    for vtep in (ROUTER, "172.16.0.2"):
        hear(one, route(7, vtep))
        works(one)
    one.interface("e0", "tap0", None)
    one.settle()
    assert port_state(one.world, "vm").status == "DOWN"
    one.bind("e0", "tap0", "vm")
    one.settle()
    works(one)
    # The same from a reflector is the node's that has the hypervisor.
    one.receive("p2", (route(30, ROUTER, rd=f"{ROUTER}:2"),))
    one.settle()
    assert port_state(one.world, "vm")[:2] == ("ACTIVE", "far-7")


def test_what_a_node_says_of_its_own_route_comes_before_what_a_router_says():
    one = Node(world_settings("n1", ASN, ("p1", "p2"), restart_deferral=0, peer_kinds={
        "p1": "auto", "p2": "auto"}))  # fmt: skip
    for (kind, id), item in node(plugged=False).inputs.config.items():
        one.set(kind, id, item)
    one.connect("e1")
    one.bind("e1", "tap0", "vm2")
    one.elsewhere(ROUTER)
    one.handle(msg.ConfigLoaded())
    one.settle()
    record = {"router_id": "198.51.100.2", "local_as": ASN}
    one.handle(msg.PeerUp("p1", {"router_id": "198.51.100.2", "remote_as": ASN}))
    one.receive("p1", (route(1, ROUTER),))
    one.receive("p2", (route(9, LOW, rd=f"{ROUTER}:1", local_pref=900),))
    one.settle()
    assert vteps(one.tables["e1"]["mac", 101, MAC].hops) == [LOW], (
        "nobody knows yet that p1 is a node"
    )
    one.handle(msg.StatusChanged((("/status/nodes/n2", record),)))
    one.settle()
    assert vteps(one.tables["e1"]["mac", 101, MAC].hops) == [ROUTER]
    assert port_state(one.world, "vm")[:2] == ("ACTIVE", "far-7")
    one.handle(msg.PeerUp("p1", {"router_id": "198.51.100.9", "remote_as": ASN}))
    one.settle()
    assert vteps(one.tables["e1"]["mac", 101, MAC].hops) == [LOW]


def test_a_router_takes_nothing_while_a_node_restarts():
    """Its hypervisors forward on; only when it stays away the router's word counts."""
    one = node(plugged=False)
    one.elsewhere(ROUTER)
    hear(one, route(1))
    one.receive("p2", (route(5, LOW),))
    one.settle()
    there = one.tables["e1"]
    one.peer_down("p1")
    one.settle()
    assert vteps(there["mac", 101, MAC].hops) == [ROUTER] and there["neighbor", 101, IP].mac == MAC
    one.tick(one.world.settings.restart_time)
    one.settle()
    assert vteps(there["mac", 101, MAC].hops) == [LOW]
    assert port_state(one.world, "vm").status == "DOWN"
    one.handle(msg.PeerUp("p1"))
    hear(one, route(6))
    assert vteps(there["mac", 101, MAC].hops) == [ROUTER]


def test_shared_addresses_and_routers():
    """They may move to a machine behind a router and back; with the MAC of a port that is plugged
    in, no router has them."""
    one = shared.node()
    shared.see(one, 1)
    one.settle()
    mine = shared.mac(17)
    one.receive("p1", (shared.path(8, mine),))
    one.settle()
    assert shared.holder(one) == "p1", "a router says that our MAC is there"
    one.receive("p1", (), (shared.path(8, mine).nlri,))
    one.receive("p1", (shared.path(9),))
    one.settle()
    assert shared.holder(one) == "" and not shared.announced(one)
    shared.see(one, 1)
    one.settle()
    assert shared.holder(one) == "p1" and shared.announced(one)[0][2] == 10
    one.receive("p1", (shared.path(LAST_SEQUENCE, vtep=LOW),))
    one.settle()
    for _ in range(9):
        shared.see(one, 1)
        one.settle()
        one.tick(1)
    assert shared.holder(one) == "", "nothing outdoes it, and nothing breaks"
