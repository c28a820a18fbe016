"""GoBGP as the route reflector between two engines: it helps a restart for EVPN, as it is called
for (RFC 4724, RFC 8538), and a long-lived one (RFC 9494)."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lab.beds.bgp_bed import Node, inside, mac_path, namespace, wait
from ryu_apps.control.messages import PathsReceived
from ryu_apps.control.routes import LLGR_STALE, Path
from ryu_apps.peering import Peer

GOBGPD = os.environ.get("GOBGPD") or shutil.which("gobgpd")
pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(os.geteuid() != 0 or not GOBGPD or not shutil.which("ip"),
                       reason="needs root, iproute2 and gobgpd"),
]
A, B, R = "127.1.8.1", "127.1.8.2", "127.1.8.9"
GLOBAL = f"""[global.config]
  as = 65000
  router-id = "{R}"
  local-address-list = ["{R}"]
"""
NEIGHBOR = """[[neighbors]]
  [neighbors.config]
    neighbor-address = "{client}"
    peer-as = 65000
  [neighbors.transport.config]
    local-address = "{address}"
    passive-mode = true
  [neighbors.route-reflector.config]
    route-reflector-client = true
    route-reflector-cluster-id = "{address}"
  [neighbors.graceful-restart.config]
    enabled = true
    restart-time = 120
    notification-enabled = true
    long-lived-enabled = true
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "l2vpn-evpn"
    [neighbors.afi-safis.mp-graceful-restart.config]
      enabled = true
    [neighbors.afi-safis.long-lived-graceful-restart.config]
      enabled = true
      restart-time = 600
"""


@contextmanager
def gobgp(name: str, directory) -> Iterator[None]:
    """gobgpd in a namespace."""
    config = directory / "gobgpd.toml"
    config.write_text(
        GLOBAL + "".join(NEIGHBOR.format(client=client, address=R) for client in (A, B)))
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            ["ip", "netns", "exec", name, GOBGPD, "-f", str(config), "--api-hosts",
             "127.0.0.1:50151"], stdout=log, stderr=subprocess.STDOUT)
    try:
        yield
    finally:
        process.kill()
        process.wait()


class Bed:
    """Two engines and the reflector; the second one hears of the first through it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.nodes: list[Node] = []
        self.first, self.second = self.node(A), self.node(B)
        self.paths = [mac_path("10.1.0.1", number) for number in range(5)]

    def node(self, address: str, restart_time: int = 120) -> Node:
        with inside(self.name):
            made = Node(address, [Peer(R, 65000, connect_retry=0.2)], listen=False,
                        restart_time=restart_time, long_lived_time=3600)
        self.nodes.append(made)
        return made

    def announce(self, node: Node, paths: list[Path]) -> None:
        node.wait_up(R)
        node.engine.announce(paths)
        node.engine.end_of_rib()

    def routes(self) -> list[Path]:
        return list(self.second.received(R).values())

    def told(self) -> tuple[int, int]:
        """How many announcements and withdrawals the second engine has heard."""
        events = self.second.seen(PathsReceived)
        return sum(len(one.announced) for one in events), sum(len(one.withdrawn) for one in events)


@pytest.fixture
def bed(tmp_path) -> Iterator[Bed]:
    with namespace() as name, gobgp(name, tmp_path):
        made = Bed(name)
        try:
            made.announce(made.first, made.paths)
            made.announce(made.second, [])
            wait(lambda: len(made.routes()) == 5, "the routes")
            yield made
        finally:
            for node in made.nodes:
                node.stop()


def test_a_planned_restart_withdraws_nothing_and_then_what_is_not_announced_again(bed):
    bed.first.stop()
    bed.first = bed.node(A)
    bed.first.wait_up(R)
    bed.first.engine.announce(bed.paths[:4])
    wait(lambda: bed.first.status(R)["counters"].get("announcements_sent", 0) >= 4, "four of them")
    assert (bed.told()[1], len(bed.routes())) == (0, 5)
    bed.first.engine.end_of_rib()
    wait(lambda: len(bed.routes()) == 4, "the end of the fifth")
    assert bed.told()[1] == 1


def test_an_engine_that_is_killed_is_not_noticed_elsewhere(bed):
    before = bed.told()
    os.kill(bed.first.engine.pid, signal.SIGKILL)
    bed.first.wait_down(R)
    bed.first.wait_up(R)
    extra = mac_path("10.1.0.1", 9)
    bed.first.engine.announce([extra])
    wait(lambda: len(bed.routes()) == 6, "a route after the restart")
    assert bed.told()[1] == before[1]


def test_routes_of_one_who_is_away_for_long_come_as_the_least_preferred(bed):
    bed.first.stop()
    bed.first = bed.node(A, restart_time=1)
    bed.announce(bed.first, bed.paths)
    bed.first.stop()
    wait(lambda: len(bed.routes()) == 5 and all(
        path.attrs.communities == (LLGR_STALE,) for path in bed.routes()), "llgr-stale", 60)
    assert bed.told()[1] == 0
    bed.announce(bed.node(A), bed.paths)
    wait(lambda: all(not path.attrs.communities for path in bed.routes()), "the live ones")
    assert (bed.told()[1], len(bed.routes())) == (0, 5)
