"""One selector loop with timers: everything that sends and listens runs in it."""

from __future__ import annotations

import heapq
import itertools
import selectors
import socket
import time
from collections.abc import Callable


class Loop:
    """Times are those of ``time.monotonic()``, in seconds."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._running = True

    def watch(self, what: socket.socket | int, events: int, call: Callable[[], None]) -> None:
        """Call when ``what`` is ready; once more for the same one replaces what was asked for."""
        try:
            self._selector.modify(what, events, call)
        except KeyError:
            self._selector.register(what, events, call)

    def close(self, what: socket.socket) -> None:
        """Watch it no longer, and close it."""
        try:
            self._selector.unregister(what)
        except (KeyError, ValueError):
            pass
        what.close()

    def after(self, seconds: float, call: Callable[[], None]) -> None:
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._order), call))

    def every(self, rate: float, call: Callable[[], None]) -> None:
        """Call ``rate`` times a second.  What the loop was too late for is left out, not made up
        for: a burst is another traffic than the one that was asked for."""
        if rate > 0:
            self._again(1 / rate, time.monotonic() + 1 / rate, call)

    def _again(self, interval: float, when: float, call: Callable[[], None]) -> None:
        def due() -> None:
            call()
            self._again(interval, max(when + interval, time.monotonic()), call)

        heapq.heappush(self._timers, (when, next(self._order), due))

    def run(self) -> None:
        """Until :meth:`stop`."""
        while self._running:
            wait = self._timers[0][0] - time.monotonic() if self._timers else 1.0
            watched = self._selector.get_map()
            for key, _ in self._selector.select(max(0.0, wait)):
                # A call before this one may have closed it, and its number may be another's.
                if watched.get(key.fd) is key:
                    key.data()
            now = time.monotonic()
            while self._running and self._timers and self._timers[0][0] <= now:
                heapq.heappop(self._timers)[2]()

    def stop(self) -> None:
        self._running = False


READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
