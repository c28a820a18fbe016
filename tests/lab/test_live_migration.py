"""VMs that move while they run, to another hypervisor of the same node and of another one: what is
lost of traffic in both families, and where the port is at each step."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator

import pytest

from lab.client import ApiError
from lab.hosts.migrating import MigratingVm
from lab.tenants import Tenant, new_tenant
from lab.topology import Lab
from lab.traffic.ping import PingStream
from lab.traffic.steady import Report, Steady, guard, plan
from lab.wait import wait_until
from tests.lab.conftest import PEER_OPTIONS

pytestmark = pytest.mark.timeout(300)

GAP = 0.5
"""Seconds without an answer that a guest which moves may cost."""
ROUNDS = int(os.environ.get("MIGRATIONS", "1"))
"""How often a guest goes through all hypervisors in the test under traffic."""
NUMBERS = itertools.count(31)


@pytest.fixture(scope="module")
def site() -> Iterator[tuple[Lab, Tenant]]:
    with Lab(f"vncmig{os.getpid()}", peer_options=PEER_OPTIONS) as lab:
        lab.wait_converged()
        tenant = new_tenant("red", lab.nodes["node1"].client, ipv6=True)
        tenant.create_vms(lab, (("web1", "hv1"), ("web3", "hv2"), ("web4", "hv3"), ("db3", "hv3")))
        tenant.wait_active()
        yield lab, tenant


def start(lab: Lab, tenant: Tenant, home: str = "hv1", **fields: object) -> MigratingVm:
    """A VM of the network web that can move, at ``home``, answering."""
    name = f"web{next(NUMBERS)}"
    body = tenant.port_body(name, **fields)
    port = tenant.client.create("port", **{"binding:host_id": home, **body})
    spec = tenant.port_spec(name, port)
    vm = MigratingVm(lab.name, f"{tenant.name}-{name}", spec, lab.journal)
    vm.create()
    vm.plug(lab.hypervisors[home])
    tenant.client.wait_ports([port["id"]])
    return vm


def stop(tenant: Tenant, vm: MigratingVm) -> None:
    vm.delete()
    tenant.client.remove("port", vm.port.id)


@pytest.fixture
def guest(site: tuple[Lab, Tenant]) -> Iterator[MigratingVm]:
    lab, tenant = site
    vm = start(lab, tenant)
    try:
        yield vm
    finally:
        stop(tenant, vm)


def bindings(tenant: Tenant, vm: MigratingVm) -> dict[str, str]:
    found = tenant.client.get(f"/v2.0/ports/{vm.port.id}/bindings")["bindings"]
    return {one["host"]: one["status"] for one in found}


def bind(tenant: Tenant, vm: MigratingVm, host: str) -> None:
    tenant.client.post(f"/v2.0/ports/{vm.port.id}/bindings", {"binding": {"host": host}})


def unbind(tenant: Tenant, vm: MigratingVm, host: str) -> None:
    tenant.client.delete(f"/v2.0/ports/{vm.port.id}/bindings/{host}")


def place(tenant: Tenant, vm: MigratingVm) -> tuple[str, str]:
    port = tenant.client.show("port", vm.port.id)
    return port["status"], port["binding:host_id"]


def ready(lab: Lab, vm: MigratingVm, host: str) -> None:
    """The target has the port's flows beforehand."""
    wait_until(lambda: any(vm.port.mac in flow for flow in lab.hypervisors[host].flows()),
               f"{host} to have the flows of {vm.name}", 15)


def migrate(lab: Lab, tenant: Tenant, vm: MigratingVm, host: str) -> None:
    """As Nova and libvirt do it, through the API of bindings."""
    source = vm.hypervisor
    assert source is not None
    bind(tenant, vm, host)
    vm.prepare(lab.hypervisors[host])
    wait_until(lambda: _waits(tenant, vm, host), f"{host} to wait for {vm.name}", 15)
    vm.arrive(lab.hypervisors[host])
    wait_until(lambda: bindings(tenant, vm) == {host: "ACTIVE", source.name: "INACTIVE"},
               f"the binding on {host} to be the ACTIVE one", 15)
    wait_until(lambda: place(tenant, vm) == ("ACTIVE", host), f"{vm.name} ACTIVE on {host}", 15)
    vm.release(source)
    unbind(tenant, vm, source.name)


def _waits(tenant: Tenant, vm: MigratingVm, host: str) -> bool:
    claims = tenant.client.get(f"/v1/ports/{vm.port.id}")["claims"]
    return any(claim["host"] == host and "takes over" in claim["reason"] for claim in claims)


def survived(report: Report) -> None:
    print(report)
    assert report.pings.longest_outage < GAP, report
    assert not report.streams.broken, report
    assert report.streams.longest_stall < 3, report
    assert report.connections.succeeded == report.connections.attempted, report
    assert report.denied.leaked == 0, report


def test_a_guest_moves_through_all_hypervisors_and_nothing_ends(
    site: tuple[Lab, Tenant], guest: MigratingVm
) -> None:
    lab, tenant = site
    peers = [tenant.vms["web3"], tenant.vms["db3"], tenant.vms["web1"]]
    guard(tenant.client, tenant.project_id, [*peers, guest])
    pairs = [(peer, guest) for peer in peers] + [(guest, peer) for peer in peers]
    with Steady(plan(pairs, guarded=True)) as traffic:
        for host in ("hv2", "hv3", "hv1") * ROUNDS:
            migrate(lab, tenant, guest, host)
            time.sleep(0.5)
    survived(traffic.report)
