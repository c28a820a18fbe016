"""Ports that are plugged in here and that routers announce too."""

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
    duplicates = list(world.duplicates.by_port)
    text = f"routers announce ports that are plugged in here: {', '.join(duplicates[:NAMED])}"
    if len(duplicates) > NAMED:
        text += f" and {len(duplicates) - NAMED} more"
    return Check("duplicates", not duplicates, text if duplicates else "none")
