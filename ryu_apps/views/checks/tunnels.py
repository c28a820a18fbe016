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
    """The check of one World.  Others than hypervisors of the system may not speak BFD."""
    down = [
        f"{element.info.hostname} to {vtep} ({status.bfd})"
        for element in world.elements.accepted.values() if element.session is not None
        for vtep, status in element.tunnels.items()
        if status.bfd not in ("", "up") and vtep in world.elements.by_vtep
    ]
    text = f"BFD is not up: {', '.join(down[:NAMED])}"
    if len(down) > NAMED:
        text += f" and {len(down) - NAMED} more"
    return Check("tunnels", not down, text if down else "BFD is up wherever it is on")
