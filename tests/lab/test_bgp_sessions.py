"""Sessions between engines on loopback: establishment, loss, graceful restart, limits."""

import os
import re
import signal
import socket
import time

import pytest

from lab.beds.bgp_bed import (
    Node,
    RawPeer,
    attributes,
    free_port,
    imet_path,
    mac_path,
    open_message,
    prefix_path,
    wait,
)
from ryu_apps.control.families import EVPN, Family
from ryu_apps.control.messages import PeerDown, PeerUp
from ryu_apps.control.routes import Attributes, IpPrefix, Path
from ryu_apps.peering import Peer, Speaker, make_engine
from ryu_apps.peering.codec import messages as wire
from ryu_apps.peering.codec.families import FAMILIES
from ryu_apps.peering.codec.open import pack_open

A, B = "127.1.0.1", "127.1.0.2"


@pytest.fixture
def nodes():
    made = []
    yield made
    for node in made:
        node.stop()


def pair(made, asn_a=65000, asn_b=65000, passive=True, a=None, b=None, retry=0.2):
    """Two engines that peer: A listens and waits (unless not ``passive``), B connects."""
    port_a, port_b = free_port(A), free_port(B)
    to_b = Peer(B, asn_b, port=port_b, passive=passive, connect_retry=retry, **(a or {}))
    first = Node(A, [to_b], asn_a, port_a)
    made.append(first)
    second = Node(B, [Peer(A, asn_a, port=port_a, connect_retry=retry, **(b or {}))], asn_b, port_b)
    made.append(second)
    first.wait_up(B)
    second.wait_up(A)
    return first, second


def announced(node, paths):
    node.engine.announce(paths)
    return {path.nlri: path for path in paths}


def test_every_route_type_arrives_as_announced(nodes):
    first, second = pair(nodes)
    want = announced(first, [
        mac_path(A, 1), mac_path(A, 2, ip=""), mac_path(A, 3, ip="v6"), mac_path(A, 4, l3=200),
        mac_path(A, 5, mobility=7), mac_path(A, 6, mobility=1, sticky=True), imet_path(A),
        prefix_path(A, 1), prefix_path(A, 2, med=5), mac_path(A, 7, encaps=("gre",)),
        Path(IpPrefix("65000:7", 0, "fd00:1::/64"), attributes(A, l3=200), (200,)),
        Path(IpPrefix("70000:7", 0, "0.0.0.0/0"), attributes(A, l3=200), (200,), "",
             "10.9.9.9"),
        mac_path(A, 8)._replace(esi="00112233445566778899"),
    ])
    wait(lambda: second.received(A) == want, "the routes")
    first.engine.withdraw(list(want)[:5])
    wait(lambda: second.received(A) == dict(list(want.items())[5:]), "the withdrawals")


def test_external_session_prepends_and_keeps_the_next_hop(nodes):
    first, second = pair(nodes, 4200000001, 65001)
    path = mac_path("10.9.9.9", 1, local_pref=300, as_path=(65010,))
    first.engine.announce([path])
    wait(lambda: second.count(A) == 1, "the route")
    attrs = second.received(A)[path.nlri].attrs
    assert attrs.as_path == (4200000001, 65010)
    assert attrs.next_hop == "10.9.9.9"
    assert attrs.local_pref == 100
    assert second.seen(PeerUp)[0].info["remote_as"] == 4200000001


def test_a_path_through_our_as_is_dropped_and_withdraws_what_it_replaces(nodes):
    first, second = pair(nodes, 65000, 65001)
    good = mac_path(A, 1)
    first.engine.announce([good, mac_path(A, 2)])
    wait(lambda: second.count(A) == 2, "the routes")
    first.engine.announce([good._replace(attrs=good.attrs._replace(as_path=(65001,)))])
    wait(lambda: second.count(A) == 1, "the loop's withdrawal")
    assert second.status(A)["counters"]["loops"] == 1
    assert second.status(A)["state"] == "Established"


def test_both_connecting_at_once_end_with_one_session(nodes):
    for _ in range(3):
        first, second = pair(nodes, passive=False)
        want = announced(first, [mac_path(A, 1)])
        wait(lambda node=second, want=want: node.received(A) == want, "the route")
        assert first.is_up(B) and second.is_up(A)
        first.stop()
        second.stop()


def test_end_of_rib_waits_for_the_node(nodes):
    first, second = pair(nodes)
    want = announced(first, [mac_path(A, n) for n in range(50)])
    wait(lambda: second.received(A) == want, "the routes")
    second.engine.reset_peer(A)
    wait(lambda: len(second.seen(PeerUp)) == 2, "the second session")
    first.engine.announce([mac_path(A, 99)])
    wait(lambda: second.count(A) == 51, "the route after it")
    assert second.end_of_ribs(A) == 0
    first.engine.end_of_rib()
    wait(lambda: second.end_of_ribs(A) == 1, "End-of-RIB")
    first.engine.reset_peer(B)
    wait(lambda: second.end_of_ribs(A) == 2, "End-of-RIB of the next session")
    assert [type(e) for e in second.seen(PeerDown)] == [PeerDown, PeerDown]


def test_a_killed_engine_is_replaced_and_tells_everything_again(nodes):
    first, second = pair(nodes)
    want = announced(first, [mac_path(A, n) for n in range(500)] + [imet_path(A)])
    gone = [mac_path(A, n).nlri for n in range(100)]
    first.engine.withdraw(gone)
    want = {nlri: path for nlri, path in want.items() if nlri not in set(gone)}
    wait(lambda: second.received(A) == want, "the routes")
    withdrawals = sum(len(e.withdrawn) for e in second.events if hasattr(e, "withdrawn"))
    old = first.engine.pid
    os.kill(old, signal.SIGKILL)
    second.wait_down(A)
    first.wait_down(B)
    wait(lambda: len(second.seen(PeerUp)) == 2 and len(first.seen(PeerUp)) == 2, "the return")
    assert first.engine.pid != old
    extra = mac_path(A, 1000)
    first.engine.announce([extra])
    wait(lambda: extra.nlri in second.received(A), "a route after the return")
    assert second.received(A) == want | {extra.nlri: extra}
    assert withdrawals == sum(len(e.withdrawn) for e in second.events if hasattr(e, "withdrawn"))
    assert second.end_of_ribs(A) == 0
    terms = second.seen(PeerUp)[1].families[EVPN]
    assert terms.restarting and terms.forwarding and terms.restart_time == 120
    first.engine.end_of_rib()
    wait(lambda: second.end_of_ribs(A) == 1, "End-of-RIB")


def test_a_process_whose_node_is_gone_ends_without_a_notification(nodes):
    port = free_port(A)
    node = Node(A, [Peer(B, 65000, passive=True)], port=port)
    nodes.append(node)
    peer = RawPeer(B, (A, port))
    peer.open()
    node.wait_up(B)
    pid = node.engine.pid
    began = time.monotonic()
    node.stop()
    assert time.monotonic() - began < 2
    assert peer.notification() is None
    assert not os.path.exists(f"/proc/{pid}")
    peer.close()


def test_maximum_of_prefixes_counts_routes_not_announcements(nodes):
    first, second = pair(nodes, b={"max_prefixes": 10})
    paths = [mac_path(A, n) for n in range(10)]
    first.engine.announce(paths)
    first.engine.announce([p._replace(attrs=p.attrs._replace(med=n))
                           for n, p in enumerate(paths)])
    wait(lambda: all(p.attrs.med >= 0 for p in second.received(A).values())
         and second.count(A) == 10, "the replaced routes")
    assert second.is_up(A)
    assert second.status(A)["prefixes_received"] == 10
    first.engine.announce([mac_path(A, 10)])
    second.wait_down(A)
    assert "maximum number of prefixes" in second.seen(PeerDown)[0].reason
    wait(lambda: first.seen(PeerDown), "its end at the other side")
    assert "(6/1)" in first.seen(PeerDown)[0].reason or not first.is_up(B)
    assert second.status(A)["state"] == "Idle"
    first.engine.withdraw([mac_path(A, 10).nlri])
    second.engine.reset_peer(A)
    wait(lambda: second.is_up(A), "the session after the operator's reset")


def test_md5_password(nodes):
    port = free_port(A)
    listener = Node(A, [Peer(B, 65000, passive=True, password="one")], port=port)
    nodes.append(listener)
    wrong = Node(B, [Peer(A, 65000, port=port, password="two", connect_retry=0.2)], listen=False)
    nodes.append(wrong)
    with socket.socket() as plain:
        plain.bind((B, 0))
        plain.settimeout(0.5)
        with pytest.raises(OSError):
            plain.connect((A, port))
    assert not wrong.seen(PeerUp)
    wrong.engine.remove_peer(A)
    wrong.engine.add_peer(Peer(A, 65000, port=port, password="one", connect_retry=0.2))
    wrong.wait_up(A)
    want = announced(wrong, [mac_path(B, 1)])
    wait(lambda: listener.received(B) == want, "a route")


def test_peers_can_be_added_and_removed(nodes):
    first, second = pair(nodes)
    first.engine.remove_peer(B)
    second.wait_down(A)
    assert "de-configured" in second.seen(PeerDown)[0].reason
    assert first.engine.status() == []
    first.engine.add_peer(Peer(B, 65000, port=second.port, name="b", connect_retry=0.2))
    first.wait_up("b")
    second.wait_up(A)


def test_a_silent_peer_is_given_up_after_the_hold_time(nodes):
    port = free_port(A)
    node = Node(A, [Peer(B, 65000, passive=True)], port=port)
    nodes.append(node)
    peer = RawPeer(B, (A, port), hold=3)
    theirs = peer.open()
    assert theirs.hold_time == 9
    assert peer.notification() == (4, 0)
    node.wait_down(B)
    assert "hold timer expired" in node.seen(PeerDown)[0].reason
    peer.close()


def test_an_address_in_use_is_an_oserror():
    with socket.socket() as taken:
        taken.bind((A, 0))
        taken.listen()
        engine = make_engine("native", Speaker(65000, A, listen=(taken.getsockname(),)), print)
        host, port = taken.getsockname()
        why = f"cannot listen for BGP on {host}:{port}: Address already in use"
        with pytest.raises(OSError, match=re.escape(why)):
            engine.start()
        engine.stop()


def test_what_cannot_be_announced_is_refused_alone(nodes, caplog):
    first, second = pair(nodes)
    good = mac_path(A, 1)
    many = Attributes(A, tuple(sorted(f"65000:{n}" for n in range(600))))
    first.engine.announce([
        mac_path(A, 2)._replace(nlri=mac_path(A, 2).nlri._replace(rd="nonsense")),
        mac_path(A, 3)._replace(labels=(1 << 24,)),
        mac_path(A, 4)._replace(attrs=many), good])
    wait(lambda: second.received(A) == {good.nlri: good}, "the good route")
    wait(lambda: sum("cannot be" in r.message for r in caplog.records) == 3, "three log lines")


def test_ipv6(nodes):
    port = free_port("::1")
    first = Node("::1", [Peer("::1", 65000, passive=True)], port=port, router_id="192.0.2.1")
    nodes.append(first)
    second = Node("::1", [Peer("::1", 65000, port=port, name="v6", connect_retry=0.2)],
                  listen=False, router_id="192.0.2.2")
    nodes.append(second)
    second.wait_up("v6")
    vtep = "2001:db8::1"
    want = announced(first, [path._replace(nlri=path.nlri._replace(rd="65000:1")) for path in (
        mac_path(vtep, 1), imet_path(vtep), mac_path(vtep, 2, ip="v6"))])
    wait(lambda: second.received("v6") == want, "the routes")


def test_refreshes_are_answered_but_not_each_one(nodes):
    port = free_port(A)
    node = Node(A, [Peer(B, 65000, passive=True)], port=port)
    nodes.append(node)
    node.engine.announce([mac_path(A, n) for n in range(10)])
    peer = RawPeer(B, (A, port))
    peer.open()
    peer.send(wire.pack_refresh(EVPN) * 50)
    wait(lambda: node.status(B)["counters"].get("announcements_sent", 0) >= 20, "an answer")
    counters = node.status(B)["counters"]
    assert counters["refreshes_received"] == 50
    assert counters["announcements_sent"] < 100
    peer.close()


IPV4 = Family(1, 1)


def test_what_a_peer_says_of_other_families_is_counted_and_the_session_lives(nodes):
    """RFC 4760 section 7."""
    port = free_port(A)
    node = Node(A, [Peer(B, 65000, passive=True)], port=port)
    nodes.append(node)
    peer = RawPeer(B, (A, port))
    peer.open(open_message(65000, B, (1, b"\0\1\0\1")))
    node.wait_up(B)
    assert list(node.seen(PeerUp)[-1].families) == [EVPN]
    peer.send(wire.pack_refresh(IPV4))
    peer.update(b"\x40\1\1\0\x40\2\0\x40\5\4\0\0\0\x64"
                + b"\x80\x0e\x0d\0\1\1\4\x0a\0\0\1\0\x18\x0a\1\1")
    peer.update(b"\x80\x0f\x03\0\1\1")  # its End-of-RIB in MP_UNREACH_NLRI
    peer.send(FAMILIES[EVPN].end_of_rib)
    wait(lambda: node.end_of_ribs(B) == 1, "End-of-RIB of EVPN")
    counters = node.status(B)["counters"]
    assert (counters["family_not_negotiated"], counters["refreshes_ignored"]) == (2, 1)
    assert node.is_up(B) and not node.count(B) and node.end_of_ribs(B) == 1
    peer.close()


def test_a_peer_without_a_family_in_common_is_refused_with_what_it_lacks(nodes):
    port = free_port(A)
    node = Node(A, [Peer(B, 65000, passive=True)], port=port)
    nodes.append(node)
    peer = RawPeer(B, (A, port))
    message = open_message(65000, B).replace(b"\0\x19\0\x46", b"\0\1\0\1")
    peer.send(message)
    assert peer.message()[0] == wire.OPEN
    kind, body = peer.message()
    assert (kind, body) == (wire.NOTIFICATION, b"\2\7\1\4\0\x19\0\x46")
    wait(lambda: "ipv4-unicast, and this side l2vpn-evpn" in node.status(B)["last_error"],
         "the reason")
    peer.close()


def test_a_second_connection_is_a_collision_or_a_restart(nodes):
    """RFC 4271 section 6.8, and RFC 4724 section 4.2 where the peer says that it restarted."""
    port = free_port(A)
    node = Node(A, [Peer(B, 65000, passive=True)], port=port)
    nodes.append(node)
    old = RawPeer(B, (A, port))
    old.open()
    node.wait_up(B)
    second = RawPeer(B, (A, port))
    second.send(pack_open(65000, 90, B, 60, False))
    assert second.notification() == (6, 7)
    assert not node.seen(PeerDown)
    restarted = RawPeer(B, (A, port))
    restarted.send(pack_open(65000, 90, B, 60, True))
    assert old.notification() is None
    restarted.send(wire.KEEPALIVE_MESSAGE)
    wait(lambda: len(node.seen(PeerUp)) == 2, "the new session")
    assert len(node.seen(PeerDown)) == 1
    assert node.is_up(B)
    for peer in (old, second, restarted):
        peer.close()
