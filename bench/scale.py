"""One node with many hypervisors: ``python -m bench.scale [--hypervisors 500] [--ports 50000]``.

The hypervisors are simulated (:mod:`lab.simulated`): what a node costs is measured, not what the
switches cost.  Tenants of 50 ports in five networks with a router (:mod:`bench.load`), each tenant
on as many hypervisors as in that load.  "confirmed": from the plug until the node says that the
port is ACTIVE, so the switch has acknowledged its flows.

Each tenant is a project, with a default security group of its own.  ``--one-project``: all ports
are members of one group, which names itself as remote: a new address in it is a change of every
switch.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from bench import processes
from bench.load import NETWORKS, PORTS_PER_TENANT, PREFIX
from lab.beds.node_bed import LoopbackNode
from lab.client import Client
from lab.simulated.fleet import Fleet
from lab.wait import wait_until

QUIET = 5
BULK = 1000
"""Ports that are created and plugged in one step."""


class Network(NamedTuple):
    id: str
    project_id: str


def create_tenants(client: Client, count: int, one_project: bool) -> list[Network]:
    """Networks, five a tenant, each with a subnet on the tenant's router."""
    found: list[Network] = []
    for tenant in range(count):
        project_id = f"{0 if one_project else tenant:032x}"
        router = client.create("router", name=f"r{tenant}", project_id=project_id)
        networks = client.create_many("network", [
            {"name": f"t{tenant}n{at}", "project_id": project_id} for at in range(NETWORKS)
        ])
        subnets = client.create_many("subnet", [
            {"network_id": network["id"], "ip_version": 4, "cidr": f"10.{at}.0.0/{PREFIX}",
             "project_id": project_id}
            for at, network in enumerate(networks)
        ])
        for subnet in subnets:
            client.add_router_interface(router["id"], subnet["id"])
        found += [Network(network["id"], project_id) for network in networks]
    return found


def place(number: int, tenants: int, hypervisors: int, spread: int) -> tuple[int, int]:
    """(index of its network, hypervisor) of a port of the load."""
    tenant, at = divmod(number, PORTS_PER_TENANT)
    tenant %= tenants
    hypervisor = tenant * spread + at // NETWORKS % spread
    return tenant * NETWORKS + at % NETWORKS, hypervisor % hypervisors


def percentiles(seconds: list[float]) -> str:
    ordered = sorted(one * 1000 for one in seconds)
    worst = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return f"p50 {statistics.median(ordered):.0f} ms, p99 {worst:.0f} ms, max {ordered[-1]:.0f} ms"


class Run:
    def __init__(
        self, node: LoopbackNode, fleet: Fleet, hypervisors: int, spread: int
    ) -> None:
        self._client, self._fleet = node.client, fleet
        self._hypervisors, self._spread = hypervisors, spread
        self._pids = {"node": node.process.pid, "fleet": fleet.pid}
        self._begun = 0.0
        self._before: dict[str, processes.Usage] = {}

    def begin(self) -> None:
        self._begun, self._before = time.monotonic(), processes.snapshot(self._pids)

    def end(self, what: str) -> None:
        after = processes.snapshot(self._pids)
        cpu = processes.spent(self._before, after)
        print(f"{what:34} {time.monotonic() - self._begun:8.1f} s   CPU node {cpu['node']:7.1f} s, "
              f"fleet {cpu['fleet']:6.1f} s   RSS node {after['node'].rss:6.0f} MB", flush=True)

    def plug(self, numbers: range, networks: list[Network]) -> list[str]:
        """Create ports and plug them, a bulk at a time; the ids of the last bulk."""
        ports: list[dict[str, Any]] = []
        tenants = len(networks) // NETWORKS
        for first in range(numbers.start, numbers.stop, BULK):
            part = range(first, min(first + BULK, numbers.stop))
            places = [place(number, tenants, self._hypervisors, self._spread) for number in part]
            ports = self._client.create_many("port", [
                {"network_id": networks[at].id, "project_id": networks[at].project_id}
                for at, _ in places
            ])
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


def settled(fleet: Fleet) -> dict[str, Any]:
    """Wait until no switch has been changed for :data:`QUIET` seconds: what they hold."""
    state, since = fleet.ask(state=True), time.monotonic()
    while time.monotonic() - since < QUIET:
        time.sleep(0.5)
        now = fleet.ask(state=True)
        if now != state:
            state, since = now, time.monotonic()
    return state


def measure(run: Run, fleet: Fleet, options: argparse.Namespace, client: Client) -> None:
    run.begin()
    wait_until(lambda: fleet.ask(state=True)["bridged"] == options.hypervisors,
               "all hypervisors to have a bridge", 600, 0.2)
    wait_until(lambda: all(one["connected"] for one in client.v1("elements")),
               "all hypervisors to be connected", 600, 0.5)
    run.end(f"{options.hypervisors} hypervisors join")
    run.begin()
    networks = create_tenants(
        client, -(-options.ports // PORTS_PER_TENANT), options.one_project
    )
    run.end(f"{len(networks)} networks and subnets")
    run.begin()
    run.plug(range(options.ports), networks)
    run.marked()
    run.end(f"{options.ports} ports confirmed")
    run.begin()
    state = settled(fleet)
    run.end(f"and all others know of them, {QUIET} s ago")
    print(f"{state['flows']} flows, {state['flow_mods']} flow-mods", flush=True)
    run.begin()
    time.sleep(options.idle)
    run.end("idle")
    took = []
    run.begin()
    for number in range(options.ports, options.ports + options.more):
        (port_id,) = run.plug(range(number, number + 1), networks)
        begun = time.monotonic()
        run.active(port_id)
        took.append(time.monotonic() - begun)
    run.end(f"{options.more} ports one by one")
    print(f"one more port confirmed: {percentiles(took)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hypervisors", type=int, default=500)
    parser.add_argument("--ports", type=int, default=50_000)
    parser.add_argument("--spread", type=int, default=4, help="hypervisors of one tenant")
    parser.add_argument("--one-project", action="store_true",
                        help="one project and one security group for all ports")
    parser.add_argument("--more", type=int, default=200, help="ports that are added one by one")
    parser.add_argument("--idle", type=float, default=30, help="seconds of idleness to measure")
    parser.add_argument("--keep", metavar="DIRECTORY", help="where the node's files are to stay")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        if options.keep:
            os.makedirs(options.keep, exist_ok=True)
        directory = options.keep or stack.enter_context(tempfile.TemporaryDirectory())
        node = stack.enter_context(LoopbackNode(Path(directory)))
        fleet = Fleet(options.hypervisors, node.ovsdb_target)
        stack.callback(fleet.close)
        run = Run(node, fleet, options.hypervisors, options.spread)
        measure(run, fleet, options, node.client)


if __name__ == "__main__":
    main()
