"""The hypervisors of this node, and whether their switches do what they were told."""

from __future__ import annotations

from collections.abc import Iterator

from ryu_apps.views.health import Check, Sources


def checks(sources: Sources) -> Iterator[Check]:
    elements = sources.elements
    away = [one["hostname"] for one in elements if not one["connected"]]
    yield Check(
        "hypervisors", not away,
        f"not connected: {', '.join(away)}" if away else f"{len(elements)} connected",
    )
    late = [one["hostname"] for one in elements if one["connected"] and not one.get("settled")]
    yield Check(
        "vrouters", not late,
        f"not confirmed: {', '.join(late)}" if late else "all changes confirmed",
    )
    refused = sources.world(lambda world: len(world.vrouters.rejected))
    yield Check(
        "flows", not refused,
        f"the switches refused {refused} objects" if refused else "none refused",
    )
