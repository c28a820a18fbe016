"""A router announces the MAC or an address of a port that is plugged in."""

from __future__ import annotations

from lab.beds.option_values import world_settings
from ryu_apps.control import messages as msg
from ryu_apps.control.routes import LAST_SEQUENCE
from ryu_apps.control.vpn.duplicates import FREEZE, MOVES, WINDOW
from ryu_apps.views.checks import duplicates
from ryu_apps.views.ports import port_detail, port_state
from tests.property.world_model import ASN, Node
from tests.unit.control.duplicates_support import (
    IP,
    IP6,
    LOW,
    MAC,
    OTHER,
    OURS,
    ROUTER,
    hear,
    node,
    route,
    sequence,
    war,
    works,
)


def test_a_routers_route_takes_nothing_from_a_port_and_is_outdone():
    for mobility, security in ((0, True), (1, True), (7, False)):
        one = node(port_security_enabled=security)
        assert sequence(one) == 0
        hear(one, route(mobility))
        works(one)
        # Of equal numbers the lower VTEP stands, which is ours.
        assert sequence(one) == sequence(one, IP6) == (mobility + 1 if mobility else 0)
        assert port_detail(one.world, "vm")["duplicate"] is None


def test_an_equal_number_of_a_lower_vtep_is_outdone():
    one = node()
    hear(one, route(0, LOW))
    works(one)
    assert sequence(one) == 1


def test_what_comes_from_behind_a_router_works_at_once():
    for rival in (route(3), route(0), route(3, ip=""), route(3, ip=IP6), route(3, mac=OTHER)):
        one = node(plugged=False)
        hear(one, rival)
        if rival.nlri.mac == MAC:
            state = port_state(one.world, "vm")
            assert (state.status, state.host) == ("DOWN", "") and ROUTER in state.reason
        one.bind("e0", "tap0", "vm")
        one.settle()
        works(one)
        assert sequence(one) == rival.attrs.mobility + 1
        hear(one)
        one.receive("p1", (), (rival.nlri,))
        one.settle()
        assert sequence(one) == rival.attrs.mobility + 1


def test_an_address_that_a_router_has_with_another_mac_stays_with_its_port():
    for ip in (IP, IP6):
        one = node()
        hear(one, route(4, mac=OTHER, ip=ip))
        works(one)
        assert one.tables["e1"]["neighbor", 101, ip].mac == MAC
        assert sequence(one, ip) == 5


def test_a_routers_route_of_the_very_name_of_ours():
    """The RIB prefers our own of that NLRI, and shows no change; other routers see both."""
    one = node()
    hear(one, route(9, rd=f"{OURS}:1"))
    works(one)
    assert sequence(one) == 10


def test_five_moves_freeze_and_time_thaws():
    one = node()
    war(one, MOVES)
    assert sequence(one) == 2 * MOVES
    assert not one.world.duplicates.by_port
    war(one, 1)
    frozen = sequence(one)
    assert frozen == 2 * MOVES, "nothing more is sent"
    works(one)
    detail = port_detail(one.world, "vm")
    assert detail["duplicate"] == {
        "vtep": ROUTER, "mac": MAC, "address": IP, "sequence": frozen + 1, "kind": "moved",
        "frozen_for": FREEZE, "reason": detail["duplicate"]["reason"],
    }  # fmt: skip
    assert "duplicate" in detail["state"]["reason"] and "frozen" in detail["state"]["reason"]
    for mobility in (50, 60):
        hear(one, route(mobility))
        assert sequence(one) == frozen
    works(one)
    one.tick(FREEZE - 1)
    one.settle()
    assert sequence(one) == frozen
    one.tick(1)
    one.settle()
    assert sequence(one) == 61 and not one.world.duplicates.by_port
    works(one)


def test_it_is_told_once_in_the_log_and_in_health():
    one = node()
    told = []
    for _ in range(MOVES + 3):
        one.receive("p1", (route(sequence(one) + 1),))
        told += [effect for effect in one.flush() if isinstance(effect, msg.Notice)]
    assert [(notice.level, notice.subject) for notice in told] == [("error", "port vm")]
    assert ROUTER in told[0].text and "frozen" in told[0].text
    found = duplicates.of(one.world)
    assert not found.ok and "vm" in found.detail
    one.interface("e0", "tap0", None)
    one.settle()
    assert duplicates.of(one.world).ok


def test_moves_that_are_far_apart_freeze_nothing():
    one = node()
    for _ in range(3 * MOVES):
        war(one, 1)
        one.tick(WINDOW / (MOVES - 1))
    assert not one.world.duplicates.by_port
    works(one)


def test_an_operator_clears_it():
    one = node()
    war(one, MOVES + 1)
    one.handle(msg.ClearDuplicate("vm"))
    one.settle()
    assert sequence(one) == 2 * MOVES + 2 and not one.world.duplicates.by_port
    one.handle(msg.ClearDuplicate("nobody"))
    one.settle()


def test_a_frozen_port_that_leaves_leaves_nothing_behind():
    one = node()
    war(one, MOVES + 1)
    one.interface("e0", "tap0", None)
    one.settle()
    assert not one.world.duplicates.by_port and not one.world.duplicates._answers
    assert port_state(one.world, "vm")[:2] == ("DOWN", "")
    one.bind("e0", "tap0", "vm")
    one.settle()
    works(one)
    assert sequence(one) == 2 * MOVES + 2


def test_a_sticky_route_is_told_at_once_and_takes_nothing():
    one = node()
    hear(one, route(0, sticky=True))
    works(one)
    detail = port_detail(one.world, "vm")
    assert detail["duplicate"]["kind"] == "sticky" and detail["duplicate"]["frozen_for"] is None
    hear(one, route(5, sticky=True))
    works(one)
    assert sequence(one) == 6
    one.receive("p1", (), (route().nlri,))
    one.settle()
    assert port_detail(one.world, "vm")["duplicate"] is None


def test_the_largest_sequence_number_is_met_and_told():
    one = node()
    hear(one, route(LAST_SEQUENCE))
    works(one)
    assert sequence(one) == LAST_SEQUENCE, "of equal numbers the lower VTEP wins: ours"
    assert not one.world.duplicates.by_port
    one = node()
    hear(one, route(LAST_SEQUENCE, LOW))
    works(one)
    assert sequence(one) == LAST_SEQUENCE
    assert one.world.duplicates.by_port["vm"].kind == "largest"
    one.receive("p1", (), (route(vtep=LOW).nlri,))
    one.settle()
    assert not one.world.duplicates.by_port
    # A move between our own hypervisors has no number above it either.
    one.interface("e0", "tap0", None)
    one.settle()
    one.bind("e1", "tap1", "vm")
    one.settle()
    assert {
        path.attrs.mobility for path in one.announced.values() if getattr(path.nlri, "ip", "") == IP
    } == {LAST_SEQUENCE}


def test_after_a_restart_the_port_is_announced_above_what_the_router_says():
    one = node()
    war(one, 3)
    before = sequence(one)
    again = Node(world_settings("n1", ASN, ("p1",), restart_deferral=30), converged=False)
    again.handle(msg.ConfigLoaded())
    for (kind, id), item in one.inputs.config.items():
        again.set(kind, id, item)
    again.connect("e0")
    again.connect("e1")
    again.bind("e1", "tap0", "vm2")
    again.bind("e0", "tap0", "vm")
    again.settle()
    assert sequence(again) == 0
    hear(again, route(before))
    assert sequence(again) == before + 1
    works(again)
