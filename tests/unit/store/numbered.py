"""Numbered changes, and a watch that must hear of each once and in order."""

from __future__ import annotations

import itertools
import threading

from ryu_apps.store.base import Batch, Put, Store, Unavailable
from tests.unit.store.store_support import until

PREFIX = "/numbered/"


class Numbered:
    """A thread that writes change after change over ``writer``, and a watch at ``watcher``.

    Each number has a key of its own: where history was compacted, the difference has all that the
    watch had not heard of, in order."""

    def __init__(self, writer: Store, watcher: Store) -> None:
        self.written = 0
        self.heard: list[int] = []
        self.faults: list[object] = []
        self._writer = writer
        self._ended = threading.Event()
        _, revision = watcher.list(PREFIX)
        self.watch = watcher.watch(PREFIX, revision, self._hear)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            for number in itertools.count(1):
                if self._ended.wait(0.001):
                    return
                put = Put(f"{PREFIX}{number:08}", b"%d" % number)
                while True:
                    try:
                        self._writer.transact([], [put])
                        break
                    except Unavailable as error:
                        if not error.definite:
                            raise  # it would be written twice
                self.written = number
        except Exception as error:  # the thread's boundary: the test must hear of it
            self.faults.append(error)

    def _hear(self, batch: Batch) -> None:
        if batch.restarted:
            self.faults.append(batch)
        self.heard += [int(value or 0) for _, value in batch.changes]

    def wait(self, more: int = 3) -> None:
        """Until the watch has heard of ``more`` changes that were not written yet."""
        goal = self.written + more
        until(lambda: self.faults or (self.heard and self.heard[-1] >= goal), 60)
        assert not self.faults, self.faults

    def finish(self) -> int:
        """Returns how many changes there were."""
        self._ended.set()
        self._thread.join()
        assert not self.faults, self.faults
        until(lambda: self.heard and self.heard[-1] >= self.written, 60)
        assert self.heard == list(range(1, self.written + 1))
        return self.written
