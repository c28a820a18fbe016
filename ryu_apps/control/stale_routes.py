"""Stale routes: how long those of a peer outlive its session, each address family by itself.

Of each family two parts may have different times (see
:func:`~ryu_apps.control.graceful_restart.retained`): the routes that are a node's of this system,
and all others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ryu_apps.control.dependents import Dependents
from ryu_apps.control.families import Family
from ryu_apps.control.graceful_restart import Negotiated, SessionEnd, kept_on_return, retained
from ryu_apps.control.routes import Path
from ryu_apps.control.vpn.rib import Rib


class StaleRoutes:
    """Seconds: ``stale_time``, the longest that routes outlive a session; ``stalepath_time``, how
    long a router that is back has for its End-of-RIB.  ``of_node(peer, path)``: whether a path from
    a peer is one of a node of this system.  ``notice(level, peer, text)`` is for people.

    Reads: the RIB.
    Marks: by the RIB what depends on routes.
    """

    def __init__(
        self,
        stale_time: float,
        stalepath_time: float,
        rib: Rib,
        dependents: Dependents,
        of_node: Callable[[str, Path], bool],
        notice: Callable[[str, str, str], None],
    ) -> None:
        self._stale_time, self._stalepath_time = stale_time, stalepath_time
        self._rib = rib
        self._dependents = dependents
        self._of_node = of_node
        self._notice = notice
        self._deadlines: dict[tuple[str, Family, bool], float] = {}
        """(peer, family, whether of nodes' routes) -> when those of them that are stale go."""

    def session_up(
        self, peer: str, negotiated: Mapping[Family, Negotiated], now: float
    ) -> None:
        """What is stale of a family waits for its End-of-RIB, or goes."""
        for family in self._families(peer, negotiated):
            if not kept_on_return(False, negotiated.get(family, Negotiated())):
                self._drop(peer, family, False, "it is back and has not forwarded meanwhile")
            elif family in self._rib.stale_families(peer):
                self._deadlines[peer, family, False] = now + self._stalepath_time

    def session_down(
        self, peer: str, negotiated: Mapping[Family, Negotiated], end: SessionEnd, now: float
    ) -> None:
        """All routes of the peer turn stale for as long as they are retained."""
        for family in self._families(peer, negotiated):
            if family not in self._rib.stale_families(peer):
                self._deadlines.pop((peer, family, True), None)
            # It may have restarted again before its table was complete (RFC 4724 section 4.2).
            self._drop(peer, family, False, "it restarted again")
        self._dependents.apply_best_changes(self._rib.peer_down(peer))
        for family in self._rib.stale_families(peer):
            terms = negotiated.get(family, Negotiated())
            for of_nodes in (False, True):
                seconds = retained(of_nodes, terms, end, self._stale_time)
                if not seconds:
                    self._drop(peer, family, of_nodes)
                elif family in self._rib.stale_families(peer):
                    self._deadlines.setdefault((peer, family, of_nodes), now + seconds)

    def end_of_rib(self, peer: str, family: Family) -> None:
        """The peer's table of a family is complete: what is still stale of it goes."""
        for of_nodes in (False, True):
            self._deadlines.pop((peer, family, of_nodes), None)
        gone = [path.nlri for path in self._rib.stale_from(peer, family)]
        self._dependents.apply_best_changes(self._rib.end_of_rib(peer, family))
        self._dependents.peer_paths_changed(gone)

    def tick(self, now: float) -> None:
        """Let go what has been stale for too long."""
        for (peer, family, of_nodes), deadline in list(self._deadlines.items()):
            if now >= deadline:
                # A peer that is back but never sent End-of-RIB keeps what it announced since.
                why = "they were stale for too long"
                self._drop(peer, family, of_nodes, why)
                if of_nodes:  # The longest time is over, for what counted as theirs before, too.
                    self._drop(peer, family, False, why)

    def _families(self, peer: str, negotiated: Mapping[Family, Negotiated]) -> list[Family]:
        """Those of the peer's session, and those that something is stale of, or was."""
        return list(dict.fromkeys((
            *negotiated, *self._rib.stale_families(peer),
            *(family for name, family, _ in self._deadlines if name == peer),
        )))  # fmt: skip

    def _drop(self, peer: str, family: Family, of_nodes: bool, why: str = "") -> None:
        self._deadlines.pop((peer, family, of_nodes), None)
        gone = [
            path.nlri for path in self._rib.stale_from(peer, family)
            if self._of_node(peer, path) == of_nodes
        ]  # fmt: skip
        if not gone:
            return
        self._dependents.apply_best_changes(self._rib.drop_stale(peer, gone))
        self._dependents.peer_paths_changed(gone)
        if why:
            self._notice("warning", peer, f"{len(gone)} stale routes were dropped: {why}")
