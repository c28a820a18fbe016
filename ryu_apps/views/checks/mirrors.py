"""Copies of what ports send and receive that go nowhere."""

from __future__ import annotations

from collections.abc import Iterator

from ryu_apps.control.world import World
from ryu_apps.views.health import Check, Sources

NAMED = 3
"""So many are named."""


def checks(sources: Sources) -> Iterator[Check]:
    yield from sources.world(of)


def of(world: World) -> list[Check]:
    """None where no port here is mirrored."""
    problems = [text for texts in world.mirrors.problems.values() for text in texts]
    if problems:
        more = f" and {len(problems) - NAMED} more" if len(problems) > NAMED else ""
        return [Check("mirrors", True, "; ".join(problems[:NAMED]) + more, warning=True)]
    if world.mirrors.is_used():
        return [Check("mirrors", True, "all copies have a way")]
    return []
