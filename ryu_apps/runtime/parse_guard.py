"""os-ken's codec, under a limit of time."""

from __future__ import annotations

import ctypes
import threading
import time

from ryu_apps.supervision import Thread, failed

PARSE_SECONDS = 1.0
"""Processor time that os-ken's codec may spend on one message, seconds."""


class ParseTimeout(Exception):
    """Raised in a receiving thread that is caught in a loop of the codec."""


class ParseGuard:
    """Ends a parser that does not: os-ken's codec loops for ever, some loops eating memory, on an
    element of length 0 (HELLO elements, flow stats, actions, bands, buckets ...).

    Receiving threads say when they begin and end to parse; one thread looks after them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._parsing: dict[int, float] = {}
        self._thread: threading.Thread | None = None

    def __enter__(self) -> None:
        ident = threading.get_ident()
        with self._lock:
            if self._thread is None:
                self._thread = Thread(self._watch, "OpenFlow parse guard", essential=True)
                self._thread.start()
            self._parsing[ident] = time.thread_time()

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._parsing.pop(threading.get_ident(), None)

    def _watch(self) -> None:
        while True:
            time.sleep(PARSE_SECONDS / 2)
            try:
                self._look()
            except Exception:  # the boundary of this loop
                failed("the parsers could not be looked at")

    def _look(self) -> None:
        with self._lock:
            for ident, began in list(self._parsing.items()):
                used = time.clock_gettime(time.pthread_getcpuclockid(ident)) - began
                if used > PARSE_SECONDS:
                    # Again each time: a destructor or a callback of the garbage collector
                    # that happens to run swallows it.
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(
                        ctypes.c_ulong(ident), ctypes.py_object(ParseTimeout))
