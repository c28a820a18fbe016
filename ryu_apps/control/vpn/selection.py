"""Which of several paths is used.  Pure functions."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from functools import lru_cache

from ryu_apps.control.routes import MacIp, Nlri, Path


@lru_cache(maxsize=65536)
def vtep_order(address: str) -> tuple[int, int]:
    """RFC 7432 section 15.1: of equal sequence numbers the lowest VTEP wins, which is the largest
    by this."""
    vtep = ipaddress.ip_address(address)
    return -vtep.version, -int(vtep)


def select_mac(
    paths: Iterable[Path],
    freshness: Callable[[Nlri], int],
    stands: Callable[[Path], bool] = lambda path: False,
) -> Path | None:
    """The path that says where a MAC is: a node's before a router's, the fresher one, sticky,
    highest sequence number, lowest VTEP (RFC 7432 sections 7.7 and 15).

    ``freshness``: see :meth:`~ryu_apps.control.vpn.rib.Rib.best_freshness`.
    ``stands``: a node announces what its switch delivers to, so no router takes that away, unless
    the node's peer has expired (:meth:`~ryu_apps.control.vpn.origins.Origins.stands`).
    """
    paths = tuple(paths)
    if len(paths) < 2:
        return paths[0] if paths else None
    return max(
        paths,
        key=lambda path: (
            stands(path),
            freshness(path.nlri),
            path.attrs.sticky,
            path.attrs.mobility,
            path.attrs.local_pref,
            vtep_order(path.attrs.next_hop),
            path.nlri,
        ),
    )


def select_hops(
    paths: tuple[Path, ...],
    freshness: Callable[[Nlri], int],
    stands: Callable[[Path], bool] = lambda path: False,
) -> tuple[Path, ...]:
    """The paths a prefix is forwarded along: the MAC/IP route of a host before IP prefix routes,
    and of those all that are equally good (ECMP)."""
    hosts = [path for path in paths if type(path.nlri) is MacIp]
    if hosts:
        best = select_mac(hosts, freshness, stands)
        return (best,)
    if len(paths) < 2:
        return paths

    def rank(path: Path):
        attrs = path.attrs
        return (
            freshness(path.nlri),
            attrs.local_pref,
            -len(attrs.as_path),
            -attrs.origin,
            -max(attrs.med, 0),
        )

    top = max(map(rank, paths))
    return tuple(path for path in paths if rank(path) == top)
