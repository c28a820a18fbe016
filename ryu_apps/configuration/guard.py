"""Opens the store, and looks after it while it is in doubt, on a thread of its own."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from ryu_apps.store.base import StoreError
from ryu_apps.supervision import Worker, failed, waiting

LOG = logging.getLogger(__name__)

TICK = 1.0
LOOK_INTERVAL = 10.0
"""Seconds between two looks at whether the watch tells what the store has."""
REVIEW_INTERVAL = 5.0
"""Seconds until a store in doubt is compared again, if nothing of it was heard earlier."""


class Behind:
    """Whether a watch is behind for longer than a moment.  ``changes``: how many it lacks."""

    def __init__(self, changes: Callable[[], int]) -> None:
        self._changes = changes
        self._due = 0.0
        self._since: float | None = None
        self.fault = ""

    def look(self, now: float) -> None:
        """Reads from the store, if it is time to.  Raises StoreError."""
        if now < self._due:
            return
        self._due = now + LOOK_INTERVAL
        changes = self._changes()
        if changes <= 0:
            self._since, self.fault = None, ""
        elif self._since is None:
            self._since, self._due = now, now + 2 * TICK
        else:
            self.fault = (
                f"the watch of the store is {changes} changes behind, for {now - self._since:.0f} s"
            )


class Guard:
    """``review``: compares the store with the copy and returns the doubt; called at once after
    :meth:`wake`, and again while there is one.  ``housekeeping``: called once a second."""

    def __init__(self, review: Callable[[], str], housekeeping: Callable[[float], None]) -> None:
        self._review = review
        self._housekeeping = housekeeping
        self._worker = Worker(self._run, "configuration")
        self._wake = self._worker.changed
        self._due = float("inf")
        self._reported = ""

    def start(self, doubt: str) -> None:
        """``doubt``: what the first look at the store left."""
        self._report(doubt)
        if doubt:
            self._due = time.monotonic() + TICK
        self._worker.start()

    def stop(self) -> None:
        self._worker.stop()

    def wake(self) -> None:
        """The store has to be compared, now.  Any thread; never blocks."""
        with self._wake:
            self._due = 0.0
            self._wake.notify()

    def _run(self) -> None:
        tick = time.monotonic() + TICK
        while True:
            with self._wake, waiting():
                now = time.monotonic()
                self._wake.wait_for(
                    lambda: self._worker.stopping or self._due == 0.0,
                    max(0.0, min(self._due, tick) - now),
                )
                if self._worker.stopping:
                    return
                now = time.monotonic()
                review = self._due <= now
                if review:
                    self._due = float("inf")
            try:
                if review:
                    self._look()
                if now >= tick:
                    tick = now + TICK
                    self._housekeeping(now)
            except Exception:  # the boundary of this loop
                failed("the configuration could not be looked after")
                with self._wake:
                    self._due = min(self._due, time.monotonic() + REVIEW_INTERVAL)

    def _look(self) -> None:
        try:
            doubt = self._review()
        except StoreError as error:
            doubt = f"the store cannot be read: {error}"
        self._report(doubt)
        if doubt:
            with self._wake:
                self._due = min(self._due, time.monotonic() + REVIEW_INTERVAL)

    def _report(self, doubt: str) -> None:
        if doubt and not self._reported:
            LOG.error("the configuration stays as it is, and changes are refused: %s. When the "
                      "store is right again this ends by itself; to use what it has now: "
                      "vnctl config accept", doubt)  # fmt: skip
        elif self._reported and not doubt:
            LOG.warning("the configuration follows the store again")
        self._reported = doubt
