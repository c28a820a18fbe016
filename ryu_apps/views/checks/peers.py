"""BGP: the engine, and its peers."""

from __future__ import annotations

from collections.abc import Iterator

from ryu_apps.views.health import Check, Sources


def checks(sources: Sources) -> Iterator[Check]:
    peers = sources.peers
    fault = sources.engine.fault() if sources.engine is not None else ""
    runs = "runs" if sources.engine is not None else "no peers are configured"
    yield Check("bgp", not fault, fault or runs)
    down = [peer["name"] for peer in peers if not peer["up"]]
    yield Check(
        "peers", not down, f"down: {', '.join(down)}" if down else f"{len(peers)} up"
    )
