"""Which encapsulation leads to the VTEP of a path.  Pure functions.

A path offers those that its egress takes (RFC 9012 section 4.1, RFC 8365 section 6), an element has
those that it can send (:attr:`~ryu_apps.control.kinds.Facts.encapsulations`), and which of them it
sends by rather: the choice is the ingress' (RFC 9012 section 6).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from ryu_apps.control.routes import Attributes, Path
from vrouter_ovs.encapsulation import carries_vni, has_mpls_labels
from vrouter_ovs.state import Endpoint


@lru_cache(maxsize=4096)
def choose_encapsulation(offered: tuple[str, ...], supported: tuple[str, ...]) -> str:
    """The first of ``supported`` that is offered, in whatever order they are offered; "" where none
    is both.  Where some of those offered carry VNIs, the label of the route is one, and none of
    MPLS."""
    mpls = has_mpls_labels(offered)
    return next(
        (name for name in supported if name in offered and carries_vni(name) is not mpls), ""
    )


def can_follow(paths: Iterable[Path], supported: tuple[str, ...]) -> tuple[Path, ...]:
    """Those to VTEPs that take something that an element with these encapsulations sends, and
    those behind a gateway address, whose own route says what that takes."""
    return tuple(
        path for path in paths
        if path.gateway or choose_encapsulation(path.attrs.encaps, supported)
    )


def by_preference(paths: Iterable[Path], supported: tuple[str, ...]) -> list[Path]:
    """Of the paths to each VTEP those alone by which an element with these encapsulations sends
    there rather: one that takes VNIs and MPLS labels announces each route twice."""
    ranked = [(_rank(path.attrs.encaps, supported), path) for path in paths]
    best: dict[str, int] = {}
    for rank, path in ranked:
        vtep = path.attrs.next_hop
        best[vtep] = min(rank, best.get(vtep, rank))
    return [path for rank, path in ranked if rank == best[path.attrs.next_hop]]


@lru_cache(maxsize=4096)
def _rank(offered: tuple[str, ...], supported: tuple[str, ...]) -> int:
    """The place of the first of ``supported`` that is offered; behind all where none is."""
    chosen = choose_encapsulation(offered, supported)
    return supported.index(chosen) if chosen else len(supported)


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
