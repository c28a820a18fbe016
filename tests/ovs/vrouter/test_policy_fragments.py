"""Policy sets with real packets: fragments, sets without tracking, flooded packets."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.ovs.vrouter.policy_bed import Bed, ip4, mac
from tests.ovs.vrouter.policy_probes import (
    BARE,
    BIT,
    CLIENT,
    ICMP,
    ICMPV6,
    PAGE,
    SERVER,
    UDP,
    WAIT,
    address,
    asks,
    checksum,
    datagram,
    emptied,
    of_group,
    ping,
    program,
    running_bed,
)
from vrouter_ovs.state import EGRESS, INGRESS, PeerAddress, Policy, Rule, StateObject


@pytest.fixture(scope="module")
def running() -> Iterator[Bed]:
    yield from running_bed()


@pytest.fixture
def bed(running: Bed) -> Iterator[Bed]:
    yield from emptied(running)


@pytest.mark.parametrize("version", [4, 6])
def test_fragments_belong_to_their_packet(bed: Bed, version: int) -> None:
    rule = Rule(SERVER, INGRESS, version, UDP, 5000, 5003)
    program(bed, rule)
    for size in (2000, 20000, 2000):
        assert datagram(bed, 1, 2, 5001, version, size)
        assert not datagram(bed, 1, 2, 6000, version, size, wait=WAIT)
    icmp, echo = (ICMP, 8) if version == 4 else (ICMPV6, 128)
    program(bed, Rule(SERVER, INGRESS, version, icmp, echo, 0))
    assert ping(bed, 1, 2, version, 3000)
    assert not datagram(bed, 1, 2, 5001, version, 2000, wait=WAIT)


def later_fragment(identification: int, data: bytes) -> bytes:
    """The end of a UDP datagram from VM 1 to VM 2, as a whole IPv4 packet."""
    head = struct.pack(
        "!BBHHHBBH4s4s", 0x45, 0, 20 + len(data), identification, 1000 // 8, 64, UDP, 0,
        socket.inet_aton(ip4(1)), socket.inet_aton(ip4(2)),
    )  # fmt: skip
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + data


def test_a_later_fragment_alone_never_arrives(bed: Bed) -> None:
    """Not even in a connection that exists, and not after the switch has given up on the rest."""
    program(bed, Rule(SERVER, INGRESS, 4, UDP, 5000, 5000))
    assert datagram(bed, 1, 2, 5000)
    with bed.inside(2), closing(
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
    ) as sniffer:
        sniffer.bind(("eth0", 0x0800))
        sniffer.settimeout(WAIT)
        with bed.inside(1), closing(
            socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
        ) as sender:
            sender.bind(("eth0", 0x0800))
            ether = bytes.fromhex((mac(2) + mac(1)).replace(":", "")) + b"\x08\x00"
            for number in range(5):
                sender.send(ether + later_fragment(number, b"leak" * 50))
        with pytest.raises(TimeoutError):
            while b"leak" not in sniffer.recv(2000):
                pass


def stateless(*rules: Rule) -> list[StateObject]:
    return [Policy(BARE, stateful=False), *rules]


@pytest.mark.parametrize("version", [4, 6])
def test_a_stateless_set_judges_each_packet(bed: Bed, version: int) -> None:
    question = Rule(BARE, INGRESS, version, UDP, 53, 53, stateful=False)
    bed.program(bed.base({2: BARE}) + stateless(question))
    assert not _answered(bed, version, wait=WAIT)
    answer = Rule(BARE, EGRESS, version, UDP, 1024, 65535, stateful=False)
    bed.program(bed.base({2: BARE}) + stateless(question, answer))
    assert _answered(bed, version)
    assert bed.appctl("dpctl/dump-conntrack").strip() == ""
    # Groups and prefixes by the packet's own addresses.
    peers = (
        asks(BARE, INGRESS, stateful=False),
        PeerAddress(PAGE, INGRESS, address(1, version), (BIT,), stateful=False),
        of_group(BARE, INGRESS, version, UDP, 53, 53, stateful=False),
        Rule(BARE, EGRESS, version, UDP, -1, -1, f"{address(1, version)}/"
             f"{32 if version == 4 else 128}", stateful=False),
    )  # fmt: skip
    bed.program(bed.base({2: BARE}) + stateless(*peers))
    assert _answered(bed, version)
    assert not _answered(bed, version, source=3, wait=WAIT)


def _answered(bed: Bed, version: int, source: int = 1, size: int = 10, wait: float = 10) -> bool:
    try:
        bed_client = bed.socket(source, socket.SOCK_DGRAM, version)
        server = bed.socket(2, socket.SOCK_DGRAM, version)
        with closing(bed_client) as client, closing(server):
            server.bind(("", 53))
            for end in (client, server):
                end.settimeout(wait)
            client.sendto(bytes(size), (address(2, version), 53))
            data, asker = server.recvfrom(1 << 16)
            server.sendto(b"answer", asker)
            return client.recv(100) == b"answer" and len(data) == size
    except TimeoutError:
        return False


def test_fragments_in_a_stateless_set(bed: Bed) -> None:
    """Only the first has ports."""
    out = Rule(BARE, EGRESS, 4, stateful=False)
    for first, last, arrives in ((53, 53, False), (0, 65534, False), (-1, -1, True)):
        rule = Rule(BARE, INGRESS, 4, UDP, first, last, stateful=False)
        bed.program(bed.base({2: BARE}) + stateless(out, rule))
        assert _answered(bed, 4)
        wait = 10 if arrives else WAIT
        assert _answered(bed, 4, size=3000, wait=wait) is arrives, (first, last)


def test_flooded_packets_are_filtered_for_each_receiver(bed: Bed) -> None:
    rule = Rule(SERVER, INGRESS, 4, UDP, 5353, 5353)
    program(bed, rule, policies={1: CLIENT, 2: SERVER, 3: BARE})
    receivers = {}
    for number in (2, 3, 4):
        receivers[number] = bed.socket(number, socket.SOCK_DGRAM)
        receivers[number].bind(("", 5353))
        receivers[number].settimeout(WAIT)
    others = bed.socket(2, socket.SOCK_DGRAM)
    others.bind(("", 5354))
    others.settimeout(WAIT)
    with closing(bed.socket(1, socket.SOCK_DGRAM)) as sender:
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        for port in (5353, 5354):
            sender.sendto(b"all", ("10.1.0.255", port))
    found = set()
    for number, receiver in receivers.items():
        with closing(receiver):
            receiver.settimeout(WAIT if number == 3 else 10)
            try:
                assert receiver.recv(100) == b"all"
                found.add(number)
            except TimeoutError:
                pass
    assert found == {2, 4}
    with closing(others), pytest.raises(TimeoutError):
        others.recv(100)
