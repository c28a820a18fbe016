"""The control core: its start, and what it could not handle."""

from __future__ import annotations

from collections.abc import Iterator

from ryu_apps.node_name import same_node
from ryu_apps.views.health import Check, Sources, Unanswered

SHOWN = 3
"""Of what cannot be computed so much is named."""


def checks(sources: Sources) -> Iterator[Check]:
    failures = sources.controller.failures
    try:
        waiting = sources.world(lambda world: world.convergence.waiting_for())
        aside = sources.world(lambda world: [
            f"{stage.name} {key}: {failure.error}" for stage, key, failure in world.graph.failing()
        ])
        failures += sources.world(lambda world: world.graph.failures + world.graph.unfinished)
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
    detail = f"{failures} internal errors, see the log" if failures else "no internal error"
    if aside:
        more = f" and {len(aside) - SHOWN} more" if len(aside) > SHOWN else ""
        detail += f"; cannot be computed and are tried again: {'; '.join(aside[:SHOWN])}{more}"
    yield Check("core", not failures, detail)
