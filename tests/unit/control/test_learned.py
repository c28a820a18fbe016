"""Shared addresses in the World: who holds one, and who cannot."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ryu_apps.control import ids
from ryu_apps.control import messages as msg
from ryu_apps.control.addresses import dampening as move_limit
from ryu_apps.control.addresses import learned
from ryu_apps.control.config.model import AddressPair, FixedIp
from ryu_apps.control.messages import Evidence
from ryu_apps.control.routes import LAST_SEQUENCE
from tests.hops import bridged, vteps
from tests.unit.control.learned_support import (
    FAR,
    GATEWAY,
    KEY,
    PAIRS,
    VIP,
    VIP6,
    VIRTUAL,
    announced,
    holder,
    mac,
    node,
    path,
    port,
    see,
)
from vrouter_ovs.state import LocalHop, LocalMac, Neighbor, RemoteMac, Route


def test_an_announced_address_is_wanted_everywhere_and_announced() -> None:
    one = node()
    see(one, 1)
    for element in ("e0", "e1"):
        found = one.tables[element]["neighbor", 101, VIP]
        remote = element == "e1"
        assert found == Neighbor(101, VIP, mac(17), remote, ofport=0 if remote else 1)
    hop = LocalHop(1, 101, mac(17), GATEWAY)
    assert one.tables["e0"]["route", 201, f"{VIP}/32"] == Route(201, f"{VIP}/32", (hop,))
    assert announced(one) == [(mac(17), "172.16.0.1", 1)]
    (route,) = [item for nlri, item in one.announced.items() if getattr(nlri, "ip", "") == VIP]
    assert route.labels == (101, 201) and route.attrs.router_mac == ids.router_mac("172.16.0.1")


def test_ipv6_brings_the_link_local_address_of_its_mac() -> None:
    """Also where the port has no other IPv6 address (RFC 4291 section 2.1)."""
    one = node()
    see(one, 1, address=VIP6)
    for element in ("e0", "e1"):
        assert one.tables[element]["neighbor", 101, VIP6].mac == mac(17)
        assert one.tables[element]["neighbor", 101, ids.link_local(mac(17))].mac == mac(17)
    see(one, 2, address=VIP6)
    assert ("neighbor", 101, ids.link_local(mac(17))) not in one.tables["e0"]


def test_the_last_one_to_announce_it_has_it() -> None:
    one = node()
    see(one, 1)
    see(one, 2)
    assert holder(one) == "p2" and announced(one) == [(mac(18), "172.16.0.2", 2)]
    assert one.tables["e0"]["neighbor", 101, VIP].mac == mac(18)
    see(one, 1)
    assert announced(one) == [(mac(17), "172.16.0.1", 3)]


def test_again_is_no_news() -> None:
    one = node()
    see(one, 1)
    for how in Evidence:
        assert not [effect for effect in see(one, 1, how=how) if type(effect) is msg.Announce]


def test_a_virtual_mac_goes_along() -> None:
    one = node()
    see(one, 1, VIRTUAL)
    assert one.tables["e0"]["localmac", 101, VIRTUAL] == LocalMac(101, VIRTUAL, 1)
    assert one.tables["e1"]["mac", 101, VIRTUAL] == RemoteMac(
        101, VIRTUAL, (bridged("172.16.0.1", 101),)
    )
    see(one, 2, VIRTUAL)
    assert ("localmac", 101, VIRTUAL) not in one.tables["e0"]
    assert vteps(one.tables["e0"]["mac", 101, VIRTUAL].hops) == ["172.16.0.2"]
    assert one.tables["e1"]["localmac", 101, VIRTUAL] == LocalMac(101, VIRTUAL, 2)
    assert ("mac", 101, VIRTUAL) not in one.tables["e1"]


def test_using_it_takes_nothing_over_but_finds_what_is_nowhere() -> None:
    """A host that lost it goes on using it, and a virtual router's host has a MAC of its own."""
    one = node()
    see(one, 1, how=Evidence.USED)
    assert holder(one) == "p1"
    see(one, 2, how=Evidence.USED)
    see(one, 2, how=Evidence.ANSWERED)
    assert holder(one) == "p1"
    see(one, 1, VIRTUAL)
    see(one, 1, how=Evidence.USED)
    assert one.world.learned.holders[KEY].mac == VIRTUAL


def test_what_another_node_announces_is_not_found_here() -> None:
    one = node()
    one.receive("p1", (path(0),))
    see(one, 1, how=Evidence.ANSWERED)
    assert holder(one) == ""
    one.peer_down("p1")
    see(one, 1, how=Evidence.ANSWERED)
    assert holder(one) == "", "a stale route: its switches forward on"
    see(one, 1)
    assert holder(one) == "p1" and announced(one) == [(mac(17), "172.16.0.1", 1)]


@pytest.mark.parametrize(("sequence", "vtep", "stays"), [
    (0, FAR, True), (1, FAR, True), (1, "10.1.1.1", False), (2, FAR, False),
])  # fmt: skip
def test_the_higher_sequence_number_wins_then_the_lower_vtep(sequence, vtep, stays) -> None:
    one = node()
    see(one, 1)
    one.receive("p1", (path(sequence, vtep=vtep),))
    one.settle()
    assert (holder(one) == "p1") is stays
    expected = mac(17) if stays else "fa:16:3e:99:00:01"
    assert one.tables["e1"]["neighbor", 101, VIP].mac == expected
    see(one, 1)
    if not stays:
        assert announced(one) == [(mac(17), "172.16.0.1", sequence + 1)]


def test_the_last_sequence_number_is_not_exceeded() -> None:
    one = node()
    one.receive("p1", (path(LAST_SEQUENCE),))
    see(one, 1)
    assert one.world.learned.holders.get(KEY, path(0).attrs).sequence == LAST_SEQUENCE


def test_only_allowed_pairs() -> None:
    one = node()
    for number, mac_address, address in (
        (3, "", VIP), (3, VIRTUAL, VIP), (1, VIRTUAL, VIP6), (1, "", "10.0.0.101"),
        (1, "", "10.0.0.11"), (1, "", "10.0.0.13"),
    ):  # fmt: skip
        see(one, number, mac_address, address)
    assert not one.world.learned.holders
    one.handle(msg.AddressSeen("e1", "p1", mac(17), VIP))
    one.handle(msg.AddressSeen("e0", "unknown", mac(17), VIP))
    assert not one.world.learned.holders


def test_what_belongs_to_somebody_is_not_taken() -> None:
    """The gateway's addresses and MAC; an address and a MAC of a port, while that is there."""
    pairs = (
        AddressPair("10.0.0.1"), AddressPair("10.0.0.13"), AddressPair(ids.link_local(GATEWAY)),
        AddressPair("10.0.0.55", GATEWAY), AddressPair("10.0.0.56", mac(19)),
        AddressPair(ids.link_local(mac(19))),
    )  # fmt: skip
    one = node(*pairs)
    for pair in pairs:
        see(one, 1, pair.mac_address, pair.ip_address)
    assert not one.world.learned.holders
    one.interface("e0", "tap3", None)
    one.flush()
    see(one, 1, address="10.0.0.13")
    assert holder(one, "10.0.0.13") == "p1"
    one.bind("e0", "tap3", "p3", 3)
    one.settle()
    assert holder(one, "10.0.0.13") == ""
    assert one.tables["e1"]["neighbor", 101, "10.0.0.13"].mac == mac(19)


def test_the_owner_may_come_back_elsewhere() -> None:
    one = node(AddressPair("10.0.0.13"))
    one.interface("e0", "tap3", None)
    one.flush()
    see(one, 1, address="10.0.0.13")
    assert holder(one, "10.0.0.13") == "p1"
    owner = path(0, mac(19))
    one.receive("p1", (owner._replace(nlri=owner.nlri._replace(ip="10.0.0.13")),))
    one.settle()
    assert holder(one, "10.0.0.13") == ""


def test_a_gateway_that_comes_later_takes_its_address() -> None:
    one = node(AddressPair("10.0.0.2"))
    see(one, 1, address="10.0.0.2")
    assert holder(one, "10.0.0.2") == "p1"
    interface = one.inputs.config["port", "if"]
    one.set("port", "if", replace(interface, fixed_ips=(FixedIp("a", "10.0.0.2"),)))
    one.settle()
    assert holder(one, "10.0.0.2") == ""


@pytest.mark.parametrize("end", ["unplug", "pair", "delete", "down", "move"])
def test_it_goes_with_its_port(end: str) -> None:
    one = node()
    see(one, 1)
    match end:
        case "unplug":
            one.interface("e0", "tap1", None)
        case "pair":
            one.set("port", "p1", port(1))
        case "delete":
            one.set("port", "p1", None)
        case "down":
            one.set("port", "p1", port(1, *PAIRS, admin_state_up=False))
        case "move":
            one.bind("e1", "tap9", "p1", 9)
            one.interface("e0", "tap1", None)
    one.settle()
    if end == "move":
        assert announced(one) == [(mac(17), "172.16.0.2", 2)]
        return
    assert holder(one) == "" and announced(one) == []
    for objects in one.tables.values():
        assert ("neighbor", 101, VIP) not in objects
        assert ("route", 201, f"{VIP}/32") not in objects


def test_prefixes_are_learned_up_to_a_size_and_a_number() -> None:
    one = node(AddressPair("10.9.0.0/24"), AddressPair("10.8.0.0/23"), AddressPair("0.0.0.0/0"))
    see(one, 1, address="10.8.0.1")
    assert not one.world.learned.holders
    for number in range(1, learned.LIMIT + 4):
        see(one, 1, address=f"10.9.0.{number}")
    assert len(one.world.learned.holders) == learned.LIMIT
    assert one.world.learned.over_limit == {"p1": 3}


def test_who_flaps_is_slowed_down() -> None:
    one = node()
    moves = 0
    for turn in range(100):
        before = holder(one)
        see(one, 1 + turn % 2)
        moves += holder(one) != before
    assert moves <= move_limit.BURST + 1
    last, other = holder(one), 2 if holder(one) == "p1" else 1
    see(one, other)
    assert holder(one) == last
    one.tick(move_limit.REFILL)
    one.settle()
    assert holder(one) == f"p{other}", "done later, not lost"
