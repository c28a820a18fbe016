"""What a hypervisor's switch, database, addresses and manager may do under steady traffic: what is
lost meanwhile, that nothing goes where it should not, and that all is as before afterwards."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from lab.spoofing import ROWS
from lab.tenants import Tenant
from lab.topology import Lab
from lab.traffic.steady import Steady, plan
from lab.wait import wait_until
from tests.lab.headless_support import guarded_tenant, pairs
from tests.lab.recovery import recovered
from tests.lab.spoof_support import AIMS, Sent, SpoofBed

pytestmark = pytest.mark.timeout(240)
ELSEWHERE = "db3 > "
"""Pings between hypervisors that nothing happens to."""

Fault = Callable[[Lab], None]


@pytest.fixture(scope="module")
def own_lab() -> Iterator[Lab]:
    with Lab(f"vncf{os.getpid()}", peer_options="hold-time 3") as made:
        made.wait_converged()
        yield made


@pytest.fixture(scope="module")
def tenant(own_lab: Lab) -> Tenant:
    return guarded_tenant(own_lab)


def switch_killed(lab: Lab) -> None:
    lab.hypervisors["hv1"].crash_switch()
    lab.hypervisors["hv1"].restart_switch()


def database_killed(lab: Lab) -> None:
    lab.hypervisors["hv1"].database.kill()
    lab.hypervisors["hv1"].start_database()


def database_wiped(lab: Lab) -> None:
    hypervisor = lab.hypervisors["hv1"]
    plugged = [vm for vm in lab.vms.values() if vm.hypervisor is hypervisor]
    hypervisor.lose_database()
    hypervisor.join([lab.nodes["node1"].ovsdb_target])
    hypervisor.wait_bridge()
    hypervisor.plug_many((vm.interface, vm.port.id) for vm in plugged)


def rebooted(lab: Lab) -> None:
    lab.hypervisors["hv1"].reboot()


def vtep_changed(lab: Lab) -> None:
    lab.hypervisors["hv1"].move_vtep("192.0.2.111")


def manager_moved(lab: Lab) -> None:
    hypervisor = lab.hypervisors["hv1"]
    hypervisor.join([lab.nodes["node2"].ovsdb_target])
    wait_until(
        lambda: any(one["element"] == "hv1" and one["owner"] == "node2" and one["connected"]
                    for one in lab.nodes["node2"].client.v1("elements")),
        "hv1 to be node2's", 30,
    )


FAULTS: dict[str, tuple[Fault, bool]] = {
    "ovs-vswitchd killed": (switch_killed, True),
    "ovsdb-server killed": (database_killed, True),
    "database wiped": (database_wiped, True),
    "hypervisor rebooted": (rebooted, True),
    "VTEP changed": (vtep_changed, True),
    "manager moved": (manager_moved, False),
}
"""What is done, and whether packets of its hypervisor may be lost meanwhile."""


@pytest.mark.parametrize("fault", FAULTS)
def test_under_steady_traffic(own_lab: Lab, tenant: Tenant, fault: str) -> None:
    act, may_lose = FAULTS[fault]
    with Steady(plan(pairs(tenant), guarded=True, dhcp=True), warm_up=40) as traffic:
        time.sleep(0.5)
        begun = time.monotonic()
        act(own_lab)
        done = time.monotonic() - begun
        recovered(own_lab, tenant)
        healthy = time.monotonic() - begun
        during = traffic.lap()
        # Whatever was under way has ended by now.
        traffic.lap()
        after = traffic.stop()
    print(f"--- {fault}: done after {done:.1f} s, healthy after {healthy:.1f} s: {during}")
    assert during.denied.leaked == 0 and during.pings.duplicates == 0, during
    assert during.pings.among(ELSEWHERE).lost == 0, during
    assert after.lost == {}, after
    if not may_lose:
        assert during.forwarding_lost == {}, during


@pytest.mark.parametrize("fault", ["ovs-vswitchd killed", "hypervisor rebooted"])
def test_nothing_goes_where_it_should_not_while_a_switch_gets_its_flows(
    own_lab: Lab, tenant: Tenant, fault: str
) -> None:
    """Forged frames, and such to others, all the while that a switch has none, some, or all."""
    bed = SpoofBed(own_lab, tracked=False)
    sent: Sent = []
    ended = threading.Event()

    def forge() -> None:
        while not ended.is_set():
            for row, build in ROWS.items():
                for name in AIMS:
                    aim = bed.aim(name)
                    for frame in build(aim):
                        bed.out.send(frame)
                        time.sleep(0.001)
                    sent.append((row, name, aim))
                if ended.is_set():
                    break

    forger = threading.Thread(target=forge)
    forger.start()
    try:
        FAULTS[fault][0](own_lab)
        recovered(own_lab, tenant)
    finally:
        ended.set()
        forger.join()
    bed.settle()
    leaked = bed.leaked(sent)
    bed.close()
    assert len(sent) > 10
    assert leaked == []
