"""Policy sets with real packets between VMs: what a rule allows, and nothing else."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from tests.ovs.vrouter.policy_bed import EVI, Bed, ip4, mac
from tests.ovs.vrouter.policy_probes import (
    BARE,
    BIT,
    ICMP,
    ICMPV6,
    OTHER_BIT,
    PAGE,
    SERVER,
    TCP,
    UDP,
    WAIT,
    address,
    asks,
    datagram,
    emptied,
    hits,
    of_group,
    ping,
    program,
    reaches,
    running_bed,
)
from vrouter_ovs.state import (
    EGRESS,
    INGRESS,
    Membership,
    Page,
    PeerAddress,
    Policy,
    Rule,
)


@pytest.fixture(scope="module")
def running() -> Iterator[Bed]:
    yield from running_bed()


@pytest.fixture
def bed(running: Bed) -> Iterator[Bed]:
    yield from emptied(running)


@pytest.mark.parametrize("version", [4, 6])
def test_a_rule_allows_a_connection_and_nothing_else(bed: Bed, version: int) -> None:
    program(bed, Rule(SERVER, INGRESS, version, TCP, 22, 22))
    assert reaches(bed, 1, 2, 22, version)
    assert not reaches(bed, 1, 2, 23, version, wait=WAIT)
    assert not datagram(bed, 1, 2, 22, version, wait=WAIT)
    assert not ping(bed, 1, 2, version, wait=WAIT)
    assert not reaches(bed, 2, 1, 22, version, wait=WAIT)
    # A port without a set is not asked, in either direction.
    assert reaches(bed, 3, 4, 23, version)
    assert reaches(bed, 3, 2, 22, version) and not reaches(bed, 3, 2, 23, version, wait=WAIT)
    assert not reaches(bed, 3, 1, 22, version, wait=WAIT)
    assert reaches(bed, 1, 3, 99, version)


@pytest.mark.parametrize("version", [4, 6])
def test_nothing_without_a_rule(bed: Bed, version: int) -> None:
    program(bed)
    assert not reaches(bed, 1, 2, 22, version, wait=WAIT)
    assert not datagram(bed, 1, 2, 22, version, wait=WAIT)
    assert not ping(bed, 1, 2, version, wait=WAIT)
    # The server may send nothing either.
    assert not reaches(bed, 2, 3, 22, version, wait=WAIT)
    # A set that the controller has not told about yet denies as well.
    bed.program(bed.base({1: BARE}))
    assert not reaches(bed, 3, 1, 22, version, wait=WAIT)


def test_egress_rules(bed: Bed) -> None:
    program(bed, Rule(SERVER, EGRESS, 4, TCP, 80, 80, f"{ip4(3)}/32"), policies={2: SERVER})
    assert reaches(bed, 2, 3, 80)
    assert not reaches(bed, 2, 3, 81, wait=WAIT)
    assert not reaches(bed, 2, 4, 80, wait=WAIT)


def test_port_ranges(bed: Bed) -> None:
    program(bed, Rule(SERVER, INGRESS, 4, UDP, 1001, 1030))
    for port in range(990, 1040, 6):
        arrives = 1001 <= port <= 1030
        assert datagram(bed, 1, 2, port, wait=10 if arrives else WAIT) is arrives
    assert datagram(bed, 1, 2, 1001) and datagram(bed, 1, 2, 1030)
    assert not datagram(bed, 1, 2, 1000, wait=WAIT) and not datagram(bed, 1, 2, 1031, wait=WAIT)


def test_any_protocol_and_protocol_by_number(bed: Bed) -> None:
    program(bed, Rule(SERVER, INGRESS, 4))
    assert reaches(bed, 1, 2, 7777) and datagram(bed, 1, 2, 7777) and ping(bed, 1, 2)
    assert not reaches(bed, 1, 2, 7777, 6, wait=WAIT)
    program(bed, Rule(SERVER, INGRESS, 4, TCP))
    assert reaches(bed, 1, 2, 7777)
    assert not datagram(bed, 1, 2, 7777, wait=WAIT) and not ping(bed, 1, 2, wait=WAIT)
    # A protocol that conntrack knows nothing of: 253, for experiments (RFC 3692).
    for protocol, arrives in ((253, True), (254, False)):
        program(bed, Rule(SERVER, INGRESS, 4, 253))
        with (
            bed.inside(2),
            closing(socket.socket(socket.AF_INET, socket.SOCK_RAW, protocol)) as server,
        ):
            with (
                bed.inside(1),
                closing(socket.socket(socket.AF_INET, socket.SOCK_RAW, protocol)) as client,
            ):
                client.sendto(b"hello", (ip4(2), 0))
            server.settimeout(10 if arrives else WAIT)
            try:
                assert server.recv(100)[20:] == b"hello"
                assert arrives
            except TimeoutError:
                assert not arrives


@pytest.mark.parametrize("version", [4, 6])
def test_icmp_type_and_code(bed: Bed, version: int) -> None:
    protocol, echo = (ICMP, 8) if version == 4 else (ICMPV6, 128)
    for first, last, arrives in ((echo, 0, True), (echo, -1, True), (echo + 1, -1, False),
                                 (echo, 1, False), (-1, -1, True)):
        program(bed, Rule(SERVER, INGRESS, version, protocol, first, last))
        wait = 10 if arrives else WAIT
        assert ping(bed, 1, 2, version, wait=wait) is arrives, (first, last)
    assert not ping(bed, 2, 1, version, wait=WAIT)
    assert not datagram(bed, 1, 2, 53, version, wait=WAIT)


@pytest.mark.parametrize("version", [4, 6])
def test_remote_prefix(bed: Bed, version: int) -> None:
    prefix = f"{ip4(0)}/31" if version == 4 else "fd01::/127"
    program(bed, Rule(SERVER, INGRESS, version, TCP, 22, 22, prefix))
    assert reaches(bed, 1, 2, 22, version)
    assert not reaches(bed, 3, 2, 22, version, wait=WAIT)


@pytest.mark.parametrize("version", [4, 6])
def test_remote_group(bed: Bed, version: int) -> None:
    peer = PeerAddress(PAGE, INGRESS, address(1, version), (BIT,))
    other = PeerAddress(PAGE, INGRESS, address(4, version), (OTHER_BIT,))
    rule, asked = of_group(SERVER, INGRESS, version, TCP, 22, 22), asks(SERVER, INGRESS)
    program(bed, asked, rule, peer, other)
    assert reaches(bed, 1, 2, 22, version)
    assert not reaches(bed, 3, 2, 22, version, wait=WAIT)
    assert not reaches(bed, 4, 2, 22, version, wait=WAIT)
    # Rules for any address hold for members of groups as well.
    program(bed, asked, rule, peer, Rule(SERVER, INGRESS, version, TCP, 23, 23))
    assert reaches(bed, 1, 2, 23, version) and reaches(bed, 3, 2, 23, version)
    program(bed, asked, rule, other)
    assert not reaches(bed, 1, 2, 22, version, wait=WAIT)
    # And towards a group.
    program(
        bed,
        of_group(SERVER, EGRESS, version),
        asks(SERVER, EGRESS),
        PeerAddress(PAGE, EGRESS, address(3, version), (BIT, OTHER_BIT)),
    )
    assert reaches(bed, 2, 3, 5000, version) and not reaches(bed, 2, 4, 5000, version, wait=WAIT)


def test_an_address_and_a_prefix_add_up(bed: Bed) -> None:
    """VM 3 is of another group by its address, and of the rule's by a prefix; VM 4 by its MAC."""
    program(
        bed,
        Membership(SERVER, INGRESS, (Page(PAGE, prefixes=True, macs=True),)),
        of_group(SERVER, INGRESS, 4, TCP, 22, 22),
        PeerAddress(PAGE, INGRESS, f"{ip4(0)}/30", (BIT,)),
        PeerAddress(PAGE, INGRESS, ip4(3), (OTHER_BIT,)),
    )
    assert reaches(bed, 1, 2, 22) and reaches(bed, 3, 2, 22)
    assert not reaches(bed, 4, 2, 22, wait=WAIT)
    program(
        bed,
        Membership(SERVER, INGRESS, (Page(PAGE, prefixes=True, macs=True),)),
        of_group(SERVER, INGRESS, 4, TCP, 22, 22),
        PeerAddress(PAGE, INGRESS, "0.0.0.0/0", (BIT,), mac=mac(4), evi=EVI),
        PeerAddress(PAGE, INGRESS, ip4(4), (OTHER_BIT,)),
    )
    assert reaches(bed, 4, 2, 22) and not reaches(bed, 1, 2, 22, wait=WAIT)


def test_a_group_of_another_page(bed: Bed) -> None:
    """Each page is asked for; what is denied is counted once, and what is allowed not as that.  The
    answer is counted by the rule that allowed the question."""
    policy, second = Policy(SERVER), PAGE + 1
    rule = replace(of_group(SERVER, INGRESS, 4, UDP, 53, 53), page=second)
    program(
        bed,
        Membership(SERVER, INGRESS, (Page(PAGE), Page(second), Page(second + 1))),
        rule,
        PeerAddress(second, INGRESS, ip4(1), (BIT,)),
        PeerAddress(PAGE, INGRESS, ip4(3), (BIT,)),
        PeerAddress(second + 1, INGRESS, ip4(3), (BIT,)),
    )
    assert datagram(bed, 1, 2, 53)
    assert (hits(bed, rule), hits(bed, policy)) == (2, 0)
    assert not datagram(bed, 3, 2, 53, wait=WAIT)
    assert (hits(bed, rule), hits(bed, policy)) == (2, 1)


def test_two_ports_of_one_set(bed: Bed) -> None:
    """Each has a zone of its own, though the rules are shared."""
    members = [PeerAddress(PAGE, INGRESS, ip4(n), (BIT,)) for n in (2, 3)]
    program(
        bed, Rule(SERVER, EGRESS, 4), of_group(SERVER, INGRESS, 4, TCP, 22, 22),
        asks(SERVER, INGRESS), *members, policies={2: SERVER, 3: SERVER},
    )  # fmt: skip
    assert reaches(bed, 2, 3, 22) and reaches(bed, 3, 2, 22)
    assert not reaches(bed, 1, 3, 22, wait=WAIT) and not reaches(bed, 2, 3, 23, wait=WAIT)
