"""No false alarm: BFD of 100 ms x 3 while every processor has other things to do.

``VNC_BFD_SECONDS``: for how long (20; 600 is the long run).  ``VNC_BFD_REALTIME=1``: the switches'
threads are SCHED_RR (chrt(1)), as docs/operations.md advises for hosts with much else to do.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from lab.fabric.plan import Racks
from lab.tenants import Tenant, new_tenant
from lab.topology import Lab
from lab.traffic.steady import Steady, plan
from lab.wait import wait_until

SECONDS = float(os.environ.get("VNC_BFD_SECONDS", "20"))
REALTIME = os.environ.get("VNC_BFD_REALTIME", "") == "1"
INTERVAL, MULTIPLIER = 100, 3
HOSTS = ("hv1", "hv2", "hv3")
ENDS = len(HOSTS) * (len(HOSTS) - 1) * 2
"""Of sessions: two paths between any two, each with two ends."""

pytestmark = pytest.mark.timeout(180 + SECONDS)


@pytest.fixture(scope="module")
def racks() -> Iterator[Lab]:
    settings = {"ovsdb": (f"bfd_interval = {INTERVAL}", f"bfd_multiplier = {MULTIPLIER}")}
    with Lab(f"vncb{os.getpid()}", {"node1": HOSTS}, store="memory", racks=Racks(paths=2),
             settings=settings) as made:  # fmt: skip
        if REALTIME:
            for host in made.hypervisors.values():
                host.run(["chrt", "--rr", "--all-tasks", "--pid", "1", str(host.switch.pid)])
        yield made


@pytest.fixture(scope="module")
def tenant(racks: Lab) -> Tenant:
    made = new_tenant("red", racks.nodes["node1"].client, ipv6=True)
    made.create_vms(racks, [("web1", "hv1"), ("web2", "hv2"), ("web3", "hv3"), ("db1", "hv1")])
    made.wait_active()
    return made


@pytest.fixture
def busy() -> Iterator[None]:
    """A program on each processor that does nothing but compute."""
    cores = range(os.cpu_count() or 1)
    burners = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in cores]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


def sessions(lab: Lab) -> list[dict[str, str]]:
    """``bfd_status`` of each tunnel (ovs-vswitchd.conf.db(5)), with ``flap_count``."""
    found = []
    for host in lab.hypervisors.values():
        for name in host.vsctl("list-ports", "br-int").split():
            if name.startswith("vx"):
                text = host.vsctl("get", "interface", name, "bfd_status")
                found.append(dict(re.findall(r'(\w+)="?([^",}]*)', text)))
    return found


def flaps(lab: Lab) -> int:
    """How often sessions came up or went down, all ends together."""
    return sum(int(one["flap_count"]) for one in sessions(lab))


def all_up(lab: Lab) -> bool:
    found = sessions(lab)
    return len(found) == ENDS and all(one.get("state") == "up" for one in found)


def test_a_busy_host_is_no_cut_link(racks: Lab, tenant: Tenant, busy: None) -> None:
    wait_until(lambda: all_up(racks), "BFD on every path", 60)
    vms = tenant.vms
    names = (("web1", "web2"), ("web2", "web3"), ("web3", "web1"), ("db1", "web2"))
    before = flaps(racks)
    load = []
    with Steady(plan([(vms[a], vms[b]) for a, b in names], write_rate=0.0)) as traffic:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            time.sleep(min(10.0, max(0.0, end - time.monotonic())))
            load.append(os.getloadavg()[0])
        report = traffic.stop()
    changes = flaps(racks) - before
    print(f"{SECONDS:g} s, BFD {INTERVAL} ms x {MULTIPLIER}, real time {REALTIME}, {ENDS} ends, "
          f"load {min(load):.1f} to {max(load):.1f}: {changes} changes of state; {report}")
    assert changes == 0
    assert all_up(racks)
    assert not report.streams.broken and not report.pings.duplicates, report
