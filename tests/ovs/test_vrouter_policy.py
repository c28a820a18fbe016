"""Policy sets with real packets between VMs: who may speak with whom, and for how long."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.ovs.policy_bed import Bed, ip4, ip6, mac
from vrouter_ovs import encode
from vrouter_ovs.state import EGRESS, INGRESS, PeerAddress, Policy, Rule, StateObject

TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58
CLIENT, SERVER, BARE, LAST = 0x11, 0x22, 0x33, 0x7FFFFFFF
WAIT = 0.4
"""Seconds after which what did not arrive was dropped; what is allowed has ten."""
ALL_OUT = [Policy(CLIENT), Rule(CLIENT, EGRESS, 4), Rule(CLIENT, EGRESS, 6)]


@pytest.fixture(scope="module")
def running() -> Iterator[Bed]:
    bed = Bed(4)
    try:
        bed.start()
        yield bed
    finally:
        bed.stop()


@pytest.fixture
def bed(running: Bed) -> Iterator[Bed]:
    running.program([])
    running.forget()
    yield running
    assert running.alive(), "ovs-vswitchd died"


def program(bed: Bed, *rules: StateObject, policies: dict[int, int] | None = None) -> None:
    """VM 1 may send anything and receive nothing; VM 2 has the set SERVER with ``rules``."""
    policies = {1: CLIENT, 2: SERVER} if policies is None else policies
    bed.program([*bed.base(policies), *ALL_OUT, Policy(SERVER), *rules])


def address(number: int, version: int) -> str:
    return ip4(number) if version == 4 else ip6(number)


def listener(bed: Bed, number: int, port: int, version: int = 4) -> socket.socket:
    server = bed.socket(number, version=version)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.settimeout(10)
    server.bind(("", port))
    server.listen(64)
    return server


def connect(
    bed: Bed, source: int, target: int, port: int, version: int = 4
) -> tuple[socket.socket, socket.socket] | None:
    """Both ends of a TCP connection, or None where no answer came."""
    with closing(listener(bed, target, port, version)) as server:
        client = bed.socket(source, version=version)
        client.settimeout(WAIT if target else 10)
        try:
            client.connect((address(target, version), port))
        except TimeoutError:
            client.close()
            return None
        client.settimeout(10)
        accepted, _ = server.accept()
        accepted.settimeout(10)
        return client, accepted


def reaches(bed: Bed, source: int, target: int, port: int, version: int = 4) -> bool:
    ends = connect(bed, source, target, port, version)
    if ends is None:
        return False
    for one, other in (ends, reversed(ends)):
        one.sendall(b"hello")
        assert other.recv(5) == b"hello"
    for end in ends:
        end.close()
    return True


def datagram(
    bed: Bed, source: int, target: int, port: int, version: int = 4, size: int = 100
) -> bool:
    """Whether a datagram of ``size`` bytes arrives and its answer comes back."""
    with closing(bed.socket(target, socket.SOCK_DGRAM, version)) as server, closing(
        bed.socket(source, socket.SOCK_DGRAM, version)
    ) as client:
        server.bind(("", port))
        server.settimeout(WAIT)
        client.settimeout(10)
        data = bytes(range(256)) * (size // 256 + 1)
        client.sendto(data[:size], (address(target, version), port))
        try:
            found, sender = server.recvfrom(1 << 16)
        except TimeoutError:
            return False
        assert found == data[:size]
        server.sendto(found, sender)
        assert client.recv(1 << 16) == found
        return True


def checksum(data: bytes) -> int:
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total >> 16) + (total & 0xFFFF)
    return total ^ 0xFFFF


def ping(bed: Bed, source: int, target: int, version: int = 4, size: int = 56) -> bool:
    kind, protocol = (8, socket.IPPROTO_ICMP) if version == 4 else (128, socket.IPPROTO_ICMPV6)
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    with bed.inside(source), closing(socket.socket(family, socket.SOCK_RAW, protocol)) as raw:
        raw.settimeout(WAIT)
        body = struct.pack("!BBHHH", kind, 0, 0, 77, 1) + bytes(size)
        if version == 4:
            body = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
        raw.sendto(body, (address(target, version), 0))
        try:
            while True:
                answer = raw.recv(1 << 16)
                answer = answer[20:] if version == 4 else answer
                if answer[0] == (0 if version == 4 else 129):
                    return answer[4:8] == body[4:8] and len(answer) == len(body)
        except TimeoutError:
            return False


def hits(bed: Bed, obj: StateObject) -> int:
    """Packets that the flows of an object in the table of rules have seen."""
    text = bed.ofctl("dump-flows", f"cookie={encode.cookie(obj.key):#x}/-1,table=policy")
    return sum(
        int(word[len("n_packets=") : -1]) for word in text.split() if word.startswith("n_packets=")
    )


# ------------------------------------------------------------ what is allowed


@pytest.mark.parametrize("version", [4, 6])
def test_a_rule_allows_a_connection_and_nothing_else(bed: Bed, version: int) -> None:
    program(bed, Rule(SERVER, INGRESS, version, TCP, 22, 22))
    assert reaches(bed, 1, 2, 22, version)
    assert not reaches(bed, 1, 2, 23, version)
    assert not datagram(bed, 1, 2, 22, version)
    assert not ping(bed, 1, 2, version)
    assert not reaches(bed, 2, 1, 22, version)
    # A port without a set is not asked, in either direction.
    assert reaches(bed, 3, 4, 23, version)
    assert reaches(bed, 3, 2, 22, version) and not reaches(bed, 3, 2, 23, version)
    assert not reaches(bed, 3, 1, 22, version)
    assert reaches(bed, 1, 3, 99, version)


@pytest.mark.parametrize("version", [4, 6])
def test_nothing_without_a_rule(bed: Bed, version: int) -> None:
    program(bed)
    assert not reaches(bed, 1, 2, 22, version)
    assert not datagram(bed, 1, 2, 22, version)
    assert not ping(bed, 1, 2, version)
    # The server may send nothing either.
    assert not reaches(bed, 2, 3, 22, version)
    # A set that the controller has not told about yet denies as well.
    bed.program(bed.base({1: BARE}))
    assert not reaches(bed, 3, 1, 22, version)


def test_egress_rules(bed: Bed) -> None:
    program(bed, Rule(SERVER, EGRESS, 4, TCP, 80, 80, f"{ip4(3)}/32"), policies={2: SERVER})
    assert reaches(bed, 2, 3, 80)
    assert not reaches(bed, 2, 3, 81)
    assert not reaches(bed, 2, 4, 80)


def test_port_ranges(bed: Bed) -> None:
    program(bed, Rule(SERVER, INGRESS, 4, UDP, 1001, 1030))
    allowed = [port for port in range(990, 1040, 3) if datagram(bed, 1, 2, port)]
    assert allowed == [port for port in range(990, 1040, 3) if 1001 <= port <= 1030]
    assert datagram(bed, 1, 2, 1001) and datagram(bed, 1, 2, 1030)
    assert not datagram(bed, 1, 2, 1000) and not datagram(bed, 1, 2, 1031)


def test_any_protocol_and_protocol_by_number(bed: Bed) -> None:
    program(bed, Rule(SERVER, INGRESS, 4))
    assert reaches(bed, 1, 2, 7777) and datagram(bed, 1, 2, 7777) and ping(bed, 1, 2)
    assert not reaches(bed, 1, 2, 7777, 6)
    program(bed, Rule(SERVER, INGRESS, 4, TCP))
    assert reaches(bed, 1, 2, 7777) and not datagram(bed, 1, 2, 7777) and not ping(bed, 1, 2)
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
            server.settimeout(WAIT)
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
        assert ping(bed, 1, 2, version) is arrives, (first, last)
    assert not ping(bed, 2, 1, version)
    assert not datagram(bed, 1, 2, 53, version)


@pytest.mark.parametrize("version", [4, 6])
def test_remote_prefix(bed: Bed, version: int) -> None:
    prefix = f"{ip4(0)}/31" if version == 4 else "fd01::/127"
    program(bed, Rule(SERVER, INGRESS, version, TCP, 22, 22, prefix))
    assert reaches(bed, 1, 2, 22, version)
    assert not reaches(bed, 3, 2, 22, version)


@pytest.mark.parametrize("version", [4, 6])
def test_remote_group(bed: Bed, version: int) -> None:
    peer = PeerAddress(SERVER, INGRESS, address(1, version), LAST)
    other = PeerAddress(SERVER, INGRESS, address(4, version), CLIENT)
    rule = Rule(SERVER, INGRESS, version, TCP, 22, 22, peer=LAST)
    program(bed, rule, peer, other)
    assert reaches(bed, 1, 2, 22, version)
    assert not reaches(bed, 3, 2, 22, version) and not reaches(bed, 4, 2, 22, version)
    # Rules for any address hold for members of groups as well.
    program(bed, rule, peer, Rule(SERVER, INGRESS, version, TCP, 23, 23))
    assert reaches(bed, 1, 2, 23, version) and reaches(bed, 3, 2, 23, version)
    program(bed, rule, other)
    assert not reaches(bed, 1, 2, 22, version)
    # And towards a group.
    program(
        bed,
        Rule(SERVER, EGRESS, version, peer=LAST),
        PeerAddress(SERVER, EGRESS, address(3, version), LAST),
    )
    assert reaches(bed, 2, 3, 5000, version) and not reaches(bed, 2, 4, 5000, version)


def test_a_longer_prefix_of_a_peer_counts(bed: Bed) -> None:
    program(
        bed,
        Rule(SERVER, INGRESS, 4, TCP, 22, 22, peer=5),
        PeerAddress(SERVER, INGRESS, f"{ip4(0)}/24", 5),
        PeerAddress(SERVER, INGRESS, ip4(3), 6),
    )
    assert reaches(bed, 1, 2, 22) and not reaches(bed, 3, 2, 22) and reaches(bed, 4, 2, 22)


def test_two_ports_of_one_set(bed: Bed) -> None:
    """Each has a zone of its own, though the rules are shared."""
    members = [PeerAddress(SERVER, INGRESS, ip4(n), SERVER) for n in (2, 3)]
    program(
        bed, Rule(SERVER, EGRESS, 4), Rule(SERVER, INGRESS, 4, TCP, 22, 22, peer=SERVER), *members,
        policies={2: SERVER, 3: SERVER},
    )  # fmt: skip
    assert reaches(bed, 2, 3, 22) and reaches(bed, 3, 2, 22)
    assert not reaches(bed, 1, 3, 22) and not reaches(bed, 2, 3, 23)


# ------------------------------------------------------------ connections


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
    peer = PeerAddress(SERVER, INGRESS, ip4(1), CLIENT)
    rule = Rule(SERVER, INGRESS, 4, TCP, 22, 22, peer=CLIENT)
    program(bed, rule, peer)
    ends = connect(bed, 1, 2, 22)
    assert ends is not None
    client, server = ends
    for policies, objects in (
        ({1: CLIENT, 2: SERVER}, [rule]),  # no member any more
        ({1: BARE, 2: SERVER}, [rule, peer, Policy(BARE)]),  # a set that may send nothing
        ({1: CLIENT, 2: BARE}, [rule, peer, Policy(BARE)]),  # the server's set changed
    ):
        program(bed, *objects, policies=policies)
        client.settimeout(WAIT)
        server.sendall(b"x")
        with pytest.raises(TimeoutError):
            client.recv(1)
        program(bed, rule, peer)
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
    assert not datagram(bed, 1, 2, 55)
    bed.appctl("revalidator/wait")
    # The question, and the answer on its way out of VM 2.
    assert (hits(bed, rule), hits(bed, other), hits(bed, Policy(SERVER))) == (2, 0, 1)
    assert hits(bed, Rule(CLIENT, EGRESS, 4)) == 3


# ------------------------------------------------------------ fragments, stateless, flooding


@pytest.mark.parametrize("version", [4, 6])
def test_fragments_belong_to_their_packet(bed: Bed, version: int) -> None:
    rule = Rule(SERVER, INGRESS, version, UDP, 5000, 5003)
    program(bed, rule)
    for size in (2000, 20000, 2000):
        assert datagram(bed, 1, 2, 5001, version, size)
        assert not datagram(bed, 1, 2, 6000, version, size)
    icmp, echo = (ICMP, 8) if version == 4 else (ICMPV6, 128)
    program(bed, Rule(SERVER, INGRESS, version, icmp, echo, 0))
    assert ping(bed, 1, 2, version, 3000)
    assert not datagram(bed, 1, 2, 5001, version, 2000)


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
    assert not _answered(bed, version)
    answer = Rule(BARE, EGRESS, version, UDP, 1024, 65535, stateful=False)
    bed.program(bed.base({2: BARE}) + stateless(question, answer))
    assert _answered(bed, version)
    assert bed.appctl("dpctl/dump-conntrack").strip() == ""
    # Groups and prefixes by the packet's own addresses.
    peers = (
        PeerAddress(BARE, INGRESS, address(1, version), 9, stateful=False),
        Rule(BARE, INGRESS, version, UDP, 53, 53, peer=9, stateful=False),
        Rule(BARE, EGRESS, version, UDP, -1, -1, f"{address(1, version)}/"
             f"{32 if version == 4 else 128}", stateful=False),
    )  # fmt: skip
    bed.program(bed.base({2: BARE}) + stateless(*peers))
    assert _answered(bed, version)
    assert not _answered(bed, version, source=3)


def _answered(bed: Bed, version: int, source: int = 1, size: int = 10) -> bool:
    try:
        bed_client = bed.socket(source, socket.SOCK_DGRAM, version)
        server = bed.socket(2, socket.SOCK_DGRAM, version)
        with closing(bed_client) as client, closing(server):
            server.bind(("", 53))
            for end in (client, server):
                end.settimeout(WAIT)
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
        assert _answered(bed, 4, size=3000) is arrives, (first, last)


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
            try:
                assert receiver.recv(100) == b"all"
                found.add(number)
            except TimeoutError:
                pass
    assert found == {2, 4}
    with closing(others), pytest.raises(TimeoutError):
        others.recv(100)


# ------------------------------------------------------------ it stands


def test_many_short_connections(bed: Bed) -> None:
    """Thousands of connections that open and close at once, as fast as two threads can."""
    program(bed, Rule(SERVER, INGRESS, 4, TCP, 80, 80))
    count = 6000
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
