"""Whether one port can fill the table of connections that all ports of its hypervisor share."""

from __future__ import annotations

from collections.abc import Iterator

from ryu_apps.control.kinds import OvsFacts
from ryu_apps.control.world import World
from ryu_apps.views.elements import NO_CONNECTION_LIMIT
from ryu_apps.views.health import Check, Sources

NAMED = 10
"""So many hypervisors are named."""


def checks(sources: Sources) -> Iterator[Check]:
    yield sources.world(of)


def of(world: World) -> Check:
    """The check of one World: a warning where a limit is wanted and there is neither that nor one
    of new connections."""
    settings = world.settings
    without = sorted(
        element.info.hostname or name for name, element in world.elements.accepted.items()
        if isinstance(element.info.facts, OvsFacts)
        and element.info.facts.connection_limit is None
    )
    if not without or not settings.limit_connections or settings.new_connections:
        return Check("connections", True, "limited as configured")
    names = ", ".join(without[:NAMED])
    if len(without) > NAMED:
        names += f" and {len(without) - NAMED} more"
    return Check("connections", True, f"{names}: {NO_CONNECTION_LIMIT}", warning=True)
