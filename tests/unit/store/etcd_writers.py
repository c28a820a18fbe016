"""Writers of counters, by which a test finds what was lost or done twice."""

from __future__ import annotations

import threading

from ryu_apps.store.base import Compare, Put, Unavailable
from tests.unit.store.store_support import until


class Writers:
    """Threads that increment counters with compare, and count what was acknowledged."""

    def __init__(self, store, count: int = 4) -> None:
        self.store = store
        self.acknowledged = [0] * count
        self.in_doubt = [0] * count
        self.faults: list[Exception] = []
        self._stop = threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(n,)) for n in range(count)]
        for thread in self.threads:
            thread.start()

    def _run(self, number: int) -> None:
        key = f"/counter/{number}"
        try:
            while not self._stop.is_set():
                item = self.store.get(key)
                value = int(item.value) + 1 if item else 1
                try:
                    self.store.transact(
                        [Compare(key, item.revision if item else 0)], [Put(key, b"%d" % value)]
                    )
                    self.acknowledged[number] += 1
                except Unavailable as error:
                    if not error.definite:
                        self.in_doubt[number] += 1
        except Exception as error:  # the thread's boundary: the test must hear of it
            self.faults.append(error)

    def progress(self, more: int) -> None:
        goal = [count + more for count in self.acknowledged]
        until(
            lambda: self.faults
            or all(a >= g for a, g in zip(self.acknowledged, goal, strict=True)),
            60,
        )
        assert not self.faults

    def finish(self) -> None:
        self._stop.set()
        for thread in self.threads:
            thread.join()
        assert not self.faults
        for number, count in enumerate(self.acknowledged):
            item = self.store.get(f"/counter/{number}")
            value = int(item.value) if item else 0
            # Nobody else writes the counter: each acknowledgement is one increment, and nothing
            # was done twice.
            assert count <= value <= count + self.in_doubt[number]
