"""The node's copy of the configuration, and the only way to change it.

Every node holds the whole configuration in memory, fed by the store's watch.  A change is *planned*
by a pure function of that copy and written in one transaction that compares and rewrites
``/config/generation``; so a plan that was made from old data never gets written: it is made again.
Requests that come while a transaction is under way are committed together in the next one.
"""

from __future__ import annotations

import logging
import random
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any, TypeVar

from ryu_apps.config_records import (
    CONFIG,
    GENERATION,
    STATUS,
    Reader,
    operation,
    status_record,
)
from ryu_apps.control.config import Config
from ryu_apps.control.ipam import AllocatingConfig
from ryu_apps.control.messages import ConfigChanged, ConfigLoaded, StatusChanged
from ryu_apps.control.model import Change
from ryu_apps.group_commit import Plan, Request, plan_group
from ryu_apps.status_writer import StatusWriter
from ryu_apps.store.base import (
    Batch,
    Compare,
    Conflict,
    Put,
    Store,
    StoreError,
    TooLarge,
    Unavailable,
    Watch,
)

LOG = logging.getLogger(__name__)
T = TypeVar("T")

LOAD_BATCH = 2000
ATTEMPTS = 30
CATCH_UP = 5.0
"""Seconds that a commit waits for the watch after a conflict."""


class Configuration:
    """``post``: takes events of :mod:`ryu_apps.control.messages`; must not block."""

    def __init__(self, store: Store, post: Callable[[Any], None], settings: Any):
        self.settings = settings
        self._store = store
        self._post = post
        self._max_operations = settings.store.max_operations
        self._reader = Reader()
        self._config = AllocatingConfig()
        self._changed = threading.Condition()
        self._revision = 0
        self._generation = 0
        self._own: dict[str, int] = {}
        """Keys that commits applied before the watch delivered them -> revision."""
        self._committing = threading.Lock()
        self._queue_lock = threading.Lock()
        self._queue: list[Request] = []
        self._watches: list[Watch] = []
        self._writer = StatusWriter(store, self._max_operations)
        self._stopping = False

    @property
    def refused_records(self) -> int:
        """Status records that no store takes and that were left out."""
        return self._writer.refused

    @property
    def skipped(self) -> int:
        """Stored records that could not be understood and were left out."""
        return self._reader.skipped

    # ------------------------------------------------------------ life

    def start(self) -> None:
        """Load everything, post it, then watch.

        Posts StatusChanged, ConfigChanged (in large batches) and ConfigLoaded.  Raises StoreError
        when the store does not answer or holds values of a newer schema; single malformed records
        are skipped, counted in ``skipped`` and logged.
        """
        items, revision = self._store.list(CONFIG)
        statuses, status_revision = self._store.list(STATUS)
        changes = [change for item in items if (change := self._reader.loaded(item)) is not None]
        status = tuple((item.key, status_record(item.key, item.value)) for item in statuses)
        if status:
            self._post(StatusChanged(status))
        with self._changed:
            for change in changes:
                self._config.apply(change)
            self._revision = revision
            self._generation = next(
                (item.revision for item in items if item.key == GENERATION), 0
            )
            for start in range(0, len(changes), LOAD_BATCH):
                self._post(ConfigChanged(tuple(changes[start:start + LOAD_BATCH]), revision))
            self._post(ConfigLoaded())
        LOG.info("configuration loaded: %d resources, %d skipped", len(changes), self.skipped)
        self._watches = [
            self._store.watch(CONFIG, revision, self._on_config),
            self._store.watch(STATUS, status_revision, self._on_status),
        ]
        self._writer.start()

    def stop(self) -> None:
        """End watches and the status writer; pending commits fail.  The store stays open."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for watch in self._watches:
            watch.cancel()
        self._watches = []
        self._writer.stop()

    # ------------------------------------------------------------ use

    def read(self, function: Callable[[Config], T]) -> T:
        """``function(config)`` on a consistent configuration that must not be changed or kept.

        The resources in it are frozen and may be kept.
        """
        with self._changed:
            return function(self._config)

    def commit(self, plan: Plan) -> Any:
        """Make the changes that ``plan(config)`` returns with its result; return the result.

        ``plan`` is a pure function; it may run more than once and must leave ``config`` as it found
        it.  What it raises comes out of here, and nothing is written.  After the return every
        :meth:`read` sees the change.  Raises Unavailable, TooLarge, Conflict (too much contention).
        """
        request = Request(plan)
        with self._queue_lock:
            self._queue.append(request)
        with self._committing:
            if not request.finished:
                with self._queue_lock:
                    group, self._queue = self._queue, []
                self._commit_group(group)
        if request.error is not None:
            raise request.error
        return request.result

    def put_status(self, key: str, record: dict | None, ephemeral: bool = False) -> None:
        """Write (None: delete) an observed-state record below ``/status/``.  Never blocks: the
        newest record of each key is written by a thread, with retries."""
        self._writer.put(key, record, ephemeral)

    # ------------------------------------------------------------ committing

    def _commit_group(self, group: list[Request]) -> None:
        try:
            while group:
                group = self._commit_some(group)
        except Exception as error:  # the outermost boundary: those who wait must learn of it
            if not isinstance(error, StoreError):
                LOG.exception("commit failed")
            for request in group:
                if not request.finished:
                    request.error, request.finished = error, True

    def _commit_some(self, group: list[Request]) -> list[Request]:
        """Commit the first of ``group`` that fit one transaction; return the rest."""
        for attempt in range(ATTEMPTS):
            with self._changed:
                if self._stopping:
                    raise Unavailable("this node is stopping; ask another", definite=True)
                generation = self._generation
                planned, rest, changes = plan_group(
                    group, self._config, self._max_operations
                )
            if changes:
                try:
                    self._write(changes, generation)
                except Conflict:
                    self._wait_newer(generation, attempt)
                    continue
                except (Unavailable, TooLarge) as error:
                    for request in planned:
                        request.error, request.finished = error, True
                    return rest
            for request in planned:
                request.finished = True
            return rest
        raise Conflict("the configuration is being changed too fast by others; try again")

    def _write(self, changes: list[Change], generation: int) -> None:
        token = uuid.uuid4().hex.encode()
        operations = [Put(GENERATION, token), *map(operation, changes)]
        try:
            revision = self._store.transact([Compare(GENERATION, generation)], operations)
        except Unavailable as error:
            if error.definite:
                raise
            found = self._store.get(GENERATION)  # raises Unavailable when still out of reach
            if found is None or found.value != token:
                raise
            revision = found.revision
        with self._changed:
            if self._generation < revision:  # else the watch was faster
                self._generation = self._revision = revision
                for each in operations:
                    self._own[each.key] = revision
                for change in changes:
                    self._config.apply(change)
                self._post(ConfigChanged(tuple(changes), revision))
                self._changed.notify_all()

    def _wait_newer(self, generation: int, attempt: int) -> None:
        """Somebody else committed: wait until the watch tells us what."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._generation > generation or self._stopping, CATCH_UP
            )
        if attempt > 1:
            time.sleep(random.uniform(0, 0.002 * min(attempt, 10)))

    # ------------------------------------------------------------ the watch

    def _on_config(self, batch: Batch) -> None:
        changes = []
        with self._changed:
            for key, value in batch.changes:
                own = self._own.get(key)
                if own is not None:
                    if batch.revision >= own:
                        del self._own[key]
                    if batch.revision <= own:
                        continue
                if key == GENERATION:
                    self._generation = max(self._generation, batch.revision)
                    continue
                change = self._reader.change(key, value)
                if change is not None:
                    changes.append(change)
                    self._config.apply(change)
            self._revision = max(self._revision, batch.revision)
            if changes:
                self._post(ConfigChanged(tuple(changes), batch.revision))
            self._changed.notify_all()

    def _on_status(self, batch: Batch) -> None:
        self._post(
            StatusChanged(
                tuple(
                    (key, None if value is None else status_record(key, value))
                    for key, value in batch.changes
                )
            )
        )
