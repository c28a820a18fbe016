"""The demo with a clock: how soon a new port works, and what a node's death costs."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict

from lab.demo.report import Report
from lab.hosts.vm import PortSpec, Vm
from lab.tenants import Tenant, vm_address
from lab.topology import Lab
from lab.traffic.capture import FlowMonitor
from lab.traffic.ping import PingStream

FIRST_PINGS = 5


def first_ping(lab: Lab, report: Report, red: Tenant) -> None:
    """Time from the API call to the first reply, the VM being ready to be plugged."""
    report.say(f"{FIRST_PINGS} new ports, one by one: API call, plug, first ping")
    times = []
    for number in range(FIRST_PINGS):
        times.append(time_first_ping(lab, red, f"web{50 + number}"))
        red.remove_vm(lab, f"web{50 + number}")
    report.check("time from API call to first ping", True,
                 f"median {statistics.median(times) * 1000:.0f} ms of "
                 + ", ".join(f"{value * 1000:.0f}" for value in times))


def time_first_ping(lab: Lab, tenant: Tenant, name: str, hypervisor: str = "hv2") -> float:
    """Seconds from POST /v2.0/ports to the first echo reply from a VM on another node."""
    mac = f"fa:16:3e:99:00:{int(name.lstrip('web')):02x}"
    address = vm_address(name)
    gateway = tenant.gateway("web")
    vm = Vm(lab.name, f"{tenant.name}-{name}",
            PortSpec(f"{name:x<11}", mac, f"{address}/24", gateway), lab.journal)
    vm.create()
    vm.wire(lab.hypervisors[hypervisor])
    stream = PingStream(tenant.vms["web4"].space, address, interval=0.005)
    time.sleep(0.1)
    start = time.time()
    port = tenant.client.create("port", **tenant.port_body(name, mac_address=mac))
    vm.adopt(port["id"])
    vm.claim(wait=False)
    tenant.vms[name] = lab.vms[vm.name] = vm
    try:
        answered = stream.wait_reply()
    finally:
        stream.stop()
    return answered - start


def node_killed(lab: Lab, report: Report, red: Tenant) -> None:
    """kill -9 of a node and its restart, under traffic between two nodes' hypervisors."""
    node = next(iter(lab.nodes.values()))
    report.say(f"kill -9 of {node.name} and restart, under a routed ping at more than 100/s")
    monitors = [FlowMonitor(lab.hypervisors[name]) for name in lab.owners[node.name]]
    stream = PingStream(red.vms["web1"].space, red.vms["db3"].ip, interval=0.008)
    time.sleep(0.5)
    node.kill()
    time.sleep(0.5)
    node.restart()
    red.wait_active()
    lab.wait_converged()
    node.client.wait_healthy()
    result = stream.stop()
    changes: dict[str, int] = defaultdict(int)
    for monitor in monitors:
        for event, count in monitor.stop().items():
            changes[event] += count
    report.check("no packet lost while a node is killed and restarted",
                 result.sent > 100 and result.lost == 0, f"{result.lost} of {result.sent} lost")
    report.check("flows deleted or added by the restart",
                 changes["DELETED"] == 0 and changes["ADDED"] == 0,
                 f"{changes['DELETED']} deleted, {changes['ADDED']} added")
