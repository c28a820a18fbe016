"""BGP peers."""

from __future__ import annotations

from collections.abc import Iterator

from ryu_apps.views.health import Check, Sources


def checks(sources: Sources) -> Iterator[Check]:
    peers = sources.peers
    down = [peer["name"] for peer in peers if not peer["up"]]
    yield Check(
        "peers", not down, f"down: {', '.join(down)}" if down else f"{len(peers)} up"
    )
