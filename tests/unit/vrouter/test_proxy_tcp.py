"""DNS over TCP at the edge: the endpoint against a client of the tests, segment by segment."""

from __future__ import annotations

import pytest

from tests.unit.vrouter.proxy_support import GATEWAY_MAC, MAC
from tests.unit.vrouter.tcp_support import (
    FOUR,
    SIX,
    Client,
    Server,
    answer_of,
    converse,
    framed,
    make,
)
from vrouter_ovs.proxies import packet
from vrouter_ovs.proxies.tcp import wire as tcp_wire
from vrouter_ovs.proxies.tcp.bounds import Bounds
from vrouter_ovs.proxies.tcp.wire import ACK, FIN, RST, SYN

SHORT = b"\x02" + b"short request"
LONG = b"\xff" + b"l" * 255
"""Asks for an answer of almost 64 KiB."""


def parse(frames: list[bytes]) -> list[tcp_wire.Tcp]:
    return [tcp_wire.parse(frame) for frame in frames]


class Hand:
    """A client by hand: ``seq`` is what it sends next, ``ack`` what it expects."""

    def __init__(self, server: Server, port: int = 4000, owner: str = "a", window: int = 65535,
                 mss: int = 1000, now: float = 0.0) -> None:  # fmt: skip
        self.server, self.port, self.owner, self.window = server, port, owner, window
        *_, first = parse(self.raw(7000, 0, SYN, mss=mss, now=now))
        assert first.flags == SYN | ACK and first.ack == 7001
        self.seq, self.ack = 7001, first.seq + 1

    def raw(self, seq: int, ack: int, flags: int, payload: bytes = b"", now: float = 0.0,
            **more) -> list[bytes]:  # fmt: skip
        frame = make(seq, ack, flags, payload, port=self.port, **{"window": self.window, **more})
        return self.server.take(frame, now, self.owner)

    def say(self, payload: bytes = b"", flags: int = ACK, now: float = 0.0, ahead: int = 0,
            **more) -> list[tcp_wire.Tcp]:  # fmt: skip
        return parse(self.raw(self.seq + ahead, self.ack, flags, payload, now, **more))

    def sent(self, payload: bytes, now: float = 0.0) -> list[tcp_wire.Tcp]:
        answers = self.say(payload, now=now)
        self.seq += len(payload)
        return answers


@pytest.mark.parametrize("way", [FOUR, SIX])
def test_wire(way) -> None:
    frame = make(1, 2, ACK | FIN, b"abc", 99, mss=1000, way=way)
    got = tcp_wire.parse(frame)
    assert got == (GATEWAY_MAC, MAC, *way, 4000, 53, 1, 2, ACK | FIN, 99, 1000, b"abc")
    for at in range(14, len(frame)):
        if len(way[0]) == 16 and at in (14, 15, 16, 17, 21):
            continue  # traffic class, flow label and hop limit are in no checksum
        with pytest.raises(packet.Malformed):
            tcp_wire.parse(frame[:at] + bytes((frame[at] ^ 0x41,)) + frame[at + 1 :])
        with pytest.raises(packet.Malformed):
            tcp_wire.parse(frame[:at])


@pytest.mark.parametrize(("options", "mss"), [
    (b"\x02\x04\x05\xb4", 1460), (b"\x01\x01\x02\x04\x05\xb4\0\0", 1460), (b"\0\x02\x04\x05", 0),
    (b"\x08\x0a" + bytes(8) + b"\x01\x01", 0), (b"\x02\x04\x05", None), (b"\x02\x03\x05\0", None),
    (b"\x03\x00\0\0", None), (b"\x03\x01\0\0", None), (b"\x01\x01\x01\x08", None),
])  # fmt: skip
def test_options(options, mss) -> None:
    if mss is None:
        with pytest.raises(packet.Malformed):
            tcp_wire._mss(options)
    else:
        assert tcp_wire._mss(options) == mss


@pytest.mark.parametrize("way", [FOUR, SIX])
@pytest.mark.parametrize("mss", [1, 500, 9000])
def test_a_conversation(way, mss) -> None:
    server = Server()
    requests = [SHORT, LONG, b"\x03third request", b"\x01" + b"x" * 1023]
    client = Client(framed(*requests), mss=mss, way=way)
    if mss == 1:
        client.data = framed(SHORT)
        requests = [SHORT]
    converse(client, server)
    assert bytes(client.heard) == framed(*map(answer_of, requests))
    assert client.done and not client.broken and len(server.tcp) == 0
    server.bounded()


def test_handshake() -> None:
    server = Server(mtu=1400)
    syn = make(7000, 0, SYN, mss=1300)
    (first,), (second,) = parse(server.take(syn)), parse(server.take(syn))
    assert first == second and first.mss == 1360 and first.flags == SYN | ACK
    (late,) = parse(server.tick(1.0))
    assert late == first, "the answer to a SYN is sent again"
    assert parse(server.take(make(7001, first.seq + 9, ACK))) == [
        late._replace(seq=first.seq + 9, ack=0, flags=RST, window=0, mss=0)
    ], "acknowledges what was never said"
    assert server.take(make(7001, first.seq + 1, ACK)) == [] and len(server.tcp) == 1
    # A SYN of a peer that has forgotten: it hears where we are, and resets us.
    (challenge,) = parse(server.take(make(99000, 0, SYN)))
    assert (challenge.flags, challenge.ack) == (ACK, 7001)
    assert server.take(make(7001, 0, RST)) == [] and len(server.tcp) == 0
    assert parse(server.take(make(99000, 0, SYN)))[0].ack == 99001


def test_numbers_differ() -> None:
    """Sequence numbers of connections say nothing of each other (RFC 6528)."""
    numbers = set()
    for secret in (b"a", b"b"):
        server = Server(secret)
        for port in range(4000, 4020):
            numbers.add(parse(server.take(make(1, 0, SYN, port=port)))[0].seq)
    assert len(numbers) == 40


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_pieces(size) -> None:
    server = Server()
    hand = Hand(server)
    data = framed(SHORT, SHORT)
    for at in range(0, len(data), size):
        replies = hand.sent(data[at : at + size])
        assert replies[0].ack == hand.seq
        hand.ack += sum(len(each.payload) for each in replies)
    assert server.asked == [SHORT, SHORT]


def test_early_late_double_and_overlapping() -> None:
    server = Server()
    hand = Hand(server)
    data = framed(SHORT)
    for at, end in ((8, 16), (4, 8), (0, 4), (0, 4), (2, 7), (6, 12), (3, 9)):
        assert [each.flags for each in hand.say(data[at:end], ahead=at)] == [ACK]
    assert server.asked == []
    (reply,) = hand.say(data[5:], ahead=5)
    assert server.asked == [SHORT] and reply.payload == framed(answer_of(SHORT))
    (reply,) = hand.say(data)  # all of it again
    assert not reply.payload and reply.ack == (hand.seq + len(data)) & 0xFFFFFFFF
    assert server.asked == [SHORT]


def test_far_outside_the_window() -> None:
    server = Server()
    hand = Hand(server)
    assert hand.say() == []
    for ahead in (5000, 1 << 30, 1 << 31, -70000):
        (reply,) = hand.say(framed(SHORT), ahead=ahead)
        assert (reply.flags, reply.ack) == (ACK, hand.seq)
    (reply,) = parse(hand.raw(hand.seq, hand.ack + 1000, ACK))
    assert (reply.flags, reply.ack) == (ACK, hand.seq), "acknowledges what was not sent"
    assert hand.sent(framed(SHORT))[0].payload


def test_a_lost_answer_is_sent_again() -> None:
    server = Server()
    hand = Hand(server)
    (first,) = hand.sent(framed(SHORT))
    assert server.tick(0.9) == []
    times = [now / 2 for now in range(2, 200) if server.tick(now / 2)]
    assert times[:6] == [1.0, 3.0, 7.0, 15.0, 23.0, 31.0] and len(times) == 7
    assert len(server.tcp) == 0 and server.tcp.counts["no acknowledgement"] == 0
    assert server.tcp.counts["unacknowledged"] == 1
    assert first.payload == framed(answer_of(SHORT))
    server.bounded()


def test_three_same_acknowledgements() -> None:
    """What was lost is sent before its time is over, and what was lost after it, too."""
    server = Server()
    hand = Hand(server)
    sent = hand.sent(framed(LONG))
    assert len(sent) == 10 and all(len(each.payload) == 1000 for each in sent)
    lost = (0, 5)
    answers = [hand.say() for index in range(10) if index not in lost]
    again = [each for answer in answers for each in answer]
    assert again == [sent[0]._replace(flags=again[0].flags)]
    hand.ack += 5000
    again = hand.say()
    assert again[0].seq == sent[5].seq and again[0].payload == sent[5].payload


def test_the_peers_window() -> None:
    server = Server()
    hand = Hand(server, window=1500)
    sent = hand.sent(framed(LONG))
    assert [len(each.payload) for each in sent] == [1000]  # a rest of 500 would be silly
    hand.ack += 1000
    assert [len(each.payload) for each in hand.say(window=2500)] == [1000, 1000]
    hand.ack += 2000
    assert hand.say(window=0) == []
    (probe,) = parse(server.tick(1.0))
    assert len(probe.payload) == 1
    assert hand.say(window=0) == []
    (probe,) = parse(server.tick(3.5))
    assert len(probe.payload) == 1 and probe.seq == hand.ack
    reopened = hand.say(window=3000, now=4.0)
    assert [len(each.payload) for each in reopened] == [1000] * 3
    assert reopened[0].seq == hand.ack


def test_a_window_that_stays_closed() -> None:
    server = Server()
    hand = Hand(server, window=0)
    assert [len(each.payload) for each in hand.sent(framed(LONG))] == [0]
    for now in range(100):
        for frame in parse(server.tick(now)):
            assert len(frame.payload) <= 1
            hand.say(now=now)
    assert len(server.tcp) == 0
    server.bounded()


def test_our_window() -> None:
    """While answers wait no more requests are taken than a connection may have."""
    server = Server()
    server.hold = True
    hand = Hand(server)
    data = framed(*[b"\x01" + b"y" * 500] * 60)
    window = Bounds().window
    while window >= 500:
        (reply,) = hand.sent(data[:500])
        data, window = data[500:], reply.window
        assert window <= Bounds().window
    assert len(server.asked) == server.tcp.bounds.pending
    (reply,) = hand.say(data[: window + 300])
    assert reply.window == 0 and reply.ack == hand.seq + window
    server.bounded()
    replies = parse(server.release())
    assert len(server.asked) > server.tcp.bounds.pending and replies[-1].window > 2048


def test_answers_in_another_order() -> None:
    server = Server()
    server.hold = True
    hand = Hand(server)
    hand.sent(framed(SHORT, b"\x03" + b"another request"))
    server.held.reverse()
    (reply,) = parse(server.release())[:1]
    assert reply.payload[2:] == answer_of(b"\x03another request")


@pytest.mark.parametrize("message", [b"\0\0", b"\0\x0b", b"\x04\x01", b"\xff\xff"])
def test_bad_lengths(message) -> None:
    server = Server()
    hand = Hand(server)
    (reply,) = hand.sent(message + b"x" * 20)
    assert reply.flags & RST and len(server.tcp) == 0


def test_resets() -> None:
    server = Server()
    hand = Hand(server)
    (reply,) = hand.say(flags=RST, ahead=5)
    assert reply.flags == ACK and len(server.tcp) == 1, "RFC 5961 section 3.2"
    assert hand.say(flags=RST, ahead=1 << 20) == [] and len(server.tcp) == 1
    assert hand.say(flags=RST) == [] and len(server.tcp) == 0
    (reply,) = hand.say(framed(SHORT))
    assert (reply.flags, reply.seq) == (RST, hand.ack), "what belongs to no connection"
    (reply,) = parse(hand.raw(500, 77, FIN, b"abc"))
    assert (reply.flags, reply.seq, reply.ack) == (RST | ACK, 0, 504)
    assert hand.say(flags=RST) == hand.say(flags=RST | ACK) == []
    assert parse(hand.raw(1, 0, SYN | FIN))[0].flags & RST and len(server.tcp) == 0


def test_the_client_closes() -> None:
    server = Server()
    hand = Hand(server)
    (fin,) = hand.say(flags=ACK | FIN)
    assert fin.flags == ACK | FIN and fin.ack == hand.seq + 1
    assert [each.seq for each in parse(server.tick(1.0))] == [fin.seq]
    hand.seq, hand.ack = hand.seq + 1, hand.ack + 1
    assert hand.say() == [] and len(server.tcp) == 0


def test_the_client_closes_with_its_question() -> None:
    server = Server()
    server.hold = True
    hand = Hand(server)
    (reply,) = hand.say(framed(SHORT), flags=ACK | FIN)
    assert reply.flags == ACK and reply.ack == hand.seq + len(framed(SHORT)) + 1
    (reply,) = parse(server.release())
    assert reply.flags & FIN and reply.payload == framed(answer_of(SHORT))


def test_quiet_connections_are_closed() -> None:
    server = Server()
    hand = Hand(server)
    hand.ack += len(hand.sent(framed(SHORT), 5.0)[0].payload)
    assert hand.say(now=6.0) == [] and server.tick(15.5) == []
    (fin,) = parse(server.tick(16.1))
    assert fin.flags & FIN and fin.seq == hand.ack
    hand.ack += 1
    assert hand.say(now=16.2) == []
    (last,) = hand.say(flags=ACK | FIN, now=16.3)
    assert last.flags == ACK and last.ack == hand.seq + 1 and len(server.tcp) == 0
    half_open = Hand(server, port=4001, now=20.0)
    assert half_open.say(b"\0", now=29.0)[0].flags == ACK
    while server.tcp.due() is not None and server.tcp.due() < 60:
        server.tick(server.tcp.due())
    assert len(server.tcp) == 0, "a byte now and then is no question"
    server.bounded()


def test_data_after_our_end() -> None:
    server = Server()
    hand = Hand(server)
    hand.say()
    assert parse(server.tick(10.1))[0].flags & FIN
    (reply,) = hand.sent(framed(SHORT), 10.2)
    assert reply.flags & RST and len(server.tcp) == 0


def test_an_end_to_every_connection() -> None:
    """A client that takes a byte at a time is not served for ever."""
    server = Server()
    hand = Hand(server, window=1)
    hand.sent(framed(LONG))
    now = 0.0
    while len(server.tcp) and now < 1000:
        now += 0.5
        hand.ack += 1
        hand.say(now=now, window=1)
        server.tick(now)
    assert now == pytest.approx(300, abs=1)
    server.bounded()


def test_connections_of_one_and_of_all() -> None:
    server = Server(of_owner=4, in_all=10)
    for port in range(4000, 4010):
        server.take(make(1, 0, SYN, port=port), 0.0, "a")
    assert len(server.tcp) == 4 and server.tcp.counts["refused"] == 6
    for owner in "bcd":
        for port in range(4000, 4010):
            server.take(make(1, 0, SYN, port=port), 0.0, owner)
    assert len(server.tcp) == 10
    server.bounded()
    made = Hand(server, 5000, "e", now=1.5)
    assert len(server.tcp) == 10 and server.tcp.counts["evicted"] == 1, "half open ones go first"
    assert made.sent(framed(SHORT), 1.5)[0].payload
    server.tcp.drop("e")
    server.bounded()
    assert len(server.tcp) == 9


def test_those_that_wait_for_answers_stay() -> None:
    server = Server(of_owner=2)
    server.hold = True
    for port in (4000, 4001):
        Hand(server, port).sent(framed(SHORT))
    assert server.take(make(1, 0, SYN, port=4002), 5.0) == []
    frames = parse(server.release(6.0))
    assert len(frames) == 2 and len(server.tcp) == 2


def test_bytes_of_one_and_of_all() -> None:
    server = Server(bytes_of_owner=100000, bytes_in_all=150000)
    hands = [Hand(server, 4000 + n, "ab"[n % 2]) for n in range(4)]
    replies = [hand.sent(framed(LONG)) for hand in hands]
    assert [each[-1].flags & RST for each in replies] == [0, 0, RST, RST]
    assert server.tcp.counts["full"] == 2
    server.bounded()


def test_a_peer_that_answers_late_and_a_connection_that_is_gone() -> None:
    server = Server()
    server.hold = True
    hand = Hand(server)
    hand.sent(framed(SHORT, SHORT))
    (serial, *_), _ = server.held
    server.tcp.abort(serial)
    assert parse(server.out(0.0))[0].flags & RST
    assert server.release() == []
    server.tcp.abort(serial)
    server.tcp.drop("nobody")
    server.bounded()
