"""BGP peers, for people: what the engine says of a session, and what the node keeps of the peer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ryu_apps.control.families import Family
from ryu_apps.control.graceful_restart import Negotiated
from ryu_apps.control.world import World


def peers(world: World, states: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """``states``: :meth:`ryu_apps.peering.base.Engine.status`."""
    return [_peer(world, state["peer"], state) for state in states]


def _peer(world: World, name: str, state: Mapping[str, Any]) -> dict[str, Any]:
    families = world.peers.negotiated(name)
    return {
        **state, "name": name, "kind": world.peers.kind(name),
        "up": name in world.peers.up and state.get("state") != "Unknown",
        "families": [str(family) for family in families], **_restart(families),
        "paths": world.rib.count(name), "stale_paths": world.rib.stale_count(name),
    }  # fmt: skip


def _restart(families: Mapping[Family, Negotiated]) -> dict[str, Any]:
    """What the session's OPEN says of graceful restart, in one word for all of its families:
    ``forwarding`` where no family with graceful restart is without."""
    terms = [one for one in families.values() if one.graceful_restart]
    if not terms:
        return next(iter(families.values()), Negotiated())._asdict()
    forwarding = all(one.forwarding for one in terms)
    return terms[0]._replace(forwarding=forwarding)._asdict()
