"""Which encapsulation leads to the VTEP of a path.  Pure functions.

A path offers those that its egress takes (RFC 9012 section 4.1, RFC 8365 section 6), an element has
those that it can send (:attr:`~ryu_apps.control.kinds.Facts.encapsulations`), and which of them it
sends by rather: the choice is the ingress' (RFC 9012 section 6).
"""

from __future__ import annotations

from functools import lru_cache

from ryu_apps.control.routes import Attributes
from vrouter_ovs.state import Endpoint


def choose_encapsulation(offered: tuple[str, ...], supported: tuple[str, ...]) -> str:
    """The first of ``supported`` that is offered, in whatever order they are offered; "" where none
    is both."""
    return next((name for name in supported if name in offered), "")


def endpoint_to(attrs: Attributes, supported: tuple[str, ...]) -> Endpoint | None:
    """Where an element with these encapsulations sends what goes along a path; None where it has
    none of those that the path offers."""
    return _endpoint(attrs.next_hop, attrs.encaps, supported)


@lru_cache(maxsize=65536)
def _endpoint(
    vtep: str, offered: tuple[str, ...], supported: tuple[str, ...]
) -> Endpoint | None:
    # Equal endpoints are one object, as many hops name it.
    encap = choose_encapsulation(offered, supported)
    return Endpoint(vtep, encap) if encap else None
