"""Policy sets with real packets: connections, how they begin, go on and end."""

from __future__ import annotations

import re
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.ovs.vrouter.policy_bed import Bed, ip4
from tests.ovs.vrouter.policy_probes import (
    BARE,
    BIT,
    CLIENT,
    PAGE,
    SERVER,
    TCP,
    UDP,
    WAIT,
    address,
    asks,
    checksum,
    connect,
    datagram,
    emptied,
    hits,
    listener,
    of_group,
    program,
    running_bed,
)
from vrouter_ovs.state import EGRESS, INGRESS, PeerAddress, Policy, Rule
from vrouter_ovs.wire import encode


@pytest.fixture(scope="module")
def running() -> Iterator[Bed]:
    yield from running_bed()


@pytest.fixture
def bed(running: Bed) -> Iterator[Bed]:
    yield from emptied(running)


@pytest.mark.parametrize("version", [4, 6])
def test_a_connection_ends_with_its_rule_and_goes_on_with_it(bed: Bed, version: int) -> None:
    rule = Rule(SERVER, INGRESS, version, TCP, 22, 22)
    program(bed, rule)
    ends = connect(bed, 1, 2, 22, version)
    assert ends is not None
    other_rule = Rule(SERVER, INGRESS, version, TCP, 23, 23)
    program(bed, other_rule)
    for one, other in (ends, reversed(ends)):
        one.sendall(b"x")
        other.settimeout(WAIT)
        with pytest.raises(TimeoutError):
            other.recv(1)
    program(bed, rule)
    # TCP's own repetition brings what was dropped.
    for end in ends:
        end.settimeout(20)
        assert end.recv(1) == b"x"
        end.close()


def test_answers_alone_end_with_the_rule(bed: Bed) -> None:
    """A stream of answers, to which the client says nothing more, is cut all the same."""
    rule = Rule(SERVER, INGRESS, 4, UDP, 53, 53)
    program(bed, rule)
    with closing(bed.socket(2, socket.SOCK_DGRAM)) as server, closing(
        bed.socket(1, socket.SOCK_DGRAM)
    ) as client:
        server.bind(("", 53))
        server.settimeout(10)
        client.settimeout(10)
        client.sendto(b"question", (ip4(2), 53))
        _, asker = server.recvfrom(100)
        server.sendto(b"answer", asker)
        assert client.recv(100) == b"answer"
        program(bed)
        client.settimeout(WAIT)
        server.sendto(b"answer", asker)
        with pytest.raises(TimeoutError):
            client.recv(100)
        program(bed, rule)
        server.sendto(b"again", asker)
        assert client.recv(100) == b"again"


def test_a_connection_ends_with_the_membership_and_with_the_senders_rule(bed: Bed) -> None:
    peer = PeerAddress(PAGE, INGRESS, ip4(1), (BIT,))
    rule, asked = of_group(SERVER, INGRESS, 4, TCP, 22, 22), asks(SERVER, INGRESS)
    program(bed, asked, rule, peer)
    ends = connect(bed, 1, 2, 22)
    assert ends is not None
    client, server = ends
    for policies, objects in (
        ({1: CLIENT, 2: SERVER}, [asked, rule]),  # no member any more
        ({1: BARE, 2: SERVER}, [asked, rule, peer, Policy(BARE)]),  # a set that may send nothing
        ({1: CLIENT, 2: BARE}, [asked, rule, peer, Policy(BARE)]),  # the server's set changed
    ):
        program(bed, *objects, policies=policies)
        client.settimeout(WAIT)
        server.sendall(b"x")
        with pytest.raises(TimeoutError):
            client.recv(1)
        program(bed, asked, rule, peer)
        client.settimeout(20)
        assert client.recv(1) == b"x"
    client.close()
    server.close()


def test_no_answer_without_a_question(bed: Bed) -> None:
    """From the port that is allowed, but not as an answer."""
    program(bed, Rule(SERVER, INGRESS, 4, UDP, 53, 53))
    assert datagram(bed, 1, 2, 53)
    with closing(bed.socket(2, socket.SOCK_DGRAM)) as server, closing(
        bed.socket(1, socket.SOCK_DGRAM)
    ) as client:
        server.bind(("", 53))
        client.bind(("", 4000))
        client.settimeout(WAIT)
        server.sendto(b"hello", (ip4(1), 4000))
        with pytest.raises(TimeoutError):
            client.recv(100)


@pytest.mark.parametrize("version", [4, 6])
def test_errors_of_an_allowed_connection_come_back(bed: Bed, version: int) -> None:
    """Port unreachable: neither side has a rule for ICMP."""
    rule = Rule(SERVER, INGRESS, version, UDP, 5000, 5000)
    program(bed, rule)
    with closing(bed.socket(1, socket.SOCK_DGRAM, version)) as client:
        client.settimeout(5)
        client.connect((address(2, version), 5000))
        client.send(b"anybody?")
        with pytest.raises(ConnectionRefusedError):
            client.recv(100)
        # The error of a connection that is not allowed any more does not pass.
        client.settimeout(WAIT)
        program(bed, rule, policies={2: SERVER})
        client.send(b"anybody?")
        with pytest.raises(ConnectionRefusedError):
            client.recv(100)
        program(bed)
        client.send(b"anybody?")
        with pytest.raises(TimeoutError):
            client.recv(100)


def test_invalid_packets_are_dropped(bed: Bed) -> None:
    """A forged error about a connection that does not exist, and a SYN+ACK out of the blue."""
    program(bed, Rule(SERVER, INGRESS, 4))
    with bed.inside(2), closing(
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    ) as receiver:
        receiver.settimeout(WAIT)
        inner = struct.pack(
            "!BBHHHBBH4s4sHHL", 0x45, 0, 28, 1, 0, 64, 17, 0, socket.inet_aton(ip4(2)),
            socket.inet_aton(ip4(1)), 5, 6, 0,
        )  # fmt: skip
        error = struct.pack("!BBHL", 3, 3, 0, 0) + inner
        error = error[:2] + struct.pack("!H", checksum(error)) + error[4:]
        with bed.inside(1), closing(
            socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        ) as sender:
            sender.sendto(error, (ip4(2), 0))
        with pytest.raises(TimeoutError):
            receiver.recv(100)


def test_hit_counters(bed: Bed) -> None:
    rule, other = Rule(SERVER, INGRESS, 4, UDP, 53, 53), Rule(SERVER, INGRESS, 4, UDP, 54, 54)
    program(bed, rule, other)
    assert datagram(bed, 1, 2, 53)
    assert not datagram(bed, 1, 2, 55, wait=WAIT)
    bed.appctl("revalidator/wait")
    # The question, and the answer on its way out of VM 2.
    assert (hits(bed, rule), hits(bed, other)) == (2, 0)
    # At least so many: the namespaces' kernels may have said something of their own.
    assert hits(bed, Policy(SERVER)) >= 1
    assert hits(bed, Rule(CLIENT, EGRESS, 4)) >= 3


def test_the_connections_of_one_port_are_forgotten(bed: Bed) -> None:
    """When its number goes to another port; those of its neighbors stay."""
    program(bed, Rule(SERVER, INGRESS, 4, UDP, 53, 53))
    assert datagram(bed, 1, 2, 53)
    xid = bed.openflow.next_xid()
    bed.openflow.send(encode.flush_zone(2, xid) + encode.barrier(xid + 1))
    assert bed.openflow.until(21, xid + 1)[1] == []
    zones = re.findall(r"zone=(\d+)", bed.appctl("dpctl/dump-conntrack"))
    assert zones == ["1"]


@pytest.mark.parametrize("client_first", [True, False])
def test_a_connection_goes_on_in_a_switch_that_forgot_it(bed: Bed, client_first: bool) -> None:
    """As after a restart: it is a new one from the next packet that a rule allows."""
    program(bed, Rule(SERVER, INGRESS, 4, TCP, 22, 22))
    ends = connect(bed, 1, 2, 22)
    assert ends is not None
    client, server = ends
    bed.forget()
    if not client_first:
        server.sendall(b"x")
        client.settimeout(WAIT)
        with pytest.raises(TimeoutError):
            client.recv(1)
        client.settimeout(20)
    client.sendall(b"y")
    assert server.recv(1) == b"y"
    if client_first:
        server.sendall(b"x")
    assert client.recv(1) == b"x"
    client.close()
    server.close()


def test_many_short_connections(bed: Bed) -> None:
    """Thousands of connections that open and close at once, as fast as two threads can."""
    program(bed, Rule(SERVER, INGRESS, 4, TCP, 80, 80))
    count = 4000
    with closing(listener(bed, 2, 80)) as server:
        accepted = []

        def accept() -> None:
            for _ in range(count):
                end, _ = server.accept()
                end.close()
                accepted.append(1)

        thread = threading.Thread(target=accept, name="accept", daemon=True)
        thread.start()
        reset = struct.pack("ii", 1, 0)
        for number in range(count):
            with closing(bed.socket(1)) as client:
                client.settimeout(10)
                client.connect((ip4(2), 80))
                if number % 2:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        thread.join(20)
    assert len(accepted) == count
    assert bed.alive()
