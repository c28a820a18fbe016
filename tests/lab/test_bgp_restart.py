"""What the engine tells the node of a peer's graceful restart, and of how its session ended."""

import struct

import pytest

from lab.beds.bgp_bed import (
    Node,
    RawPeer,
    free_port,
    long_lived_capability,
    mac_path,
    notification,
    open_message,
    restart_capability,
    wait,
)
from ryu_apps.control.graceful_restart import BY_TCP, Negotiated, SessionEnd
from ryu_apps.control.messages import PeerDown, PeerUp
from ryu_apps.peering import Peer
from ryu_apps.peering.codec import messages as wire
from ryu_apps.peering.codec.nlri_evpn import pack_route

A, B = "127.1.3.1", "127.1.3.2"
EVPN, IPV4 = (25, 70), (1, 1)
GR = Negotiated(True, False, True, False, 120)


@pytest.fixture
def node():
    made = Node(A, [Peer(B, 65000, passive=True, hold_time=90, max_prefixes=5)], port=free_port(A))
    yield made
    made.stop()


def connect(node, *capabilities, hold=90):
    peer = RawPeer(B, (A, node.port))
    peer.open(open_message(65000, B, *capabilities, hold=hold))
    node.wait_up(B)
    return peer


def told(node):
    """(what was negotiated, how it ended)."""
    node.wait_down(B)
    return node.seen(PeerUp)[-1].families[EVPN], node.seen(PeerDown)[-1].end


@pytest.mark.parametrize("capabilities, negotiated", [
    ((), Negotiated()),
    ((restart_capability(0, 120),), Negotiated(restart_time=120)),
    ((restart_capability(0, 120, (*IPV4, 0x80)),), Negotiated(restart_time=120)),
    ((restart_capability(0, 120, (*EVPN, 0x80)),), GR),
    ((restart_capability(0, 3, (*IPV4, 0x80), (*EVPN, 0)),),
     GR._replace(forwarding=False, restart_time=3)),
    ((restart_capability(8, 120, (*EVPN, 0x80)),), GR._replace(restarting=True)),
    ((restart_capability(4, 120, (*EVPN, 0x80)),), GR._replace(notification=True)),
    ((restart_capability(0, 120), long_lived_capability((*EVPN, 0x80, 3600))),
     Negotiated(restart_time=120, long_lived_time=3600, long_lived_forwarding=True)),
    ((restart_capability(0, 120, (*EVPN, 0x80)), long_lived_capability((*IPV4, 0, 60))), GR),
    ((long_lived_capability((*EVPN, 0x80, 3600)),), Negotiated()),
])
def test_what_the_open_says(node, capabilities, negotiated):
    connect(node, *capabilities).close()
    assert told(node) == (negotiated, BY_TCP)


@pytest.mark.parametrize("message, end", [
    (notification(6, 2), SessionEnd(6, 2)),
    (notification(6, 3), SessionEnd(6, 3)),
    (notification(6, 9, b"\6\2bye"), SessionEnd(6, 2, hard=True)),
    (notification(6, 9), SessionEnd(6, 0, hard=True)),
    (notification(3, 1), SessionEnd(3, 1)),
])
def test_a_notification_from_the_peer(node, message, end):
    peer = connect(node, restart_capability(4, 120, (*EVPN, 0x80)))
    peer.send(message)
    assert told(node)[1] == end
    peer.close()


def routes(first, last):
    paths = [mac_path("10.0.0.9", number) for number in range(first, last)]
    value = b"\0\x19\x46\4\x0a\0\0\x09\0" + b"".join(
        pack_route(2, path.nlri[:-1], path.labels)[1] for path in paths)
    return struct.pack("!BBH", 0x90, 14, len(value)) + value + bytes(
        [0x40, 1, 1, 0, 0x40, 2, 0, 0x40, 5, 4, 0, 0, 0, 100])


@pytest.mark.parametrize("flags, sent", [(0, (6, 1)), (4, (6, 9))])
def test_a_peer_that_tells_too_much_must_not_keep_our_routes(node, flags, sent):
    peer = connect(node, restart_capability(flags, 120, (*EVPN, 0x80)))
    peer.update(routes(0, 6))
    assert peer.notification() == sent
    assert told(node)[1] == SessionEnd(6, 1, sent=True, hard=bool(flags))
    peer.close()


@pytest.mark.parametrize("flags, sent", [(0, (6, 3)), (4, (6, 9))])
def test_a_peer_that_is_removed_must_not_keep_our_routes(node, flags, sent):
    peer = connect(node, restart_capability(flags, 120, (*EVPN, 0x80)))
    node.engine.remove_peer(B)
    assert peer.notification() == sent
    assert told(node)[1] == SessionEnd(6, 3, sent=True, hard=bool(flags))
    peer.close()


def test_a_reset_is_no_goodbye(node):
    peer = connect(node, restart_capability(4, 120, (*EVPN, 0x80)))
    node.engine.reset_peer(B)
    assert peer.notification() == (6, 4)
    assert told(node)[1] == SessionEnd(6, 4, sent=True)
    peer.close()


def test_silence(node):
    peer = connect(node, hold=3)
    assert peer.notification() == (4, 0)
    assert told(node)[1] == SessionEnd(4, 0, sent=True)
    peer.close()


def test_a_peer_that_opens_a_new_connection(node):
    old = connect(node, restart_capability(4, 120, (*EVPN, 0x80)))
    new = RawPeer(B, (A, node.port))
    new.open(open_message(65000, B, restart_capability(12, 120, (*EVPN, 0x80))))
    wait(lambda: len(node.seen(PeerUp)) == 2, "the new session")
    assert [event.end for event in node.seen(PeerDown)] == [BY_TCP]
    assert old.notification() is None
    old.close()
    new.close()
    assert wire.describe(6, 9).endswith("hard reset")
