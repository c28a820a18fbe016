"""Who is connected, and who has to go when there is no more room.

One host can fill every table that it may open connections to, so the bounds are shared: what is too
much goes from the source that has the most.  Others are served as if it were not there.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator

from ryu_apps.northbound.serving.connection import HttpConnection, State

LOG = logging.getLogger(__name__)
_TAKING = (State.WRITING, State.STREAMING)
LOG_EVERY = 60.0
"""Seconds between two lines of the log about the same thing."""


class Clients:
    """At most ``capacity`` connections, which have at most ``memory`` bytes of requests and answers
    between them."""

    def __init__(self, capacity: int, memory: int) -> None:
        self.capacity = capacity
        self._memory = memory
        self._by_source: dict[str, dict[HttpConnection, int]] = {}
        """Source -> connection -> bytes that it is known to have; the oldest first."""
        self._count = 0
        self._bytes = 0

    def __iter__(self) -> Iterator[HttpConnection]:
        return (one for sizes in list(self._by_source.values()) for one in list(sizes))

    def __len__(self) -> int:
        return self._count

    def add(self, connection: HttpConnection) -> None:
        self._by_source.setdefault(connection.source, {})[connection] = 0
        self._count += 1

    def remove(self, connection: HttpConnection) -> None:
        """Idempotent."""
        sizes = self._by_source.get(connection.source, {})
        size = sizes.pop(connection, None)
        if size is not None:
            self._count -= 1
            self._bytes -= size
            if not sizes:
                del self._by_source[connection.source]

    def weigh(self, connection: HttpConnection) -> None:
        """Count what it has in memory now."""
        sizes = self._by_source.get(connection.source, {})
        if connection in sizes:
            size = connection.size
            self._bytes += size - sizes[connection]
            sizes[connection] = size

    def crowded(self) -> HttpConnection | None:
        """The connection that must go for another to come: of the source with the most, the oldest
        that has asked nothing or not all, else one that takes its answer.  None: workers have all
        of them."""
        if not self._by_source:
            return None
        free = [one for one in max(self._by_source.values(), key=len) if not one.busy]
        return next((one for one in free if one.state not in _TAKING), None) or next(
            iter(free), None)

    def heavy(self) -> list[tuple[str, HttpConnection | None]]:
        """Where memory is to be had, if there is too little: sources, the one with the most first,
        each with the largest of its connections that no worker has or will have."""
        if self._bytes <= self._memory:
            return []
        by_size = sorted(self._by_source, key=lambda one: -sum(self._by_source[one].values()))
        return [(source, self._largest(self._by_source[source])) for source in by_size]

    @staticmethod
    def _largest(sizes: dict[HttpConnection, int]) -> HttpConnection | None:
        loose = [one for one, size in sizes.items() if size and not one.busy]
        return max(loose, key=sizes.__getitem__, default=None)


class Turned:
    """Connections that were refused or dropped, by reason; the log has each reason at once, and
    then once in a while with how many there were."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.counts: dict[str, int] = {}
        self._logged: dict[str, tuple[float, int]] = {}
        self._clock = clock

    def __call__(self, reason: str, source: str) -> None:
        count = self.counts[reason] = self.counts.get(reason, 0) + 1
        now = self._clock()
        at, before = self._logged.get(reason, (float("-inf"), 0))
        if now - at < LOG_EVERY:
            return
        self._logged[reason] = now, count
        more = f" ({count - before} since the last line like this)" if count - before > 1 else ""
        LOG.warning("API: a connection of %s ended: %s%s", source, reason, more)
