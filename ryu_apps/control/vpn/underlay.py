"""The underlay table: the prefixes that routers of the fabric announce, and who is the way to them.

It is what IPv4 and IPv6 unicast say, for those who want to see how the underlay is made.  No
vrouter forwards by it, no instance imports it, and nothing is announced into it.
"""

from __future__ import annotations

import functools
import ipaddress
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ryu_apps.control.families import UNDERLAY_FAMILIES
from ryu_apps.control.routes import Ipv4Prefix, Ipv6Prefix, Nlri, Path
from ryu_apps.control.vpn.rib import BestChange, Rib


class UnderlayRoute(NamedTuple):
    """``peer`` announces that ``prefix`` is reached by ``next_hop``; ``link_local``: that router's
    address on the link, or "".  ``best``: BGP prefers it to those of the other peers; ``stale``:
    the peer is away."""

    prefix: str
    peer: str
    next_hop: str
    link_local: str
    as_path: tuple[int, ...]
    local_pref: int
    med: int
    best: bool
    stale: bool


class Underlay:
    """Reads: the RIB.  ``changes``: how often the best path of a prefix changed since the start;
    who has read the table at the same number has it still, but for paths that are not the best."""

    def __init__(self, rib: Rib) -> None:
        self._rib = rib
        self._nlris: dict[Nlri, None] = {}
        self._lengths: Counter[tuple[type, int]] = Counter()
        """(NLRI class, prefix length) -> how many prefixes there are of it."""
        self.changes = 0

    def __len__(self) -> int:
        return len(self._nlris)

    def apply_best_changes(self, changes: Iterable[BestChange]) -> None:
        """Follow changes of the RIB's best paths."""
        for change in changes:
            nlri = change.nlri
            if nlri.family not in UNDERLAY_FAMILIES:
                continue
            self.changes += 1
            if change.new is None:
                del self._nlris[nlri]
                self._count(nlri, -1)
            elif nlri not in self._nlris:
                self._nlris[nlri] = None
                self._count(nlri, 1)

    def _count(self, nlri: Nlri, by: int) -> None:
        length = type(nlri), int(nlri.prefix.partition("/")[2])
        self._lengths[length] += by
        if not self._lengths[length]:
            del self._lengths[length]

    def routes(self) -> Iterator[UnderlayRoute]:
        """All routes: IPv4 before IPv6, by prefix, the best one of each first."""
        for nlri in sorted(self._nlris, key=_order):
            yield from self._of(nlri)

    def to(self, address: str) -> tuple[UnderlayRoute, ...]:
        """The routes of the longest prefix with an address in it, the best one first; none where
        there is no such prefix.  Raises ValueError where it is no address."""
        parsed = ipaddress.ip_address(address)
        of = Ipv4Prefix if parsed.version == 4 else Ipv6Prefix
        for length in sorted((n for cls, n in self._lengths if cls is of), reverse=True):
            nlri = of(str(ipaddress.ip_network((parsed, length), strict=False)))
            if nlri in self._nlris:
                return tuple(self._of(nlri))
        return ()

    def _of(self, nlri: Nlri) -> Iterator[UnderlayRoute]:
        best = self._rib.best[nlri]
        paths = self._rib.of(nlri)
        for peer, path in sorted(paths, key=lambda item: (item[1] is not best, item[0])):
            yield self._route(peer, path, path is best)

    def _route(self, peer: str, path: Path, best: bool) -> UnderlayRoute:
        attrs = path.attrs
        return UnderlayRoute(
            path.nlri.prefix, peer, attrs.next_hop, attrs.link_local, attrs.as_path,
            attrs.local_pref, attrs.med, best, self._rib.is_stale(peer, path.nlri),
        )  # fmt: skip


@functools.lru_cache(maxsize=16384)
def _order(nlri: Ipv4Prefix | Ipv6Prefix) -> tuple[int, int, int]:
    net = ipaddress.ip_network(nlri.prefix)
    return net.version, int(net.network_address), net.prefixlen
