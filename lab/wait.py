"""Bounded waiting with an error that says what was waited for and shows the relevant log."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Result = TypeVar("Result")


class LabTimeout(Exception):
    """Something did not become true in time."""


def tail(path: Path | str, lines: int = 15) -> str:
    """The last ``lines`` lines of a file, or a note that there is none."""
    try:
        text = Path(path).read_text(errors="replace")
    except OSError as error:
        return f"({error})"
    return "\n".join(text.splitlines()[-lines:])


def wait_until(
    check: Callable[[], Result],
    what: object,
    timeout: float = 20.0,
    interval: float = 0.02,
    log: Path | str | None = None,
) -> Result:
    """Call ``check`` until its result is true and return that result.

    ``timeout`` and ``interval`` in seconds.  An OSError of ``check`` counts as "not yet".
    Raises LabTimeout naming ``what`` with the tail of the file ``log``.
    """
    deadline = time.monotonic() + timeout
    last: object = None
    while True:
        try:
            result = check()
        except OSError as error:
            result, last = None, error  # type: ignore[assignment]
        else:
            last = result
        if result:
            return result
        if time.monotonic() >= deadline:
            break
        time.sleep(interval)
    message = f"waited {timeout:g} s for {what}; last seen: {last!r}"
    if log is not None:
        message += f"\n--- tail of {log}\n{tail(log)}"
    raise LabTimeout(message)
