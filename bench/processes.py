"""CPU seconds and memory of the processes of a lab, from /proc."""

from __future__ import annotations

import os
from pathlib import Path

from lab.topology import Lab

TICKS = os.sysconf("SC_CLK_TCK")


def _stat(pid: int) -> tuple[int, float, float]:
    """(parent, CPU seconds, RSS in MB) of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    cpu = (int(fields[11]) + int(fields[12])) / TICKS
    return int(fields[1]), cpu, int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def snapshot(lab: Lab) -> dict[str, tuple[float, float]]:
    """Name -> (CPU seconds so far, RSS in MB).  A node's BGP engine is "<node> bgp"."""
    parents: dict[int, list[int]] = {}
    stats = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                stats[int(entry.name)] = _stat(int(entry.name))
            except OSError:
                continue
    for pid, (parent, _, _) in stats.items():
        parents.setdefault(parent, []).append(pid)
    wanted = {}
    for name, node in lab.nodes.items():
        wanted[name] = node.daemon.pid
        children = parents.get(node.daemon.pid, [])
        if children:
            wanted[f"{name} bgp"] = children[0]
    for name, hypervisor in lab.hypervisors.items():
        wanted[f"{name} ovsdb-server"] = hypervisor.database.pid
        wanted[f"{name} ovs-vswitchd"] = hypervisor.switch.pid
    if lab.etcd is not None:
        wanted["etcd"] = lab.etcd.daemon.pid
    return {name: stats[pid][1:] for name, pid in wanted.items() if pid in stats}


def spent(
    before: dict[str, tuple[float, float]], after: dict[str, tuple[float, float]]
) -> dict[str, float]:
    """Name -> CPU seconds between two snapshots."""
    return {name: round(after[name][0] - before[name][0], 2) for name in after if name in before}
