"""Stale routes: how long those of a peer outlive its session, each address family by itself.

Of each family two parts may have different times (see
:func:`~ryu_apps.control.graceful_restart.retained`): the routes that are a node's of this system,
and all others, a router's.  A router's are stale for its restart time, and after that, where
long-lived graceful restart was negotiated, the least preferred of all for another time (RFC 9494
section 4.2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ryu_apps.control.dependents import Dependents
from ryu_apps.control.families import Family
from ryu_apps.control.graceful_restart import (
    NOT_RETAINED,
    Negotiated,
    SessionEnd,
    kept_on_return,
    retained,
)
from ryu_apps.control.routes import NO_LLGR, Path
from ryu_apps.control.vpn.rib import Rib

TOO_LONG = "they were stale for too long"


@dataclass(slots=True)
class _Timers:
    """Of a router's stale routes of a family; None: not running.

    ``longest``: when they go in any case, however often the session comes and goes.  ``restart``:
    when the restart time is over.  ``long_lived_time``: for how long they stay after that;
    ``long_lived``: when that is over.  It runs on when the session is back, until End-of-RIB.
    ``resync``: the session is back, and what it has not announced again by then goes.  ``expired``:
    the long-lived time was over before End-of-RIB, and nothing outlives the session again.
    """

    longest: float
    restart: float | None = None
    long_lived_time: float = 0.0
    long_lived: float | None = None
    resync: float | None = None
    expired: bool = False


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
        self._timers: dict[tuple[str, Family], _Timers] = {}
        """(peer, family) -> of its stale routes that are a router's."""
        self._node_deadlines: dict[tuple[str, Family], float] = {}
        """(peer, family) -> when its stale routes go that are a node's."""

    def session_up(
        self, peer: str, negotiated: Mapping[Family, Negotiated], now: float
    ) -> None:
        """What is stale of a family waits for its End-of-RIB, or goes."""
        for family in self._families(peer, negotiated):
            timers = self._timers.get((peer, family))
            long_lived = timers is not None and timers.long_lived is not None
            if not kept_on_return(False, negotiated.get(family, Negotiated()), long_lived):
                self._drop(peer, family, False, "it is back and has not forwarded meanwhile")
            elif timers is not None:
                timers.restart = None
                timers.resync = now + self._stalepath_time

    def session_down(
        self, peer: str, negotiated: Mapping[Family, Negotiated], end: SessionEnd, now: float
    ) -> None:
        """All routes of the peer turn stale for as long as they are retained."""
        terms = {
            family: retained(False, negotiated.get(family, Negotiated()), end, self._stale_time)
            for family in self._families(peer, negotiated)
        }
        for family in terms:
            if family not in self._rib.stale_families(peer):
                self._node_deadlines.pop((peer, family), None)
            timers = self._timers.get((peer, family))
            if timers is not None and timers.expired:
                terms[family] = NOT_RETAINED
            if not terms[family].long_lived:
                # It may have restarted again before its table was complete (RFC 4724 section 4.2);
                # long-lived routes are bounded by their own time (RFC 9494 section 4.2).
                self._drop(peer, family, False, "it restarted again")
        self._dependents.apply_best_changes(self._rib.peer_down(peer))
        for family in self._rib.stale_families(peer):
            self._retain_nodes(peer, family, negotiated, end, now)
            retention = terms.get(family, NOT_RETAINED)
            if retention == NOT_RETAINED:
                self._drop(peer, family, False)
            elif self._stale(peer, family, False):
                timers = self._timers.setdefault(
                    (peer, family), _Timers(now + self._stale_time))
                timers.restart, timers.resync = now + retention.restart, None
                timers.long_lived_time = retention.long_lived
                self._expire(peer, family, timers, now)

    def _retain_nodes(
        self, peer: str, family: Family, negotiated: Mapping[Family, Negotiated],
        end: SessionEnd, now: float,
    ) -> None:
        terms = retained(True, negotiated.get(family, Negotiated()), end, self._stale_time)
        if not terms.restart:
            self._drop(peer, family, True)
        elif family in self._rib.stale_families(peer):
            self._node_deadlines.setdefault((peer, family), now + terms.restart)

    def end_of_rib(self, peer: str, family: Family) -> None:
        """The peer's table of a family is complete: what is still stale of it goes."""
        self._timers.pop((peer, family), None)
        self._node_deadlines.pop((peer, family), None)
        gone = [path.nlri for path in self._rib.stale_from(peer, family)]
        self._dependents.apply_best_changes(self._rib.end_of_rib(peer, family))
        self._dependents.peer_paths_changed(gone)

    def tick(self, now: float) -> None:
        """Let go what has been stale for too long."""
        for (peer, family), deadline in list(self._node_deadlines.items()):
            if now >= deadline:
                # A peer that is back but never sent End-of-RIB keeps what it announced since.
                self._drop(peer, family, True, TOO_LONG)
                # The longest time is over, for what counted as theirs before, too.
                self._drop(peer, family, False, TOO_LONG)
        for (peer, family), timers in list(self._timers.items()):
            self._expire(peer, family, timers, now)

    def _expire(self, peer: str, family: Family, timers: _Timers, now: float) -> None:
        """Do what is due of a router's stale routes."""
        if timers.restart is not None and now >= timers.restart:
            began, timers.restart = timers.restart, None
            if not timers.long_lived_time and timers.long_lived is None:
                self._drop(peer, family, False, TOO_LONG)
                return
            self._make_long_lived(peer, family)
            if timers.long_lived is None:
                timers.long_lived = began + timers.long_lived_time
        if now >= timers.longest or (timers.resync is not None and now >= timers.resync):
            self._drop(peer, family, False, TOO_LONG)
        elif timers.long_lived is not None and now >= timers.long_lived:
            if timers.resync is None:
                self._drop(peer, family, False, TOO_LONG)
            else:
                timers.long_lived, timers.expired = None, True
                self._let_go(peer, self._stale(peer, family, False), TOO_LONG)

    def _make_long_lived(self, peer: str, family: Family) -> None:
        """The restart time is over: a router's stale routes become the least preferred ones, but
        those that it said not to keep so go."""
        paths = self._stale(peer, family, False)
        self._let_go(peer, [path for path in paths if NO_LLGR in path.attrs.communities],
                     "the restart time is over, and they may not be kept for longer")
        kept = [path.nlri for path in paths if NO_LLGR not in path.attrs.communities]
        if kept:
            self._dependents.apply_best_changes(self._rib.make_long_lived(peer, kept))
            self._notice("warning", peer,
                         f"the restart time is over; {len(kept)} stale routes of {family} are in "
                         "use where there is no other")

    def _families(self, peer: str, negotiated: Mapping[Family, Negotiated]) -> list[Family]:
        """Those of the peer's session, and those that something is stale of, or was."""
        return list(dict.fromkeys((
            *negotiated, *self._rib.stale_families(peer),
            *(family for name, family in (*self._timers, *self._node_deadlines) if name == peer),
        )))  # fmt: skip

    def _stale(self, peer: str, family: Family, of_nodes: bool) -> list[Path]:
        return [
            path for path in self._rib.stale_from(peer, family)
            if self._of_node(peer, path) == of_nodes
        ]  # fmt: skip

    def _drop(self, peer: str, family: Family, of_nodes: bool, why: str = "") -> None:
        (self._node_deadlines if of_nodes else self._timers).pop((peer, family), None)
        self._let_go(peer, self._stale(peer, family, of_nodes), why)

    def _let_go(self, peer: str, paths: list[Path], why: str) -> None:
        if not paths:
            return
        gone = [path.nlri for path in paths]
        self._dependents.apply_best_changes(self._rib.drop_stale(peer, gone))
        self._dependents.peer_paths_changed(gone)
        if why:
            self._notice("warning", peer, f"{len(gone)} stale routes were dropped: {why}")
