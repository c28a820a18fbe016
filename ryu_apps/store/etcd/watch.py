"""A watch at etcd that outlives its endpoint, a compaction and a restored backup.

One thread reads one streaming answer.  When it ends or stays silent, the endpoint is asked for a
linearizable read, which a member that is dead, paused or cut off from the others cannot answer;
then the next endpoint goes on from the last revision delivered.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from ryu_apps.store.base import Batch, StoreError, Unavailable, Watch
from ryu_apps.store.etcd.errors import OUT_OF_RANGE, EtcdError, error_of
from ryu_apps.store.etcd.gateway import ATTEMPT_TIMEOUT
from ryu_apps.store.etcd.history import History, LostHistory, forgotten
from ryu_apps.store.etcd.http import MAX_BODY, EtcdConnection, HttpError
from ryu_apps.store.etcd.keys import decode_key, decode_value, encode_key, encode_range
from ryu_apps.store.etcd.reads import EtcdReader
from ryu_apps.store.keys import difference_revision
from ryu_apps.supervision import Thread, failed, next_step, waiting

LOG = logging.getLogger(__name__)

IDLE = 0.7
"""Seconds of silence before the endpoint must prove that it is alive: a change that another node
made holds our own up until we have heard of it."""


class EtcdWatch(Watch):
    """``history``: the cluster's as this node knows it, shared by all watches.  ``hashes``: those
    of the values below ``prefix`` at ``revision``, by key; None when they have to be read (if that
    revision was compacted, deletions before now stay unknown).  ``on_cancel``: told of the end."""

    def __init__(
        self,
        reader: EtcdReader,
        history: History,
        prefix: str,
        revision: int,
        hashes: dict[str, int] | None,
        on_batch: Callable[[Batch], None],
        on_cancel: Callable[[EtcdWatch], None],
    ) -> None:
        self._reader = reader
        self._gateway = reader.gateway
        self._root = reader.root
        self._prefix = prefix
        self._last = revision
        self._history = history
        self._history.note_revision(revision)
        self._number = self._history.number
        self._least = 0
        self._token = ""
        self._hashes = hashes
        self._witness: tuple[str, int, int | None] | None = None
        """Key, revision and hash of the last change delivered: is it there, so is our past."""
        self._on_batch = on_batch
        self._on_cancel = on_cancel
        self._index = self._gateway.current
        self._connection: EtcdConnection | None = None
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = Thread(
            self._run, f"watch {prefix}", essential=True, may_end=self._ended.is_set
        )

    def start(self) -> None:
        self._thread.start()

    def interrupt(self) -> None:
        """Make the thread end; do not wait for it."""
        self._ended.set()
        with self._lock:
            if self._connection is not None:
                self._connection.close()

    def cancel(self) -> None:
        self.interrupt()
        self._on_cancel(self)
        if self._thread is not threading.current_thread():
            self._thread.join()

    # ---- the thread

    def _run(self) -> None:
        failures = 0
        while not self._ended.is_set():
            next_step()
            try:
                if self._hashes is None:
                    self._read_base()
                self._verify()
                self._stream(failures)
            except LostHistory as lost:
                try:
                    self._difference(str(lost), lost.restarted)
                    failures = 0
                    continue
                except (OSError, StoreError) as error:
                    failures = self._failed(error, failures)
            except (OSError, StoreError) as error:
                if self._connection is not None:
                    failures = 0  # it had worked
                failures = self._failed(error, failures)
            except Exception:
                # The boundary of the loop: an answer of a shape never seen.
                failed("trying again")
                failures += 1
            with self._lock:
                if self._connection is not None:
                    self._connection.close()
                    self._connection = None
            rounds = failures // len(self._gateway.endpoints)
            if rounds:
                self._ended.wait(min(1.0, 0.02 * 2 ** min(rounds, 6)))

    def _failed(self, error: Exception, failures: int) -> int:
        if not self._ended.is_set():
            if failures == 0:
                LOG.warning(
                    "The watch of %s lost %s at revision %d (%s); going on at the next endpoint",
                    self._prefix, self._gateway.endpoints[self._index].url, self._last, error,
                )  # fmt: skip
            self._gateway.failed(self._index, error)
            self._index = (self._index + 1) % len(self._gateway.endpoints)
        return failures + 1

    # ---- before a stream

    def _ask(self, request: dict[str, Any]) -> dict:
        self._least = self._history.least()
        return self._gateway.call_at(self._index, "/v3/kv/range", request, ATTEMPT_TIMEOUT)

    def _read_base(self) -> None:
        try:
            items, _ = self._reader.list_at(self._prefix, self._last)
            self._hashes = {item.key: hash(item.value) for item in items}
        except EtcdError as error:
            if error.code != OUT_OF_RANGE:
                raise
            # Nobody listed that revision here and etcd has forgotten it or never had it.
            items, revision = self._reader.list(self._prefix)
            LOG.error("The watch of %s starts at revision %d, which etcd forgot; keys deleted "
                      "between it and %d are not reported", self._prefix, self._last, revision)
            self._hashes = {
                item.key: hash(item.value) for item in items if item.revision <= self._last
            }
            raise forgotten(error) from error

    def _verify(self) -> None:
        """Is this the cluster, and the history, that we know?"""
        key, revision, digest = self._witness or (self._prefix, self._last, None)
        if revision == 0:
            header = self._ask({"key": encode_key(self._root, key), "limit": "1"})["header"]
        else:
            try:
                answer = self._ask(
                    {"key": encode_key(self._root, key), "revision": str(revision)}
                )
            except EtcdError as error:
                if error.code == OUT_OF_RANGE:
                    raise forgotten(error) from error
                raise
            header = answer["header"]
            if self._witness is not None:
                found = answer.get("kvs")
                seen = hash(decode_value(found[0])) if found else None
                if seen != digest or (found and int(found[0]["mod_revision"]) != revision):
                    raise LostHistory("etcd holds another history", restarted=True)
        self._check_history(header)

    def _check_history(self, header: dict) -> None:
        why = self._history.broken(header, self._least)
        if not why and self._number != self._history.number:
            why = "this is another history"  # another watch found out
        if why:
            raise LostHistory(why, restarted=True)

    def _difference(self, why: str, restarted: bool) -> None:
        try:
            self._check_history(self._ask({"key": encode_key(self._root, "/")})["header"])
        except LostHistory:
            restarted = True
        items, revision = self._reader.list(self._prefix)
        if restarted and self._number == self._history.number:
            self._history.begins_anew(revision)
        self._number = self._history.number
        hashes = self._hashes or {}
        now = {item.key: hash(item.value) for item in items}
        changes: list[tuple[str, bytes | None]] = [(key, None) for key in hashes if key not in now]
        newer = [item for item in items if hashes.get(item.key) != now[item.key]]
        changes += [(item.key, item.value) for item in newer]
        LOG.warning("The watch of %s cannot go on from revision %d (%s); at revision %d the "
                    "difference is %d keys", self._prefix, self._last, why, revision, len(changes))
        self._hashes, self._last, self._witness = now, revision, None
        if changes or restarted:
            newest = difference_revision(newer, revision)
            self._deliver(Batch(newest, tuple(sorted(changes)), restarted))

    # ---- the stream

    def _stream(self, failures: int) -> None:
        gateway = self._gateway
        connection = gateway.connect(self._index)
        with self._lock:
            if self._ended.is_set():
                connection.close()
                return
            self._connection = connection
        request = {
            "create_request": {
                **encode_range(self._root, self._prefix),
                "start_revision": str(self._last + 1),
            }
        }
        self._token = token = gateway.tokens.get(connection, ATTEMPT_TIMEOUT)
        connection.send("/v3/watch", json.dumps(request).encode(), token, ATTEMPT_TIMEOUT)
        status, chunked, _ = connection.read_head(time.monotonic() + ATTEMPT_TIMEOUT)
        if status != 200 or not chunked:
            raise HttpError(f"the answer to a watch has HTTP status {status}")
        if failures:
            LOG.info("The watch of %s goes on at %s", self._prefix, connection.endpoint.url)
        buffer = bytearray()
        while not self._ended.is_set():
            try:
                with waiting():
                    chunk = connection.next_chunk(time.monotonic() + IDLE)
            except TimeoutError:
                self._prove_alive()
                continue
            if not chunk:
                raise HttpError("etcd ended the watch")
            searched = len(buffer)
            buffer += chunk
            while (end := buffer.find(b"\n", searched)) >= 0:
                line = bytes(buffer[:end])
                del buffer[: end + 1]
                searched = 0
                self._message(line)
            if len(buffer) > MAX_BODY:
                raise HttpError("a message of the watch is too long")

    def _prove_alive(self) -> None:
        answer = self._ask({"key": encode_key(self._root, self._prefix), "limit": "1"})
        self._check_history(answer["header"])

    def _message(self, line: bytes) -> None:
        try:
            message = json.loads(line)
        except ValueError as error:
            raise HttpError(f"a message of the watch is not JSON: {error}") from error
        if "error" in message:
            error = error_of(message)
            if isinstance(error, EtcdError) and error.code == OUT_OF_RANGE:
                raise forgotten(error)
            self._gateway.tokens.drop(self._token)
            raise error
        result = message.get("result", {})
        if result.get("canceled"):
            if "compact_revision" in result:
                raise LostHistory(f"compacted up to revision {result['compact_revision']}")
            self._gateway.tokens.drop(self._token)
            raise Unavailable(f"etcd ended the watch: {result.get('cancel_reason', 'no reason')}")
        changes: list[tuple[str, bytes | None]] = []
        revision = 0
        for event in result.get("events", ()):
            kv = event["kv"]
            at = int(kv["mod_revision"])
            if at != revision:
                self._finish(revision, changes)
                changes = []
                revision = at
            deleted = event.get("type") == "DELETE"
            changes.append((decode_key(self._root, kv), None if deleted else decode_value(kv)))
        self._finish(revision, changes)

    def _finish(self, revision: int, changes: list[tuple[str, bytes | None]]) -> None:
        if not changes or revision <= self._last:
            return
        changes.sort()
        hashes = self._hashes
        assert hashes is not None
        for key, value in changes:
            if value is None:
                hashes.pop(key, None)
            else:
                hashes[key] = hash(value)
        self._last = revision
        self._history.note_revision(revision)
        self._witness = (key, revision, None if value is None else hash(value))
        self._deliver(Batch(revision, tuple(changes)))

    def _deliver(self, batch: Batch) -> None:
        if self._ended.is_set():
            return
        try:
            self._on_batch(batch)
        except Exception:
            failed("a consumer failed at revision %d", batch.revision)
