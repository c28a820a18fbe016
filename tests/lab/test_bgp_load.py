"""Large tables, slow peers and a slow node: memory stays bounded and sessions stay up."""

import socket
import threading

import pytest

from lab.beds.bgp_bed import Node, RawPeer, free_port, mac_path, rss, wait
from ryu_apps.control.messages import PeerDown
from ryu_apps.control.routes import Attributes
from ryu_apps.peering import Peer, Speaker, make_engine
from ryu_apps.peering.codec.attributes import SessionParameters
from ryu_apps.peering.codec.messages import UPDATE
from ryu_apps.peering.codec.update import Decoder

A, A2, B = "127.1.3.1", "127.1.3.4", "127.1.3.2"
VTEP = "10.1.0.1"


@pytest.fixture
def nodes():
    made = []
    yield made
    for node in made:
        node.stop()


def paths(count, **more):
    return [mac_path(VTEP, number, l3=200, **more) for number in range(count)]


def test_a_large_table_does_not_starve_keepalives(nodes):
    port = free_port(A)
    first = Node(A, [Peer(B, 65000, passive=True, hold_time=3)], port=port)
    nodes.append(first)
    second = Node(B, [Peer(A, 65000, port=port, hold_time=3, connect_retry=0.2)], listen=False)
    nodes.append(second)
    second.wait_up(A)
    first.engine.announce(paths(25000))
    for med in range(4):
        last = paths(25000, med=med)
        first.engine.announce(last)
    wait(lambda: second.count(A) == 25000 and second.routes[A].get(last[-1].nlri) == last[-1],
         "the last table", 60)
    wait(lambda: second.received(A) == {path.nlri: path for path in last}, "all of it")
    assert not first.seen(PeerDown)
    assert not second.seen(PeerDown)


def test_a_peer_that_does_not_read_costs_a_key_a_route(nodes):
    """It sees the last state of everything when it reads again, and not all states between."""
    port = free_port(A)
    node = Node(A, [Peer(B, 65000, passive=True)], port=port)
    nodes.append(node)
    peer = RawPeer(B, (A, port), hold=0)
    theirs = peer.open()
    node.wait_up(B)
    for med in range(12):
        node.engine.announce(paths(30000, med=med))
        wait(lambda med=med: node.engine.status() and not node.engine._outgoing.waiting, "taken")
    node.engine.withdraw([path.nlri for path in paths(10000)])
    wait(lambda: node.status(B)["pending"] > 20000, "a backlog")
    assert node.status(B)["pending"] <= 30000
    assert rss(node.engine.pid) < 150
    assert theirs.graceful
    node.engine.end_of_rib()
    decoder, table, done = Decoder(SessionParameters(65000, B, False, True)), {}, False
    sent = 0
    while not done:
        kind, body = peer.message()
        if kind == UPDATE:
            update = decoder.decode(body)
            for route in update.withdrawn:
                table.pop(route.fields, None)
            for route in update.announced:
                table[route.fields] = update.attrs
                sent += 1
            done = update.end_of_rib
    assert set(table) == {path.nlri[:-1] for path in paths(30000)[10000:]}
    assert {Attributes(*attrs).med for attrs in table.values()} == {11}
    assert sent < 250000  # of 360,000; what is in the kernel's buffers has been sent
    peer.close()


def test_a_node_that_is_busy_holds_the_peers_back(nodes):
    port = free_port(A)
    sender = Node(A, [Peer(B, 65000, passive=True, hold_time=3)], port=port)
    nodes.append(sender)
    go, events = threading.Event(), []

    def post(event):
        go.wait(30)
        events.append(event)

    receiver = make_engine("native", Speaker(65000, B, listen=(), local_address=B, peers=(
        Peer(A, 65000, port=port, hold_time=3, connect_retry=0.2),)), post)
    receiver.start()
    try:
        sender.wait_up(B)
        many = paths(60000)
        sender.engine.announce(many)
        wait(lambda: sender.status(B)["pending"] > 0, "a start")
        threading.Event().wait(4)  # longer than the hold time
        assert rss(receiver.pid) < 200
        assert not sender.seen(PeerDown)
        go.set()
        wait(lambda: sum(len(e.announced) for e in list(events) if hasattr(e, "announced"))
             == len(many), "all routes", 60)
        assert not any(isinstance(event, PeerDown) for event in events)
    finally:
        go.set()
        receiver.stop()


def test_several_addresses_are_listened_on(nodes):
    engine = make_engine("native", Speaker(65000, A, listen=((A, 0), (A2, 0)), peers=(
        Peer(B, 65000, passive=True),)), lambda event: None)
    engine.start()
    try:
        assert [host for host, _ in engine.listening] == [A, A2]
        for target in engine.listening:
            with socket.create_connection(target, 5, (B, 0)) as sock:
                assert sock.recv(16) == b"\xff" * 16
    finally:
        engine.stop()
