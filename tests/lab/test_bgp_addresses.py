"""Peers at addresses that have more than one spelling, or two peers at one."""

import subprocess
import time

import pytest

from lab.beds.bgp_bed import Node, free_port, inside, mac_path, namespace, wait
from ryu_apps.control.messages import PeerUp
from ryu_apps.peering import Peer

PORT = 1790


def ip(*words):
    subprocess.run(["ip", *words], check=True)


@pytest.mark.parametrize("by_number", [False, True])
def test_link_local_peers(by_number):
    """On two interfaces of one name, each in its namespace (RFC 4007: the zone is the host's)."""
    with namespace() as left, namespace() as right:
        ip("link", "add", "eth0", "netns", left, "type", "veth", "peer", "name", "eth0", "netns",
           right)
        for name, address in ((left, "fe80::a"), (right, "fe80::b")):
            ip("-n", name, "link", "set", "eth0", "addrgenmode", "none")
            ip("-n", name, "address", "add", f"{address}/64", "dev", "eth0", "nodad")
            ip("-n", name, "link", "set", "eth0", "up")
        nodes = []
        try:
            for name, theirs, router_id in ((left, "fe80::b", "192.0.2.1"),
                                            (right, "fe80::a", "192.0.2.2")):
                found = subprocess.run(["ip", "netns", "exec", name, "cat",
                                        "/sys/class/net/eth0/ifindex"], capture_output=True,
                                       text=True, check=True).stdout.strip()
                zone = found if by_number else "eth0"
                peer = Peer(f"{theirs}%{zone}", 65000, port=PORT, name="p", connect_retry=0.2)
                with inside(name):
                    nodes.append(Node("::", [peer], port=PORT, router_id=router_id))
            for node in nodes:
                node.wait_up("p")
            path = mac_path("10.0.0.1", 1)
            nodes[0].engine.announce([path])
            wait(lambda: nodes[1].received("p") == {path.nlri: path}, "the route")
            assert nodes[0].status("p")["address"] == "fe80::b%eth0"
        finally:
            for node in nodes:
                node.stop()


@pytest.mark.parametrize("spelled", ["::ffff:127.1.5.2", "127.1.5.2"])
def test_an_ipv4_peer_on_a_socket_for_both(spelled):
    port = free_port("::")
    first = Node("::", [Peer(spelled, 65000, name="p", passive=True)], port=port,
                 router_id="192.0.2.1")
    second = Node("127.1.5.2", [Peer("127.0.0.1", 65000, port=port, connect_retry=0.2)],
                  listen=False)
    try:
        first.wait_up("p")
    finally:
        first.stop()
        second.stop()


def test_an_engine_that_has_something_to_say_at_its_start(caplog):
    """Two peers at one address, which the options would have refused: the first one works."""
    port = free_port("127.1.5.1")
    peers = [Peer("127.1.5.2", 65000, name=name, passive=True) for name in ("one", "two")]
    first = Node("127.1.5.1", peers, port=port)
    second = Node("127.1.5.2", [Peer("127.1.5.1", 65000, port=port, connect_retry=0.2)],
                  listen=False)
    try:
        wait(lambda: first.seen(PeerUp), "a session")
        assert first.seen(PeerUp)[0].peer == "one"
        wait(lambda: "another peer's address" in caplog.text, "the reason")
    finally:
        first.stop()
        second.stop()


def test_the_end_of_a_session_is_told_apart_from_a_dial_that_failed():
    port = free_port("127.1.5.1")
    first = Node("127.1.5.1", [Peer("127.1.5.2", 65000, passive=True)], port=port)
    second = Node("127.1.5.2", [Peer("127.1.5.1", 65000, port=port, connect_retry=0.2)],
                  listen=False)
    try:
        second.wait_up("127.1.5.1")
        first.engine.remove_peer("127.1.5.2")
        second.wait_down("127.1.5.1")
        first.stop()
        wait(lambda: second.status("127.1.5.1")["dial_error"], "a refused dial")
        state = second.status("127.1.5.1")
        assert "de-configured" in state["last_error"] and "Errno" in state["dial_error"]
    finally:
        first.stop()
        second.stop()


def test_a_peer_that_says_no_is_asked_less_and_less():
    """Its NOTIFICATION, not ours: it does not know our AS."""
    port = free_port("127.1.5.1")
    first = Node("127.1.5.1", [Peer("127.1.5.2", 65009, passive=True)], port=port)
    second = Node("127.1.5.2", [Peer("127.1.5.1", 65000, port=port, connect_retry=0.05)],
                  listen=False)
    try:
        wait(lambda: second.status("127.1.5.1")["counters"].get("notifications_received"), "a no")
        time.sleep(2.0)
        assert second.status("127.1.5.1")["counters"]["notifications_received"] <= 3
    finally:
        first.stop()
        second.stop()
