"""Answers that are written as they are made, each on a thread of its own: none takes a worker."""

from __future__ import annotations

import collections
import contextlib
import threading
import time
from collections.abc import Callable, Hashable

from ryu_apps.northbound.http.stream import Pieces
from ryu_apps.northbound.serving.refusals import Refused
from ryu_apps.supervision import Thread, failed

AHEAD = 64 * 1024
"""Bytes that a stream may have made before its client has taken what came before."""


class Outlet:
    """Between the thread of a stream and the loop: what was made and not taken.  ``wake`` tells the
    loop that there is something."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._made: collections.deque[bytes] = collections.deque()
        self._changed = threading.Condition()
        self.size = 0
        """Bytes."""
        self.closed = False
        """Nobody takes any more."""
        self.ended = False
        """Nothing more is made."""
        self.failed = False
        """It ended before it was complete."""

    def put(self, piece: bytes) -> bool:
        """Waits while too much is not taken; b"" is nothing.  Whether there is somebody to take
        it."""
        with self._changed:
            while self.size >= AHEAD and not self.closed:
                self._changed.wait()
            if self.closed or not piece:
                return not self.closed
            first = not self._made
            self._made.append(piece)
            self.size += len(piece)
        if first:
            self._wake()
        return True

    def end(self, failed: bool) -> None:
        with self._changed:
            self.failed, self.ended = failed, True
        self._wake()

    def take(self) -> list[bytes]:
        """All that was made."""
        with self._changed:
            found = list(self._made)
            self._made.clear()
            self.size = 0
            self._changed.notify_all()
        return found

    def close(self) -> None:
        """The client is gone.  Idempotent."""
        with self._changed:
            self.closed = True
            self._made.clear()
            self.size = 0
            self._changed.notify_all()


class Streams:
    """At most ``limit`` at a time, of which one source never has all."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._share = max(1, limit - max(1, limit // 4))
        self._running: dict[Thread, tuple[Hashable, Outlet]] = {}
        self._lock = threading.Lock()
        self._stopping = False

    def __len__(self) -> int:
        return len(self._running)

    def start(self, source: Hashable, pieces: Pieces, outlet: Outlet) -> None:
        """Make the pieces and put them out.  Raises Refused where there are too many streams; the
        pieces are closed in any case."""
        thread = Thread(lambda: self._run(thread, pieces, outlet), "api-stream")
        try:
            with self._lock:
                running = [one for one, _ in self._running.values()]
                if (
                    self._stopping or len(running) >= self._limit
                    or running.count(source) >= self._share
                ):
                    raise Refused(503, "There are too many streams; try again when one has ended.")
                self._running[thread] = source, outlet
            thread.start()
        except BaseException:
            self._running.pop(thread, None)
            pieces.close()
            raise

    def stop(self, timeout: float) -> None:
        """End all; wait so long, in seconds, for what they are at."""
        with self._lock:
            self._stopping = True
            running = dict(self._running)
        for _, outlet in running.values():
            outlet.close()
        deadline = time.monotonic() + timeout
        for thread in running:
            with contextlib.suppress(RuntimeError):  # it was not started yet
                thread.join(max(0.0, deadline - time.monotonic()))

    def _run(self, thread: Thread, pieces: Pieces, outlet: Outlet) -> None:
        broken = True
        try:
            for piece in pieces:
                if not outlet.put(piece):
                    break
            broken = False
        except Exception:
            failed("an answer that is written as it is made")
        finally:
            try:
                pieces.close()
            except Exception:
                failed("the end of an answer that is written as it is made")
            with self._lock:
                self._running.pop(thread, None)
            outlet.end(broken)
