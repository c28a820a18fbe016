"""One hypervisor with all ports of a load, and what a restart of its node costs.

The node is killed and comes back, with or without changes of configuration made through the other
node meanwhile.  A flow monitor counts what is touched, pings between real VMs what is lost.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from bench import processes
from bench.load import slots, tenants_for, vm_slot
from bench.vnc import Vnc
from lab.hosts.hypervisor import Hypervisor
from lab.traffic.capture import FlowMonitor
from lab.traffic.steady import Plan, Report, Steady
from lab.wait import wait_until

HYPERVISORS = NODES = 2
MARKS = {
    "configuration": "configuration loaded", "node is up": "is up in",
    "database session": "vnc.ovsdb: session", "switch connected": " connected from ",
    "flows read": "is connected and holds", "deferral over": "start: converged",
    "given": "is given hv1",
}
"""What the log of a node says at each step of its start, or as it takes a hypervisor over."""


class Restarts:
    """All ports are on the first hypervisor, whose node is the first; the second hypervisor has a
    VM alone."""

    def __init__(self, system: Vnc, ports: int) -> None:
        self.system, self.ports = system, ports
        self.hypervisor: Hypervisor = system.hypervisors[0]
        self.node = system.lab.nodes["node1"]
        self.ids: list[str] = []

    def build(self) -> dict[str, Any]:
        system = self.system
        system.create_tenants(tenants_for(self.ports))
        wanted = slots(0, self.ports, system.tenants, 1)
        begun = time.monotonic()
        self.ids = system.create_ports(wanted)
        system.make_devices(wanted)
        system.plug(list(zip(wanted, self.ids, strict=True)))
        for number, (name, network, hypervisor) in enumerate(
            (("va", 0, 0), ("vb", 1, 0), ("vc", 0, 1))
        ):
            system.add_vm(vm_slot(name, number, network, hypervisor))
        system.wait_settled(900, 0.05)
        return {"seconds": time.monotonic() - begun, "flows": len(self.hypervisor.flows())}

    def programmed(self) -> bool:
        """Whether the switch has confirmed all that it was sent.  It is the node that is asked: the
        switch is busy enough.  The answer names every port, so this is not to be asked often."""
        switch = self.system.clients[0].v1(f"elements/{self.hypervisor.name}")["openflow"]
        return switch["connected"] and not switch["pending"] and not switch["held"]

    def traffic(self) -> Steady:
        made = Plan(ping_rate=200)
        vms = self.system.vms
        for source, target in (("va", "vb"), ("va", "vc"), ("vc", "vb"), ("vb", "va")):
            made.ping(vms[source], vms[target].ip, f"{source} > {target}")
            made.deny(vms[source], vms[target], vms[target].ip)
        return Steady(made, warm_up=60)

    # ------------------------------------------------------------ the node

    def node_restart(self, meanwhile: Callable[[], int] | None = None) -> dict[str, Any]:
        """kill -9 of the node, ``meanwhile`` (returns how many changes it made), its start.  Times
        are seconds from the start of its process; "last change": when the switch told of it."""
        before = self.hypervisor.flows()
        monitor = FlowMonitor(self.hypervisor)
        with self.traffic() as traffic:
            self.node.kill()
            changes = meanwhile() if meanwhile is not None else 0
            size = self.node.daemon.log.stat().st_size
            begun = time.time()
            self.system.restart_controller()
            self.system.wait_settled(300, 0.1)
            wait_until(self.programmed, "the last deletion", 300, 0.3)
            settled = time.time() - begun
            cpu = processes.snapshot(self.system.processes())
            report = traffic.stop()
        events = monitor.stop()
        after = self.hypervisor.flows()
        told = steps(self.node.daemon.log, size, begun)
        return {
            "changes": changes, **lost(report), "events": events,
            "difference": difference(before, after), "steps": told,
            **_after(monitor.last - begun if monitor.last else 0.0, told), "settled": settled,
            "CPU seconds of the new node": cpu["node1"].cpu,
        }

    def changes(self, count: int = 500) -> int:
        """``count`` changes of configuration, made at the other node: of ten, three ports are
        deleted, four switched off, two get another group, and a group gets a rule."""
        api = self.system.clients[1]
        tenth = count // 10
        gone, down, other = (
            self.ids[at * tenth : (at + size) * tenth] for at, size in ((0, 3), (3, 4), (7, 2))
        )
        for port in gone:
            api.remove("port", port)
        for port in down:
            api.update("port", port, admin_state_up=False)
        groups = self.system.security_groups
        for port in other:
            api.update("port", port, security_groups=[groups[-1]])
        for number in range(tenth):
            api.post("/v2.0/security-group-rules", {"security_group_rule": {
                "security_group_id": groups[number % len(groups)], "direction": "ingress",
                "ethertype": "IPv4", "protocol": "tcp", "port_range_min": 20000 + number,
                "port_range_max": 20000 + number}})
        self.system.ports -= len(gone)
        self.system.bound.difference_update(gone, down)
        self.ids = self.ids[9 * tenth :]
        return 10 * tenth


def _after(last: float, told: dict[str, float]) -> dict[str, float]:
    """The switch's last change, in seconds from the node's start and from two of its steps."""
    return {"last change": last, **({
        f"last change after {step}": round(last - told[step], 3)
        for step in ("node is up", "switch connected") if step in told
    } if last else {})}


def lost(report: Report) -> dict[str, Any]:
    """What became of the traffic; ``leaked``: of the attempts that must fail."""
    pings = report.pings
    return {"sent": pings.sent, "lost": pings.lost, "duplicates": pings.duplicates,
            "longest_outage": pings.longest_outage, "denied": report.denied.attempted,
            "leaked": report.denied.leaked}


def bare(flows: Iterable[str]) -> list[str]:
    return sorted(re.sub(r"cookie=\w+, ?", "", flow) for flow in flows)


def difference(before: list[str], after: list[str]) -> dict[str, int]:
    old, new = ({flow.partition(" actions=")[0]: flow for flow in flows} for flows in
                (before, after))
    return {
        "ADDED": len(new.keys() - old.keys()), "DELETED": len(old.keys() - new.keys()),
        "MODIFIED": sum(old[key] != new[key] for key in old.keys() & new.keys()),
    }


def steps(log: Path, offset: int, begun: float = 0.0) -> dict[str, float]:
    """When the log first told of each step, in seconds from its first line after ``offset``, or
    from the time of day ``begun``."""
    found: dict[str, float] = {}
    with open(log, "rb") as file:
        file.seek(offset)
        for line in file.read().decode(errors="replace").splitlines():
            try:
                when = datetime.fromisoformat(line.split(" ", 1)[0]).timestamp()
            except ValueError:
                continue
            begun = begun or when
            for step, text in MARKS.items():
                if text in line and step not in found:
                    found[step] = round(when - begun, 3)
    return found
