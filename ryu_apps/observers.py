"""Whoever wants to know what the control core handles and does, and must not delay it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple


class Observed(NamedTuple):
    """``items``: events and effects in order.  ``dropped``: how many came after them and found no
    room any more."""

    items: list[Any]
    dropped: int


class Observer:
    """A queue of events and effects that somebody takes from on a thread of his own.

    Nothing is lost unseen: what does not fit is dropped and counted, and the next :meth:`take` says
    how many are missing where.  ``classes``: of what is wanted.  ``limit``: how many may wait.
    """

    def __init__(self, name: str, classes: Collection[type], limit: int) -> None:
        self.name = name
        self.dropped = 0
        """Since the beginning."""
        self._classes = frozenset(classes)
        self._limit = limit
        self._items: deque[Any] = deque()
        self._missing = 0
        self._closed = False
        self._changed = threading.Condition()

    @property
    def waiting(self) -> int:
        """How many wait to be taken."""
        return len(self._items)

    def offer(self, items: Iterable[Any]) -> None:
        """Take in those that are wanted; never waits for who takes them out."""
        wanted = [item for item in items if type(item) in self._classes]
        if not wanted:
            return
        with self._changed:
            room = self._limit - len(self._items)  # none from a first loss until all is taken
            self._items.extend(wanted[:room])
            lost = len(wanted[room:])
            self._missing += lost
            self.dropped += lost
            self._changed.notify()

    def take(self, timeout: float | None = None) -> Observed:
        """Everything that waits, as soon as there is something; nothing after ``timeout`` seconds
        or when it is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._missing or self._closed, timeout)
            taken = Observed(list(self._items), self._missing)
            self._items.clear()
            self._missing = 0
        return taken

    def close(self) -> None:
        """Wake up who waits in :meth:`take`, now and later."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
