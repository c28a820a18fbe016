"""Two engines with FRR's bgpd as a route reflector between them, all in a namespace."""

import os
import random
import shutil
import signal

import pytest

from lab.beds.bgp_bed import (
    FRR,
    Frr,
    Node,
    frr_name,
    imet_path,
    inside,
    mac_path,
    namespace,
    prefix_path,
    reflected,
    wait,
)
from ryu_apps.control.messages import PeerDown, PeerUp
from ryu_apps.peering import Peer

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(os.geteuid() != 0 or not os.path.exists(FRR) or not shutil.which("ip"),
                       reason="needs root, iproute2 and FRR"),
]
A, B, R = "127.1.0.1", "127.1.0.2", "127.1.0.9"
VTEP = {A: "10.1.0.1", B: "10.1.0.2"}
VTEP_A = VTEP[A]
"""FRR does not take a next hop out of 127.0.0.0/8."""


@pytest.fixture
def triangle():
    with namespace() as name:
        frr = Frr(name, R, [A, B])
        nodes = []
        try:
            with inside(name):
                for address in (A, B):
                    nodes.append(Node(address, [Peer(R, 65000, connect_retry=0.2)], listen=False))
            for node in nodes:
                node.wait_up(R)
            yield nodes[0], nodes[1], frr
        finally:
            for node in nodes:
                node.stop()
            frr.stop()


def through(paths, originator):
    return {path.nlri: reflected(path, originator, R) for path in paths}


def test_frr_understands_every_route_and_reflects_it_unchanged(triangle):
    first, second, frr = triangle
    paths = [mac_path(VTEP_A, 1), mac_path(VTEP_A, 2, ip=""), mac_path(VTEP_A, 3, ip="v6"),
             mac_path(VTEP_A, 4, l3=200), mac_path(VTEP_A, 5, mobility=7),
             mac_path(VTEP_A, 6, mobility=1, sticky=True), imet_path(VTEP_A),
             prefix_path(VTEP_A, 1), prefix_path(VTEP_A, 2, med=5)]
    first.engine.announce(paths)
    want = through(paths, A)
    wait(lambda: second.received(R) == want, "the reflected routes")
    table = frr.table()
    assert set(table) == {frr_name(path) for path in paths}
    routed = table[frr_name(paths[3])]
    assert routed["valid"]
    detail = frr.command(f"show bgp l2vpn evpn route rd {paths[3].nlri.rd} mac "
                         f"{paths[3].nlri.mac} ip {paths[3].nlri.ip}")
    assert "VNI 100/200" in detail
    assert "Rmac:02:aa:00:00:00:01" in detail
    assert "RT:65000:100 RT:65000:200" in detail
    assert "ET:8" in detail
    moved = frr.command(f"show bgp l2vpn evpn route rd {paths[4].nlri.rd} mac "
                        f"{paths[4].nlri.mac} ip {paths[4].nlri.ip}")
    assert "MM:7" in moved
    prefix = frr.command(f"show bgp l2vpn evpn route rd {paths[7].nlri.rd} type prefix")
    assert "20.0.1.0" in prefix


def test_a_killed_engine_comes_back_to_frr_with_the_same_table(triangle):
    """FRR 8.4 helps a restart up to SAFI 4 only, so it withdraws EVPN routes in between; the
    retention between two of our engines is tested without it."""
    first, second, frr = triangle
    paths = [mac_path(VTEP_A, n, l3=200) for n in range(200)] + [imet_path(VTEP_A)]
    first.engine.announce(paths)
    want = through(paths, A)
    wait(lambda: second.received(R) == want, "the routes")
    assert "Graceful Restart Capability: advertised and received" in frr.command(
        f"show bgp neighbors {A}")
    os.kill(first.engine.pid, signal.SIGKILL)
    wait(lambda: len(first.seen(PeerUp, R)) == 2, "the session after the restart")
    assert len(first.seen(PeerDown, R)) == 1
    extra = mac_path(VTEP_A, 900)
    first.engine.announce([extra])
    want |= through([extra], A)
    wait(lambda: second.received(R) == want, "the same routes after the restart")
    assert set(frr.table()) == {frr_name(path) for path in [*paths, extra]}


def test_churn_ends_equal_everywhere(triangle):
    """10,000 routes added, replaced and deleted before they are processed, while sessions are
    cleared and FRR asks for everything again: nothing is lost and nothing is left over."""
    first, second, frr = triangle
    rng = random.Random(7)
    want: dict[str, dict] = {A: {}, B: {}}

    def path(address, number):
        if number % 4 == 3:
            return prefix_path(VTEP[address], number, med=rng.randrange(3))
        return mac_path(VTEP[address], number, l3=rng.choice((0, 200)), med=rng.randrange(3))

    for round_ in range(40):
        for node in (first, second):
            live = want[node.address]
            numbers = range(round_ * 125, round_ * 125 + 125)
            batch = [path(node.address, number) for number in numbers]
            node.engine.announce(batch)
            live.update((p.nlri, p) for p in batch)
            gone = [p.nlri for p in batch if rng.random() < 0.3]
            gone += [nlri for nlri in rng.sample(sorted(live), min(len(live), 20))]
            node.engine.withdraw(gone)
            for nlri in gone:
                live.pop(nlri, None)
            back = [path(node.address, number) for number in rng.sample(numbers, 10)]
            node.engine.announce(back)
            live.update((p.nlri, p) for p in back)
        if round_ % 10 == 4:
            rng.choice((first, second)).engine.reset_peer(R)
        if round_ % 10 == 9:
            frr.command(f"clear bgp l2vpn evpn {rng.choice((A, B))}")
        if round_ % 5 == 2:
            frr.command(f"clear bgp l2vpn evpn {A} soft in")
            frr.command(f"clear bgp l2vpn evpn {B} soft in")
            frr.command(f"clear bgp l2vpn evpn {A} soft out")
    for node in (first, second):
        node.wait_up(R)
        node.engine.end_of_rib()
    frr.command(f"clear bgp l2vpn evpn {A} soft in")
    expected = {A: through(want[B].values(), B), B: through(want[A].values(), A)}

    # A session's loss is no withdrawal here, so what was withdrawn while it was down would be left
    # over; the RIB sweeps that at End-of-RIB, which is done here by what the last session told.
    def told(node):
        with node.lock:
            start = max((i for i, e in enumerate(node.events) if isinstance(e, PeerUp)), default=0)
            routes = {}
            for event in node.events[start:]:
                for nlri in getattr(event, "withdrawn", ()):
                    routes.pop(nlri, None)
                for p in getattr(event, "announced", ()):
                    routes[p.nlri] = p
            return routes

    for node in (first, second):
        wait(lambda node=node: told(node) == expected[node.address], f"{node.address} equal", 60)
    names = {frr_name(p) for live in want.values() for p in live.values()}
    assert set(frr.table()) == names
    assert len(names) > 5000
    for node in (first, second):
        counters = node.status(R)["counters"]
        assert counters.get("treated_as_withdraw", 0) == 0
        assert node.status(R)["prefixes_received"] == len(expected[node.address])
    assert sum(node.status(R)["counters"]["refreshes_received"] for node in (first, second)) > 0
