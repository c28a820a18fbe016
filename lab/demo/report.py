"""Progress lines with elapsed time, and the closing table of what was checked."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import TextIO


@dataclass(frozen=True)
class Check:
    what: str
    ok: bool
    detail: str


class Report:
    """Prints as it goes; :meth:`table` sums up."""

    def __init__(self, out: TextIO = sys.stdout) -> None:
        self._out = out
        self._start = time.monotonic()
        self._colour = out.isatty()
        self.checks: list[Check] = []

    def say(self, text: str) -> None:
        """A progress line with the seconds since the start."""
        # In one piece, as several threads may have something to say.
        print(f"[{time.monotonic() - self._start:6.2f}] {text}\n", end="", file=self._out,
              flush=True)

    def show(self, text: str, indent: int = 10) -> None:
        """A block of output."""
        for line in text.splitlines():
            print(" " * indent + line, file=self._out)
        self._out.flush()

    def check(self, what: str, ok: bool, detail: str = "") -> bool:
        self.checks.append(Check(what, ok, detail))
        self.say(f"{self._mark(ok)} {what}" + (f": {detail}" if detail else ""))
        return ok

    @property
    def passed(self) -> bool:
        return bool(self.checks) and all(check.ok for check in self.checks)

    def table(self) -> None:
        width = max((len(check.what) for check in self.checks), default=10)
        line = "-" * (width + 42)
        print(f"\n{'what was checked':<{width}}  result  detail\n{line}", file=self._out)
        for check in self.checks:
            print(f"{check.what:<{width}}  {self._mark(check.ok)}    {check.detail}",
                  file=self._out)
        good = sum(check.ok for check in self.checks)
        print(f"{line}\n{good} of {len(self.checks)} passed in "
              f"{time.monotonic() - self._start:.1f} s", file=self._out, flush=True)

    def _mark(self, ok: bool) -> str:
        word = "pass" if ok else "FAIL"
        return f"\033[{32 if ok else 31}m{word}\033[0m" if self._colour else word
