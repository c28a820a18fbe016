"""The hypervisors of this node, and whether their switches do what they were told.

Anybody who reaches the node can name a hypervisor.  One whose switch never came, and that holds no
port, is worth a warning and no alarm; one that was served is missed until it is forgotten.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from ryu_apps.control.world import World
from ryu_apps.views.health import Check, Sources
from vrouter_ovs.state import OVSDB, TARGET_OF

Element = dict[str, Any]
FORGET = "DELETE /v1/elements/ID forgets one that is gone for good"


def checks(sources: Sources) -> Iterator[Check]:
    elements = [one for one in sources.elements if one["state"] != "refused"]
    yield hypervisors(elements)
    yield vrouters(elements)
    yield foreign_flows(elements)
    yield admission([one for one in sources.elements if one["state"] == "refused"])
    refused = sources.world(refused_objects)
    yield Check("flows", not refused, refused or "none refused")


def refused_objects(world: World) -> str:
    """Who refused how many objects; "": nobody."""
    counts = Counter(
        "databases" if TARGET_OF[key[0]] == OVSDB else "switches"
        for one in world.elements.accepted.values() for key in one.confirmations.refusals
    )
    return "; ".join(f"the {who} refused {count} objects" for who, count in sorted(counts.items()))


def hypervisors(elements: list[Element]) -> Check:
    """Whether those that this node serves are connected."""
    away = [one for one in elements if not one["connected"]]
    missed = [one for one in away if _real(one)]
    texts = []
    if missed:
        texts.append(f"not connected: {_names(missed)} ({FORGET})")
    if len(missed) < len(away):
        texts.append(f"never served and gone: {_names(one for one in away if not _real(one))}")
    return Check("hypervisors", not missed, "; ".join(texts) or f"{len(elements)} connected",
                 warning=bool(texts) and not missed)


def vrouters(elements: list[Element]) -> Check:
    """Whether their switches have confirmed everything."""
    late = [one for one in elements if one["connected"] and not one.get("settled")]
    missed = [one for one in late if _real(one)]
    return Check("vrouters", not missed,
                 f"not confirmed: {_names(late)}" if late else "all changes confirmed",
                 warning=bool(late) and not missed)


def admission(refused: list[Element]) -> Check:
    """A warning: anybody can show up as a hypervisor, and the node works."""
    return Check(
        "admission", True,
        f"refused: {_names(refused)}, see the elements" if refused else "none refused",
        warning=bool(refused),
    )


def foreign_flows(elements: list[Element]) -> Check:
    """A warning: whether they take a packet from ours is not known."""
    found = [one for one in elements if one.get("openflow", {}).get("foreign_in_front")]
    return Check(
        "foreign flows", True,
        f"flows of others can take packets from ours: {_names(found)}" if found
        else "none in front of ours",
        warning=bool(found),
    )


def _real(one: Element) -> bool:
    return bool(one.get("served") or one.get("ports"))


def _names(elements: Iterable[Element]) -> str:
    names = [one["hostname"] or one.get("id") or one["address"] for one in elements]
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
