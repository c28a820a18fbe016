"""What Keystone said of tokens, remembered for a while within bounds.

keystonemiddleware's own memory of a process is deprecated, without a bound, and one dictionary for
each thread; this one takes its place.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

MAX_TOKENS = 10_000
"""What Keystone says of one is some 2 KiB."""


class Remembered:
    """``seconds``: for how long; 0 or less: not at all.  Of more than MAX_TOKENS those go that
    were not asked for longest.  Used by several threads."""

    def __init__(
        self, seconds: float, entries: int = MAX_TOKENS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds = seconds
        self._entries = entries
        self._clock = clock
        self._lock = threading.Lock()
        self._found: OrderedDict[bytes, tuple[float, Any]] = OrderedDict()
        """By the token's digest: the token itself is a secret, and as long as its client likes."""

    def __len__(self) -> int:
        return len(self._found)

    def get(self, token: str) -> Any:
        """What was said of it, or None."""
        key = _digest(token)
        with self._lock:
            until, data = self._found.get(key, (0.0, None))
            if data is not None and self._clock() >= until:
                del self._found[key]
                return None
            if data is not None:
                self._found.move_to_end(key)
            return data

    def put(self, token: str, data: Any) -> None:
        if self._seconds <= 0:
            return
        with self._lock:
            self._found[_digest(token)] = self._clock() + self._seconds, data
            self._found.move_to_end(_digest(token))
            while len(self._found) > self._entries:
                self._found.popitem(last=False)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogateescape")).digest()
