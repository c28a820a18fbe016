"""Writes changes of the configuration: those that wait at the same time in one transaction."""

from __future__ import annotations

import logging
import random
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

from ryu_apps.configuration.copy import ConfigCopy
from ryu_apps.configuration.group_commit import PendingCommit, Plan, plan_group
from ryu_apps.configuration.records import GENERATION, operation
from ryu_apps.configuration.transfer.imports import Import
from ryu_apps.control.config import lineage
from ryu_apps.control.config.model import Change
from ryu_apps.store.base import (
    Compare,
    Conflict,
    Put,
    Store,
    StoreError,
    TooLarge,
    Unavailable,
)

LOG = logging.getLogger(__name__)

ATTEMPTS = 30
PATIENCE = 1.0
"""Seconds after which a commit whose outcome is unknown does not ask for it: somebody waits."""
IMPORT_PATIENCE = 30.0
"""Seconds until this node must have what it imported."""
CATCH_UP = 5.0
"""Seconds that a commit waits for the watch after a conflict."""


class Committing:
    """``doubt``: why nothing is changed, or "".  ``is_stopping``: whether the node ends.  ``wake``:
    called when the copy is to be compared with the store.  ``lock``: held while one writes; others
    who write to the configuration hold it too."""

    def __init__(
        self, store: Store, copy: ConfigCopy, max_operations: int, doubt: Callable[[], str],
        is_stopping: Callable[[], bool], wake: Callable[[], None],
    ) -> None:
        self._store = store
        self._copy = copy
        self._changed = copy.changed
        self._max_operations = max_operations
        self._doubt = doubt
        self._is_stopping = is_stopping
        self._wake = wake
        self.lock = threading.Lock()
        self._queue_lock = threading.Lock()
        self._queue: list[PendingCommit] = []

    def commit(self, plan: Plan) -> Any:
        """See :meth:`Configuration.commit`."""
        request = PendingCommit(plan)
        with self._queue_lock:
            self._queue.append(request)
        with self.lock:
            if not request.finished:
                with self._queue_lock:
                    group, self._queue = self._queue, []
                self._commit_group(group)
        if request.error is not None:
            raise request.error
        return request.result

    def write_import(self, made: Import) -> None:
        """Write what an import is to change, and return when this node has it.  Raises StoreError,
        FileError; Conflict where somebody changed the configuration after it was compared."""
        with self.lock:
            with self._changed:
                doubt = self._doubt()
                if doubt and not self._copy.unfinished:
                    raise Unavailable(
                        f"no change is made, because {doubt}; see vnctl config", definite=True
                    )
            made.write("import over the API")
            if made.written:
                self._follow()

    def _follow(self) -> None:
        """Wait until this node has what the store has now."""
        item = self._store.get(GENERATION)
        self._wake()
        copy = self._copy
        with self._changed:
            self._changed.wait_for(
                lambda: self._is_stopping() or item is None or copy.generation >= item.revision,
                IMPORT_PATIENCE,
            )

    def _commit_group(self, group: list[PendingCommit]) -> None:
        try:
            while group:
                group = self._commit_some(group)
        except Exception as error:  # the outermost boundary: those who wait must learn of it
            if not isinstance(error, StoreError):
                LOG.exception("commit failed")
            _fail([request for request in group if not request.finished], error)

    def _commit_some(self, group: list[PendingCommit]) -> list[PendingCommit]:
        """Commit the first of ``group`` that fit one transaction; return the rest."""
        for attempt in range(ATTEMPTS):
            with self._changed:
                if self._is_stopping():
                    raise Unavailable("this node is stopping; ask another", definite=True)
                if doubt := self._doubt():
                    raise Unavailable(
                        f"no change is made, because {doubt}; see vnctl config", definite=True
                    )
                generation = self._copy.generation
                planned, rest, changes = plan_group(
                    group, self._copy.config, self._max_operations
                )
            if changes:
                try:
                    self._write(changes, generation)
                except Conflict:
                    self._wait_newer(generation, attempt)
                    continue
                except TooLarge as error:
                    _fail(planned, error)
                    return rest
                except Unavailable as error:
                    _fail(planned, error)
                    self._fail_waiting(rest, error)
                    return []
            for request in planned:
                request.finished = True
            return rest
        raise Conflict("the configuration is being changed too fast by others; try again")

    def _fail_waiting(self, rest: list[PendingCommit], error: Unavailable) -> None:
        """The store gave no answer, for as long as anybody should wait: those who waited behind
        that change are told at once, and not one after the other."""
        with self._queue_lock:
            waiting, self._queue = self._queue, []
        _fail([*rest, *waiting], Unavailable(
            f"no answer to the change before this one, and this one was not tried ({error})",
            definite=True,
        ))

    def _write(self, changes: list[Change], generation: int) -> None:
        token, known = uuid.uuid4().hex, self._copy.lineage
        made = known.next(token) if known is not None else lineage.first(token)
        operations = [Put(GENERATION, made.encode()), *map(operation, changes)]
        begun = time.monotonic()
        try:
            revision = self._store.transact([Compare(GENERATION, generation)], operations)
        except Unavailable as error:
            if error.definite or time.monotonic() - begun > PATIENCE:
                raise
            found = self._store.get(GENERATION)  # raises Unavailable when still out of reach
            if found is None or found.value != made.encode():
                raise
            revision = found.revision
        self._copy.committed([each.key for each in operations], changes, revision, made)

    def _wait_newer(self, generation: int, attempt: int) -> None:
        """Somebody else committed: wait until the watch tells us what."""
        copy = self._copy
        with self._changed:
            newer = self._changed.wait_for(
                lambda: copy.generation > generation or copy.doubt or self._is_stopping(), CATCH_UP
            )
        if not newer and not copy.is_refilled(self._store.get(GENERATION)):
            self._wake()
        if attempt > 1:
            time.sleep(random.uniform(0, 0.002 * min(attempt, 10)))


def _fail(requests: list[PendingCommit], error: Exception) -> None:
    for request in requests:
        request.error, request.finished = error, True
