"""What it costs that the node which owns a hypervisor dies, and another stands by."""

from __future__ import annotations

import time
from typing import Any

from bench import processes
from bench.restart_node import Restarts, lost, steps
from lab.traffic.capture import FlowMonitor
from lab.wait import wait_until

SENT = ("flow_mods", "bundles", "meter_mods", "errors")
"""Of an element's ``openflow`` in the API: what its node has sent to it since it runs.  Until it is
the owner that is nothing, so these need no value from before."""


def share(run: Restarts) -> None:
    """All nodes are named by the hypervisor; those that do not own it know its flows."""
    # Without waiting: with thousands of ports of type dummy ovs-vswitchd is busy for long.
    run.hypervisor.vsctl("--no-wait", "set-manager",
                         *(node.ovsdb_target for node in run.system.lab.nodes.values()))
    name = run.hypervisor.name

    def warm() -> bool:
        shown = run.system.clients[0].v1(f"elements/{name}")
        return shown["owner"] == "node1" and any(one["warm"] for one in shown.get("standby", ()))

    wait_until(warm, f"node2 to stand by for {name}", 300, 0.5)


def owner_death(run: Restarts) -> dict[str, Any]:
    """kill -9 of the owner; the other node has taken over when the switch has it as MASTER, and is
    written to through its API at once.  Times are seconds from the kill."""
    hypervisor, lab = run.hypervisor, run.system.lab
    share(run)
    heir, api = lab.nodes["node2"], run.system.clients[1]
    size = heir.daemon.log.stat().st_size
    used = processes.snapshot({"heir": heir.daemon.pid})["heir"]
    monitor = FlowMonitor(hypervisor)
    with run.traffic() as traffic:
        begun, wall = time.monotonic(), time.time()
        run.node.kill()
        master = wait_until(lambda: is_master(run), "another MASTER", 60, 0.05) - begun
        settled = wait_until(lambda: is_master(run, True), "it to be done", 60, 0.05) - begun
        shown = api.v1(f"elements/{hypervisor.name}")["openflow"]
        untouched = monitor.stop()
        written = _write(run, wall)
        report = traffic.stop()
    cpu = processes.snapshot({"heir": heir.daemon.pid})["heir"].cpu - used.cpu
    after = api.v1(f"elements/{hypervisor.name}")
    told = steps(heir.daemon.log, size, wall)
    return {
        "MASTER": round(master, 3), "settled": round(settled, 3), "steps": told,
        "role": shown["role"], "owner": after["owner"], **written, **lost(report),
        "events by the takeover": untouched,
        "sent by the takeover": {name: shown[name] for name in SENT},
        "read by the takeover": "flows read" in told,
        "CPU seconds of the new owner": round(cpu, 2),
    }


def is_master(run: Restarts, settled: bool = False) -> float:
    """When the new owner says that the switch takes what it writes: time.monotonic(), else 0.
    ``settled``: and that nothing more waits, deletions neither."""
    shown = run.system.clients[1].v1(f"elements/{run.hypervisor.name}")
    switch = shown.get("openflow") or {}  # Between two owners nobody shows it.
    good = switch.get("role") == "master" and switch["connected"]
    if settled:
        good = good and shown.get("settled") and not switch["pending"]
    return time.monotonic() if good else 0.0


def _write(run: Restarts, wall: float) -> dict[str, float]:
    """Switch a port off by the new owner's API: when the switch's flows followed."""
    port, api = run.ids[-1], run.system.clients[1]
    monitor = FlowMonitor(run.hypervisor)
    asked = time.time()
    api.update("port", port, admin_state_up=False)
    monitor.wait("DELETED", 60)  # With thousands of ports ovs-vswitchd may be busy for long.
    monitor.stop()
    api.update("port", port, admin_state_up=True)
    return {"written": round(monitor.last - wall, 3),
            "from the API call to the switch": round(monitor.last - asked, 3)}
