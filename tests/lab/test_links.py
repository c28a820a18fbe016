"""Two underlay paths between hypervisors: links fail under traffic, and the losses are counted."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator

import pytest

from lab.fabric.plan import CHASSIS, Racks
from lab.fabric.racks import RackFabric
from lab.hosts.hypervisor import Hypervisor
from lab.tenants import Tenant, new_tenant
from lab.topology import Lab
from lab.traffic.steady import Steady, plan
from lab.wait import wait_until

INTERVAL = 0.3
"""Seconds between BFD packets: what a machine that does much else keeps up with."""
SETTLED = 60.0

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def racks() -> Iterator[Lab]:
    homes = {"hv3": (3, 4)}
    # Paths return soon, also when they have failed several times.
    settings = {"ovsdb": (f"bfd_interval = {INTERVAL * 1000:.0f}", "path_hold = 2")}
    with Lab(f"vncl{os.getpid()}", {"node1": ("hv1", "hv2", "hv3")}, store="memory",
             racks=Racks(4, homes, paths=2), settings=settings) as made:  # fmt: skip
        yield made


@pytest.fixture(scope="module")
def tenant(racks: Lab) -> Tenant:
    made = new_tenant("red", racks.nodes["node1"].client, ipv6=True)
    made.create_vms(racks, [("web1", "hv1"), ("web2", "hv2"), ("web3", "hv3"), ("db1", "hv1")])
    made.wait_active()
    wait_until(lambda: not down(racks), "BFD on every path", SETTLED)
    return made


@pytest.fixture(autouse=True)
def mended(racks: Lab) -> Iterator[None]:
    yield
    fabric(racks).mend_all()
    wait_until(lambda: not down(racks), "BFD on every path again", SETTLED)
    wait_until(lambda: spread(racks), "traffic on both paths again", SETTLED)


def fabric(lab: Lab) -> RackFabric:
    assert lab.racks is not None
    return lab.racks


def tunnels(lab: Lab) -> list[tuple[str, dict]]:
    return [
        (element["hostname"], tunnel)
        for element in lab.nodes["node1"].client.v1("elements") for tunnel in element["tunnels"]
    ]


def down(lab: Lab) -> set[tuple[str, str, int]]:
    """(hypervisor, far VTEP, path) where BFD is not up."""
    found = tunnels(lab)
    assert len(found) == 12, "two paths between any two of three"
    return {(host, one["vtep"], one["path"]) for host, one in found if one["bfd"] != "up"}


def sending(host: Hypervisor) -> list[set[str]]:
    """The tunnel ports among which the switch chooses, for each VTEP."""
    found = re.findall(r"bundle_load\(.*?,members:([\d,]+)\)", " ".join(host.flows()))
    return [set(ports.split(",")) for ports in found]


def spread(lab: Lab) -> bool:
    """Whether every hypervisor sends to the two others on both paths."""
    return all(list(map(len, sending(host))) == [2, 2] for host in lab.hypervisors.values())


def steady(tenant: Tenant) -> Steady:
    vms = tenant.vms
    names = (("web1", "web2"), ("web2", "web3"), ("web3", "web1"), ("db1", "web2"),
             ("web3", "db1"))  # fmt: skip
    return Steady(plan([(vms[a], vms[b]) for a, b in names], write_rate=0.0))


def test_both_paths_carry_traffic_while_both_are_up(racks: Lab, tenant: Tenant) -> None:
    wait_until(lambda: spread(racks), "a hash over both paths", SETTLED)
    before = sent(racks)
    with steady(tenant):
        # The database is told what was counted every few seconds.
        wait_until(
            lambda: all(count - before[where] > 50 for where, count in sent(racks).items()),
            "every hypervisor to send on both paths", SETTLED,
        )


def sent(lab: Lab) -> dict[tuple[str, int], int]:
    """(hypervisor, path) -> packets that it has sent on all of its tunnels there."""
    found: dict[tuple[str, int], int] = {}
    for host in lab.hypervisors.values():
        for name in host.vsctl("list-ports", "br-int").split():
            if name.startswith("vx"):
                where = host.name, int(len(name) > len("vx01020304"))
                count = host.vsctl("get", "interface", name, "statistics:tx_packets")
                found[where] = found.get(where, 0) + int(count)
    return found


FAULTS: dict[str, Callable[[RackFabric], None]] = {
    "a server link": lambda made: made.cut("hv1-tor1"),
    "a server's second link": lambda made: made.cut("hv2-tor2"),
    "silently": lambda made: made.lose("hv1-tor1"),
    "toward the server": lambda made: made.lose("hv1-tor1", toward="hv1"),
    "toward the rack": lambda made: made.lose("hv2-tor1", toward="tor1"),
    "a chassis link": lambda made: made.cut("tor1-chassis"),
    "toward the chassis": lambda made: made.lose("tor4-chassis", toward=CHASSIS),
    "a rack switch": lambda made: made.cut_host("tor1"),
}
"""Each leaves a path between any two hypervisors, and takes one from two pairs or from all."""


@pytest.mark.parametrize("what", FAULTS)
def test_a_cut_costs_no_more_than_its_detection(racks: Lab, tenant: Tenant, what: str) -> None:
    made = fabric(racks)
    wait_until(lambda: spread(racks), "traffic on both paths", SETTLED)
    with steady(tenant) as traffic:
        FAULTS[what](made)
        wait_until(
            lambda: len(down(racks)) in (4, 6), "the node to hear of it from both ends", SETTLED
        )
        during = traffic.lap()
        made.mend_all()
        wait_until(lambda: not down(racks), "BFD", SETTLED)
        wait_until(lambda: spread(racks), "traffic on both paths again", SETTLED)
        back = traffic.stop()
    assert during.pings.lost, "the traffic was on the path that was cut"
    # 3.5 intervals, and as much again for a machine that has other things to do.
    assert during.pings.longest_outage < 7 * INTERVAL, during
    assert not during.streams.broken and not during.pings.duplicates
    # A single ping may be under way when a rack switch comes back; a black hole takes several.
    assert back.pings.longest_outage < INTERVAL and not back.streams.broken, back
