"""DNS over TCP at the edge: whatever is lost, doubled, late or false, what arrives is right.

``VNC_HOSTILE_PACKETS`` sets how many segments the long run sends (default 20,000).
"""

from __future__ import annotations

import os
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.world_model import DEEPER
from tests.unit.vrouter.tcp_support import FOUR, SIX, Client, Server, answer_of, framed, make
from vrouter_ovs.proxies import packet
from vrouter_ovs.proxies.tcp import connection as tcp_connection
from vrouter_ovs.proxies.tcp import wire as tcp_wire

MOST_AT_ONCE = tcp_connection.MOST_IN_FLIGHT // tcp_connection.LEAST_MSS + 16
"""Frames for one: a window full of small segments, and a few resets."""
SEGMENTS = int(os.environ.get("VNC_HOSTILE_PACKETS", "20000"))


class Way:
    """Both directions between a client and a server: frames are lost, doubled and overtaken."""

    def __init__(self, client: Client, server: Server, rng: random.Random) -> None:
        self.client, self.server, self.rng = client, server, rng
        self.now = 0.0
        self.flying: list[tuple[bool, bytes]] = []

    def put(self, to_server: bool, frames: list[bytes], lossy: bool) -> None:
        for frame in frames:
            drawn = self.rng.random() if lossy else 1.0
            if drawn < 0.15:
                continue
            self.flying.append((to_server, frame))
            if drawn < 0.25:
                self.flying.append((to_server, frame))

    def step(self, lossy: bool) -> None:
        """One frame arrives; or, with none under way, time passes."""
        if not self.flying:
            self.now += 0.5
            self.put(True, self.client.send(again=True), lossy)
            self.put(False, self.server.tick(self.now), lossy)
            return
        at = self.rng.randrange(min(8, len(self.flying))) if lossy else 0
        to_server, frame = self.flying.pop(at)
        if to_server:
            self.put(False, self.server.take(frame, self.now), lossy)
        else:
            self.put(True, self.client.take(frame), lossy)


def run(requests: list[bytes], seed: int, mss: int, window: int, v6: bool) -> None:
    rng = random.Random(seed)
    server = Server(seed.to_bytes(8, "big"))
    # Numbers that wrap in the middle of the conversation.
    isn = rng.choice((0, 0xFFFFFF00, 0x7FFFFFF0, rng.randrange(1 << 32)))
    client = Client(framed(*requests), isn, mss, window, way=SIX if v6 else FOUR)
    way = Way(client, server, rng)
    for _ in range(rng.randrange(400)):
        way.step(lossy=way.now < 4)
        server.bounded()
    for _ in range(40000):
        if client.done and not len(server.tcp):
            break
        way.step(lossy=False)
    assert not client.broken and client.done
    assert server.asked == requests
    assert bytes(client.heard) == framed(*map(answer_of, requests))
    assert len(server.tcp) == server.tcp.bytes == 0


REQUESTS = st.lists(
    st.builds(lambda times, body: bytes((times,)) + body, st.integers(1, 60),
              st.binary(min_size=11, max_size=200)),
    min_size=1, max_size=6,
)  # fmt: skip


@settings(max_examples=150 * DEEPER, deadline=None)
@given(REQUESTS, st.integers(0, 1 << 40), st.sampled_from((5, 100, 536, 1410)),
       st.sampled_from((300, 2000, 65535)), st.booleans())  # fmt: skip
def test_delivered_over_a_bad_way(requests, seed, mss, window, v6) -> None:
    run(requests, seed, mss, window, v6)


def hostile(rng: random.Random, seen: list[tcp_wire.Tcp]) -> bytes:
    """A segment that means no good: near to what a conversation would have, or anything."""
    flags = rng.choice((2, 2, 16, 16, 16, 24, 17, 4, 20, 18, 1, 0, 3, 63, rng.randrange(256)))
    seq, ack = rng.choice((7000, 7001)), 0
    port = 4000 + rng.randrange(6)
    ours = [each for each in seen if each.dst_port == port]
    if ours and rng.random() < 0.5:  # as it should be, so that there is something to disturb
        last = ours[-1]
        message = bytes((rng.choice((1, 2, 255)),)) + rng.randbytes(rng.choice((11, 40, 255)))
        ack = last.seq + len(last.payload) + bool(last.flags & 3)
        return make(last.ack, ack, 24, rng.choice((b"", framed(message))), port=port)
    if ours and rng.random() < 0.9:
        last = ours[-1]
        seq = last.ack + rng.choice((0, 0, 0, 0, 1, -1, 100, 4096, 5000, -5000, 1 << 31))
        ack = last.seq + len(last.payload) + bool(last.flags & 3)
        ack += rng.choice((0, 0, 0, 0, 1, -1, -500, 65535, 1 << 31))
    payload = b""
    if rng.random() < 0.6:
        payload = framed(*(
            bytes((rng.choice((1, 1, 9, 255)),)) + rng.randbytes(rng.choice((3, 11, 40, 255)))
            for _ in range(rng.randrange(1, 4))
        ))[: rng.choice((1, 2, 20, 2000))]  # fmt: skip
    return make(seq, ack, flags, payload, rng.choice((0, 1, 500, 65535)),
                rng.choice((0, 1, 500, 65535)), port)  # fmt: skip


def throw(segments: int, seed: int) -> tuple[int, int]:
    """(requests taken, connections opened)."""
    rng = random.Random(seed)
    server = Server(of_owner=4, in_all=10, bytes_of_owner=150000, bytes_in_all=400000,
                    pending=3, lifetime=60.0)  # fmt: skip
    seen: list[tcp_wire.Tcp] = []
    now = 0.0
    for number in range(segments):
        now += rng.choice((0.0, 0.0, 0.01, 0.02, 0.5))
        if rng.random() < 0.01:
            server.hold = True
        answers = server.take(hostile(rng, seen), now, "abcde"[rng.randrange(1, 6) % 5])
        assert len(answers) <= MOST_AT_ONCE
        answers += server.tick(now)
        if server.hold and rng.random() < 0.05:
            answers += server.release(now)
        seen = (seen + [tcp_wire.parse(frame) for frame in answers])[-50:]
        if rng.random() < 0.001:
            server.tcp.drop("abcde"[rng.randrange(5)])
        if number % 10 == 0:
            server.bounded()
    server.release(now)
    for _ in range(1000):
        now += 1.0
        server.tick(now)
    server.bounded()
    assert len(server.tcp) == 0 and not server.tcp._timers, "no connection lasts for ever"
    return len(server.asked), server.tcp.counts["opened"]


def test_hostile_segments() -> None:
    asked, opened = throw(SEGMENTS, 1)
    assert asked > SEGMENTS // 200 and opened > SEGMENTS // 200, (asked, opened)


@settings(max_examples=30 * DEEPER, deadline=None)
@given(st.integers(0, 1 << 40))
def test_short_hostile_runs(seed) -> None:
    throw(150, seed)


@settings(max_examples=300 * DEEPER, deadline=None)
@given(st.booleans(), st.binary(max_size=80), st.binary(max_size=60),
       st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=5))  # fmt: skip
def test_mutated_frames(v6, payload, options, changes) -> None:
    """Any bytes: Malformed or a segment, and nothing else."""
    way = SIX if v6 else FOUR
    frame = bytearray(make(1, 2, 16, payload, mss=1000, way=way))
    for at, value in changes:
        frame[at % len(frame)] = value
    for raw in (bytes(frame), bytes(frame) + payload, payload, bytes(frame[: len(payload)])):
        try:
            found = tcp_wire.parse(raw)
        except packet.Malformed as error:
            assert error.reason
            continue
        assert len(found.payload) <= len(raw) and 0 <= found.mss < 65536
    try:
        assert 0 <= tcp_wire._mss(options) < 65536
    except packet.Malformed:
        pass
