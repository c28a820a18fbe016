"""Writes observed-state records to the store from a thread of its own."""

from __future__ import annotations

import json
import logging
import threading

from ryu_apps.store.base import Delete, Put, Store, StoreError

LOG = logging.getLogger(__name__)
RETRY = (0.05, 5.0)
"""First and longest pause between attempts, seconds."""


class StatusWriter:
    """The newest record of each key wins; what waits is bounded by the number of keys."""

    def __init__(self, store: Store, max_operations: int):
        self._store = store
        self._max = max_operations
        self._wake = threading.Condition()
        self._pending: dict[str, Put | Delete] = {}
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="status-writer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def put(self, key: str, record: dict | None, ephemeral: bool = False) -> None:
        """Queue a record (None: delete).  Raises ValueError for a key outside ``/status/``."""
        if not key.startswith("/status/"):
            raise ValueError(f"status records live below /status/, not {key}")
        operation = (
            Delete(key)
            if record is None
            else Put(key, json.dumps(record, separators=(",", ":")).encode(), ephemeral)
        )
        with self._wake:
            self._pending.pop(key, None)
            self._pending[key] = operation
            self._wake.notify()

    def stop(self, timeout: float = 1.0) -> None:
        """Write what is pending if that takes no longer than ``timeout`` seconds."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _run(self) -> None:
        pause = RETRY[0]
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._pending or self._stopping)
                if not self._pending:
                    return
                keys = list(self._pending)[: self._max]
                batch = {key: self._pending.pop(key) for key in keys}
            try:
                self._store.transact([], list(batch.values()))
                pause = RETRY[0]
            except StoreError as error:
                LOG.warning("status records not written, trying again: %s", error)
                with self._wake:
                    self._pending = {**batch, **self._pending}
                    if self._wake.wait_for(lambda: self._stopping, pause):
                        return
                pause = min(pause * 2, RETRY[1])
