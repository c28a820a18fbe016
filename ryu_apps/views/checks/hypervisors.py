"""The hypervisors of this node, and whether their switches do what they were told."""

from __future__ import annotations

from collections.abc import Iterator

from ryu_apps.views.health import Check, Sources


def checks(sources: Sources) -> Iterator[Check]:
    elements = [one for one in sources.elements if one["state"] != "refused"]
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
    yield from _refused_sessions(sources)
    refused = sources.world(lambda world: len(world.vrouters.rejected))
    yield Check(
        "flows", not refused,
        f"the switches refused {refused} objects" if refused else "none refused",
    )


def _refused_sessions(sources: Sources) -> Iterator[Check]:
    """A warning: anybody can show up as a hypervisor, and the node works."""
    refused = [one for one in sources.elements if one["state"] == "refused"]
    names = ", ".join(one["hostname"] or one["address"] for one in refused[:5])
    more = f" and {len(refused) - 5} more" if len(refused) > 5 else ""
    yield Check(
        "admission", True,
        f"refused: {names}{more}, see the elements" if refused else "none refused",
        warning=bool(refused),
    )
