"""What a restart costs one hypervisor that has thousands of ports.

``python -m bench.restart --ports 5000``: the node is killed and comes back; the same with changes
of configuration made through another node meanwhile; ovs-vswitchd is killed and comes back.  A flow
monitor counts what is touched, pings between real VMs what is lost.  Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from bench import processes
from bench.load import NETWORKS, System, slots, tenants_for, vm_slot
from bench.vnc import Vnc
from lab.hosts.hypervisor import Hypervisor
from lab.traffic.capture import FlowMonitor
from lab.traffic.steady import Plan, Report, Steady
from lab.wait import LabTimeout, wait_until

HYPERVISORS = NODES = 2
MARKS = {
    "configuration": "configuration loaded", "node is up": "is up in",
    "database session": "vnc.ovsdb: session", "switch connected": "vnc.openflow: switch",
    "flows read": "is connected and holds", "deferral over": "start: converged",
}
"""What the log of the node says at each step of its start."""


def say(text: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


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

    def programmed(self, flows: int = 0) -> bool:
        """Whether the switch has confirmed all that it was sent, which makes ``flows``, if that is
        given.  It is the node that is asked: the switch is busy enough."""
        switch = self.system.clients[0].v1(f"elements/{self.hypervisor.name}")["openflow"]
        held = switch["installed_flows"]
        return switch["connected"] and not switch["pending"] and flows in (0, held)

    def traffic(self) -> Steady:
        made = Plan(ping_rate=200)
        vms = self.system.vms
        for source, target in (("va", "vb"), ("va", "vc"), ("vc", "vb"), ("vb", "va")):
            made.ping(vms[source], vms[target].ip, f"{source} > {target}")
        return Steady(made, warm_up=60)

    # ------------------------------------------------------------ the node

    def node_restart(self, meanwhile: Callable[[], int] | None = None) -> dict[str, Any]:
        """kill -9 of the node, ``meanwhile`` (returns how many changes it made), its start.  Times
        are seconds from the start of its process."""
        before = self.hypervisor.flows()
        monitor = FlowMonitor(self.hypervisor)
        with self.traffic() as traffic:
            self.node.kill()
            changes = meanwhile() if meanwhile is not None else 0
            size = self.node.daemon.log.stat().st_size
            begun = time.monotonic()
            self.system.restart_controller()
            self.system.wait_settled(300, 0.02)
            wait_until(self.programmed, "the last deletion", 300, 0.02)
            settled = time.monotonic() - begun
            cpu = processes.snapshot(self.system.processes())
            report = traffic.stop()
        events = monitor.stop()
        after = self.hypervisor.flows()
        return {
            "changes": changes, **_lost(report), "events": events,
            "difference": _difference(before, after),
            "steps": steps(self.node.daemon.log, size), "settled": settled,
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

    # ------------------------------------------------------------ the switch

    def switch_restart(self) -> dict[str, Any]:
        """kill -9 of ovs-vswitchd and its start at once.  Times are seconds from its start."""
        before = _bare(self.hypervisor.flows())
        size = self.node.daemon.log.stat().st_size
        with self.traffic() as traffic:
            node = processes.snapshot({"node": self.node.daemon.pid})["node"]
            killed = time.monotonic()
            self.hypervisor.crash_switch()
            begun = time.time()
            self.hypervisor.restart_switch()
            returned = time.time() - begun

            wait_until(lambda: self.programmed(len(before)), "full tables", 600, 0.1)
            full = time.time() - begun
            cpu = processes.snapshot({"switch": self.hypervisor.switch.pid, "node":
                                      self.node.daemon.pid})
            settled = self.system.wait_settled(300, 0.02) - killed
            report = traffic.stop()
        log = steps(self.node.daemon.log, size, begun)
        return {
            **_lost(report), "control socket answers": returned, "full tables": full,
            "full tables after its connection": full - log.get("switch connected", 0.0),
            "same flows": _bare(self.hypervisor.flows()) == before, "steps": log,
            "settled": settled, "CPU seconds of the new ovs-vswitchd": cpu["switch"].cpu,
            "CPU seconds of the node": round(cpu["node"].cpu - node.cpu, 2),
        }


def _lost(report: Report) -> dict[str, Any]:
    pings = report.pings
    return {"sent": pings.sent, "lost": pings.lost, "duplicates": pings.duplicates,
            "longest_outage": pings.longest_outage}


def _bare(flows: Iterable[str]) -> list[str]:
    return sorted(re.sub(r"cookie=\w+, ?", "", flow) for flow in flows)


def _difference(before: list[str], after: list[str]) -> dict[str, int]:
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--ports", type=int, default=5000)
    parser.add_argument("--lab", default="vncrestart")
    parser.add_argument("--devices", default="dummy", choices=("dummy", "veth"))
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--measures", default="node,changes,switch",
                        type=lambda text: text.split(","))
    options = parser.parse_args()
    system: System = Vnc(options.lab, HYPERVISORS, True, options.devices, NODES)
    figures: dict[str, Any] = {"ports": options.ports}
    try:
        system.up()
        run = Restarts(system, options.ports)
        say(f"{options.ports} ports, {options.ports // max(system.tenants, 1) // NETWORKS} each")
        figures["bulk"] = run.build()
        say(json.dumps(figures))
        measures: dict[str, Callable[[], dict[str, Any]]] = {
            "node": run.node_restart, "changes": lambda: run.node_restart(run.changes),
            "switch": run.switch_restart,
        }
        for name in options.measures:
            for number in range(options.repeat if name != "changes" else 1):
                try:
                    result: Any = measures[name]()
                except (LabTimeout, OSError) as error:
                    result = str(error)
                figures.setdefault(name, []).append(result)
                say(f"{name} {number}: {json.dumps(result)}")
    finally:
        system.down()
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
