"""Ports that want more multicast groups than they may have."""

from __future__ import annotations

from collections.abc import Iterator

from ryu_apps.control.world import World
from ryu_apps.views.health import Check, Sources

NAMED = 5
"""So many ports are named."""


def checks(sources: Sources) -> Iterator[Check]:
    yield sources.world(of)


def of(world: World) -> Check:
    """The check of one World."""
    refused = world.multicast.memberships.refused
    most = sorted(refused, key=lambda port_id: (-refused[port_id], port_id))
    text = ", ".join(f"{port_id} ({refused[port_id]} reports)" for port_id in most[:NAMED])
    if len(most) > NAMED:
        text += f" and {len(most) - NAMED} more"
    text = f"members of as many groups as a port or its network may have: {text}" if most else ""
    return Check("multicast", True, text or "no port wants too many groups", bool(most))
