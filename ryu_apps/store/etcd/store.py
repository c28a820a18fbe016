"""The config database in etcd (3.4 and newer): the store of a cluster of nodes.

How a transaction happens once, the session and watches are in files of their own.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ryu_apps.store.base import (
    Batch,
    Compare,
    Conflict,
    Delete,
    Item,
    Put,
    Store,
    StoreError,
    TooLarge,
)
from ryu_apps.store.etcd.errors import reading
from ryu_apps.store.etcd.gateway import ATTEMPT_TIMEOUT, TIMEOUT, EtcdGateway
from ryu_apps.store.etcd.history import History
from ryu_apps.store.etcd.options import EtcdOptions
from ryu_apps.store.etcd.reads import EtcdReader
from ryu_apps.store.etcd.session import EtcdSession
from ryu_apps.store.etcd.transactions import Transactions
from ryu_apps.store.etcd.watch import EtcdWatch
from ryu_apps.store.keys import check_key, check_transaction
from ryu_apps.supervision import Thread

LOG = logging.getLogger(__name__)

LISTS_REMEMBERED = 8
RESTORED_AT_ONCE = 50
"""Ephemeral keys that are put in one transaction after a lease was lost."""


class EtcdStore(Store):
    """``timeout``: seconds until a call raises Unavailable.

    A transaction of exactly ``max_operations`` has no room for its marker: if its connection breaks
    it raises Unavailable, not ``definite``.

    Raises ValueError for a malformed option, StoreError for unusable TLS files.
    """

    def __init__(self, options: EtcdOptions, timeout: float = TIMEOUT) -> None:
        self.root = check_key(options.prefix).rstrip("/")
        self.gateway = EtcdGateway(options, timeout)
        self._reader = EtcdReader(self.gateway, self.root)
        self.max_operations = options.max_operations
        self._lock = threading.Lock()
        self._session = EtcdSession(self.gateway, options.session_ttl, self._restore_ephemeral)
        self._transactions = Transactions(
            self.gateway, self._session, self.root, options.max_operations
        )
        self._ephemeral: dict[str, tuple[int, bytes | None]] = {}
        """Keys that were put as ephemeral: the revision and value of our last write; None when
        that was a delete or a lasting put."""
        self.history = History()
        self._lists: dict[tuple[str, int], dict[str, int]] = {}
        self._watches: set[EtcdWatch] = set()
        self._closed = False

    # ---- reads

    def list(self, prefix: str) -> tuple[list[Item], int]:
        items, revision = self._reader.list(check_key(prefix))
        # A watch that starts here can find out later what was deleted, whatever etcd forgets.
        with self._lock:
            self._lists[prefix, revision] = {item.key: hash(item.value) for item in items}
            while len(self._lists) > LISTS_REMEMBERED:
                del self._lists[next(iter(self._lists))]
        return items, revision

    def get(self, key: str) -> Item | None:
        return self._reader.get(check_key(key))

    def newest(self, prefix: str) -> int:
        return self._reader.newest(check_key(prefix))

    def status(self) -> dict:
        endpoints = [
            {"url": endpoint.url, "ok": False, "error": "", "revision": 0}
            for endpoint in self.gateway.endpoints
        ]
        # Side by side: one that does not answer must not hold up the others.
        threads = [
            Thread(self._endpoint_status, f"status of {entry['url']}", (at, entry))
            for at, entry in enumerate(endpoints)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        revision = max(entry.pop("revision") for entry in endpoints)
        error = ""
        if not any(entry["ok"] for entry in endpoints):
            error = "; ".join(f"{entry['url']}: {entry['error']}" for entry in endpoints)
        return {
            "kind": "etcd",
            "ok": not error and not self._closed,
            "revision": revision,
            "endpoints": endpoints,
            "error": error or ("closed" if self._closed else ""),
        }

    def _endpoint_status(self, index: int, entry: dict[str, Any]) -> None:
        """Complete what is shown of an endpoint."""
        try:
            answer = self.gateway.call_at(index, "/v3/maintenance/status", {}, ATTEMPT_TIMEOUT)
            with reading():
                entry["ok"] = not answer.get("errors")
                entry["version"] = answer.get("version", "")
                entry["leader"] = answer.get("leader") == answer["header"]["member_id"]
                entry["size"] = int(answer.get("dbSize", 0))
                entry["error"] = "; ".join(answer.get("errors") or ())
                entry["revision"] = int(answer["header"]["revision"])
        except (OSError, StoreError) as failure:
            entry["error"] = str(failure)

    @property
    def answers(self) -> bool:
        return self.gateway.answers

    # ---- writes

    def transact(self, compares: Sequence[Compare], operations: Sequence[Put | Delete]) -> int:
        check_transaction(compares, operations)
        most = max(len(compares), len(operations))
        if most > self.max_operations:
            raise TooLarge(
                f"{most} operations or compares in one transaction, etcd takes "
                f"{self.max_operations}; raise its --max-txn-ops and the option max_operations"
            )
        if self._closed:
            raise StoreError("the store is closed")
        expected = [
            one.key for one in operations if type(one) is Put and one.ephemeral
        ]
        if expected:
            with self._lock:
                for key in expected:
                    self._ephemeral.setdefault(key, (0, None))
        with reading():
            revision = self._transactions.run(compares, operations)
        self.history.note_revision(revision)
        if self._ephemeral:
            self._note_ephemeral(operations, revision)
        return revision

    # ---- ephemeral keys

    def _note_ephemeral(self, operations: Sequence[Put | Delete], revision: int) -> None:
        with self._lock:
            for operation in operations:
                noted = self._ephemeral.get(operation.key)
                if noted is not None and revision > noted[0]:
                    lives = type(operation) is Put and operation.ephemeral
                    self._ephemeral[operation.key] = (
                        revision,
                        operation.value if lives else None,
                    )

    def _restore_ephemeral(self, lease: int) -> Iterator[None]:
        """Put the keys of a lost lease, unless somebody else has put them.  Those that are there
        still hang on the old lease, and would go with it.  A step is one transaction at most."""
        with self._lock:
            ours = [
                (key, revision, value) for key, (revision, value) in self._ephemeral.items()
                if value is not None
            ]
        most = max(1, min(RESTORED_AT_ONCE, self.max_operations // 2))
        for start in range(0, len(ours), most):
            some = ours[start:start + most]
            try:
                self.transact(
                    [Compare(key, 0) for key, _, _ in some],
                    [Put(key, value, ephemeral=True) for key, _, value in some],
                )
                LOG.info("%d records of this session were put again in a new one", len(some))
                yield
            except Conflict:
                for key, revision, value in some:
                    self._restore_one(key, revision, value)
                    yield

    def _restore_one(self, key: str, revision: int, value: bytes) -> None:
        while True:
            found = self.get(key)
            if found is not None and found.revision != revision:
                LOG.warning("%s is not put again: somebody else has put it", key)
                return
            known = [Compare(key, revision if found is not None else 0)]
            try:
                self.transact(known, [Put(key, value, ephemeral=True)])
                LOG.info("%s was put again in the new session", key)
                return
            except Conflict:  # it went, or came, a moment ago
                continue

    # ---- watches

    def watch(
        self, prefix: str, revision: int, on_batch: Callable[[Batch], None]
    ) -> EtcdWatch:
        check_key(prefix)
        with self._lock:
            if self._closed:
                raise StoreError("the store is closed")
            hashes = self._lists.pop((prefix, revision), None)
            watch = EtcdWatch(
                self._reader, self.history, prefix, revision, hashes, on_batch, self._forget_watch
            )
            self._watches.add(watch)
        watch.start()
        return watch

    def _forget_watch(self, watch: EtcdWatch) -> None:
        with self._lock:
            self._watches.discard(watch)

    def close(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._closed = True
            watches = list(self._watches)
        # First everything that may wait for etcd is interrupted, so that the end is quick.
        for watch in watches:
            watch.interrupt()
        self.gateway.close()
        for watch in watches:
            watch.cancel()
        self._session.close()
