"""Bounds of what logins may cost: bcrypt is slow by design, and anybody may ask for it.

A source that fails again and again has to wait before each further attempt; and all those from
where nobody has logged in lately may fail together no more than a few times a second, so that the
others come in meanwhile.
"""

from __future__ import annotations

import collections
import contextlib
import math
import os
import threading
import time
from collections.abc import Callable, Iterator

from ryu_apps.connections.buckets import Buckets
from ryu_apps.identity.directory.errors import IdentityError

BURST, PER_SECOND = 20.0, 1.0
"""Failures of one source at once, and how fast they are forgiven."""
BURST_OF_ALL, PER_SECOND_OF_ALL = 10.0, 1.0
"""Failures of all sources together that are not known."""
KNOWN = 86400.0
"""Seconds for which a source is known after a login."""
MAX_SOURCES = 10_000
"""Sources that have failed lately; of more, those that failed longest ago are forgotten."""
SLOTS = max(1, (os.cpu_count() or 1) // 2)
"""Passwords that are checked at a time: others need processors too."""
PATIENCE = 10.0
"""Seconds that a login waits for its turn."""


def too_many(retry: float) -> IdentityError:
    seconds = max(1, math.ceil(retry))
    return IdentityError(
        429, f"There are too many logins; try again in {seconds} seconds.", seconds
    )


class Gate:
    """``slots``: passwords that are checked, or hashed, at a time."""

    def __init__(
        self, slots: int = SLOTS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._free = slots
        self._queue: collections.deque[object] = collections.deque()
        self._turn = threading.Condition()
        self._lock = threading.Lock()
        self._failures = Buckets(BURST, PER_SECOND, MAX_SOURCES, clock)
        self._known = Buckets(1, 1 / KNOWN, MAX_SOURCES, clock)
        self._of_all = Buckets(BURST_OF_ALL, PER_SECOND_OF_ALL, 1, clock)
        self.refused = 0
        """Logins that were sent away unchecked."""

    @contextlib.contextmanager
    def enter(self, source: str) -> Iterator[Attempt]:
        """Around the check of one password.  Raises IdentityError 429."""
        attempt = Attempt()
        unknown = self._begin(source)
        try:
            with self.slot():
                yield attempt
        finally:
            with self._lock:
                if attempt.succeeded:
                    self._failures.take(source, -1)
                    if unknown:
                        self._of_all.take("", -1)
                    self._known.take(source)

    @contextlib.contextmanager
    def slot(self) -> Iterator[None]:
        """Around what takes as long, of somebody who has logged in; first come, first served.
        Raises IdentityError 429."""
        ours = object()
        with self._turn:
            self._queue.append(ours)
            came = self._turn.wait_for(
                lambda: self._free > 0 and self._queue[0] is ours, PATIENCE)
            self._queue.remove(ours)
            self._free -= came
            self._turn.notify_all()
        if not came:
            raise too_many(1)
        try:
            yield
        finally:
            with self._turn:
                self._free += 1
                self._turn.notify_all()

    def knows(self, source: str) -> bool:
        """Whether somebody has logged in from there lately."""
        with self._lock:
            return source in self._known

    def _begin(self, source: str) -> bool:
        """Whether the source is not known.  Raises IdentityError 429."""
        with self._lock:
            wait = (1 - self._failures.left(source)) / PER_SECOND
            unknown = source not in self._known
            if unknown:
                wait = max(wait, (1 - self._of_all.left("")) / PER_SECOND_OF_ALL)
            if wait > 0:
                self.refused += 1
                raise too_many(wait)
            if unknown:
                self._of_all.take("")
            self._failures.take(source)
            return unknown


class Attempt:
    """``succeeded``: whoever checks says so."""

    succeeded = False
