"""Ports in bulk, and one more port: from the API call to all switches acknowledged.

``python -m bench.scale [--ports 100,1000] [--more 30]``: in a lab of 3 hypervisors, 2 nodes and
etcd; tenants of five networks joined by a router.  Ports are plugged as dummy interfaces.
"""

from __future__ import annotations

import argparse
import statistics
import threading
import time

from bench.processes import snapshot, spent
from lab.client import Client
from lab.plugger import Plugger
from lab.topology import Lab

PORTS_PER_TENANT = 50
NETWORKS = 5


class Load:
    """The standard load on a lab.  Every port is on the next hypervisor in turn."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.clients = {name: Client(node.url) for name, node in lab.nodes.items()}
        self.api = next(iter(self.clients.values()))
        self.pluggers = [Plugger(one.directory) for one in lab.hypervisors.values()]
        self.networks: list[str] = []
        self.ports = 0
        self.bound = 0

    def tenants(self, count: int) -> None:
        """Networks, subnets and routers for ``count`` tenants; their subnets overlap."""
        for tenant in range(count):
            router = self.api.create("router", name=f"r{tenant}")
            networks = self.api.create_many(
                "network", [{"name": f"t{tenant}n{i}"} for i in range(NETWORKS)]
            )
            subnets = self.api.create_many(
                "subnet",
                [
                    {"network_id": network["id"], "ip_version": 4, "cidr": f"10.{i}.0.0/16"}
                    for i, network in enumerate(networks)
                ],
            )
            for subnet in subnets:
                self.api.add_router_interface(router["id"], subnet["id"])
                self.ports += 1
            self.networks += [network["id"] for network in networks]

    def counts(self) -> list[dict[str, int]]:
        return [client.v1("counts") for client in self.clients.values()]

    def settled(self) -> bool:
        """Every node has every port, every port is active at its owner, all is confirmed by the
        switches, and every node has every route."""
        counts = self.counts()
        return (
            all(one["ports"] == self.ports and not one["unconfirmed"] for one in counts)
            and sum(one["active_ports"] for one in counts) == self.bound
            and len({one["paths"] for one in counts}) == 1
            and counts[0]["paths"] == sum(one["local_paths"] for one in counts)
        )

    def wait(self, interval: float, timeout: float = 120.0) -> None:
        """Return when two looks in a row found everything settled."""
        deadline = time.monotonic() + timeout
        while not (self.settled() and self.settled()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"not settled after {timeout} s: {self.counts()}")
            time.sleep(interval)

    def add(self, count: int, interval: float) -> dict[str, float]:
        """Create and plug ``count`` ports; seconds of each stage since the first API call."""
        begun = time.monotonic()
        ports = self.api.create_many(
            "port",
            [
                {"network_id": self.networks[i % len(self.networks)], "name": f"p{self.ports + i}"}
                for i in range(count)
            ],
        )
        created = time.monotonic() - begun
        shares: list[list[tuple[str, str]]] = [[] for _ in self.pluggers]
        for i, port in enumerate(ports):
            shares[(self.bound + i) % len(shares)].append(
                (f"d{self.bound + i}", port["id"])
            )
        threads = [
            threading.Thread(target=plugger.plug, args=(share,))
            for plugger, share in zip(self.pluggers, shares, strict=True)
            if share
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        plugged = time.monotonic() - begun
        self.ports += count
        self.bound += count
        self.wait(interval)
        return {"created": created, "plugged": plugged, "settled": time.monotonic() - begun}


def percentile(values: list[float], part: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)]


def measure(size: int, more: int) -> None:
    with Lab("vncbench") as lab:
        lab.wait_converged()
        load = Load(lab)
        load.tenants(max(size // PORTS_PER_TENANT, 1))
        load.wait(0.01)
        before = snapshot(lab)
        bulk = load.add(size, 0.02)
        after = snapshot(lab)
        cpu = spent(before, after)
        print(f"\n{size} ports over {len(lab.hypervisors)} hypervisors, in bulk")
        print(f"  created {bulk['created']:.2f} s, plugged {bulk['plugged']:.2f} s, "
              f"all switches acknowledged {bulk['settled']:.2f} s")
        print(f"  CPU seconds: {sum(cpu.values()):.2f} in all; "
              + ", ".join(f"{name} {value}" for name, value in cpu.items()))
        print("  RSS MB: " + ", ".join(f"{name} {value[1]:.0f}" for name, value in after.items()))
        flows = {name: len(hv.flows()) for name, hv in lab.hypervisors.items()}
        print(f"  flows: {flows}")
        runs = []
        before = snapshot(lab)
        for _ in range(more):
            runs.append(load.add(1, 0.001))
        cpu = spent(before, snapshot(lab))
        times = [run["settled"] * 1000 for run in runs]
        print(f"one more port, {more} times: median {statistics.median(times):.1f} ms, "
              f"p95 {percentile(times, 0.95):.1f} ms, min {min(times):.1f}, max {max(times):.1f}; "
              f"of it API {statistics.median(r['created'] for r in runs) * 1000:.1f} ms, "
              f"plug {statistics.median(r['plugged'] - r['created'] for r in runs) * 1000:.1f}"
              " ms")
        print("  CPU seconds a port: "
              + ", ".join(f"{name} {value / more:.4f}" for name, value in cpu.items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ports", default="100,1000")
    parser.add_argument("--more", type=int, default=30)
    options = parser.parse_args()
    for size in options.ports.split(","):
        measure(int(size), options.more)


if __name__ == "__main__":
    main()
