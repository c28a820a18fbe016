"""``python -m lab.simulated --managers tcp:ADDRESS:PORT,... --count N``: N hypervisors.

Commands come as lines of JSON on standard input, answers go out as lines on standard output:
``{"plug": [[hypervisor, interface, port id], ...]}``, ``{"wait": seconds}`` (until every interface
is marked as installed), ``{"state": true}``.  It ends with its input.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
import time
from typing import Any

from lab.simulated.hypervisor import SimulatedHypervisor


class Fleet:
    """``count`` hypervisors, from sim0 or another ``first`` on, each with an address of
    127.64.0.0/10 and a VTEP of 198.18.0.0/15 (RFC 2544) of its own."""

    def __init__(self, first: int, count: int, managers: list[tuple[str, int]]) -> None:
        self._unmarked: set[str] = set()
        self._changed = asyncio.Event()
        self.hypervisors = [
            SimulatedHypervisor(
                f"sim{number}", f"198.18.{number // 250}.{number % 250 + 1}",
                f"127.64.{number // 250}.{number % 250 + 1}", managers, self._installed,
            )
            for number in range(first, first + count)
        ]

    def _installed(self, interface: str) -> None:
        self._unmarked.discard(interface)
        self._changed.set()

    def plug(self, ports: list[tuple[int, str, str]]) -> None:
        """(hypervisor, interface, port id) each."""
        shares: dict[int, list[tuple[str, str]]] = {}
        for hypervisor, interface, port_id in ports:
            shares.setdefault(hypervisor, []).append((interface, port_id))
        for hypervisor, share in shares.items():
            self._unmarked.update(name for name, _ in share)
            self.hypervisors[hypervisor].plug(share)

    async def wait(self, seconds: float) -> dict[str, Any]:
        """Until every plugged interface is marked; how many are not."""
        deadline = time.monotonic() + seconds
        while self._unmarked and time.monotonic() < deadline:
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), deadline - time.monotonic())
        return {"missing": len(self._unmarked)}

    def state(self) -> dict[str, Any]:
        return {
            "bridged": sum(one.bridged for one in self.hypervisors),
            "flows": sum(len(one.switch.flows) for one in self.hypervisors),
            "flow_mods": sum(one.switch.counters["flow_mods"] for one in self.hypervisors),
        }


async def serve(fleet: Fleet) -> None:
    for hypervisor in fleet.hypervisors:
        hypervisor.start()
    reader = asyncio.StreamReader(limit=1 << 26)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    while line := await reader.readline():
        command = json.loads(line)
        if "plug" in command:
            fleet.plug(command["plug"])
            answer: Any = {}
        elif "wait" in command:
            answer = await fleet.wait(command["wait"])
        else:
            answer = fleet.state()
        print(json.dumps(answer), flush=True)
    for hypervisor in fleet.hypervisors:
        await hypervisor.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m lab.simulated")
    parser.add_argument("--managers", required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--first", type=int, default=0, help="number of the first one")
    options = parser.parse_args()
    managers = []
    for target in options.managers.split(","):
        _, host, port = target.split(":")
        managers.append((host, int(port)))
    asyncio.run(_run(options, managers))


async def _run(options: argparse.Namespace, managers: list[tuple[str, int]]) -> None:
    await serve(Fleet(options.first, options.count, managers))


if __name__ == "__main__":
    main()
