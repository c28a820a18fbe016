"""What is kept of the neighbours at uplinks, and the OpenFlow that they are heard by."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ryu_apps.southbound.neighbours import messages as of
from ryu_apps.southbound.neighbours.table import KEPT, MAX_NEIGHBOURS, Neighbours
from ryu_apps.views.uplinks import target_of
from vrouter_ovs.proxies.lldp import Neighbour

UPLINK = ("hv1", "eth0")


def said(chassis: str = "a", ttl: int = 4) -> Neighbour:
    return Neighbour(chassis, "swp1", ttl)


def names(table: Neighbours, now: float) -> list[tuple[str, bool]]:
    return [(one["chassis"], one["silent"]) for one in table.shown(UPLINK, now)]


def test_one_that_goes_silent_is_shown_as_such_for_a_while() -> None:
    table = Neighbours()
    assert table.heard(UPLINK, said(), 0.0)
    assert not table.heard(UPLINK, said(), 1.0), "known already"
    assert names(table, 5.0) == [("a", False)]
    assert names(table, 5.1) == [("a", True)]
    assert names(table, 5.0 + KEPT + 1) == []


def test_who_is_there_now_takes_the_place_of_the_silent() -> None:
    table = Neighbours()
    table.heard(UPLINK, said("a"), 0.0)
    assert table.heard(UPLINK, said("b"), 10.0)
    assert names(table, 10.0) == [("b", False)]


def test_a_farewell_ends_it() -> None:
    table = Neighbours()
    table.heard(UPLINK, said(), 0.0)
    assert not table.heard(UPLINK, said(ttl=0), 1.0)
    assert names(table, 1.0) == []


def test_a_flood_of_neighbours_is_bounded() -> None:
    table = Neighbours()
    for number in range(1000):
        table.heard(UPLINK, said(f"n{number}", 3600), 0.0)
    assert len(names(table, 0.0)) == MAX_NEIGHBOURS
    assert table.refused == 1000 - MAX_NEIGHBOURS
    assert not table.heard(UPLINK, said("n0", 3600), 1.0), "who was there first stays"


def test_uplinks_that_are_gone_are_forgotten() -> None:
    table = Neighbours()
    table.heard(UPLINK, said(), 0.0)
    table.keep({("hv1", "eth1")})
    assert names(table, 0.0) == []


MESSAGES = [of.message(of.HELLO), of.message(of.ECHO_REQUEST, 7, b"x" * 9), of.lldp_flow(),
            of.message(of.PACKET_IN, 0, bytes(100))]  # fmt: skip


@given(st.lists(st.sampled_from(MESSAGES)), st.lists(st.integers(1, 50), min_size=1))
def test_messages_are_whole_however_they_arrive(sent, sizes) -> None:
    stream, buffer, found, at = b"".join(sent), bytearray(), [], 0
    while stream:
        size = sizes[at % len(sizes)]
        at += 1
        buffer += stream[:size]
        stream = stream[size:]
        found += [message for _, message in of.split(buffer)]
    assert found == sent and not buffer


@given(st.binary(max_size=200))
def test_what_is_no_openflow_is_refused(data: bytes) -> None:
    try:
        for _, message in of.split(bytearray(data)):
            assert 8 <= len(message) <= of.MAX_MESSAGE
    except of.Broken:
        pass


def test_a_switch_of_another_version_is_told_what_to_allow() -> None:
    with pytest.raises(of.Broken, match="allow OpenFlow14"):
        list(of.split(bytearray(b"\x01\x0a\0\x08\0\0\0\0")))


@pytest.mark.parametrize(("service", "target"), [
    ("ptcp:6654", ("198.51.100.11", 6654)), ("ptcp:6654:198.51.100.11", ("198.51.100.11", 6654)),
    ("ptcp:6654:0.0.0.0", ("198.51.100.11", 6654)), ("ptcp:6654:192.0.2.99", None),
    ("ptcp:", None), ("ptcp:0", None), ("ptcp:99999", None), ("ptcp:x", None),
])  # fmt: skip
def test_nobody_else_is_connected_to_because_a_database_says_so(service, target) -> None:
    assert target_of(service, "198.51.100.11") == target
