"""The tunnels between hypervisors, by what BFD says of them."""

from __future__ import annotations

from collections.abc import Iterator

from ryu_apps.control.world import World
from ryu_apps.views.health import Check, Sources

NAMED = 5
"""So many tunnels are named."""


def checks(sources: Sources) -> Iterator[Check]:
    yield sources.world(of)


def of(world: World) -> Check:
    """The check of one World.  Others than hypervisors of the system may not speak BFD; one that is
    away is told of by its own node, and one that was never served may be made up."""
    down, others = [], 0
    elements = world.elements
    for element in elements.accepted.values():
        for endpoint, status in element.tunnels.items() if element.session is not None else ():
            if status.bfd in ("", "up") or endpoint.vtep not in elements.by_vtep:
                continue
            other = elements.records[elements.by_vtep[endpoint.vtep]]
            if other["connected"] and other.get("served"):
                down.append(f"{element.info.hostname} to {endpoint} ({status.bfd})")
            else:
                others += 1
    if down:
        more = f" and {len(down) - NAMED} more" if len(down) > NAMED else ""
        return Check("tunnels", False, f"BFD is not up: {', '.join(down[:NAMED])}{more}")
    if others:
        text = f"{others} not up, to hypervisors that are away or were never served"
        return Check("tunnels", True, text, warning=True)
    return Check("tunnels", True, "BFD is up wherever it is on")
