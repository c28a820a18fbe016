"""What somebody is told who waits for longer than two seconds."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType

from ryu_apps.supervision import Thread

FIRST = 2.0
"""Seconds until the first word."""
EVERY = 1.0
ELSEWHERE = 10.0
"""The same where the output is no terminal, which would have a line for each."""


class Progress:
    """Around what may take long: ``text`` and the seconds so far on the error output, where they do
    not get into what is asked for.  ``text`` may change meanwhile."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._begun = time.monotonic()
        self._ended = threading.Event()
        self._shown = False
        self._thread = Thread(self._run, "progress")

    def __enter__(self) -> Progress:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()
        if self._shown and sys.stderr.isatty():
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def count(self, done: int, total: int) -> None:
        """So much is done."""
        self.text = f"{done:,} of {total:,} records are written"

    def _run(self) -> None:
        terminal = sys.stderr.isatty()
        pause = FIRST
        while not self._ended.wait(pause):
            self._shown = True
            seconds = time.monotonic() - self._begun
            begin, end = ("\r\x1b[K", "") if terminal else ("", "\n")
            print(f"{begin}{self.text} ({seconds:.0f} s)", end=end, file=sys.stderr, flush=True)
            pause = EVERY if terminal else ELSEWHERE
