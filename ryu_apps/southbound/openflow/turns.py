"""Channels take turns: how many of them work at a time.

Each has a thread, and with hundreds of elements hundreds of threads have something to do at once.
The interpreter runs one of them at a time and hands it around evenly, so that the few threads which
serve everybody (the control core, OVSDB, the API) would get a share of one in hundreds, and
hypervisors that answered in time would be taken for dead.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from ryu_apps.supervision import waiting

AT_A_TIME = 2
"""One may wait in the kernel while the other computes."""
_turns = threading.Semaphore(AT_A_TIME)


@contextlib.contextmanager
def turn() -> Iterator[None]:
    """Work, when it is this thread's turn."""
    if not _turns.acquire(blocking=False):
        with waiting():
            _turns.acquire()
    try:
        yield
    finally:
        _turns.release()


@contextlib.contextmanager
def aside() -> Iterator[None]:
    """Within a :func:`turn`: let others work while this thread waits for its switch."""
    _turns.release()
    try:
        yield
    finally:
        _turns.acquire()
