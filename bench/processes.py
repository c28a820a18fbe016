"""CPU seconds and memory of processes, from /proc (proc(5))."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


class Usage(NamedTuple):
    cpu: float
    """CPU seconds since the process started, user and system."""
    rss: float
    """Resident memory in MB."""


def parse_stat(text: str) -> Usage:
    """Of the content of ``/proc/PID/stat``."""
    fields = text.rpartition(")")[2].split()
    cpu = (int(fields[11]) + int(fields[12])) / TICKS
    return Usage(cpu, int(fields[21]) * PAGE / 1e6)


def snapshot(pids: Mapping[str, int]) -> dict[str, Usage]:
    """Name -> usage, of those that run."""
    found = {}
    for name, pid in pids.items():
        try:
            found[name] = parse_stat(Path(f"/proc/{pid}/stat").read_text())
        except OSError:
            continue
    return found


def spent(before: Mapping[str, Usage], after: Mapping[str, Usage]) -> dict[str, float]:
    """Name -> CPU seconds between two snapshots of the same processes."""
    return {name: round(after[name].cpu - before[name].cpu, 2) for name in after if name in before}


def steal() -> float:
    """Seconds all processors together were taken away by the hypervisor below since boot."""
    return int(Path("/proc/stat").read_text().split("\n", 1)[0].split()[8]) / TICKS


def busy() -> float:
    """CPU seconds of all processes of the machine since boot."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    return (fields[0] + fields[1] + fields[2] + fields[5] + fields[6]) / TICKS
