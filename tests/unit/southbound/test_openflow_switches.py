"""Which connection an element gets, in whatever order elements and connections come and go."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ryu_apps.southbound.openflow.switches import UNUSED, Switches

A, B, C = "192.0.2.1", "192.0.2.2", "192.0.2.3"


class Connection:
    def __init__(
        self, datapath_id: int, address: str, certified: frozenset[str] | None = None
    ) -> None:
        self.id = datapath_id
        self.certified = certified
        self.address = (address, 40000)
        self.expires: float | None = None
        self.closed = ""

    def disconnect(self, reason: str) -> None:
        self.closed = self.closed or reason


class Bed:
    """Switches, and the changes that they told, put together."""

    def __init__(self, any_address: bool = False, unclaimed: float = 30.0) -> None:
        self.switches = Switches(any_address, unclaimed)
        self.used: dict[str, Any] = {}

    def take(self, changes: list) -> None:
        for element, datapath, connected in changes:
            if connected:
                assert self.used.get(element) is not datapath, "told twice"
                self.used[element] = datapath
            else:
                assert self.used.pop(element) is datapath

    def accept(self, element: str, datapath_id: int, address: str, now: float = 0.0) -> None:
        self.take(self.switches.accept(element, datapath_id, address, now))

    def forget(self, element: str) -> None:
        self.take(self.switches.forget(element, 0.0))

    def connect(
        self, datapath_id: int, address: str, now: float = 0.0,
        certified: frozenset[str] | None = None,
    ) -> Connection:
        made = Connection(datapath_id, address, certified)
        self.take(self.switches.connected(made, now))
        return made

    def end(self, connection: Connection) -> None:
        self.take(self.switches.disconnected(connection))


def test_in_either_order():
    for first in (True, False):
        bed = Bed()
        if first:
            bed.accept("hv1", 1, A)
        connection = bed.connect(1, A)
        assert bool(bed.used) == first
        bed.accept("hv1", 1, A)
        assert bed.used == {"hv1": connection} and connection.expires is None


def test_nobody_takes_an_elements_switch_from_another_address():
    bed = Bed()
    bed.accept("hv1", 1, A)
    own = bed.connect(1, A)
    thief = bed.connect(1, B)
    assert bed.used == {"hv1": own} and not own.closed
    assert thief.expires is not None
    newer = bed.connect(1, A)
    assert bed.used == {"hv1": newer} and "newer connection" in own.closed


def test_one_that_was_there_before_the_element_does_not_get_its_flows():
    bed = Bed()
    early, own = bed.connect(1, B), bed.connect(1, A)
    later = bed.connect(1, C)
    bed.accept("hv1", 1, A)
    assert bed.used == {"hv1": own}
    assert early.expires and later.expires and own.expires is None


def test_the_thief_of_a_datapath_id_gets_nothing_and_the_next_gets_it_back():
    bed = Bed()
    bed.accept("hv1", 1, A)
    own = bed.connect(1, A)
    bed.accept("thief", 1, B)
    fake = bed.connect(1, B)
    assert bed.used == {"hv1": own} and fake.expires and not own.closed
    bed.forget("hv1")
    assert own.closed
    assert bed.used == {"thief": fake} and fake.expires is None
    again = bed.connect(1, B)
    assert bed.used == {"thief": again}
    bed.accept("hv1", 1, A)
    assert bed.used == {"thief": again}
    bed.accept("thief", 9, B)
    assert "another bridge" in again.closed
    back = bed.connect(1, A)
    assert bed.used == {"hv1": back}


def test_a_hypervisor_with_a_new_address_has_its_switch_there():
    bed = Bed()
    bed.accept("hv1", 1, A)
    old = bed.connect(1, A)
    early = bed.connect(1, B)
    assert bed.used == {"hv1": old}
    bed.accept("hv1", 1, B)
    assert bed.used == {"hv1": early} and early.expires is None and old.expires


def test_where_any_address_will_do_the_newest_counts():
    for options, address in (({"any_address": True}, A), ({}, "")):
        bed = Bed(**options)
        bed.accept("hv1", 1, address)
        first, second = bed.connect(1, B), bed.connect(1, C)
        assert bed.used == {"hv1": second} and "newer connection" in first.closed


def test_what_is_nobodys_expires_and_what_is_an_elements_does_not():
    bed = Bed(unclaimed=30)
    connection = bed.connect(1, A, 100.0)
    assert connection.expires == 130.0
    bed.connect(1, B, 120.0)
    assert connection.expires == 130.0, "others do not give it more time"
    bed.accept("hv1", 1, A)
    assert connection.expires is None
    bed.end(connection)
    assert not bed.used
    assert Bed(unclaimed=0).connect(1, A).expires is None


def test_ipv4_in_ipv6_is_the_same_address():
    bed = Bed()
    bed.accept("hv1", 1, A)
    assert bed.used == {} and bed.connect(1, f"::ffff:{A}") is bed.used["hv1"]


OWN, OTHER = frozenset({"hv1", "hv1.example"}), frozenset({"hv2"})


@pytest.mark.parametrize("any_address", [False, True])
def test_over_tls_a_switch_is_who_its_certificate_says(any_address):
    """From the same address too, as behind NAT: another's connection neither gets the element's
    flows nor ends the element's own."""
    bed = Bed(any_address)
    early = bed.connect(1, A, certified=OTHER)
    bed.accept("hv1", 1, A)
    assert bed.used == {}
    assert early.expires == UNUSED
    own = bed.connect(1, A, certified=OWN)
    later = bed.connect(1, A, certified=OTHER)
    nobody = bed.connect(1, A, certified=frozenset())
    assert bed.used == {"hv1": own}
    assert later.expires and nobody.expires and not own.closed
    renewed = bed.connect(1, A, certified=frozenset({"hv1"}))
    assert bed.used == {"hv1": renewed}, "another certificate of its own"
    assert "newer connection" in own.closed
    elsewhere = bed.connect(1, B, certified=OWN)
    assert bed.used == {"hv1": elsewhere if any_address else renewed}


ADDRESSES = st.sampled_from((A, B))
CERTIFIED = st.sampled_from((None, frozenset({"hv1", "hv3"}), frozenset({"hv2"})))
IDS = st.sampled_from((1, 2))
NAMES = st.sampled_from(("hv1", "hv2", "hv3"))
STEP = st.one_of(
    st.tuples(st.just("accept"), NAMES, IDS, ADDRESSES),
    st.tuples(st.just("forget"), NAMES),
    st.tuples(st.just("connect"), IDS, ADDRESSES, st.just(0.0), CERTIFIED),
    st.tuples(st.just("end"), st.integers(0, 99)),
)


@given(st.lists(STEP, max_size=40))
def test_an_element_has_only_what_is_its_own_and_all_of_that(steps):
    bed = Bed()
    made: list[Connection] = []
    bridges: dict[str, tuple[int, str]] = {}
    order: list[str] = []
    for what, *arguments in steps:
        if what == "connect":
            made.append(bed.connect(*arguments))
        elif what == "end" and made:
            bed.end(made[arguments[0] % len(made)])
            made[arguments[0] % len(made)].closed = "by the switch"
        elif what == "accept":
            name, *bridge = arguments
            if bridges.get(name, (None,))[0] != bridge[0] and name in order:
                order.remove(name)
            if name not in order:
                order.append(name)
            bridges[name] = tuple(bridge)
            bed.accept(name, *bridge)
        elif what == "forget":
            bridges.pop(arguments[0], None)
            if arguments[0] in order:
                order.remove(arguments[0])
            bed.forget(arguments[0])
    open_ones = [one for one in made if not one.closed]
    holders: dict[int, str] = {}
    for name in order:
        holders.setdefault(bridges[name][0], name)
    assert len({bridges[name][0] for name in bed.used}) == len(bed.used)
    for name, connection in bed.used.items():
        assert (connection.id, connection.address[0]) == bridges[name]
        assert connection.certified is None or name in connection.certified
        assert connection in open_ones and connection.expires is None
    for one in open_ones:
        holder = next((name for name, used in bed.used.items() if used is one), None)
        assert (holder is None) == (one.expires is not None)
        if holder is None and one.id in holders:
            name = holders[one.id]
            assert one.address[0] != bridges[name][1] or name not in (one.certified or (name,)), (
                "open, its holder's, not used")
    assert bed.switches.sources() == {address for _, address in bridges.values()}
