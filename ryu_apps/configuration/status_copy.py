"""Status records from the store to the control core.

A record that goes because the store was emptied or restored says nothing about what it described:
such a deletion is passed on only when the configuration is not in doubt and the record's node had
time to write it again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

from ryu_apps.configuration.records import status_record
from ryu_apps.configuration.status_writer import StatusWriter
from ryu_apps.control.messages import StatusChanged
from ryu_apps.control.ownership.records import NODES, REACH
from ryu_apps.store.base import Batch, Item

GRACE = 30.0
"""Seconds that a node has to write its records again."""
SETTLE = 1.0
"""Seconds until a single deletion is passed on: that the configuration went with it may be heard a
moment later, as its watch is another."""
AT_ONCE = (NODES, REACH)
"""Records that tell whether a node lives: others are waiting for its hypervisors.  Where they go
with all the rest, what is done for that cannot be done either: the store compares."""


class StatusCopy:
    """``doubted``: whether the store's configuration is in doubt."""

    def __init__(
        self, post: Callable[[Any], None], writer: StatusWriter, doubted: Callable[[], bool]
    ) -> None:
        self._post = post
        self._writer = writer
        self._doubted = doubted
        self._lock = threading.Lock()
        self._missing: dict[str, float] = {}
        """Records that vanished -> when they count as deleted."""
        self._passed = threading.Condition()
        self._revision = 0
        """Values written up to this revision of the store were passed on."""
        self._released = False

    def loaded(self, items: Iterable[Item], revision: int) -> None:
        """All records, at the start, as they were at a revision of the store."""
        status = tuple((item.key, status_record(item.key, item.value)) for item in items)
        self._post(StatusChanged(status, whole=True))
        self._pass(revision)

    def changed(self, batch: Batch, now: float) -> None:
        """What the watch tells."""
        gone = [key for key, value in batch.changes if value is None]
        # Nobody else deletes what this node has written and means.
        vanished = batch.restarted or any(self._writer.means(key) for key in gone)
        if vanished:
            self._writer.write_again()
        doubted = vanished or self._doubted()
        patience = GRACE if doubted else SETTLE
        at_once = []
        with self._lock:
            for key, value in batch.changes:
                if value is not None:
                    self._missing.pop(key, None)
                elif key.startswith(AT_ONCE) and not doubted:
                    at_once.append((key, None))
                else:
                    self._missing[key] = now + patience
        changes = (*at_once, *(
            (key, status_record(key, value)) for key, value in batch.changes if value is not None
        ))
        if changes:
            self._post(StatusChanged(changes))
        self._pass(batch.revision)

    def _pass(self, revision: int) -> None:
        with self._passed:
            self._revision = revision
            self._passed.notify_all()

    def wait_for(self, revision: int, timeout: float) -> bool:
        """Wait until what was written at a revision of the store was passed on, at most ``timeout``
        seconds; returns whether it was."""
        with self._passed:
            self._passed.wait_for(lambda: self._released or self._revision >= revision, timeout)
            return self._revision >= revision

    def release(self) -> None:
        """Nobody waits from now on."""
        with self._passed:
            self._released = True
            self._passed.notify_all()

    def tick(self, now: float) -> None:
        """Pass on the deletions that are due."""
        with self._lock:
            if self._doubted():
                self._missing = dict.fromkeys(self._missing, now + GRACE)
                return
            due = [key for key, when in self._missing.items() if when <= now]
            for key in due:
                del self._missing[key]
        if due:
            self._post(StatusChanged(tuple((key, None) for key in due)))
