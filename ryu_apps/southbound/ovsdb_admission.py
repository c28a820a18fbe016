"""What a flood of connections may cost: how many are served, how many lines are logged.  Pure."""

from __future__ import annotations

from collections import Counter

MAX_EARLY_PER_SOURCE = 256
"""Connections from one address that have not shown to be an OVSDB server yet."""
LINES = 50
LINES_WINDOW = 10.0
"""So many lines in so many seconds: a flood must not fill the disk."""


class Admission:
    """Who may connect.  ``max_sessions``: of all sources together."""

    def __init__(self, max_sessions: int) -> None:
        self._max_sessions = max_sessions
        self._early: Counter[str] = Counter()
        self._early_sessions: dict[int, str] = {}

    def refusal(self, source: str, sessions: int) -> str:
        """Why nobody from ``source`` may connect now; empty where they may.  ``sessions``: how many
        there are."""
        if sessions >= self._max_sessions:
            return f"there are already {self._max_sessions} sessions"
        early = self._early[source]
        if early >= MAX_EARLY_PER_SOURCE:
            return f"{early} connections from there have not shown a database yet"
        return ""

    def begun(self, session: int, source: str) -> None:
        """A session that has shown nothing yet."""
        self._early_sessions[session] = source
        self._early[source] += 1

    def not_early(self, session: int) -> None:
        """It showed to be an OVSDB server, or it is over.  Idempotent."""
        source = self._early_sessions.pop(session, None)
        if source is not None:
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
