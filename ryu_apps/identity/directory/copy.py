"""The node's copy of the directory, fed by the store's watch, and the only way to change it.

A change is planned by a pure function of the copy and written in one transaction that compares and
rewrites ``/identity/generation``; a plan that was made from old data is made again.

A store that lost its history or all of its directory is not followed at once: the configuration
(:mod:`ryu_apps.configuration.copy`) finds out whether it is the right one, and while that is in
doubt the directory stays as it is, so that its administrator can log in and decide.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from ryu_apps.identity.directory.directory import Directory
from ryu_apps.identity.directory.records import (
    GENERATION,
    IDENTITY,
    Change,
    RecordError,
    decode,
    encode,
    parse_key,
)
from ryu_apps.identity.directory.rules import Plan
from ryu_apps.store.base import (
    Batch,
    Compare,
    Conflict,
    Delete,
    Item,
    Put,
    Store,
    Unavailable,
    Watch,
)

LOG = logging.getLogger(__name__)
T = TypeVar("T")
ATTEMPTS = 20
CATCH_UP = 5.0
"""Seconds that a change waits for the watch after somebody else's."""
SETTLE = 3.0
"""Seconds after a break of the store's history until the configuration knows what to think of
it."""


class DirectoryCopy:
    """``doubt``: why the store is not followed now, or "".  ``max_operations``: of a transaction.
    """

    def __init__(self, store: Store, doubt: Callable[[], str], max_operations: int) -> None:
        self._store = store
        self._doubt = doubt
        self._most = store.max_operations or max_operations
        self._changed = threading.Condition()
        self._writing = threading.Lock()
        self._directory = Directory()
        self._revision = 0
        """Of the store, up to which the copy has everything."""
        self._generation = 0
        """The revision of the last change."""
        self._own: dict[str, int] = {}
        """Keys that commits applied before the watch delivered them -> revision."""
        self._broken_at: float | None = None
        """Since when the store is not followed."""
        self._watch: Watch | None = None
        self.loaded = False
        self.skipped = 0
        """Stored records that could not be understood and were left out."""

    @property
    def version(self) -> int:
        """Another one after each change."""
        return self._directory.version

    def read(self, function: Callable[[Directory], T]) -> T:
        """``function(directory)`` on a consistent directory that must not be changed or kept."""
        with self._changed:
            return function(self._directory)

    # ------------------------------------------------------------ following the store

    def load(self) -> None:
        """Take all that the store has, and watch it from there.  Raises StoreError."""
        items, revision = self._store.list(IDENTITY)
        with self._changed:
            self._take(items, revision)
        if self._watch is None:
            self._watch = self._store.watch(IDENTITY, revision, self._on_batch)
        self.loaded = True

    def close(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    def mend(self) -> None:
        """Follow the store again where that is due; called once a second.  Raises StoreError."""
        since = self._broken_at
        if since is None or time.monotonic() - since < SETTLE or self._doubt():
            return
        items, revision = self._store.list(IDENTITY)
        with self._changed:
            self._take(items, revision)
            self._broken_at = None
        LOG.warning("identity: the directory follows the store again: %d users",
                    self.read(lambda directory: len(directory.users)))

    def _take(self, items: Sequence[Item], revision: int) -> None:
        """Become what the store has."""
        self.skipped = 0
        there = {item.key: item for item in items}
        generation = there.pop(GENERATION, None)
        changes = [
            found for item in there.values() if (found := self._change(item.key, item.value))
        ]
        known = {change.key for change in changes}
        for table in self._directory.tables.values():
            changes += [
                lost for one in table.values()
                if (lost := Change(one.kind, one.id, None)).key not in known
            ]
        self._apply(changes)
        self._revision = revision
        self._generation = generation.revision if generation else 0
        self._own.clear()
        self._changed.notify_all()

    def _on_batch(self, batch: Batch) -> None:
        with self._changed:
            lost = batch.restarted or (GENERATION, None) in batch.changes
            if self._broken_at is not None or lost:
                if self._broken_at is None:
                    LOG.warning("identity: the store has another history than before; the "
                                "directory stays as it is until the configuration follows it")
                self._broken_at = time.monotonic() if lost else self._broken_at
                return
            if batch.revision <= self._revision:
                return
            self._revision = batch.revision
            changes = []
            for key, value in batch.changes:
                if key == GENERATION:
                    self._generation = max(self._generation, batch.revision)
                    continue
                own = self._own.get(key, 0)
                if batch.revision >= own:
                    self._own.pop(key, None)
                if batch.revision > own and (found := self._change(key, value)):
                    changes.append(found)
            self._apply(changes)
            self._changed.notify_all()

    def _change(self, key: str, value: bytes | None) -> Change | None:
        parsed = parse_key(key)
        if parsed is None:
            LOG.warning("%s ignored: this version knows no such record", key)
            self.skipped += 1
            return None
        if value is None:
            return Change(*parsed, None)
        try:
            return Change(*parsed, decode(*parsed, value))
        except RecordError as error:
            LOG.error("%s skipped: %s", key, error)
            self.skipped += 1
            return None

    def _apply(self, changes: Iterable[Change]) -> None:
        for change in changes:
            self._directory.apply(change)

    # ------------------------------------------------------------ changing it

    def commit(self, plan: Plan) -> Any:
        """Make the changes of a plan and return its result; afterwards every :meth:`read` sees
        them.  Raises what the plan raises, Unavailable, Conflict (too much contention)."""
        with self._writing:
            for _ in range(ATTEMPTS):
                with self._changed:
                    if not self.loaded:
                        raise Unavailable("the store was not read yet", definite=True)
                    if self._broken_at is not None or (doubt := self._doubt()):
                        why = "the store's history broke" if self._broken_at is not None else doubt
                        raise Unavailable(f"no change is made, because {why}; see vnctl config",
                                          definite=True)
                    generation = self._generation
                    changes, result = plan(self._directory)
                if not changes:
                    return result
                try:
                    self._write(changes, generation)
                except Conflict:
                    self._catch_up(generation)
                    continue
                return result
        raise Conflict("the directory is being changed too fast by others; try again")

    def _write(self, changes: list[Change], generation: int) -> None:
        """In several transactions where one has no room; the first has what makes the others
        needless to those who read: a user or project that is gone takes with it what names it."""
        room = self._most - 1
        for start in range(0, len(changes), room):
            some = changes[start:start + room]
            operations = [Put(GENERATION, uuid.uuid4().hex.encode()), *map(_operation, some)]
            revision = self._transact(operations, generation)
            with self._changed:
                if revision > self._generation:  # else the watch was faster
                    self._apply(some)
                    self._generation = revision
                    self._own.update((change.key, revision) for change in some)
                self._changed.notify_all()
            generation = revision

    def _transact(self, operations: list[Put | Delete], generation: int) -> int:
        try:
            return self._store.transact([Compare(GENERATION, generation)], operations)
        except Unavailable as error:
            if error.definite:
                raise
            found = self._store.get(GENERATION)  # raises Unavailable when still out of reach
            first = operations[0]
            if found is None or type(first) is not Put or found.value != first.value:
                raise
            return found.revision

    def _catch_up(self, generation: int) -> None:
        """Somebody else made a change: wait until the watch tells us what."""
        with self._changed:
            newer = self._changed.wait_for(
                lambda: self._generation > generation or self._broken_at is not None, CATCH_UP)
            if newer:
                return
        items, revision = self._store.list(IDENTITY)
        with self._changed:
            self._take(items, revision)


def _operation(change: Change) -> Put | Delete:
    if change.record is None:
        return Delete(change.key)
    return Put(change.key, encode(change.record))


def commit_offline(store: Store, plan: Plan) -> Any:
    """A change of a store that no node has open, or that others follow.  Raises StoreError,
    IdentityError."""
    copy = DirectoryCopy(store, lambda: "", store.max_operations or 128)
    copy.load()
    try:
        return copy.commit(plan)
    finally:
        copy.close()
