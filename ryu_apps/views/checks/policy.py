"""What the security groups cost the switches of this node's hypervisors."""

from __future__ import annotations

from collections.abc import Iterator

from ryu_apps.control.world import World
from ryu_apps.views.health import Check, Sources

MANY = 50_000
"""Rules and members on one hypervisor from which on somebody should look: ports with ever other
combinations of groups have the rules of these groups for each combination."""
NAMED = 3
"""So many hypervisors are named."""


def checks(sources: Sources) -> Iterator[Check]:
    yield sources.world(of)


def of(world: World) -> Check:
    """The check of one World."""
    sizes: dict[str, dict[int, int]] = {}
    for policy, places in world.policies.present.items():
        for element in places:
            count = world.desired.count(element, ("policy", policy))
            sizes.setdefault(element, {})[policy] = count
    members = world.policies.memberships.counts()
    texts = []
    for element, sets in sizes.items():
        total = sum(sets.values()) + members.get(element, 0)
        if total > MANY:
            largest = max(sets, key=lambda policy: (sets[policy], policy))
            port = min(world.policies.present[largest][element])
            texts.append(
                f"{element} has {total} rules and members of {len(sets)} combinations of security "
                f"groups, {sets[largest]} rules of them for that of port {port}"
            )
    text = "; ".join(sorted(texts)[:NAMED]) + ("; and more" if len(texts) > NAMED else "")
    return Check("policy", True, text or "no hypervisor has too many rules", bool(texts))
