"""Bridge mappings of hypervisors that are of no use, and ports that need one."""

from __future__ import annotations

from collections.abc import Iterator

from ryu_apps.control.elements.claims import RefusalKind
from ryu_apps.control.kinds import mapping_problems
from ryu_apps.control.world import World
from ryu_apps.views.health import Check, Sources

NAMED = 5


def checks(sources: Sources) -> Iterator[Check]:
    yield sources.world(of)


def of(world: World) -> Check:
    """A warning: the other mappings, and all other networks, work."""
    problems = [
        f"{element.info.hostname}: {problem}"
        for element in world.elements.accepted.values()
        for problem in mapping_problems(element.info.facts)
    ]
    waiting = [
        port_id for port_id, refused in world.ports.refused.items()
        if any(one.kind == RefusalKind.NOT_ATTACHED for one in refused.values())
    ]
    if waiting:
        problems.append(
            f"{len(waiting)} ports are plugged where their physical network is not, as {waiting[0]}"
        )
    if not problems:
        return Check("physical networks", True, "all mappings are of use")
    more = f" and {len(problems) - NAMED} more" if len(problems) > NAMED else ""
    text = f"{len(problems)} problems: {'; '.join(problems[:NAMED])}{more}"
    return Check("physical networks", True, text, warning=True)
