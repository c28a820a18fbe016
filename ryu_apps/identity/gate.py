"""Bounds of what logins may cost: bcrypt is slow by design, and anybody may ask for it.

A login takes one of a few places; who finds none is told to come again.  A source that fails again
and again has to wait before each further attempt.
"""

from __future__ import annotations

import collections
import contextlib
import math
import threading
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ryu_apps.identity.directory.errors import IdentityError

BURST, PER_SECOND = 20.0, 1.0
"""Failures of one source at once, and how fast they are forgiven."""
MAX_SOURCES = 10_000
"""Sources that have failed lately; of more, those that failed longest ago are forgotten."""
PATIENCE = 10.0
"""Seconds that a login waits for its turn."""


def too_many(retry: float) -> IdentityError:
    seconds = max(1, math.ceil(retry))
    return IdentityError(
        429, f"There are too many logins; try again in {seconds} seconds.", seconds
    )


class _Bucket(NamedTuple):
    left: float
    at: float


class Gate:
    """``slots``: passwords that are checked at a time.  ``places``: logins that are checked or
    wait, of which one source never has more than half."""

    def __init__(
        self, slots: int, places: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._slots = threading.Semaphore(slots)
        self._places = places
        self._share = max(1, places // 2)
        self._clock = clock
        self._lock = threading.Lock()
        self._inside: collections.Counter[str] = collections.Counter()
        self._buckets: collections.OrderedDict[str, _Bucket] = collections.OrderedDict()
        self.refused = 0
        """Logins that were sent away unchecked."""

    @contextlib.contextmanager
    def enter(self, source: str) -> Iterator[Attempt]:
        """Around the check of one password.  Raises IdentityError 429."""
        attempt = Attempt()
        self._begin(source)
        try:
            if not self._slots.acquire(timeout=PATIENCE):
                raise too_many(1)
            try:
                yield attempt
            finally:
                self._slots.release()
        finally:
            with self._lock:
                self._inside[source] -= 1
                if not self._inside[source]:
                    del self._inside[source]
                if attempt.succeeded:
                    self._give_back(source)

    def _begin(self, source: str) -> None:
        with self._lock:
            try:
                left = self._left(source)
                if left < 1:
                    raise too_many((1 - left) / PER_SECOND)
                if (
                    self._inside.total() >= self._places or self._inside[source] >= self._share
                ):
                    raise too_many(1)
            except IdentityError:
                self.refused += 1
                raise
            self._inside[source] += 1
            self._set(source, left - 1)

    def _left(self, source: str) -> float:
        bucket = self._buckets.get(source)
        if bucket is None:
            return BURST
        return min(BURST, bucket.left + (self._clock() - bucket.at) * PER_SECOND)

    def _set(self, source: str, left: float) -> None:
        self._buckets[source] = _Bucket(left, self._clock())
        self._buckets.move_to_end(source)
        while len(self._buckets) > MAX_SOURCES:
            self._buckets.popitem(last=False)

    def _give_back(self, source: str) -> None:
        left = self._left(source) + 1
        if left >= BURST:
            self._buckets.pop(source, None)
        else:
            self._set(source, left)


class Attempt:
    """``succeeded``: whoever checks says so."""

    succeeded = False
