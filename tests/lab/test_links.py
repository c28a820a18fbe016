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
SETTLED = 30.0

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def racks() -> Iterator[Lab]:
    homes = {"hv3": (3, 4)}
    settings = {"ovsdb": (f"bfd_interval = {INTERVAL * 1000:.0f}",)}
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


def flap_counts(lab: Lab) -> list[str]:
    return [
        host.vsctl("--bare", "--columns=bfd_status", "find", "Interface", "type=vxlan")
        for host in lab.hypervisors.values()
    ]


def test_both_paths_carry_traffic_while_both_are_up(racks: Lab, tenant: Tenant) -> None:
    wait_until(lambda: spread(racks), "a hash over both paths", SETTLED)
    with steady(tenant):
        pass
    for host in racks.hypervisors.values():
        for path in (0, 1):
            name = f"select=statistics:tx_packets find interface {host.name}"
            sent = [
                int(host.vsctl("get", "interface", tunnel, "statistics:tx_packets"))
                for tunnel in host.vsctl("list-ports", "br-int").split()
                if tunnel.startswith("vx") and (len(tunnel) == 11) == bool(path)
            ]
            assert len(sent) == 2 and sum(sent) > 50, (name, path, sent)


FAULTS: dict[str, tuple[Callable[[RackFabric], None], bool]] = {
    "a server link": (lambda made: made.cut("hv1-tor1"), True),
    "a server's second link": (lambda made: made.cut("hv2-tor2"), True),
    "silently": (lambda made: made.lose("hv1-tor1"), True),
    "toward the server": (lambda made: made.lose("hv1-tor1", toward="hv1"), True),
    "toward the rack": (lambda made: made.lose("hv2-tor1", toward="tor1"), True),
    "a chassis link": (lambda made: made.cut("tor1-chassis"), True),
    "toward the chassis": (lambda made: made.lose("tor4-chassis", toward=CHASSIS), True),
    "a rack switch": (lambda made: made.cut_host("tor1"), True),
}
"""What is cut -> how, and whether each pair of hypervisors has a path left."""


@pytest.mark.parametrize("what", [name for name, (_, has_path) in FAULTS.items() if has_path])
def test_a_link_that_is_cut_costs_less_than_its_detection(
    racks: Lab, tenant: Tenant, what: str
) -> None:
    made = fabric(racks)
    wait_until(lambda: spread(racks), "traffic on both paths", SETTLED)
    with steady(tenant) as traffic:
        FAULTS[what][0](made)
        wait_until(lambda: len(down(racks)) == 4, "the node to hear of both directions", SETTLED)
        during = traffic.lap()
        made.mend_all()
        wait_until(lambda: not down(racks), "BFD", SETTLED)
        wait_until(lambda: spread(racks), "traffic on both paths again", SETTLED)
        back = traffic.stop()
    assert during.pings.lost, "the traffic was on the path that was cut"
    # 3.5 intervals, and as much again for a machine that has other things to do.
    assert during.pings.longest_outage < 7 * INTERVAL, during
    assert not during.streams.broken and not during.pings.duplicates
    assert back.pings.lost == 0 and not back.streams.broken, "nothing is lost when it comes back"
