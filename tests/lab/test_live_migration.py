"""VMs that move while they run, to another hypervisor of the same node and of another one: what is
lost of traffic in both families, and where the port is at each step."""

from __future__ import annotations

import itertools
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from lab.hosts.hypervisor import Hypervisor
from lab.hosts.migrating import MigratingVm
from lab.tenants import Tenant, new_tenant
from lab.topology import Lab
from lab.traffic.ping import PingStream, ping
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


def ready(lab: Lab, vm: MigratingVm, host: str) -> str:
    """Wait until the target has the flows for what the port's tap there sends; returns the tap's
    OpenFlow number."""
    hypervisor = lab.hypervisors[host]
    number = hypervisor.vsctl("get", "Interface", vm.interface, "ofport").strip()
    wait_until(lambda: flows_from(hypervisor, number),
               f"{host} to have the flows of {vm.name}", 15)
    return number


def flows_from(hypervisor: Hypervisor, number: str) -> list[str]:
    """The flows of an OpenFlow port, by its number."""
    return [flow for flow in hypervisor.flows() if f"in_port={number}," in flow.replace(" ", ",")]


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


def survived(report: Report, moves: int) -> None:
    print(report)
    assert report.pings.longest_outage < GAP, report
    assert not report.streams.broken, report
    # One whose first answer was lost is begun again by its client, who may not wait so long.
    lost = report.connections.attempted - report.connections.succeeded
    assert lost <= moves, report
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
    survived(traffic.report, 3 * ROUNDS)


def test_without_port_security_and_without_bindings(site: tuple[Lab, Tenant]) -> None:
    """``migrating_to`` of the profile says where it goes, as Nova without the API of bindings does;
    the first frame of the guest, whatever it is, says that it is there."""
    lab, tenant = site
    vm = start(lab, tenant, port_security_enabled=False)
    stream = PingStream(tenant.vms["web4"].space, vm.ip, interval=0.01)
    try:
        stream.wait_reply()
        for host in ("hv2", "hv3", "hv1"):
            source = vm.hypervisor
            tenant.client.update("port", vm.port.id, **{"binding:profile": {"migrating_to": host}})
            vm.prepare(lab.hypervisors[host])
            wait_until(lambda to=host: _waits(tenant, vm, to), f"{host} to wait", 15)
            vm.arrive(lab.hypervisors[host], announce=False)
            ping(vm.space, tenant.vms["web1"].ip, 2, wait=0.5)
            wait_until(lambda to=host: place(tenant, vm) == ("ACTIVE", to), f"ACTIVE on {host}", 15)
            assert tenant.client.show("port", vm.port.id)["binding:profile"] == {}
            vm.release(source)
        count = len(stream.result().replies)
        wait_until(lambda: len(stream.result().replies) > count + 20, "replies afterwards", 15)
    finally:
        result = stream.stop()
        stop(tenant, vm)
    print(f"longest gap {result.longest_gap():.3f} s, lost {result.lost} of {result.sent}")
    assert result.longest_gap() < GAP


def test_a_move_that_is_taken_back_costs_nothing(
    site: tuple[Lab, Tenant], guest: MigratingVm
) -> None:
    """At the targets are VMs that talk with the guest.  The tap there is a port of Open vSwitch
    without a device, which serves as nobody sends at it: a device that comes or goes costs single
    packets of tunnels by itself (docs/operations.md)."""
    lab, tenant = site
    flows = plan([(tenant.vms["web4"], guest), (guest, tenant.vms["web3"])])
    with Steady(flows) as traffic:
        for host in ("hv2", "hv3"):
            target = lab.hypervisors[host]
            bind(tenant, guest, host)
            target.plug_dummies([(guest.interface, guest.port.id)])
            number = ready(lab, guest, host)
            assert bindings(tenant, guest) == {"hv1": "ACTIVE", host: "INACTIVE"}
            unbind(tenant, guest, host)
            target.unplug(guest.interface)
            wait_until(lambda at=target, port=number: not flows_from(at, port),
                       f"{host} to have no flows of {guest.name}", 15)
        time.sleep(0.5)
    assert traffic.report.lost == {}, traffic.report
    assert place(tenant, guest) == ("ACTIVE", "hv1")


def test_the_api_activates_what_says_nothing(
    site: tuple[Lab, Tenant], guest: MigratingVm
) -> None:
    """A guest that only listens, of a hypervisor that died: its binding is activated."""
    lab, tenant = site
    bind(tenant, guest, "hv3")
    guest.prepare(lab.hypervisors["hv3"])
    wait_until(lambda: _waits(tenant, guest, "hv3"), "hv3 to wait", 15)
    guest.arrive(lab.hypervisors["hv3"], announce=False)
    assert place(tenant, guest) == ("ACTIVE", "hv1")
    tenant.client.put(f"/v2.0/ports/{guest.port.id}/bindings/hv3/activate", None)
    wait_until(lambda: place(tenant, guest) == ("ACTIVE", "hv3"), "ACTIVE on hv3", 15)
    wait_until(lambda: ping(tenant.vms["web4"].space, guest.ip, 1, wait=0.3).ok, "an answer", 10)
    # What still comes from where it was changes nothing.
    assert bindings(tenant, guest) == {"hv3": "ACTIVE", "hv1": "INACTIVE"}


def test_a_node_that_is_killed_while_a_guest_moves(
    site: tuple[Lab, Tenant], guest: MigratingVm
) -> None:
    """The target's node is away when the guest comes; it is heard when that is back."""
    lab, tenant = site
    bind(tenant, guest, "hv3")
    guest.prepare(lab.hypervisors["hv3"])
    wait_until(lambda: _waits(tenant, guest, "hv3"), "hv3 to wait", 15)
    node = lab.nodes["node2"]
    node.kill()
    guest.arrive(lab.hypervisors["hv3"])
    node.restart()
    node.client.wait_healthy()
    stream = PingStream(guest.space, tenant.vms["web1"].ip, interval=0.05)
    try:
        stream.wait_reply()
    finally:
        stream.stop()
    wait_until(lambda: place(tenant, guest) == ("ACTIVE", "hv3"), "ACTIVE on hv3", 15)
    wait_until(lambda: bindings(tenant, guest)["hv3"] == "ACTIVE", "the binding to follow", 15)


def test_a_plain_move_is_as_fast(site: tuple[Lab, Tenant], guest: MigratingVm) -> None:
    """Claimed at the target, and not at the source any more: without a word to the API."""
    lab, tenant = site
    tenant.client.update("port", guest.port.id, **{"binding:host_id": ""})
    stream = PingStream(tenant.vms["web4"].space, guest.ip, interval=0.01)
    try:
        stream.wait_reply()
        for host in ("hv2", "hv3", "hv1"):
            source = guest.hypervisor
            guest.prepare(lab.hypervisors[host])
            ready(lab, guest, host)
            guest.arrive(lab.hypervisors[host])
            source.unplug(guest.interface, wait=False)
            wait_until(lambda to=host: place(tenant, guest) == ("ACTIVE", to), f"on {host}", 15)
            guest.release(source)
        count = len(stream.result().replies)
        wait_until(lambda: len(stream.result().replies) > count + 20, "replies afterwards", 15)
    finally:
        result = stream.stop()
    print(f"longest gap {result.longest_gap():.3f} s, lost {result.lost} of {result.sent}")
    assert result.longest_gap() < GAP


def test_a_guest_that_only_receives_goes_on_receiving(
    site: tuple[Lab, Tenant], guest: MigratingVm
) -> None:
    """It has begun the connection, nobody may begin one to it, and nothing but acknowledgements
    comes from it: what is sent to it while nothing is known of the connection where it came to
    must reach it."""
    lab, tenant = site
    client = tenant.client
    group = client.post("/v2.0/security-groups", {"security_group": {
        "name": "closed", "project_id": tenant.project_id}})["security_group"]["id"]
    client.update("port", guest.port.id, security_groups=[group])
    server = tenant.vms["db3"]
    guard(client, tenant.project_id, [server])
    source = subprocess.Popen(
        [*server.space.prefix, sys.executable, "-c", _SOURCE], stdout=subprocess.PIPE, text=True,
    )
    sink = None
    try:
        source.stdout.readline()
        sink = subprocess.Popen(
            [*guest.space.prefix, sys.executable, "-c", _SINK, server.ip],
            stdout=subprocess.PIPE, text=True,
        )
        assert sink.stdout.readline() == "begun\n"
        for host in ("hv2", "hv3"):
            migrate(lab, tenant, guest, host)
            # The first that comes afterwards is the server's.
            source.send_signal(signal.SIGUSR1)
            assert _line_of(sink, 20) == "more\n", host
        # What begins one is not let in, neither then nor now.
        assert not ping(server.space, guest.ip, 2, wait=0.5).received
        refused = server.space.run(
            [sys.executable, "-c", _CONNECT, guest.ip], check=False).stdout.strip()
        assert refused == "nobody answers"
    finally:
        for process in filter(None, (source, sink)):
            process.kill()
            process.wait()
            process.stdout.close()


def _line_of(process: subprocess.Popen, seconds: float) -> str:
    """The next line that a process writes, or "" when none comes in time."""
    return process.stdout.readline() if select.select([process.stdout], [], [], seconds)[0] else ""


_SOURCE = """
import signal, socket
server = socket.create_server(("", 7001))
print("listening", flush=True)
taken = server.accept()[0]
signal.signal(signal.SIGUSR1, lambda *_: taken.send(b"more\\n"))
taken.send(b"begun\\n")
while True:
    signal.pause()
"""
_SINK = """
import socket, sys
for line in socket.create_connection((sys.argv[1], 7001)).makefile():
    print(line, end="", flush=True)
"""
_CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], 22), 1.5)
    print("connected")
except TimeoutError:
    print("nobody answers")
except OSError as error:
    print(error)
"""
