"""Clients that are refused again and again, because nobody knows them, have to wait: so that who
guesses takes from the others neither workers nor the interpreter.

The first hundred or so refusals of a source cost it nothing.  From then on each of its connections
that was refused is left alone for a while, and so is each that it opens.
"""

from __future__ import annotations

import collections
import heapq
import itertools
import threading
import time
from collections.abc import Callable
from http import HTTPStatus

from ryu_apps.connections.buckets import Buckets
from ryu_apps.northbound.serving.connection import HttpConnection

REFUSALS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS)
BURST, PER_SECOND = 100.0, 20.0
"""Refusals of one source at once, and in each second after."""
BURST_OF_ALL, PER_SECOND_OF_ALL = 400.0, 100.0
"""The same of all sources together; beyond it every source that is refused waits."""
LONGEST = 2.0
"""Seconds that a connection waits."""
MOST = 32
"""Connections of one source that wait; more are closed."""
MAX_SOURCES = 10_000
_ALL = ""


class Holds:
    """:meth:`refused` may be called from any thread, the rest from the loop's alone."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._sources = Buckets(
            BURST, PER_SECOND, MAX_SOURCES, clock, PER_SECOND * LONGEST)
        self._all = Buckets(
            BURST_OF_ALL, PER_SECOND_OF_ALL, 1, clock, PER_SECOND_OF_ALL * LONGEST)
        self._waiting: list[tuple[float, int, HttpConnection]] = []
        self._counts: collections.Counter[str] = collections.Counter()
        self._number = itertools.count()

    def refused(self, source: str) -> None:
        """It was answered that nobody knows it, or that it asks too often."""
        with self._lock:
            self._sources.take(source)
            self._all.take(_ALL)

    def wait(self, source: str) -> float:
        """Seconds that a connection of this source has to wait now."""
        with self._lock:
            if source not in self._sources:
                return 0.0
            return min(LONGEST, max(0.0, *(
                -buckets.left(name) / buckets.rate
                for buckets, name in ((self._sources, source), (self._all, _ALL))
            )))

    def full(self, source: str) -> bool:
        """So many of its connections wait that another is closed instead."""
        return self._counts[source] >= MOST

    def hold(self, connection: HttpConnection, seconds: float) -> None:
        due = self._clock() + seconds
        connection.deadline = max(connection.deadline, due + LONGEST)
        self._counts[connection.source] += 1
        heapq.heappush(self._waiting, (due, next(self._number), connection))

    def due(self) -> list[HttpConnection]:
        """Those that have waited long enough."""
        found = []
        now = self._clock()
        while self._waiting and self._waiting[0][0] <= now:
            connection = heapq.heappop(self._waiting)[2]
            self._counts[connection.source] -= 1
            if not self._counts[connection.source]:
                del self._counts[connection.source]
            found.append(connection)
        return found

    def pause(self, longest: float) -> float:
        """Seconds until one is due, at most ``longest``."""
        if not self._waiting:
            return longest
        return min(longest, max(0.0, self._waiting[0][0] - self._clock()))
