"""A session brings nothing of this node until the node says so: it may have been paused, and has to
read first what became of its hypervisors."""

from __future__ import annotations

import os
import signal

import pytest

from lab.beds.bgp_bed import Node, RawPeer, free_port, mac_path, wait
from ryu_apps.control.families import EVPN
from ryu_apps.control.messages import PeerUp
from ryu_apps.peering import Peer
from ryu_apps.peering.codec import messages as wire
from ryu_apps.peering.codec.families import FAMILIES

A, B = "127.1.6.1", "127.1.6.2"


@pytest.fixture
def nodes():
    made = []
    yield made
    for node in made:
        node.stop()


def pair(made) -> tuple[Node, Node]:
    """The first holds its table."""
    port_a, port_b = free_port(A), free_port(B)
    made.append(Node(A, [Peer(B, 65000, port=port_b, passive=True, connect_retry=0.2)],
                     port=port_a, at_once=False))
    made.append(Node(B, [Peer(A, 65000, port=port_a, connect_retry=0.2)], port=port_b))
    made[0].wait_up(B)
    made[1].wait_up(A)
    return made[0], made[1]


def sent(node: Node) -> tuple[int, int, int]:
    """How many (announcements, withdrawals, End-of-RIBs) a node has sent, after all that it was
    told to do: the first question may overtake that, the second comes after the first."""
    node.status(B)
    counters = node.status(B)["counters"]
    return tuple(counters.get(f"{name}_sent", 0)
                 for name in ("announcements", "withdrawals", "end_of_rib"))


def session(node: Node) -> int:
    return node.seen(PeerUp)[-1].session


def test_what_changes_while_the_table_is_held_is_changed_in_it(nodes):
    first, second = pair(nodes)
    paths = [mac_path(A, n) for n in range(5)]
    first.engine.announce(paths[:4])
    first.engine.end_of_rib()
    assert sent(first) == (0, 0, 0)
    second.engine.announce([mac_path(B, 9)])
    wait(lambda: first.count(B) == 1, "what the peer says, meanwhile")
    first.engine.withdraw([paths[0].nlri])
    first.engine.announce(paths[4:])
    assert sent(first) == (0, 0, 0) and not second.count(A)
    first.engine.withdraw([paths[1].nlri])
    first.engine.send_table(B, session(first))
    want = {path.nlri: path for path in paths[2:]}
    wait(lambda: second.end_of_ribs(A) == 1, "End-of-RIB")
    assert second.received(A) == want and sent(first) == (3, 0, 1)
    first.engine.withdraw([paths[2].nlri])
    wait(lambda: second.count(A) == 2, "what changes later")


def test_a_command_for_a_session_that_is_over_says_nothing_in_the_next(nodes):
    first, second = pair(nodes)
    path = mac_path(A, 1)
    first.engine.announce([path])
    former = session(first)
    second.engine.reset_peer(A)
    wait(lambda: len(first.seen(PeerUp)) == 2 and first.is_up(B), "the second session")
    assert session(first) != former
    first.engine.send_table(B, former)
    first.engine.send_table("nobody", former)
    assert sent(first) == (0, 0, 0)
    for _ in range(2):  # Told again, it has nothing to send.
        first.engine.send_table(B, session(first))
        wait(lambda: second.received(A) == {path.nlri: path}, "the route")
        assert sent(first) == (1, 0, 0)
    assert first.is_up(B) and len(first.seen(PeerUp)) == 2


def test_a_process_that_replaces_another_gives_no_session_the_number_of_one_before(nodes):
    first, second = pair(nodes)
    first.engine.announce([mac_path(A, 1)])
    former = session(first)
    os.kill(first.engine.pid, signal.SIGKILL)
    wait(lambda: len(first.seen(PeerUp)) == 2 and first.is_up(B), "the session")
    first.engine.send_table(B, former)
    assert session(first) > former and sent(first) == (0, 0, 0)
    first.engine.send_table(B, session(first))
    wait(lambda: second.count(A) == 1, "the route")


def test_a_peer_is_kept_alive_and_not_answered_what_it_asks_for(nodes):
    """A ROUTE-REFRESH is answered by the table, when that goes."""
    node = Node(A, [Peer(B, 65000, passive=True)], at_once=False)
    nodes.append(node)
    node.engine.announce([mac_path(A, 1)])
    node.engine.end_of_rib()
    peer = RawPeer(B, (A, node.port), hold=3)
    peer.open()
    node.wait_up(B)
    peer.send(wire.pack_refresh(EVPN))
    for _ in range(2):
        assert peer.message() == (wire.KEEPALIVE, b"")
        peer.send(wire.KEEPALIVE_MESSAGE)
    assert node.status(B)["counters"]["refreshes_received"] == 1
    node.engine.send_table(B, session(node))
    kind, body = peer.message()
    assert kind == wire.UPDATE and len(body) > 30
    assert peer.message() == (wire.UPDATE, FAMILIES[EVPN].end_of_rib[wire.HEADER:])
    peer.close()
