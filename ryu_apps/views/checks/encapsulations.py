"""Hypervisors that have no encapsulation or no family of the underlay in common, and so cannot send
to each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ryu_apps.control.elements.elements import vteps_of
from ryu_apps.control.kinds import encapsulations_of
from ryu_apps.control.links.paths import underlay_paths
from ryu_apps.control.world import World
from ryu_apps.views.health import Check, Sources

NAMED = 5
"""So many pairs are named."""
HELP = "external_ids:vnc-encap-type of a hypervisor, or [vpn] encapsulations, says what it takes"


def checks(sources: Sources) -> Iterator[Check]:
    yield sources.world(of)
    yield sources.world(underlay)


def of(world: World) -> Check:
    """The check of one World: its own hypervisors, each with all of the system."""
    return _check(
        world, "encapsulations", encapsulations_of,
        lambda ours, theirs: not set(ours).isdisjoint(theirs), ", ".join,
        "every two hypervisors have one in common", HELP,
    )


def underlay(world: World) -> Check:
    """Likewise of the families of their addresses, path by path."""
    return _check(
        world, "underlay", lambda record: tuple(
            "IPv6" if ":" in vtep else "IPv4" for vtep in vteps_of(record)
        ),
        lambda ours, theirs: bool(underlay_paths(*(
            ["::" if family == "IPv6" else "0.0.0.0" for family in one] for one in (ours, theirs)
        ))),
        ", ".join, "every two hypervisors have addresses of one family",
        "external_ids:vnc-encap-ip of a hypervisor names its addresses, one for each path",
    )


def _check(
    world: World, name: str, read: Callable[[dict[str, Any]], tuple[str, ...]],
    fit: Callable[[tuple[str, ...], tuple[str, ...]], bool],
    shown: Callable[[tuple[str, ...]], str], good: str, what_helps: str,
) -> Check:
    """``read``: what a hypervisor has, from its record; ``fit``: whether two can send to each
    other."""
    records = world.elements.records
    others: dict[tuple[str, ...], list[str]] = {}
    for one, record in records.items():
        others.setdefault(read(record), []).append(one)
    apart = [
        f"{element.info.hostname} ({shown(ours)}) and {records[other]['hostname']} "
        f"({shown(theirs)})"
        for one, element in world.elements.accepted.items() if one in records
        for ours in (read(records[one]),)
        for theirs, names in others.items() if not fit(ours, theirs)
        for other in names if other not in world.elements.accepted or one < other
    ]
    if not apart:
        return Check(name, True, good)
    more = f" and {len(apart) - NAMED} more" if len(apart) > NAMED else ""
    text = f"nothing can be sent between {'; '.join(apart[:NAMED])}{more}: {what_helps}"
    return Check(name, True, text, warning=True)
