"""Which encapsulation leads to the VTEP of a path.  Pure functions.

A path offers those that its egress takes (RFC 9012 section 4.1, RFC 8365 section 6), an element has
those that it can send (:attr:`~ryu_apps.control.kinds.Facts.encapsulations`).
"""

from __future__ import annotations

from functools import lru_cache

from ryu_apps.control.routes import Attributes
from vrouter_ovs.encapsulation import VXLAN, tunnel_type
from vrouter_ovs.state import Endpoint


@lru_cache(maxsize=4096)
def choose_encapsulation(offered: tuple[str, ...], supported: frozenset[str]) -> str:
    """The one to use, or "" where none is both offered and supported: VXLAN, else the one with the
    lowest tunnel type, in whatever order they are offered."""
    common = supported.intersection(offered)
    if VXLAN in common:
        return VXLAN
    return min(common, key=tunnel_type, default="")


def endpoint_to(attrs: Attributes, supported: frozenset[str]) -> Endpoint | None:
    """Where an element with these encapsulations sends what goes along a path; None where it has
    none of those that the path offers."""
    return _endpoint(attrs.next_hop, attrs.encaps, supported)


@lru_cache(maxsize=65536)
def _endpoint(
    vtep: str, offered: tuple[str, ...], supported: frozenset[str]
) -> Endpoint | None:
    # Equal endpoints are one object, as many hops name it.
    encap = choose_encapsulation(offered, supported)
    return Endpoint(vtep, encap) if encap else None
