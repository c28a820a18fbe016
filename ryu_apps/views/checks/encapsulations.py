"""Hypervisors that have no encapsulation in common, and so cannot send to each other."""

from __future__ import annotations

from collections.abc import Iterator

from ryu_apps.control.kinds import encapsulations_of
from ryu_apps.control.world import World
from ryu_apps.views.health import Check, Sources

NAMED = 5
"""So many pairs are named."""
HELP = "external_ids:vnc-encap-type of a hypervisor, or [vpn] encapsulations, says what it takes"


def checks(sources: Sources) -> Iterator[Check]:
    yield sources.world(of)


def of(world: World) -> Check:
    """The check of one World: its own hypervisors, each with all of the system."""
    others: dict[tuple[str, ...], list[str]] = {}
    for name, record in world.elements.records.items():
        others.setdefault(encapsulations_of(record), []).append(name)
    apart = [
        f"{element.info.hostname} ({', '.join(element.encapsulations)}) and "
        f"{world.elements.records[other]['hostname']} ({', '.join(theirs)})"
        for name, element in world.elements.accepted.items()
        for theirs, names in others.items() if not set(theirs).intersection(element.encapsulations)
        for other in names if other not in world.elements.accepted or name < other
    ]
    if not apart:
        return Check("encapsulations", True, "every two hypervisors have one in common")
    more = f" and {len(apart) - NAMED} more" if len(apart) > NAMED else ""
    return Check(
        "encapsulations", True,
        f"nothing can be sent between {'; '.join(apart[:NAMED])}{more}: {HELP}", warning=True,
    )
