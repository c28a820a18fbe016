"""Writes who is in charge of which element, by compare-and-swap, from a thread of its own.

A proposal is carried out if the store's record is the one that it was made from, and dropped if it
is not: the control core hears of what is there and proposes anew, or not.  While the store does not
answer, proposals wait; the newest of each element counts.  So they do while the store has no record
of the node that is proposed, as others would take an owner without one for dead.
"""

from __future__ import annotations

import json
import logging
import time
from typing import Any

from ryu_apps.control.messages import AssignElement
from ryu_apps.control.ownership.records import NODES, OWNERS, OwnerRecord, read_owner
from ryu_apps.store.base import Compare, Conflict, Item, Put, Store, StoreError
from ryu_apps.supervision import Worker, failed, waiting

LOG = logging.getLogger(__name__)
RETRY = (0.05, 2.0)
"""First and longest pause between attempts, seconds."""


class OwnerWriter:
    """``max_operations``: of one transaction.  ``counts``: proposals that were written, or lost to
    another."""

    def __init__(self, store: Store, max_operations: int) -> None:
        self._store = store
        self._max = max_operations
        self._worker = Worker(self._run, "owner-writer")
        self._wake = self._worker.changed
        self._wanted: dict[str, AssignElement] = {}
        self.counts = {"written": 0, "lost": 0}

    def start(self) -> None:
        self._worker.start()

    def stop(self) -> None:
        """What waits is dropped: a node that ends takes nothing over."""
        with self._wake:
            self._wanted.clear()
        self._worker.stop()

    def propose(self, effect: AssignElement) -> None:
        """Never blocks."""
        with self._wake:
            self._wanted.pop(effect.element, None)
            if effect.owner:
                self._wanted[effect.element] = effect
            self._wake.notify()

    def _run(self) -> None:
        pause = RETRY[0]
        while True:
            with self._wake:
                with waiting():
                    self._wake.wait_for(lambda: self._wanted or self._worker.stopping)
                if self._worker.stopping:
                    return
                # Each is a compare and an operation.
                batch = list(self._wanted.values())[: self._max]
            try:
                done = self._write(batch)
                pause = RETRY[0]
            except StoreError as error:
                LOG.warning("owners of elements not written, trying again: %s", error)
                done = []
            except Exception:  # the boundary of this loop: what waits is kept
                failed("owners of elements not written, trying again")
                done = []
            with self._wake:
                for effect in done:
                    if self._wanted.get(effect.element) is effect:
                        del self._wanted[effect.element]
                if not done:
                    with waiting():
                        if self._wake.wait_for(lambda: self._worker.stopping, pause):
                            return
                    pause = min(pause * 2, RETRY[1])

    def _write(self, batch: list[AssignElement]) -> list[AssignElement]:
        """Carry out or drop; returns what is done with.  Raises StoreError."""
        # Before the owners: who watches hears of the node before it hears of what it owns.
        nodes = {item.key[len(NODES):] for item in self._store.list(NODES)[0]}
        found, revision = self._store.list(OWNERS)
        items = {item.key: item for item in found}
        done, possible = [], []
        for effect in batch:
            item = items.get(OWNERS + effect.element)
            if _record(item) != effect.expected:
                self.counts["lost"] += 1
                LOG.info("%s has another owner already", effect.element)
                done.append(effect)
            elif effect.owner in nodes:
                possible.append((effect, item))
        if not possible:
            return done
        try:
            self._transact(possible, revision)
        except Conflict:
            if len(possible) == 1:
                return done  # it is looked at again, and is another then
            for one in possible:
                try:
                    self._transact([one], revision)
                    done.append(one[0])
                except Conflict:
                    continue
            return done
        return done + [effect for effect, _ in possible]

    def _transact(self, some: list[tuple[AssignElement, Item | None]], revision: int) -> None:
        since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        compares, puts = [], []
        for effect, item in some:
            key = OWNERS + effect.element
            record = OwnerRecord(effect.owner, max(effect.epoch, revision), effect.why, since)
            compares.append(Compare(key, item.revision if item is not None else 0))
            puts.append(Put(key, json.dumps(record.value(effect.element)).encode()))
        self._store.transact(compares, puts)
        self.counts["written"] += len(some)
        for effect, _ in some:
            LOG.info("node %s is given %s: %s", effect.owner, effect.element, effect.why)


def _record(item: Item | None) -> OwnerRecord | None:
    try:
        value: Any = json.loads(item.value) if item is not None else None
    except ValueError:
        value = None
    return read_owner(value)
