"""Long-lived graceful restart with FRR's bgpd as the one that is away."""

from __future__ import annotations

import os
import shutil

import pytest

from lab.beds.bgp_bed import FRR, Frr, Node, inside, mac_path, namespace, wait
from lab.beds.option_values import world_settings
from ryu_apps.control.families import EVPN
from ryu_apps.control.messages import ConfigLoaded, PeerUp, Tick
from ryu_apps.control.vpn.rib import LIVE, LONG_LIVED, STALE
from ryu_apps.control.world import World
from ryu_apps.peering import Peer

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(os.geteuid() != 0 or not os.path.exists(FRR) or not shutil.which("ip"),
                       reason="needs root, iproute2 and FRR"),
]
A, B, R = "127.1.9.1", "127.1.9.2", "127.1.9.9"
EXTRA = " bgp graceful-restart\n bgp long-lived-graceful-restart stale-time 600\n"


@pytest.fixture
def triangle():
    with namespace() as name:
        frr = Frr(name, R, [A, B], extra=EXTRA)
        nodes = []
        try:
            with inside(name):
                for address in (A, B):
                    nodes.append(Node(
                        address, [Peer(R, 65000, connect_retry=0.2)], listen=False,
                        long_lived_time=3600))
            for node in nodes:
                node.wait_up(R)
            yield nodes[0], nodes[1], frr, name
        finally:
            for node in nodes:
                node.stop()
            frr.stop()


def test_routes_of_an_frr_that_is_away_are_the_least_preferred_and_stay_until_it_is_back(triangle):
    first, second, frr, name = triangle
    assert "Long-lived Graceful Restart: advertised and received" in frr.command(
        f"show bgp neighbors {A}")
    paths = [mac_path("10.1.0.1", number) for number in range(5)]
    first.engine.announce(paths)
    wait(lambda: second.count(R) == 5, "the routes")
    terms = second.seen(PeerUp, R)[-1].families[EVPN]
    assert (terms.graceful_restart, terms.restart_time) == (True, 120)
    assert (terms.long_lived_time, terms.long_lived_forwarding) == (600, True)
    frr.process.kill()
    second.wait_down(R)
    world = World(world_settings("n1", 65000, (R,), peer_kinds={R: "router"}))
    world.step(ConfigLoaded(), 0)

    def take(now):
        for event in second.events[len(taken):]:
            taken.append(event)
            world.step(event, now)

    def freshness():
        return [world.rib.freshness(R, path) for path in world.rib.from_source(R)]

    taken = []
    take(0)
    assert freshness() == [STALE] * 5
    world.step(Tick(), 119)
    assert freshness() == [STALE] * 5
    world.step(Tick(), 121)
    assert freshness() == [LONG_LIVED] * 5
    # Back after a while, with one route less than before.
    first.engine.withdraw([paths[0].nlri])
    again = Frr(name, R, [A, B], extra=EXTRA)
    try:
        for node in (first, second):
            node.wait_up(R)
        take(300)
        first.engine.end_of_rib()
        second.engine.end_of_rib()
        wait(lambda: second.end_of_ribs(R) and len(second.received(R)) >= 4, "its End-of-RIB")
        take(301)
        wait(lambda: (take(302), freshness() == [LIVE] * 4)[1], "its four routes")
    finally:
        again.stop()
