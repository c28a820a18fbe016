"""Malformed UPDATEs (RFC 7606), garbage and mutations on the listening port."""

import os
import random
import signal
import socket
import struct

import pytest

from lab.beds.bgp_bed import Node, RawPeer, free_port, mac_path, rss, wait
from ryu_apps.control.messages import PeerDown
from ryu_apps.control.routes import Attributes
from ryu_apps.peering import Peer
from ryu_apps.peering.codec import messages as wire
from ryu_apps.peering.codec.attributes import SessionParameters
from ryu_apps.peering.codec.nlri_evpn import pack_route
from ryu_apps.peering.codec.open import pack_open
from ryu_apps.peering.native.adj_rib_out import AttributeSet

A, B, STRANGER = "127.1.1.1", "127.1.1.2", "127.1.1.3"

ORIGIN = bytes([0x40, 1, 1, 0])
AS_PATH = bytes([0x40, 2, 0])
PREF = bytes([0x40, 5, 4, 0, 0, 0, 100])
RT = bytes([0xC0, 16, 8]) + struct.pack("!BBHI", 0, 2, 65000, 100)
REST = ORIGIN + AS_PATH + PREF + RT


def nlri(number):
    path = mac_path("10.0.0.9", number)
    return pack_route(2, path.nlri[:-1], path.labels)[1]


def reach(routes, next_hop=b"\x0a\0\0\x09", flags=0x90, family=(25, 70)):
    value = struct.pack("!HBB", *family, len(next_hop)) + next_hop + b"\0" + routes
    return struct.pack("!BBH", flags, 14, len(value)) + value


R1, R5 = reach(nlri(1)), reach(nlri(5))
WITHDRAW, DISCARD, IGNORE = "treated_as_withdraw", "attributes_discarded", "ignored"

CASES = {  # what happens to route 5, which is known before: (attributes, outcome)
    "origin of two bytes": (R5 + bytes([0x40, 1, 2, 0, 0]) + AS_PATH + PREF + RT, WITHDRAW),
    "origin 9": (R5 + bytes([0x40, 1, 1, 9]) + AS_PATH + PREF + RT, WITHDRAW),
    "origin with optional flag": (R5 + bytes([0xC0, 1, 1, 0]) + AS_PATH + PREF + RT, WITHDRAW),
    "no origin": (R5 + AS_PATH + PREF + RT, WITHDRAW),
    "no AS path": (R5 + ORIGIN + PREF + RT, WITHDRAW),
    "local pref of three bytes": (R5 + ORIGIN + AS_PATH + bytes([0x40, 5, 3, 0, 0, 1]) + RT,
                                  WITHDRAW),
    "segment overruns": (R5 + ORIGIN + bytes([0x40, 2, 4, 2, 9, 0, 1]) + PREF + RT, WITHDRAW),
    "segment type 7": (R5 + ORIGIN + bytes([0x40, 2, 6, 7, 1, 0, 0, 0, 1]) + PREF + RT, WITHDRAW),
    "empty segment": (R5 + ORIGIN + bytes([0x40, 2, 2, 2, 0]) + PREF + RT, WITHDRAW),
    "communities of seven bytes": (R5 + ORIGIN + AS_PATH + PREF + bytes([0xC0, 16, 7]) + RT[3:10],
                                   WITHDRAW),
    "med of two bytes": (R5 + REST + bytes([0x80, 4, 2, 0, 1]), WITHDRAW),
    "cluster list of five bytes": (R5 + REST + bytes([0x80, 10, 5, 1, 2, 3, 4, 5]), WITHDRAW),
    "originator of three bytes": (R5 + REST + bytes([0x80, 9, 3, 1, 2, 3]), WITHDRAW),
    "pmsi of three bytes": (R5 + REST + bytes([0xC0, 22, 3, 0, 6, 0]), WITHDRAW),
    "attribute overruns": (R5 + ORIGIN + AS_PATH + PREF + bytes([0xC0, 16, 80]) + RT[3:], WITHDRAW),
    "multicast next hop": (reach(nlri(5), b"\xe0\0\0\1") + REST, WITHDRAW),
    "MP_REACH as well-known": (reach(nlri(5), flags=0x50) + REST, WITHDRAW),
    "origin twice": (R5 + ORIGIN + REST, DISCARD),
    "aggregator of seven bytes": (R5 + REST + bytes([0xC0, 7, 7]) + bytes(7), DISCARD),
    "atomic aggregate with a byte": (R5 + REST + bytes([0x40, 6, 1, 0]), DISCARD),
    "AS4_PATH from a new speaker": (R5 + REST + bytes([0xC0, 17, 6, 2, 1, 0, 0, 0, 1]), DISCARD),
    "unknown optional transitive": (R5 + REST + bytes([0xC0, 200, 2, 1, 2]), IGNORE),
    "large community": (R5 + REST + bytes([0xC0, 32, 12]) + bytes(12), IGNORE),
    "unknown family": (reach(b"", b"\1\2\3\4", family=(99, 9)) + ORIGIN + AS_PATH + PREF, IGNORE),
    "route types 1, 4 and 77": (reach(b"\x01\x19" + bytes(25) + b"\x04\x17" + bytes(23)
                                      + b"\x4d\x03abc" + nlri(5)) + REST, IGNORE),
    "prefix of an impossible length": (reach(b"\x05\x22" + bytes(22) + b"\x63" + bytes(11)) + REST,
                                       IGNORE),
    "unknown well-known": (R5 + REST + bytes([0x40, 99, 1, 0]), (3, 2)),
    "next hop of five bytes": (reach(nlri(5), b"\1\2\3\4\5") + REST, (3, 9)),
    "NLRI truncated": (reach(nlri(5)[:-2]) + REST, (3, 9)),
    "NLRI of 200 bytes": (reach(b"\x02\xc8" + nlri(5)[2:]) + REST, (3, 9)),
    "MAC of 47 bits": (reach(nlri(5)[:24] + b"\x2f" + nlri(5)[25:]) + REST, (3, 9)),
    "MP_REACH twice": (R5 + R5 + REST, (3, 1)),
    "error without routes": (bytes([0x40, 1, 2, 0, 0]) + AS_PATH + PREF, (3, 1)),
    "MP_UNREACH of two bytes": (bytes([0x80, 15, 2, 0, 25]), (3, 9)),
}
HEADERS = {
    "marker": (b"\0" * 16 + struct.pack("!HB", 19, 4), (1, 1)),
    "length 5000": (wire.MARKER + struct.pack("!HB", 5000, 2), (1, 2)),
    "length 18": (wire.MARKER + struct.pack("!HB", 18, 4), (1, 2)),
    "type 9": (wire.MARKER + struct.pack("!HB", 19, 9), (1, 3)),
    "withdrawn routes overrun": (wire.MARKER + struct.pack("!HBHH", 23, 2, 500, 0), (3, 1)),
    "attributes overrun": (wire.MARKER + struct.pack("!HBHH", 23, 2, 0, 77), (3, 1)),
    "a second OPEN": (pack_open(65000, 9, B, 60, False), (5, 3)),
    "short refresh": (wire.MARKER + struct.pack("!HBI", 24, 5, 0) + b"\0", (7, 1)),
}


@pytest.fixture(scope="module")
def node():
    port = free_port(A)
    made = Node(A, [Peer(B, 65000, passive=True, hold_time=90)], port=port)
    yield made
    made.stop()


def reset(node):
    """Reset, and wait for the process's answer to what was asked after it."""
    node.engine.reset_peer(B)
    node.engine.status()


@pytest.fixture
def peer(node):
    reset(node)
    wait(lambda: not node.is_up(B), "no session")
    made = RawPeer(B, (A, node.port))
    made.open()
    node.wait_up(B)
    node.routes.clear()
    made.update(R1 + REST)
    made.update(R5 + REST)
    wait(lambda: node.count(B) == 2, "two routes")
    yield made
    made.close()
    wait(lambda: not node.is_up(B), "the end")


def counter(node, name):
    return node.status(B)["counters"].get(name, 0)


@pytest.mark.parametrize("name", CASES)
def test_malformed_update(node, peer, name):
    data, outcome = CASES[name]
    known = [mac_path("10.0.0.9", number).nlri for number in (1, 5)]
    downs = len(node.seen(PeerDown))
    before = counter(node, outcome) if isinstance(outcome, str) else 0
    peer.update(data)
    if isinstance(outcome, tuple):
        assert peer.notification() == outcome
        wait(lambda: len(node.seen(PeerDown)) == downs + 1, "PeerDown")
        return
    peer.update(reach(nlri(7)) + REST)
    good = mac_path("10.0.0.9", 7).nlri
    wait(lambda: good in node.received(B), "the next good route")
    assert set(node.received(B)) == {good, known[0], *(known[1:] if outcome != WITHDRAW else ())}
    assert node.is_up(B)
    if outcome != IGNORE:
        assert counter(node, outcome) == before + 1


@pytest.mark.parametrize("name", HEADERS)
def test_malformed_message(node, peer, name):
    data, outcome = HEADERS[name]
    peer.send(data)
    assert peer.notification() == outcome


def test_bad_opens(node):
    reset(node)
    good = pack_open(65000, 90, B, 60, False)
    cases = {
        (1, 1): b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        (2, 1): good[:19] + b"\3" + good[20:],
        (2, 2): pack_open(65099, 90, B, 60, False),
        (2, 3): pack_open(65000, 90, A, 60, False),
        (2, 6): pack_open(65000, 2, B, 60, False),
        (2, 7): wire.MARKER + struct.pack("!HBBHH4sB", 29, 1, 4, 65000, 90, b"\1\2\3\4", 0),
        (5, 1): wire.KEEPALIVE_MESSAGE,
    }
    for want, data in cases.items():
        peer = RawPeer(B, (A, node.port))
        peer.send(data)
        assert peer.notification() == want, want
        peer.close()


def test_strangers_and_crowds_are_refused(node):
    reset(node)
    with socket.create_connection((A, node.port), 5, (STRANGER, 0)) as stranger:
        stranger.settimeout(5)
        with pytest.raises(ConnectionError):
            if not stranger.recv(1):
                raise ConnectionError
    crowd = [RawPeer(B, (A, node.port)) for _ in range(8)]
    open_ones = sum(peer.message() is not None for peer in crowd)
    assert open_ones == 4
    for peer in crowd:
        peer.close()


def test_fuzz_of_the_listener(node):
    """Random bytes, truncated and mutated OPENs and UPDATEs: nothing ends the process, nothing
    grows, and a good peer is served afterwards."""
    rng = random.Random(11)
    pid, memory = node.engine.pid, rss(node.engine.pid)
    opening = pack_open(65000, 90, B, 60, False)
    updates = [wire.MARKER + struct.pack("!HBHH", 23 + len(data), 2, 0, len(data)) + data
               for data, _ in CASES.values()]

    def mutate(data):
        data = bytearray(data)
        for _ in range(rng.randrange(1, 6)):
            data[rng.randrange(16, len(data))] = rng.randrange(256)
        return bytes(data)

    for number in range(150):
        reset(node)
        try:
            peer = RawPeer(B, (A, node.port))
            kind = number % 3
            if kind == 0:
                peer.send(os.urandom(rng.randrange(1, 5000)))
            elif kind == 1:
                data = mutate(opening)
                peer.send(data[: rng.randrange(1, len(data) + 1)])
            else:
                peer.send(opening + wire.KEEPALIVE_MESSAGE)
                peer.send(b"".join(mutate(rng.choice(updates)) for _ in range(20)))
            peer.close()
        except OSError:
            pass  # the engine closed first, as it should
    assert node.engine.pid == pid
    assert rss(pid) < memory + 50
    reset(node)
    wait(lambda: not node.is_up(B), "the last session's end")
    peer = RawPeer(B, (A, node.port))
    peer.open()
    node.wait_up(B)
    node.routes.clear()
    peer.update(R5 + REST)
    wait(lambda: node.count(B) == 1, "a good route")
    peer.close()


def test_our_own_encoding_is_what_the_corpus_starts_from():
    session = SessionParameters(65000, A, False, True)
    attrs = Attributes("10.0.0.9", ("65000:100",), encaps=())
    _, packed = AttributeSet(attrs, None).packed(session)
    assert packed == REST


def test_a_process_that_is_stopped_is_told():
    node = Node(A, [Peer(B, 65000)])
    try:
        assert node.engine.fault() == ""
        os.kill(node.engine.pid, signal.SIGSTOP)
        node.engine.status()
        wait(lambda: "has not answered" in node.engine.fault(), "its silence to be told")
        assert all(one["state"] == "Unknown" for one in node.engine.status())
        os.kill(node.engine.pid, signal.SIGCONT)
        wait(lambda: node.engine.fault() == "", "it to go on")
        os.kill(node.engine.pid, signal.SIGKILL)
        wait(lambda: "ended" in node.engine.fault(), "its end to be told")
        wait(lambda: node.engine.fault() == "", "another to run")
    finally:
        node.stop()
