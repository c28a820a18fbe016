"""After each step: is everything as it would be, had nothing been broken?

Each check says in words what is not so.  They are tried again until all is well or the time is
over, as what was mended takes its time to come back.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable
from typing import Any

from lab.chaos.system import System
from lab.client import ApiError

Check = Callable[[System], list[str]]
PAGE = 2000


def healthy(system: System) -> list[str]:
    """Every node says that it is well."""
    found = []
    for name, node in system.lab.nodes.items():
        health = node.client.health()
        found += [
            f"{name}: {check['name']}: {check['detail']}"
            for check in health["checks"] if not check["ok"]
        ]
    return found


def owned_once(system: System) -> list[str]:
    """All nodes name the same owner of each hypervisor, and it is connected there."""
    found = []
    seen: dict[str, set[str]] = {name: set() for name in system.lab.hypervisors}
    for name, node in system.lab.nodes.items():
        shown = {one["id"]: one for one in node.client.v1("elements")}
        for hypervisor, owners in seen.items():
            one = shown.get(hypervisor)
            if one is None or not one["connected"]:
                found.append(f"{name}: {hypervisor} is not connected")
            else:
                owners.add(one["owner"])
    found += [
        f"{hypervisor} is owned by {', '.join(sorted(owners))}"
        for hypervisor, owners in seen.items() if len(owners) != 1
    ]
    return found


def installed(system: System) -> list[str]:
    """Each switch holds the flows that its owner wants it to, by its own word."""
    found = []
    client = next(iter(system.lab.nodes.values())).client
    for name, hypervisor in system.lab.hypervisors.items():
        shown = client.v1(f"elements/{name}")
        openflow = shown.get("openflow")
        if openflow is None or openflow["pending"] or openflow["rejected"]:
            found.append(f"{name}: not everything is confirmed: {openflow}")
            continue
        ours = [flow for flow in hypervisor.flows() if "cookie=0x0," not in flow]
        if len(ours) != openflow["installed_flows"]:
            found.append(f"{name} has {len(ours)} flows, {openflow['installed_flows']} are wanted")
    return found


def same_routes(system: System) -> list[str]:
    """The nodes have the same best routes, and none is stale."""
    tables = {}
    found = []
    for name, node in system.lab.nodes.items():
        paths = node.client.v1("rib", best="true")
        found += [f"{name}: {_key(path)} is stale" for path in paths if path.get("stale")]
        tables[name] = {_key(path) for path in paths}
    first, *others = tables
    for other in others:
        found += [
            f"{first} and {other} differ in {difference}"
            for difference in sorted(tables[first] ^ tables[other])[:5]
        ]
    return found


def _key(path: dict[str, Any]) -> str:
    """What must be the same of a route everywhere."""
    names = ("type", "rd", "etag", "mac", "ip", "prefix", "next_hop", "labels")
    return ", ".join(f"{name} {path[name]}" for name in names if path.get(name))


def same_configuration(system: System) -> list[str]:
    """No node has missed a change."""
    copies = {
        name: {
            kind: {one["id"]: one.get("revision_number") for one in node.client.list(kind)}
            for kind in ("network", "subnet", "port", "router")
        }
        for name, node in system.lab.nodes.items()
    }
    first, *others = copies
    return [
        f"{first} and {other} differ in {kind}s"
        for other in others for kind in copies[first] if copies[first][kind] != copies[other][kind]
    ]


def reachable(system: System) -> list[str]:
    """Who may reach whom does, and nobody else."""
    return system.unreachable()


CHECKS: tuple[Check, ...] = (
    healthy, owned_once, installed, same_routes, same_configuration, reachable,
)


def failing(system: System) -> list[str]:
    """What is wrong now, of the first check that finds something."""
    for check in CHECKS:
        try:
            found = check(system)
        except (ApiError, OSError, http.client.HTTPException) as error:
            found = [f"{type(error).__name__}: {error}"]
        if found:
            return [f"{check.__name__}: {text}" for text in found[:10]]
    return []


def settle(system: System, seconds: float) -> tuple[float, list[str]]:
    """Check until all is well, at most so long: (how long it took, what is still wrong)."""
    begun = time.monotonic()
    while True:
        wrong = failing(system)
        took = time.monotonic() - begun
        if not wrong or took > seconds:
            return took, wrong
        time.sleep(0.5)
