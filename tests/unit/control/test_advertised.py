"""What router advertisements said is taken back when it is no longer true."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ryu_apps.control.config.model import Network, Router
from ryu_apps.control.config.service_addresses import service_mac
from ryu_apps.control.edge.advertised import PERIOD, REMEMBERED
from tests.unit.control.advertised_support import (
    GATEWAY,
    GONE,
    GOOD,
    MAC,
    OTHER,
    A,
    B,
    Bed,
    interface,
    read,
    vm,
)
from tests.unit.vrouter.advertisements import advertised
from vrouter_ovs.addresses import address_bytes
from vrouter_ovs.edge import EdgePort, Lease6
from vrouter_ovs.proxies import ra


@pytest.fixture
def bed() -> Bed:
    made = Bed()
    made.start()
    return made


def test_at_first_nothing_is_taken_back(bed: Bed) -> None:
    ((source, lifetime, prefixes, resolvers),) = read(bed.port)
    assert (source, lifetime) == (GATEWAY, ra.ROUTER_LIFETIME)
    assert prefixes == {A: GOOD, B: GOOD} and bed.port.withdrawn == ()
    assert set(resolvers.values()) == {ra.ROUTER_LIFETIME}


def test_a_router_that_goes(bed: Bed) -> None:
    """In its own name: hosts know it by its link-local address."""
    final, service, now = None, None, None
    for source, lifetime, prefixes, resolvers in read(bed.set("port", "gw", None)):
        if source == GATEWAY:
            final = lifetime, prefixes
            assert resolvers == {"fd00:a::1": 0, "fd00:b::1": 0}
        else:
            service, now = source, (lifetime, prefixes)
    assert final == (0, {}) and service == service_mac(100)
    # The subnets are there still.
    assert now == (0, {A: GOOD, B: GOOD})


@pytest.mark.parametrize(
    ("change", "lifetime"),
    [
        (("router", "r", Router("r", 900, 2, admin_state_up=False)), 0),
        (("port", "gw", replace(interface("gw", GATEWAY, a="fd00:a::1"), admin_state_up=False)), 0),
        (("port", "gw", interface("gw", OTHER, a="fd00:a::1", b="fd00:b::1")), ra.ROUTER_LIFETIME),
    ],
)  # fmt: skip
def test_whatever_took_the_router_away(bed: Bed, change: tuple, lifetime: int) -> None:
    said = read(bed.set(*change))
    assert said[0][:2] == (GATEWAY, 0)
    assert said[-1][1] == lifetime


def test_a_router_that_comes_back(bed: Bed) -> None:
    bed.set("port", "gw", None)
    gateway = interface("gw2", GATEWAY, a="fd00:a::1", b="fd00:b::1")
    said = read(bed.set("port", "gw2", gateway))
    assert said[-1][:3] == (GATEWAY, ra.ROUTER_LIFETIME, {A: GOOD, B: GOOD})
    assert (ra.ROUTER, GATEWAY) not in bed.port.withdrawn


def test_a_subnet_that_is_deleted(bed: Bed) -> None:
    bed.node.set("port", "gw", interface("gw", GATEWAY, b="fd00:b::1"))
    bed.node.set("port", "p", vm("b"))
    ((source, lifetime, prefixes, resolvers), *others) = read(bed.set("subnet", "a", None))[::-1]
    assert (source, lifetime) == (GATEWAY, ra.ROUTER_LIFETIME)
    assert prefixes == {A: GONE, B: GOOD}
    assert resolvers == {"fd00:a::1": 0, "fd00:b::1": ra.ROUTER_LIFETIME}
    assert all(one[1] == 0 and one[2] == {A: GONE} for one in others)


def test_the_last_subnet_that_is_deleted(bed: Bed) -> None:
    """Nothing is advertised any more but that it is no more."""
    for kind, id in (("port", "gw"), ("subnet", "a"), ("subnet", "b")):
        bed.node.set(kind, id, None)
    said = read(bed.set("port", "p", vm()))
    assert {one[0]: one[1] for one in said} == {GATEWAY: 0, service_mac(100): 0}
    assert all(one[2] == {A: GONE, B: GONE} for one in said)


def test_a_port_that_moves_to_another_subnet(bed: Bed) -> None:
    ((_, _, prefixes, _),) = [one for one in read(bed.set("port", "p", vm("b"))) if one[1]]
    assert prefixes == {A: GONE, B: GOOD}


def test_other_resolvers(bed: Bed) -> None:
    told = bed.subnet("a", A, dns_nameservers=("fd00::53",))
    bed.set("subnet", "a", told)
    said = read(bed.set("subnet", "a", replace(told, dns_nameservers=("fd00::54",))))
    (resolvers,) = [one[3] for one in said if one[0] == GATEWAY]
    assert resolvers == {"fd00:a::1": 0, "fd00::53": 0, "fd00::54": ra.ROUTER_LIFETIME,
                         "fd00:b::1": ra.ROUTER_LIFETIME}  # fmt: skip


def test_a_mode_without_automatic_addresses(bed: Bed) -> None:
    bed.node.set("port", "p", vm("a"))
    stateful = bed.subnet("a", A, ipv6_ra_mode="dhcpv6-stateful",
                          ipv6_address_mode="dhcpv6-stateful")  # fmt: skip
    port = bed.set("subnet", "a", stateful)
    assert (ra.AUTONOMOUS, A) in port.withdrawn and (ra.ON_LINK, A) not in port.withdrawn
    _, options = advertised(ra.periodic(port)[-1])
    found = [(raw[3], int.from_bytes(raw[8:12], "big")) for raw in options[3]
             if raw[16:] == address_bytes("fd00:a::")]  # fmt: skip
    assert found == [(0x40, 0), (0x80, ra.PREFERRED_LIFETIME)]


def test_another_domain(bed: Bed) -> None:
    port = bed.set("network", "n", Network("n", 100, 1, dns_domain="blue.test."))
    _, options = advertised(ra.periodic(port)[-1])
    assert [(raw[8:].rstrip(b"\0"), int.from_bytes(raw[4:8], "big")) for raw in options[31]] == [
        (b"\3red\4test", 0), (b"\4blue\4test", ra.ROUTER_LIFETIME)
    ]  # fmt: skip


def test_each_router_says_what_is_its_own() -> None:
    one = Lease6("fd00:a::5", A, "fd00:a::1", "slaac", "slaac", ("fd00:a::1",), GATEWAY)
    two = Lease6("fd00:b::5", B, "fd00:b::1", "slaac", "slaac", ("fd00:b::1",), OTHER)
    port = EdgePort("p", "n", 5, 100, MAC, "fa:16:3e:00:00:99", service_mac(100), 1450,
                    v6=(one, two))  # fmt: skip
    assert read(port) == [
        (GATEWAY, ra.ROUTER_LIFETIME, {A: GOOD}, {"fd00:a::1": ra.ROUTER_LIFETIME}),
        (OTHER, ra.ROUTER_LIFETIME, {B: GOOD}, {"fd00:b::1": ra.ROUTER_LIFETIME}),
    ]


def test_much_is_taken_back_in_messages_that_fit(bed: Bed) -> None:
    """A tenant that changes resolvers and domains all the time makes nothing grow."""
    for number in range(100):
        domain = f"{'x' * 60}.{'y' * 60}.{'z' * 60}.{number}.test."
        bed.node.set("network", "n", Network("n", 100, 1, dns_domain=domain))
        servers = tuple(f"fd00::{number:x}:{last}" for last in range(3))
        bed.set("subnet", "a", bed.subnet("a", A, dns_nameservers=servers))
    port = bed.set("port", "gw", None)
    assert len(port.withdrawn) == REMEMBERED
    frames = ra.periodic(port)
    assert 2 < len(frames) < 12 and all(len(frame) <= 14 + 1280 for frame in frames)
    gone = {server for one in read(port) for server, time in one[3].items() if not time}
    assert {f"fd00::62:{last}" for last in range(3)} <= gone
    assert read(port)[0][:2] == (GATEWAY, 0)


def test_for_a_time(bed: Bed) -> None:
    bed.set("port", "gw", None)
    assert bed.tick(1).withdrawn
    assert bed.tick(PERIOD - 1).withdrawn
    assert bed.tick(2).withdrawn == ()
    ((_, lifetime, prefixes, _),) = read(bed.port)
    assert (lifetime, prefixes) == (0, {A: GOOD, B: GOOD})


def test_a_switch_that_restarts_is_no_new_guest(bed: Bed) -> None:
    """Its ports are away for a moment, with what they were told."""
    bed.tick(1)
    bed.node.interface("e0", "tap0", None)
    bed.settle()
    assert not bed.node.edges
    bed.node.set("port", "gw", None)
    bed.node.tick(60)
    bed.node.bind("e0", "tap0", "p", 1)
    bed.settle()
    assert (ra.ROUTER, GATEWAY) in bed.port.withdrawn


subnets = st.lists(st.sampled_from(["a", "b"]), unique=True)
gateways = st.sampled_from([None, GATEWAY, OTHER])


@settings(deadline=None)
@given(st.lists(st.tuples(subnets, gateways), min_size=1, max_size=6))
def test_what_was_said_is_true_or_taken_back(steps) -> None:
    """In every order of changes."""
    bed = Bed()
    bed.start()
    known = set(ra.said(bed.port))
    for places, mac in steps:
        gateway = interface("gw", mac, a="fd00:a::1", b="fd00:b::1") if mac else None
        bed.node.set("port", "gw", gateway)
        port = bed.set("port", "p", vm(*places))
        known |= ra.said(port)
        assert set(port.withdrawn) == known - ra.said(port)
        assert all(len(frame) <= 14 + 1280 for frame in ra.periodic(port))
