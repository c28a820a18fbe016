"""The threads that answer requests, shared fairly between those who ask."""

from __future__ import annotations

import collections
import threading
from collections.abc import Callable, Hashable, Iterable
from typing import Any

from ryu_apps.supervision import Thread, failed


class WorkerPool:
    """``threads`` daemon threads that call ``work(item)``.

    Sources take turns, and one of them never has all threads: however many requests one host sends,
    and however long they take, another finds a thread that is free.  At most ``limit`` items wait.
    ``first``: whether a source comes before those that it is not true of.
    """

    def __init__(
        self, threads: int, work: Callable[[Any], None], limit: int, name: str = "api-worker",
        first: Callable[[Any], bool] | None = None,
    ) -> None:
        self._work = work
        self._limit = limit
        self._first = first
        self._share = max(1, threads - max(1, threads // 4))
        self._waiting: collections.OrderedDict[Hashable, collections.deque[Any]] = (
            collections.OrderedDict()
        )
        self._running: collections.Counter[Hashable] = collections.Counter()
        self._count = 0
        self._wake = threading.Condition()
        self._stopping = False
        self._threads = [
            Thread(self._run, f"{name}-{number}", essential=True,
                   may_end=lambda: self._stopping)
            for number in range(threads)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self, timeout: float) -> None:
        """Take no more; wait so long, in seconds, for what runs."""
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout)

    def submit(self, source: Hashable, item: Any) -> Any:
        """Queue an item; the one that has no place, or None: the newest of the source with the
        most, which may be this one."""
        with self._wake:
            self._waiting.setdefault(source, collections.deque()).append(item)
            self._count += 1
            surplus = None
            if self._count > self._limit:
                surplus = self._pop(max(self._waiting, key=lambda one: len(self._waiting[one])))
            self._wake.notify()
            return surplus

    def withdraw(self, source: Hashable) -> Any:
        """The newest item of a source that waits still, which is not served then, or None."""
        with self._wake:
            return self._pop(source) if source in self._waiting else None

    def _pop(self, source: Hashable) -> Any:
        queue = self._waiting[source]
        item = queue.pop()
        self._count -= 1
        if not queue:
            del self._waiting[source]
        return item

    def _take(self) -> tuple[Hashable, Any] | None:
        """The next item of the source whose turn it is; None: no source may have another thread."""
        order: Iterable[Hashable] = self._waiting
        if self._first is not None:
            order = sorted(order, key=lambda source: not self._first(source))  # stable
        for source in order:
            if self._running[source] < self._share:
                queue = self._waiting[source]
                item = queue.popleft()
                self._count -= 1
                if queue:
                    self._waiting.move_to_end(source)  # the others' turn
                else:
                    del self._waiting[source]
                self._running[source] += 1
                return source, item
        return None

    def _run(self) -> None:
        while True:
            with self._wake:
                taken = None
                while not self._stopping and (taken := self._take()) is None:
                    self._wake.wait()
                if taken is None:
                    return
            source, item = taken
            try:
                self._work(item)
            except Exception:
                failed("a request could not be served")
            del item, taken
            with self._wake:
                self._running[source] -= 1
                if not self._running[source]:
                    del self._running[source]
                if self._waiting:
                    self._wake.notify()
