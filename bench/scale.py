"""One node with many hypervisors: ``python -m bench.scale [--hypervisors 500] [--ports 50000]``.

The hypervisors are simulated (:mod:`lab.simulated`): what a node costs is measured, not what the
switches cost.  Tenants of 50 ports in five networks with a router (:mod:`bench.load`), each tenant
on ten hypervisors.  "confirmed": from the plug until the node says that the port is ACTIVE, so the
switch has acknowledged its flows.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import processes
from bench.load import NETWORKS, PORTS_PER_TENANT, PREFIX
from lab.beds.openflow_bed import free_port
from lab.client import ApiError, Client
from lab.wait import wait_until

SPREAD = 10
"""Hypervisors of one tenant."""
BULK = 1000
"""Ports that are created and plugged in one step."""


class Fleet:
    """Simulated hypervisors in a process of their own."""

    def __init__(self, count: int, manager: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "lab.simulated", "--managers", manager, "--count", str(count)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        self.pid = self._process.pid

    def ask(self, **command: Any) -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)


@contextlib.contextmanager
def node(directory: Path, hypervisors: int) -> Iterator[tuple[subprocess.Popen, Client, str]]:
    """A node on loopback with a database in ``directory``: process, client, OVSDB target."""
    api, ovsdb, openflow = (free_port() for _ in range(3))
    config = directory / "node.conf"
    config.write_text(
        f"[DEFAULT]\nofp_listen_host = 127.0.0.1\nofp_tcp_listen_port = {openflow}\n"
        f"[node]\nname = scale\n[store]\nbackend = sqlite\npath = {directory}/config.db\n"
        f"[ovsdb]\nlisten = ptcp:{ovsdb}:127.0.0.1\n"
        f"controller_target = tcp:127.0.0.1:{openflow}\n[bgp]\nlisten =\n"
        f"[api]\nhost = 127.0.0.1\nport = {api}\n"
    )
    with open(directory / "node.log", "wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "ryu_apps.manager", "ryu_apps.vnc_node", "--config-file",
             str(config), "--ofp-tcp-listen-port", str(openflow)],
            stdout=log, stderr=log,
        )
    try:
        client = Client(f"http://127.0.0.1:{api}", timeout=300)

        def up() -> bool:
            with contextlib.suppress(OSError, ApiError):
                client.health()
                return True
            return False

        wait_until(up, "the node's API", 60, 0.1, log=directory / "node.log")
        yield process, client, f"tcp:127.0.0.1:{ovsdb}"
    finally:
        process.terminate()
        process.wait(30)


def create_tenants(client: Client, count: int) -> list[str]:
    """Networks, five a tenant, each with a subnet on the tenant's router: their ids."""
    found: list[str] = []
    for tenant in range(count):
        router = client.create("router", name=f"r{tenant}")
        networks = client.create_many(
            "network", [{"name": f"t{tenant}n{at}"} for at in range(NETWORKS)]
        )
        subnets = client.create_many("subnet", [
            {"network_id": network["id"], "ip_version": 4, "cidr": f"10.{at}.0.0/{PREFIX}"}
            for at, network in enumerate(networks)
        ])
        for subnet in subnets:
            client.add_router_interface(router["id"], subnet["id"])
        found += [network["id"] for network in networks]
    return found


def place(number: int, tenants: int, hypervisors: int) -> tuple[int, int]:
    """(index of its network, hypervisor) of a port of the load."""
    tenant, at = divmod(number, PORTS_PER_TENANT)
    tenant %= tenants
    first = tenant * SPREAD
    return tenant * NETWORKS + at % NETWORKS, (first + at // NETWORKS) % hypervisors


def percentiles(seconds: list[float]) -> str:
    ordered = sorted(one * 1000 for one in seconds)
    worst = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return f"p50 {statistics.median(ordered):.0f} ms, p99 {worst:.0f} ms, max {ordered[-1]:.0f} ms"


class Run:
    """``process``: the node's."""

    def __init__(self, process: subprocess.Popen, client: Client, fleet: Fleet) -> None:
        self._client, self._fleet = client, fleet
        self._pids = {"node": process.pid, "fleet": fleet.pid}
        self._begun = 0.0
        self._before: dict[str, processes.Usage] = {}

    def begin(self) -> None:
        self._begun, self._before = time.monotonic(), processes.snapshot(self._pids)

    def end(self, what: str) -> None:
        after = processes.snapshot(self._pids)
        cpu = processes.spent(self._before, after)
        print(f"{what:34} {time.monotonic() - self._begun:8.1f} s   CPU node {cpu['node']:7.1f} s, "
              f"fleet {cpu['fleet']:6.1f} s   RSS node {after['node'].rss:6.0f} MB", flush=True)

    def plug(self, numbers: range, networks: list[str], hypervisors: int) -> list[str]:
        """Create ports and plug them, a bulk at a time; the ids of the last bulk."""
        ports: list[dict[str, Any]] = []
        tenants = len(networks) // NETWORKS
        for first in range(numbers.start, numbers.stop, BULK):
            part = range(first, min(first + BULK, numbers.stop))
            places = [place(number, tenants, hypervisors) for number in part]
            ports = self._client.create_many(
                "port", [{"network_id": networks[network]} for network, _ in places]
            )
            self._fleet.ask(plug=[
                (hypervisor, f"p{number}", port["id"])
                for number, (_, hypervisor), port in zip(part, places, ports, strict=True)
            ])
        return [port["id"] for port in ports]

    def marked(self) -> None:
        """Wait until the node has marked all interfaces (``external_ids:vnc-installed``), which it
        does once a second with those whose ports are confirmed."""
        missing = self._fleet.ask(wait=1800)["missing"]
        if missing:
            raise SystemExit(f"{missing} ports were not confirmed in half an hour")

    def active(self, port_id: str) -> None:
        """Wait until the API shows the port ACTIVE."""
        while self._client.get(f"/v2.0/ports/{port_id}", fields="status")["port"] != {
            "status": "ACTIVE"
        }:
            time.sleep(0.002)


def measure(run: Run, fleet: Fleet, options: argparse.Namespace, client: Client) -> None:
    run.begin()
    wait_until(lambda: fleet.ask(state=True)["bridged"] == options.hypervisors,
               "all hypervisors to have a bridge", 600, 0.2)
    wait_until(lambda: all(one["connected"] for one in client.v1("elements")),
               "all hypervisors to be connected", 600, 0.5)
    run.end(f"{options.hypervisors} hypervisors join")
    run.begin()
    networks = create_tenants(client, -(-options.ports // PORTS_PER_TENANT))
    run.end(f"{len(networks)} networks and subnets")
    run.begin()
    run.plug(range(options.ports), networks, options.hypervisors)
    run.marked()
    run.end(f"{options.ports} ports confirmed")
    state = fleet.ask(state=True)
    print(f"{state['flows']} flows, {state['flow_mods']} flow-mods", flush=True)
    time.sleep(5)
    run.begin()
    time.sleep(options.idle)
    run.end("idle")
    took = []
    run.begin()
    for number in range(options.ports, options.ports + options.more):
        (port_id,) = run.plug(range(number, number + 1), networks, options.hypervisors)
        begun = time.monotonic()
        run.active(port_id)
        took.append(time.monotonic() - begun)
    run.end(f"{options.more} ports one by one")
    print(f"one more port confirmed: {percentiles(took)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hypervisors", type=int, default=500)
    parser.add_argument("--ports", type=int, default=50_000)
    parser.add_argument("--more", type=int, default=200, help="ports that are added one by one")
    parser.add_argument("--idle", type=float, default=30, help="seconds of idleness to measure")
    parser.add_argument("--keep", metavar="DIRECTORY", help="where the node's files are to stay")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        if options.keep:
            os.makedirs(options.keep, exist_ok=True)
        directory = options.keep or stack.enter_context(tempfile.TemporaryDirectory())
        process, client, manager = stack.enter_context(
            node(Path(directory), options.hypervisors)
        )
        fleet = Fleet(options.hypervisors, manager)
        stack.callback(fleet.close)
        measure(Run(process, client, fleet), fleet, options, client)


if __name__ == "__main__":
    main()
