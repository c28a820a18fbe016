"""How many requests may wait for Keystone at a time: it may hang, and the API has few workers,
which those with tokens that are known already still need."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

SLOW = 1.0
"""Seconds that a question to Keystone may take before others stop waiting for its turn."""


class Busy(Exception):
    """All turns are taken, by questions that take long."""


class Turns:
    """``number``: of questions at a time."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._begun: list[float] = []
        self._change = threading.Condition()

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Raises Busy."""
        with self._change:
            deadline = time.monotonic() + SLOW
            while len(self._begun) >= self._number:
                now = time.monotonic()
                left = min(deadline, min(self._begun) + SLOW) - now
                if left <= 0:
                    raise Busy
                self._change.wait(left)
            begun = time.monotonic()
            self._begun.append(begun)
        try:
            yield
        finally:
            with self._change:
                self._begun.remove(begun)
                self._change.notify()
