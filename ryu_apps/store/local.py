"""What the stores inside one process share: the data in memory, the change log, the watches.

A subclass makes changes durable in :meth:`LocalStore._persist`, which runs before anybody sees
them.  Watches read the log by position, each on its own thread, so a slow one holds nothing up
and needs no queue: one that falls further behind than the log reaches gets the difference.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ryu_apps.supervision import Thread, failed, waiting

from .base import Batch, Compare, Conflict, Delete, Item, Put, Store, StoreError, Watch
from .keys import check_key, check_transaction, difference_revision

LOG = logging.getLogger(__name__)

BATCHES_AT_ONCE = 256


class Logged(NamedTuple):
    """One key's change.  ``value`` None: deleted.  ``before``: the key's revision before, 0 when
    it did not exist."""

    key: str
    value: bytes | None
    before: int


class LocalStore(Store):
    """``history``: revisions kept for watches that start in the past, at least; up to twice as
    many are held in between."""

    kind = "local"

    def __init__(self, history: int = 20_000) -> None:
        if history < 1:
            raise ValueError("history must be at least 1")
        self._history = history
        self._write_lock = threading.Lock()
        """One transaction at a time, also while it is made durable."""
        self._changed = threading.Condition(threading.Lock())
        """Guards everything below.  Never held while waiting for a disk or a callback."""
        self._data: dict[str, Item] = {}
        self._revision = 0
        self._compacted = 0
        """The log holds the revisions after this one, without gaps."""
        self._log: list[tuple[Logged, ...]] = []
        self._ephemeral: set[str] = set()
        self._watches: set[LocalWatch] = set()
        self._closed = False

    def _persist(
        self, revision: int, changes: tuple[Logged, ...], ephemeral: frozenset[str]
    ) -> None:
        """Make one revision durable, or raise and leave everything as it was.  ``ephemeral``:
        which of the keys put go with this session."""

    def _forget(self, revision: int) -> None:
        """The log up to and including ``revision`` is not needed any more."""

    def _release(self) -> None:
        """Close files; called once, after the last transaction."""

    # ---- reads

    def list(self, prefix: str) -> tuple[list[Item], int]:
        check_key(prefix)
        with self._changed:
            self._check_open()
            items = [item for key, item in self._data.items() if key.startswith(prefix)]
            revision = self._revision
        items.sort()
        return items, revision

    def get(self, key: str) -> Item | None:
        with self._changed:
            self._check_open()
            return self._data.get(check_key(key))

    def newest(self, prefix: str) -> int:
        check_key(prefix)
        with self._changed:
            self._check_open()
            return max(
                (item.revision for key, item in self._data.items() if key.startswith(prefix)),
                default=0,
            )

    @property
    def answers(self) -> bool:
        return not self._closed

    def status(self) -> dict:
        with self._changed:
            return {
                "kind": self.kind,
                "ok": not self._closed,
                "revision": self._revision,
                "endpoints": [],
                "error": "closed" if self._closed else "",
            }

    # ---- writes

    def transact(self, compares: Sequence[Compare], operations: Sequence[Put | Delete]) -> int:
        check_transaction(compares, operations)
        with self._write_lock:
            self._check_open()
            return self._commit(compares, operations)

    def _commit(self, compares: Sequence[Compare], operations: Sequence[Put | Delete]) -> int:
        data = self._data
        for compare in compares:
            item = data.get(compare.key)
            actual = item.revision if item else 0
            if actual != compare.revision:
                raise Conflict(
                    f"{compare.key} has revision {actual}, expected was {compare.revision}"
                )
        changes = []
        ephemeral = []
        for operation in operations:
            item = data.get(operation.key)
            if type(operation) is Put:
                before = item.revision if item else 0
                changes.append(Logged(operation.key, operation.value, before))
                if operation.ephemeral:
                    ephemeral.append(operation.key)
            elif item is not None:
                changes.append(Logged(operation.key, None, item.revision))
        if not changes:
            return self._revision
        changes.sort()
        revision = self._revision + 1
        logged = tuple(changes)
        self._persist(revision, logged, frozenset(ephemeral))
        with self._changed:
            self._apply(revision, logged)
            self._ephemeral.difference_update(change.key for change in logged)
            self._ephemeral.update(ephemeral)
            surplus = len(self._log) - 2 * self._history
            forget = 0
            if surplus > 0:
                forget = self._compacted = self._compacted + surplus + self._history
                del self._log[: surplus + self._history]
            self._changed.notify_all()
        if forget:
            self._forget(forget)
        return revision

    def _apply(self, revision: int, changes: tuple[Logged, ...]) -> None:
        self._revision = revision
        self._log.append(changes)
        for key, value, _ in changes:
            if value is None:
                self._data.pop(key, None)
            else:
                self._data[key] = Item(key, value, revision)

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError("the store is closed")

    # ---- watches

    def watch(self, prefix: str, revision: int, on_batch: Callable[[Batch], None]) -> Watch:
        """As the contract says.  Raises StoreError when the log does not reach back to
        ``revision``: list again then, and watch from there."""
        check_key(prefix)
        with self._changed:
            self._check_open()
            if revision < self._compacted:
                raise StoreError(
                    f"changes are known from revision {self._compacted} on, not from {revision}; "
                    "list again"
                )
            watch = LocalWatch(self, prefix, revision, self._keys_at(prefix, revision), on_batch)
            self._watches.add(watch)
        watch.start()
        return watch

    def _keys_at(self, prefix: str, revision: int) -> set[str]:
        """The keys below ``prefix`` that existed at ``revision``."""
        keys = {key for key in self._data if key.startswith(prefix)}
        # Undo the log back to that revision.
        for changes in reversed(self._log[max(0, revision - self._compacted) :]):
            for key, _, before in changes:
                if not before:
                    keys.discard(key)
                elif key.startswith(prefix):
                    keys.add(key)
        return keys

    def _next_batches(self, watch: LocalWatch) -> list[Batch] | None:
        """Wait for changes after ``watch.cursor``; None when the watch has ended."""
        with self._changed:
            while not watch.ended and self._revision <= watch.cursor:
                with waiting():
                    self._changed.wait()
            if watch.ended:
                return None
            prefix, cursor = watch.prefix, watch.cursor
            if cursor < self._compacted:
                return self._difference(watch)
            start = cursor - self._compacted
            batches = []
            for offset, changes in enumerate(self._log[start : start + BATCHES_AT_ONCE], 1):
                watch.cursor = cursor + offset
                below = tuple((key, value) for key, value, _ in changes if key.startswith(prefix))
                if below:
                    batches.append(Batch(watch.cursor, below))
            return batches

    def _difference(self, watch: LocalWatch) -> list[Batch]:
        changes: list[tuple[str, bytes | None]] = [
            (key, None) for key in watch.keys if key not in self._data
        ]
        newer = [
            item
            for item in self._data.values()
            if item.revision > watch.cursor and item.key.startswith(watch.prefix)
        ]
        changes += [(item.key, item.value) for item in newer]
        LOG.warning(
            "A watch of %s was at revision %d when the log began at %d; %d changes as one batch",
            watch.prefix, watch.cursor, self._compacted, len(changes),
        )  # fmt: skip
        watch.cursor = self._revision
        revision = difference_revision(newer, self._revision)
        return [Batch(revision, tuple(sorted(changes)))] if changes else []

    def _end_watch(self, watch: LocalWatch) -> None:
        with self._changed:
            watch.ended = True
            self._watches.discard(watch)
            self._changed.notify_all()

    # ---- end

    def close(self) -> None:
        with self._write_lock:
            if self._closed:
                return
            try:
                self._commit((), [Delete(key) for key in self._ephemeral])
            except StoreError as error:
                LOG.warning("Could not delete this session's keys at close: %s", error)
            with self._changed:
                self._closed = True
            self._release()
        for watch in list(self._watches):
            watch.cancel()


class LocalWatch(Watch):
    def __init__(
        self,
        store: LocalStore,
        prefix: str,
        revision: int,
        keys: set[str],
        on_batch: Callable[[Batch], None],
    ) -> None:
        self.prefix = prefix
        self.cursor = revision
        self.keys = keys
        self.ended = False
        self._store = store
        self._on_batch = on_batch
        self._thread = Thread(
            self._run, f"watch {prefix}", essential=True, may_end=lambda: self.ended
        )

    def start(self) -> None:
        self._thread.start()

    def cancel(self) -> None:
        self._store._end_watch(self)
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        while (batches := self._store._next_batches(self)) is not None:
            for batch in batches:
                if self.ended:
                    return
                for key, value in batch.changes:
                    if value is None:
                        self.keys.discard(key)
                    else:
                        self.keys.add(key)
                try:
                    self._on_batch(batch)
                except Exception:
                    failed("a consumer failed at revision %d", batch.revision)
