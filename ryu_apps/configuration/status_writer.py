"""Writes observed-state records to the store from a thread of its own."""

from __future__ import annotations

import json
import logging

from ryu_apps.store.base import Delete, Put, Store, StoreError, TooLarge
from ryu_apps.store.keys import check_key
from ryu_apps.supervision import Worker, failed, waiting

LOG = logging.getLogger(__name__)
RETRY = (0.05, 5.0)
"""First and longest pause between attempts, seconds."""
MAX_RECORD = 256 * 1024
"""Bytes of a record.  What hypervisors and peers say of themselves is far below."""


class StatusWriter:
    """The newest record of each key wins; what waits is bounded by the number of keys.

    A record that no store takes is left out, logged and counted in ``refused``; the others are
    written.
    """

    def __init__(self, store: Store, max_operations: int):
        self.refused = 0
        self._store = store
        self._max = max_operations
        self._worker = Worker(self._run, "status-writer")
        self._wake = self._worker.changed
        self._pending: dict[str, Put | Delete] = {}
        self._meant: dict[str, Put] = {}
        """What the store has of this node, or is going to have."""

    def start(self) -> None:
        self._worker.start()

    def put(self, key: str, record: dict | None, ephemeral: bool = False) -> None:
        """Queue a record (None: delete).  Raises ValueError for a key outside ``/status/``."""
        if not key.startswith("/status/"):
            raise ValueError(f"status records live below /status/, not {key}")
        try:
            operation = _operation(key, record, ephemeral)
        except (ValueError, TypeError) as error:  # what somebody says of himself ends up here
            self._refuse(key, error)
            return
        with self._wake:
            if type(operation) is Put:
                self._meant[key] = operation
            else:
                self._meant.pop(key, None)
            self._pending.pop(key, None)
            self._pending[key] = operation
            self._wake.notify()

    def means(self, key: str) -> bool:
        """Whether this node has put the record and not deleted it."""
        return key in self._meant

    def write_again(self) -> None:
        """The store may have lost what it had of this node."""
        with self._wake:
            for key, operation in self._meant.items():
                self._pending.setdefault(key, operation)
            self._wake.notify()

    def stop(self, timeout: float = 1.0) -> None:
        """Write what is pending if that takes no longer than ``timeout`` seconds."""
        self._worker.stop(timeout)

    def _run(self) -> None:
        pause = RETRY[0]
        while True:
            with self._wake:
                with waiting():
                    self._wake.wait_for(lambda: self._pending or self._worker.stopping)
                if not self._pending:
                    return
                keys = list(self._pending)[: self._max]
                batch = {key: self._pending.pop(key) for key in keys}
            try:
                self._write(batch)
                pause = RETRY[0]
                continue
            except StoreError as error:
                LOG.warning("status records not written, trying again: %s", error)
            except Exception:  # the boundary of this loop: what waits is kept
                failed("status records not written, trying again")
            with self._wake:
                self._pending = {**batch, **self._pending}
                with waiting():
                    if self._wake.wait_for(lambda: self._worker.stopping, pause):
                        return
            pause = min(pause * 2, RETRY[1])

    def _write(self, batch: dict[str, Put | Delete]) -> None:
        """Write together; where the store refuses that, one by one.  What is done with leaves
        ``batch``."""
        try:
            self._store.transact([], list(batch.values()))
            batch.clear()
            return
        except (ValueError, TooLarge) as error:
            if len(batch) == 1:
                self._refuse(*batch, error)
                batch.clear()
                return
        for key in list(batch):
            self._write({key: batch[key]})
            del batch[key]

    def _refuse(self, key: str, error: Exception) -> None:
        self.refused += 1
        LOG.error("the status record %.200r is left out: %s", key, error)


def _operation(key: str, record: dict | None, ephemeral: bool) -> Put | Delete:
    """Raises ValueError or TypeError for what cannot be stored."""
    check_key(key)
    if record is None:
        return Delete(key)
    value = json.dumps(record, separators=(",", ":")).encode()
    if len(value) > MAX_RECORD:
        raise ValueError(f"it has {len(value)} bytes, at most {MAX_RECORD} are stored")
    return Put(key, value, ephemeral)
