"""Transactions at etcd that happen once, whatever becomes of the connection.

Each writes a *marker* key of its own connection slot and compares the marker's revision from
before, so a second attempt either finds the first one's marker or makes the first one impossible.
The markers stand beside, not below, the system's prefix and go with the session's lease.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Sequence
from typing import Any

from ryu_apps.store.base import Compare, Conflict, Delete, Put, TooLarge, Unavailable
from ryu_apps.store.etcd.errors import NOT_FOUND, EtcdError
from ryu_apps.store.etcd.gateway import EtcdGateway
from ryu_apps.store.etcd.keys import encode_bytes, encode_key
from ryu_apps.store.etcd.session import EtcdSession

LEAST = 0.2
"""Seconds that a transaction has at least, however long the session took to begin."""


class _Slot:
    """A marker key, used by one transaction at a time.  ``revision``: of its last write, or 0."""

    __slots__ = ("key", "revision")

    def __init__(self, key: str) -> None:
        self.key = key
        self.revision = 0


class Transactions:
    """``root``: where the keys of this system begin; ``max_operations``: etcd's
    ``--max-txn-ops``.

    Any thread may call; each transaction under way has a slot of its own.
    """

    def __init__(
        self, gateway: EtcdGateway, session: EtcdSession, root: str, max_operations: int
    ) -> None:
        self._gateway = gateway
        self._session = session
        self._root = root
        self._max_operations = max_operations
        self._instance = secrets.token_hex(8)
        self._lock = threading.Lock()
        self._slots: list[_Slot] = []
        self._slot_count = 0

    def run(self, compares: Sequence[Compare], operations: Sequence[Put | Delete]) -> int:
        """As :meth:`Store.transact <ryu_apps.store.base.Store.transact>`, of operations and
        compares that were checked."""
        conditions = [_condition(encode_key(self._root, key), rev) for key, rev in compares]
        if not operations:
            answer = self._gateway.call("/v3/kv/txn", {"compare": conditions})
            if not answer.get("succeeded"):
                raise _conflict(compares)
            return int(answer["header"]["revision"])
        deadline = time.monotonic() + self._gateway.timeout
        if max(len(compares), len(operations)) == self._max_operations:
            return self._attempt_once(conditions, compares, operations, deadline)
        slot = self._take_slot()
        try:
            revision = self._attempt(slot, conditions, compares, operations, deadline)
        except (Conflict, TooLarge):
            self._slots.append(slot)
            raise
        # After any other exception the marker is in doubt and never used again.
        self._slots.append(slot)
        return revision

    def _attempt_once(
        self,
        conditions: list[dict],
        compares: Sequence[Compare],
        operations: Sequence[Put | Delete],
        deadline: float,
    ) -> int:
        """A transaction that leaves no room for a marker: repeated only while it never left."""
        while True:
            lease = self._session.lease(deadline - time.monotonic())
            request = {
                "compare": conditions,
                "success": [self._operation(one, lease) for one in operations],
            }
            try:
                answer = self._gateway.call(
                    "/v3/kv/txn", request, _left(deadline), repeat=False
                )
            except EtcdError as error:
                if error.code != NOT_FOUND:
                    raise
                self._session.lost(lease)
                continue
            if not answer.get("succeeded"):
                raise _conflict(compares)
            return int(answer["header"]["revision"])

    def _take_slot(self) -> _Slot:
        try:
            return self._slots.pop()
        except IndexError:
            with self._lock:
                self._slot_count += 1
                number = self._slot_count
            return _Slot(encode_bytes(f"{self._root}-writers/{self._instance}/{number}".encode()))

    def _attempt(
        self,
        slot: _Slot,
        conditions: list[dict],
        compares: Sequence[Compare],
        operations: Sequence[Put | Delete],
        deadline: float,
    ) -> int:
        name = encode_bytes(secrets.token_bytes(8))
        while True:
            lease = self._session.lease(deadline - time.monotonic())
            request = {
                "compare": [*conditions, _condition(slot.key, slot.revision)],
                "success": [
                    {"request_put": {"key": slot.key, "value": name, "lease": str(lease)}},
                    *(self._operation(one, lease) for one in operations),
                ],
                "failure": [{"request_range": {"key": slot.key}}],
            }
            try:
                answer = self._gateway.call("/v3/kv/txn", request, _left(deadline))
            except EtcdError as error:
                if error.code != NOT_FOUND:
                    raise
                self._session.lost(lease)
                if error.ambiguous:
                    raise Unavailable(
                        "the session at etcd ended while a transaction was under way; read what "
                        "it changed"
                    ) from error
                continue
            if answer.get("succeeded"):
                slot.revision = int(answer["header"]["revision"])
                return slot.revision
            kvs = answer["responses"][0]["response_range"].get("kvs")
            revision = int(kvs[0]["mod_revision"]) if kvs else 0
            if kvs and kvs[0].get("value") == name:
                slot.revision = revision  # an earlier attempt, whose answer was lost
                return revision
            if answer["ambiguous"] and not revision:
                # A lost session removes the marker too, and an earlier attempt may have come
                # before that.
                raise Unavailable(
                    "the session at etcd ended while a transaction was under way; read what it "
                    "changed"
                )
            if revision == slot.revision:
                raise _conflict(compares)
            slot.revision = revision

    def _operation(self, operation: Put | Delete, lease: int) -> dict[str, Any]:
        key = encode_key(self._root, operation.key)
        if type(operation) is Put:
            put = {"key": key, "value": encode_bytes(operation.value)}
            if operation.ephemeral:
                put["lease"] = str(lease)
            return {"request_put": put}
        return {"request_delete_range": {"key": key}}


def _left(deadline: float) -> float:
    return max(LEAST, deadline - time.monotonic())


def _condition(key: str, revision: int) -> dict[str, str]:
    return {"key": key, "target": "MOD", "result": "EQUAL", "mod_revision": str(revision)}


def _conflict(compares: Sequence[Compare]) -> Conflict:
    keys = ", ".join(compare.key for compare in compares[:3])
    more = f" or {len(compares) - 3} more" if len(compares) > 3 else ""
    return Conflict(f"somebody else changed {keys}{more}")
