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
        "long_lived_stale_paths": world.rib.long_lived_count(name),
    }  # fmt: skip


def _restart(families: Mapping[Family, Negotiated]) -> dict[str, Any]:
    """What the session's OPEN says of graceful restart, in one word for all of its families: the
    flags F where no family with that capability is without, the longest of the long-lived times."""
    terms = [one for one in families.values() if one.graceful_restart]
    long_lived = [one for one in families.values() if one.long_lived_time]
    first = terms[0] if terms else next(iter(families.values()), Negotiated())
    return first._replace(
        forwarding=all(one.forwarding for one in terms) if terms else first.forwarding,
        long_lived_time=max((one.long_lived_time for one in long_lived), default=0),
        long_lived_forwarding=bool(long_lived) and all(
            one.long_lived_forwarding for one in long_lived),
    )._asdict()
