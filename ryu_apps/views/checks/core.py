"""The control core: its start, and what it could not handle."""

from __future__ import annotations

from collections.abc import Iterator

from ryu_apps.node_name import same_node
from ryu_apps.views.health import Check, Sources, Unanswered


def checks(sources: Sources) -> Iterator[Check]:
    failures = sources.controller.failures
    try:
        waiting = sources.world(lambda world: world.convergence.waiting_for())
    except Unanswered:
        yield Check("core", False, f"the control core: {sources.unanswered}")
        return
    twin = sources.world(lambda world: world.peers.nodes.get(sources.node))
    if twin is not None and not same_node(twin, sources.record):
        yield Check("name", False, f"another node has the name {sources.node}: {twin.get('url')}")
    yield Check(
        "start", not waiting,
        f"after the start, waiting for {waiting}" if waiting else "converged",
    )
    yield Check(
        "core", not failures,
        f"{failures} internal errors, see the log" if failures else "no internal error",
    )
