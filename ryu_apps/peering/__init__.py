"""BGP: the engines that speak it, behind :class:`ryu_apps.peering.base.Engine`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ryu_apps.peering.base import Engine, Peer, Speaker
from ryu_apps.peering.options import is_router_id, parse_peer, parse_peers

__all__ = [
    "Engine", "Peer", "Speaker", "is_router_id", "make_engine", "parse_peer", "parse_peers"
]


def make_engine(kind: str, speaker: Speaker, post: Callable[[Any], None]) -> Engine:
    """The engine named by option ``[bgp] engine``: "native" or "os-ken".

    ``post`` takes the events; it is called on a thread of the engine and must not block.  Raises
    ValueError for another kind.
    """
    if kind == "native":
        from ryu_apps.peering.native.engine import NativeEngine

        return NativeEngine(speaker, post)
    if kind == "os-ken":
        from ryu_apps.peering.osken.engine import OskenEngine

        return OskenEngine(speaker, post)
    raise ValueError(f"no BGP engine {kind!r}; there are native and os-ken")
