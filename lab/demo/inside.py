"""The demo looks inside: a packet on the wire, its way, the routes, the flows."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from lab.demo.report import Report
from lab.demo.shell import vnctl
from lab.tenants import Tenant
from lab.topology import Lab
from lab.traffic.capture import ENCAPSULATED_ICMP, Capture
from lab.traffic.ping import ping

ROUTE_TYPES = {2: "MAC/IP", 3: "flood", 5: "prefix"}
"""EVPN route types (RFC 7432 section 7, RFC 9136 section 3)."""


def packet(lab: Lab, report: Report, red: Tenant) -> None:
    """One encapsulated packet, inner and outer headers."""
    source, target = red.vms["web1"], red.vms["db3"]
    assert source.hypervisor is not None
    vni = red.router["vpn:vni"]
    # On one of its two uplinks.
    with Capture(source.hypervisor.space, "any", ENCAPSULATED_ICMP) as capture:
        ping(source.space, target.ip, count=2)
        capture.wait()
        text = capture.text()
    report.say(f"one packet of {source.name} ({source.ip}) to {target.name} ({target.ip}) on the "
               "underlay:")
    report.show(text)
    found = f"vni {vni}" in text and f"{source.ip} > {target.ip}" in text
    report.check("VXLAN on the underlay carries the router's VNI", found,
                 f"VNI {vni}")


def trace(lab: Lab, report: Report, red: Tenant) -> None:
    """The way of the same packet, as ``vnctl trace`` finds it in the switches."""
    name, address = red.vms["web1"].name, red.vms["db3"].ip
    done = vnctl(lab, report, red.client, "trace", name, address)
    verdict = (done.stdout or done.stderr).strip().rpartition("\n")[2]
    report.check("vnctl trace ends where the ping did",
                 done.returncode == 0 and "DELIVERED" in verdict and "on hv3" in verdict, verdict)


def routes(lab: Lab, report: Report) -> None:
    """The RIB as each node sees it."""
    counts = {}
    for node in lab.nodes.values():
        paths = node.client.v1("rib")
        counts[node.name] = len(paths)
        local = [path for path in paths if path["peer"] == "local"]
        report.say(f"{node.name} knows {len(paths)} paths: {len(local)} local, "
                   f"{len(paths) - len(local)} from peers; some of them:")
        report.show("\n".join(path_line(path) for path in sample(paths)))
    report.check("both nodes know the same number of routes", len(set(counts.values())) == 1,
                 ", ".join(f"{name} {count}" for name, count in counts.items()))


def sample(paths: list[dict[str, Any]], count: int = 6) -> list[dict[str, Any]]:
    """A few paths, of different kinds first."""
    kinds: dict[tuple[Any, bool], list[dict[str, Any]]] = defaultdict(list)
    for path in paths:
        kinds[(path["type"], path["peer"] == "local")].append(path)
    chosen: list[dict[str, Any]] = []
    while len(chosen) < min(count, len(paths)):
        for group in kinds.values():
            if group and len(chosen) < count:
                chosen.append(group.pop(0))
    return chosen


def path_line(path: dict[str, Any]) -> str:
    """One path on one line: type, RD, what it is about, where it leads."""
    about = " ".join(str(path[key]) for key in ("mac", "ip", "prefix") if path.get(key))
    labels = ",".join(map(str, path["labels"]))
    return (
        f"{'*' if path['best'] else ' '} {ROUTE_TYPES.get(path['type'], path['type']):<8} "
        f"{path['rd']:<17} {about:<30} via {path['next_hop']:<11} VNI {labels:<10} "
        f"rt {','.join(path['rts'])}  from {path['peer']}"
    )


def flows(lab: Lab, report: Report) -> None:
    """Flows of each hypervisor."""
    counts = {name: len(hv.flows()) for name, hv in lab.hypervisors.items()}
    text = ", ".join(f"{name} {count}" for name, count in counts.items())
    report.check("flows on every hypervisor (ovs-ofctl dump-flows)", all(counts.values()), text)
