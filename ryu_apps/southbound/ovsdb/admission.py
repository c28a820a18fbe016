"""What a flood of connections may cost: how many are served, how many lines are logged."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable

from ryu_apps.connections.limits import ConnectionLimits

LOG = logging.getLogger("vnc.ovsdb")

MAX_EARLY_PER_SOURCE = 128
"""Connections from one address that have not shown to be an OVSDB server yet."""
LINES = 50
LINES_WINDOW = 10.0
"""So many lines in so many seconds: a flood must not fill the disk."""


class SessionAdmission:
    """Who may connect.  ``max_sessions``: of all sources together.  ``per_source``: of one.
    ``known``: whether a hypervisor that was accepted is at an address."""

    def __init__(
        self, max_sessions: int, per_source: int, known: Callable[[str], bool]
    ) -> None:
        self._limits = ConnectionLimits(max_sessions, per_source, known)
        self._early: Counter[str] = Counter()
        self._sources: dict[int, str] = {}
        self._shown: set[int] = set()

    def enter(self, session: int, source: str) -> str:
        """Count a session that has shown nothing yet; why it is refused, or ""."""
        early = self._early[source]
        if early >= MAX_EARLY_PER_SOURCE:
            return f"{early} connections from there have not shown a database yet"
        refusal = self._limits.admit(source)
        if not refusal:
            self._sources[session] = source
            self._early[source] += 1
        return refusal

    def not_early(self, session: int) -> None:
        """It showed to be an OVSDB server.  Idempotent."""
        if session not in self._shown:
            self._shown.add(session)
            self._count_down(self._sources[session])

    def left(self, session: int) -> None:
        """It is over.  Idempotent."""
        source = self._sources.pop(session, None)
        if source is None:
            return
        if session in self._shown:
            self._shown.discard(session)
        else:
            self._count_down(source)
        self._limits.release(source)

    def _count_down(self, source: str) -> None:
        self._early[source] -= 1
        if not self._early[source]:
            del self._early[source]


class LineBudget:
    """How many lines may be logged of things that others can cause at will."""

    def __init__(self) -> None:
        self._started = 0.0
        self._count = 0

    def take(self, now: float) -> tuple[bool, int]:
        """(whether to log this line, how many were left out in a window that just ended)."""
        left_out = 0
        if now - self._started > LINES_WINDOW:
            left_out = max(0, self._count - LINES)
            self._started, self._count = now, 0
        self._count += 1
        return self._count <= LINES, left_out


class ClosedLog:
    """One line for each connection that was closed, as far as :class:`LineBudget` allows."""

    def __init__(self) -> None:
        self._lines = LineBudget()

    def closed(self, who: str, reason: str, level: int = logging.WARNING) -> None:
        shown, left_out = self._lines.take(time.monotonic())
        if left_out:
            LOG.warning("%d more connections were closed", left_out)
        if shown:
            LOG.log(level, "%s: closed: %s", who, reason)
