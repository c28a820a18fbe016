"""The RIB: every path a node knows, its own and its peers', and the best one of each NLRI.

A path is known by its NLRI and its source: the peer it came from, LOCAL, or RELEASED and the name
of an element that was ours (see :mod:`~ryu_apps.control.vpn.released`).  Paths of a peer whose
session ended are stale, not gone (RFC 4724 section 4.2): they lose against any live path of the
same NLRI, and go when the peer's End-of-RIB of their address family, or the retention time, says
so, or when another node has announced and withdrawn them since.  Those of a peer that is away for
long, and those of which a peer says the like by the community LLGR_STALE, lose against any other
path at all (RFC 9494 section 4.3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from ryu_apps.control.families import UNDERLAY_FAMILIES, Family
from ryu_apps.control.routes import LLGR_STALE, Nlri, Path, by_next_hop

LOCAL = ""
RELEASED = "released:"
LONG_LIVED, STALE, LIVE = range(3)
"""How fresh a path is: the more the better."""


class BestChange(NamedTuple):
    """The best path of an NLRI changed; None is "no path".  ``staleness_only`` is True when the
    path is the same, and only more or less fresh than it was."""

    nlri: Nlri
    old: Path | None
    new: Path | None
    staleness_only: bool = False


class Rib:
    """``update`` and the other mutators return what they changed, in a deterministic order.

    ``is_router``: whether a peer is a router of another system: what a node or a reflector says of
    the same NLRI comes first, as nodes name their routes by their own VTEPs.
    """

    def __init__(self, is_router: Callable[[str], bool] = lambda peer: False) -> None:
        self.is_router = is_router
        self.best: dict[Nlri, Path] = {}
        self._paths: dict[Nlri, tuple[tuple[str, Path], ...]] = {}
        self._sources: dict[str, dict[Nlri, None]] = {}
        self._stale: dict[str, dict[Family, dict[Nlri, bool]]] = {}
        """Source -> its stale NLRIs by family, and whether they are so for long; neither level has
        an empty dict."""
        self.stale_best: dict[Nlri, int] = {}
        """NLRIs whose best path is not LIVE -> how fresh it is."""

    def __len__(self) -> int:
        return len(self.best)

    def update(
        self, source: str, announced: Iterable[Path] = (), withdrawn: Iterable[Nlri] = ()
    ) -> list[BestChange]:
        """Apply one source's withdrawals, then its announcements (which replace)."""
        changes: list[BestChange] = []
        nlris = self._sources.setdefault(source, {})
        stale = self._stale.get(source)
        for nlri in withdrawn:
            if nlris.pop(nlri, nlris) is nlris:
                continue
            if stale:
                self._not_stale(source, nlri)
            rest = tuple(item for item in self._paths[nlri] if item[0] != source)
            self._replace(nlri, rest, changes)
        for path in announced:
            nlri = path.nlri
            previous = self._paths.get(nlri)
            if nlri in nlris:
                if stale:
                    self._not_stale(source, nlri)
                previous = tuple(item for item in previous if item[0] != source)
                self._replace(nlri, (*previous, (source, path)), changes)
            else:
                nlris[nlri] = None
                item = (source, path)
                self._replace(nlri, (*previous, item) if previous else (item,), changes)
        if not nlris:
            del self._sources[source]
        return changes

    def _not_stale(self, source: str, nlri: Nlri) -> None:
        families = self._stale.get(source, {})
        marked = families.get(nlri.family)
        if marked is not None:
            marked.pop(nlri, None)
            if not marked:
                del families[nlri.family]
                if not families:
                    del self._stale[source]

    def peer_down(self, peer: str) -> list[BestChange]:
        """All its paths turn stale."""
        marked = self._stale.pop(peer, {})
        for nlri in self._sources.get(peer, ()):
            marked.setdefault(nlri.family, {}).setdefault(nlri, False)
        if marked:
            self._stale[peer] = marked
        changes: list[BestChange] = []
        for nlris in marked.values():
            for nlri in nlris:
                self._replace(nlri, self._paths[nlri], changes)
        return changes

    def make_long_lived(self, peer: str, nlris: Iterable[Nlri]) -> list[BestChange]:
        """Of the peer's stale paths these are the least preferred now."""
        changes: list[BestChange] = []
        for nlri in nlris:
            self._stale[peer][nlri.family][nlri] = True
            self._replace(nlri, self._paths[nlri], changes)
        return changes

    def end_of_rib(self, peer: str, family: Family) -> list[BestChange]:
        """What the peer did not announce again of a family since it came back goes."""
        return self.drop_stale(peer, list(self._stale.get(peer, {}).get(family, ())))

    def drop_stale(self, peer: str, nlris: Iterable[Nlri]) -> list[BestChange]:
        """Of the peer's stale paths these go."""
        return self.update(peer, withdrawn=nlris)

    def drop_superseded(self, nlris: Iterable[Nlri]) -> list[BestChange]:
        """A node announced these, and withdrew them: it was in charge of their vrouters.  The stale
        copies go that are left of nodes that were so before it, and say what is over.  A router's
        stay, as its route of the same name is its own, and so do those that were released here,
        which peers have to be told of."""
        changes: list[BestChange] = []
        for nlri in nlris if self._stale else ():
            for source, _ in self._paths.get(nlri, ()):
                if (
                    self.is_stale(source, nlri)
                    and not source.startswith(RELEASED)
                    and not self.is_router(source)
                ):
                    changes += self.drop_stale(source, [nlri])
        return changes

    def stale_families(self, peer: str) -> tuple[Family, ...]:
        """The families of which the peer has stale paths."""
        return tuple(self._stale.get(peer, ()))

    def stale_from(self, peer: str, family: Family) -> Iterator[Path]:
        """The peer's stale paths of a family."""
        for nlri in self._stale.get(peer, {}).get(family, ()):
            yield next(path for source, path in self._paths[nlri] if source == peer)

    def rename(self, next_hop: str, name: str) -> list[BestChange]:
        """It turned out that ``next_hop``, which peers announced, is an address of the VTEP
        ``name``."""
        changes: list[BestChange] = []
        if next_hop == name:
            return changes
        for nlri, paths in list(self._paths.items()):
            if nlri.family not in UNDERLAY_FAMILIES and any(
                path.attrs.next_hop == next_hop for _, path in paths
            ):
                renamed = tuple(
                    (source, by_next_hop(path, name))
                    if source != LOCAL and path.attrs.next_hop == next_hop else (source, path)
                    for source, path in paths
                )
                self._replace(nlri, renamed, changes)
        return changes

    def choose_again(self, source: str) -> list[BestChange]:
        """It turned out whether a source is a router."""
        changes: list[BestChange] = []
        for nlri in self._sources.get(source, ()):
            if len(self._paths[nlri]) > 1:
                self._replace(nlri, self._paths[nlri], changes)
        return changes

    def is_stale(self, source: str, nlri: Nlri) -> bool:
        families = self._stale.get(source)
        return families is not None and nlri in families.get(nlri.family, ())

    def freshness(self, source: str, path: Path) -> int:
        """LIVE, STALE or LONG_LIVED, of a source's path."""
        if LLGR_STALE in path.attrs.communities:
            return LONG_LIVED
        marked = self._stale.get(source, {}).get(path.nlri.family, {})
        long_lived = marked.get(path.nlri)
        return LIVE if long_lived is None else LONG_LIVED if long_lived else STALE

    def best_freshness(self, nlri: Nlri) -> int:
        """How fresh the best path of an NLRI is."""
        return self.stale_best.get(nlri, LIVE)

    def of(self, nlri: Nlri) -> tuple[tuple[str, Path], ...]:
        """(source, path) of all who announce an NLRI, or did before they went stale."""
        return self._paths.get(nlri, ())

    def announcers(self, nlri: Nlri) -> tuple[str, ...]:
        """The sources that announce an NLRI, or did before they went stale."""
        return tuple(source for source, _ in self._paths.get(nlri, ()))

    def sources_of(self, path: Path) -> tuple[str, ...]:
        """Who announces just this path."""
        paths = self._paths.get(path.nlri, ())
        return tuple(source for source, one in paths if one == path)

    def others(self, nlri: Nlri) -> tuple[Path, ...]:
        """The paths of an NLRI beside the best one."""
        paths = self._paths.get(nlri, ())
        if len(paths) < 2:
            return ()
        best = self.best[nlri]
        return tuple(path for _, path in paths if path is not best)

    def count(self, source: str) -> int:
        return len(self._sources.get(source, ()))

    def stale_count(self, source: str) -> int:
        """How many of its paths are stale, of all families."""
        return sum(map(len, self._stale.get(source, {}).values()))

    def long_lived_count(self, source: str) -> int:
        """How many of these are the least preferred ones."""
        return sum(sum(marked.values()) for marked in self._stale.get(source, {}).values())

    def sources(self) -> list[str]:
        return list(self._sources)

    def from_source(self, source: str) -> Iterator[Path]:
        for nlri in self._sources.get(source, ()):
            yield next(path for of, path in self._paths[nlri] if of == source)

    def values(self) -> list[tuple[tuple[str, Path], ...]]:
        """(source, path) of all who announce an NLRI, for each; copies references alone."""
        return list(self._paths.values())

    def all_paths(self) -> Iterator[tuple[str, Path, bool, bool]]:
        """(source, path, is best, is stale) of every path."""
        for nlri, paths in self._paths.items():
            best = self.best[nlri]
            for source, path in paths:
                yield source, path, path is best, self.is_stale(source, nlri)

    def _replace(self, nlri: Nlri, candidates: tuple, changes: list[BestChange]) -> None:
        old = self.best.get(nlri)
        before = self.stale_best.get(nlri, LIVE)
        if not candidates:
            del self._paths[nlri], self.best[nlri]
            self.stale_best.pop(nlri, None)
            changes.append(BestChange(nlri, old, None))
            return
        self._paths[nlri] = candidates
        only = len(candidates) == 1
        source, new = candidates[0] if only else max(candidates, key=self._preference)
        after = self.freshness(source, new) if self._stale or new.attrs.communities else LIVE
        if after == LIVE:
            self.stale_best.pop(nlri, None)
        else:
            self.stale_best[nlri] = after
        if new is not old:
            self.best[nlri] = new
        if new != old:
            changes.append(BestChange(nlri, old, new))
        elif after != before:
            changes.append(BestChange(nlri, old, new, staleness_only=True))

    def _preference(self, item: tuple[str, Path]):
        """RFC 4271 section 9.1.2.2, with the fresher path first, and our own before that.  The last
        word is the peer's name, so that the order of arrival decides nothing."""
        source, path = item
        attrs = path.attrs
        return (
            source == LOCAL,
            self.freshness(source, path),
            not self.is_router(source),
            attrs.local_pref,
            -len(attrs.as_path),
            -attrs.origin,
            -max(attrs.med, 0),
            -len(attrs.cluster_list),
            source,
        )
