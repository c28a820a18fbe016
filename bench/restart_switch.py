"""What it costs that ovs-vswitchd dies and comes back, with a node and by itself.

By itself: the same database and the same flows, which ``ovs-ofctl --bundle add-flows`` puts in as
soon as the switch answers OpenFlow, while no node runs.  What that takes is Open vSwitch's own.
"""

from __future__ import annotations

import re
import tempfile
import time
from typing import Any

from bench import processes
from bench.restart_node import Restarts, bare, lost, steps
from bench.switch_clock import SwitchClock
from lab.hosts.hypervisor import OPENFLOW
from lab.net import CommandError
from lab.wait import wait_until

END = 120.0
"""Seconds that a killed switch may take to end: the kernel closes every device."""


def crash(run: Restarts) -> None:
    """kill -9 of ovs-vswitchd, and its sockets go: what is there afterwards is the next one's."""
    hypervisor = run.hypervisor
    hypervisor.switch.kill(END)
    for name in ("ovs-vswitchd.ctl", "br-int.mgmt"):
        (hypervisor.directory / name).unlink(missing_ok=True)


def restore(run: Restarts) -> None:
    """What an operator's scripts do after the start of a switch that is up."""
    hypervisor = run.hypervisor
    wait_until(lambda: hypervisor.appctl("version", check=False), "its control socket", 60)
    hypervisor.put_vtep_addresses()


def switch_restart(run: Restarts) -> dict[str, Any]:
    """With its node.  Times are seconds from the start of ovs-vswitchd."""
    hypervisor, node = run.hypervisor, run.node
    before = bare(hypervisor.flows())
    size = node.daemon.log.stat().st_size
    with run.traffic() as traffic:
        used = processes.snapshot({"node": node.daemon.pid})["node"]
        crash(run)
        clock = SwitchClock(hypervisor, len(before))
        begun, wall = time.monotonic(), time.time()
        hypervisor.switch.start()
        wait_until(lambda: clock.ports, "ovs-vswitchd to make its ports", 600)
        restore(run)
        clock.wait(600)
        cpu = processes.snapshot({"switch": hypervisor.switch.pid, "node": node.daemon.pid})
        settled = run.system.wait_settled(300, 0.1) - begun
        report = traffic.stop()
    assert clock.full is not None and clock.answered is not None
    return {
        **lost(report), **clock.since(begun),
        "from hello to full tables": round(clock.full - clock.answered, 3),
        "CPU seconds from hello to full tables": clock.cpu,
        "same flows": bare(hypervisor.flows()) == before,
        "steps": steps(node.daemon.log, size, wall), "settled": settled,
        "CPU seconds of the new ovs-vswitchd": cpu["switch"].cpu,
        "CPU seconds of the node": round(cpu["node"].cpu - used.cpu, 2),
    }


def bare_restart(run: Restarts) -> dict[str, Any]:
    """Without any node; they are back at the end."""
    hypervisor = run.hypervisor
    flows, groups = saved(run)
    nodes = list(run.system.lab.nodes.values())
    for node in nodes:
        node.kill()
    try:
        crash(run)
        clock = SwitchClock(hypervisor, len(flows))
        begun = time.monotonic()
        hypervisor.switch.start()
        wait_until(lambda: clock.answered, "OpenFlow's hello", 600, 0.005)
        sent = time.monotonic()
        with tempfile.NamedTemporaryFile("w", suffix=".flows") as file:
            file.write("\n".join(flows) + "\n")
            file.flush()
            if groups:
                hypervisor.run(["ovs-ofctl", "-O", OPENFLOW, "add-groups", "br-int", "-"],
                               stdin="\n".join(groups) + "\n")
            hypervisor.run(["ovs-ofctl", "-O", OPENFLOW, "-vconsole:off", "--bundle", "add-flows",
                            "br-int", file.name], timeout=600)
        command = time.monotonic() - sent
        clock.wait(600)
        cpu = processes.snapshot({"switch": hypervisor.switch.pid})
        restore(run)
    finally:
        for node in nodes:
            node.start()
    run.system.wait_settled(300, 0.1)
    wait_until(run.programmed, "the nodes to be done", 300, 0.5)
    assert clock.full is not None and clock.answered is not None
    return {
        **clock.since(begun),
        "from hello to full tables": round(clock.full - clock.answered, 3),
        "CPU seconds from hello to full tables": clock.cpu, "ovs-ofctl": round(command, 3),
        "CPU seconds of the new ovs-vswitchd": cpu["switch"].cpu,
    }


def saved(run: Restarts) -> tuple[list[str], list[str]]:
    """(flows, groups) of the bridge as ovs-ofctl takes them again.  Meters are left out, as each
    would be a command of its own; there are as many flows without them."""
    hypervisor = run.hypervisor
    text = hypervisor.ofctl("--no-names", "--no-stats", "dump-flows", "br-int")
    flows = [re.sub(r"meter:\d+,?", "", line.strip()) for line in text.splitlines()
             if "actions=" in line]
    try:
        text = hypervisor.ofctl("--no-names", "dump-groups", "br-int")
    except CommandError:
        text = ""
    return flows, [line.strip() for line in text.splitlines() if "group_id" in line]
