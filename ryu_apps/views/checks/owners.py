"""Whether every element has a node in charge of it, and the load is even: warnings, as switches
forward whoever owns them."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from ryu_apps.control.ownership.plan import EPSILON
from ryu_apps.control.world import World
from ryu_apps.views.health import Check, Sources

UNEVEN = 2 * EPSILON
"""Shares that a node may be away from its own."""


def checks(sources: Sources) -> Iterator[Check]:
    yield sources.world(of)


def of(world: World) -> Check:
    """What is to be said of the owners of elements."""
    elements = world.elements
    records, alive = elements.ownership, {*elements.nodes, world.settings.node}
    wrong = []
    for name, known in elements.records.items():
        owner = elements.owner_of(name)
        if not owner or owner not in alive:
            wrong.append(f"{known['hostname']} has no owner that is alive")
        elif owner not in records.reach.get(name, ()) and name in records.reach:
            wrong.append(f"{known['hostname']} is owned by {owner}, which has no session with it")
    wrong += [
        f"{one.info.hostname} is going to {elements.owner_of(name)}, which does not serve it yet"
        for name, one in elements.accepted.items() if one.leaving is not None
    ]
    plan = world.assignment.plan()
    if len(plan.loads) > 1 and plan.balance() is not None:
        away: Fraction = plan.imbalance()
        if away > UNEVEN:
            wrong.append(f"the load is uneven, by {float(away) * 100:.0f} % of a node's share")
    if records.malformed:
        wrong.append(f"{len(records.malformed)} records of owners cannot be read")
    shown = "; ".join(sorted(wrong)[:5]) + (f" and {len(wrong) - 5} more" if len(wrong) > 5 else "")
    return Check("owners", True, shown or "every hypervisor has one", warning=bool(wrong))
