"""What a lab of racks is asked: who reaches whom on which path."""

from __future__ import annotations

import re

from lab.hosts.hypervisor import Hypervisor
from lab.topology import Lab, in_parallel

_RECEIVED = re.compile(r"(\d+) received")


def answered(here: Hypervisor, there: Hypervisor, path: int, count: int = 3) -> int:
    """How many of ``count`` pings from VTEP to VTEP on a path came back."""
    shown = here.run([
        "ping", "-n", "-q", "-c", str(count), "-i", "0.02", "-W", "1",
        "-I", here.uplinks[path].address, there.uplinks[path].address,
    ], check=False, timeout=60)  # fmt: skip
    found = _RECEIVED.search(shown)
    assert found, shown
    return int(found[1])


def reach(lab: Lab) -> set[tuple[str, str, int]]:
    """(hypervisor, hypervisor, path) of all that reach each other, each pair in its order."""
    hosts = list(lab.hypervisors.values())
    pairs = [
        (a, b, path)
        for index, a in enumerate(hosts) for b in hosts[index + 1:]
        for path in range(len(a.uplinks))
    ]  # fmt: skip
    found = in_parallel((lambda pair=pair: answered(*pair)) for pair in pairs)
    return {(a.name, b.name, path) for (a, b, path), count in zip(pairs, found, strict=True)
            if count}  # fmt: skip


def echoes(host: Hypervisor) -> int:
    """How many echo requests the hypervisor itself has received (proc(5), net/snmp)."""
    names, values = host.space.run(["grep", "^Icmp:", "/proc/net/snmp"]).stdout.splitlines()
    return int(values.split()[names.split().index("InEchos")])
