"""What a bridge's flow monitor tells while a block runs."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from lab.beds.ovsdb_bed import Hypervisor

MARK = "cookie=0xe0d"


@contextlib.contextmanager
def flow_changes(hypervisor: Hypervisor) -> Iterator[list[str]]:
    """Each change of a flow of br-int, as a line of ``ovs-ofctl monitor``; whole when it ends."""
    bridge = f"{hypervisor.directory}/br-int.mgmt"
    out = hypervisor.directory / "flow-changes"
    lines: list[str] = []
    with open(out, "wb") as file:
        process = subprocess.Popen(
            ["ovs-ofctl", "-O", "OpenFlow14", "monitor", bridge, "watch:!initial"],
            stdout=file, stderr=subprocess.STDOUT, env=hypervisor.environment,
        )
    try:
        assert any(_marked(hypervisor, bridge, out, number, 0.5) for number in range(40))
        start = len(out.read_text().splitlines())
        yield lines
        assert _marked(hypervisor, bridge, out, 99, 30.0)
        lines += [line.strip() for line in out.read_text().splitlines()[start:]
                  if "event=" in line and MARK not in line]
    finally:
        process.terminate()
        process.wait()


def _marked(
    hypervisor: Hypervisor, bridge: str, out: Path, number: int, seconds: float
) -> bool:
    """Whether the monitor tells of a change of ours, which comes after all that was before it."""
    cookie = f"{MARK}{number:02d}"
    hypervisor.ofctl("-O", "OpenFlow14", "add-flow", bridge, f"{cookie},table=253,actions=drop")
    hypervisor.ofctl("-O", "OpenFlow14", "del-flows", bridge, f"{cookie}/-1")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if any(cookie in line and "DELETED" in line for line in out.read_text().splitlines()):
            return True
        time.sleep(0.02)
    return False
