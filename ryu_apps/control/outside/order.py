"""Which gateway of a router comes first.  Pure.

By rendezvous (highest random weight) of the router and the hypervisor: every node finds the same
order without a word, routers are spread over all gateways, and a gateway that comes or goes moves
the routers of that one alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def in_order(router_id: str, gateways: Iterable[str]) -> tuple[str, ...]:
    """``gateways``: system-ids of hypervisors."""
    return tuple(sorted(gateways, key=lambda name: (_weight(router_id, name), name)))


def _weight(router_id: str, name: str) -> bytes:
    text = f"{router_id}/{name}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=8, person=b"vnc-gateway").digest()
