"""The SendHoldTimer of RFC 9687: a peer that keeps sending but takes nothing any more."""

from __future__ import annotations

SEND_HOLD = 480.0


class SendHold:
    """Whether TCP still takes data.  ``hold_time``: the negotiated one, seconds.

    All times are of one monotonic clock.
    """

    def __init__(self, hold_time: float) -> None:
        self._limit = max(SEND_HOLD, 2.0 * hold_time)  # RFC 9687 section 3.1
        self._given = 0
        self._taken = 0
        self._since: float | None = None

    def wrote(self, size: int) -> None:
        """So many bytes were given to the transport."""
        self._given += size

    def stuck(self, now: float, waiting: int) -> bool:
        """Whether TCP has taken nothing for too long.  ``waiting``: bytes that it has not taken."""
        taken = self._given - waiting
        if not waiting or taken != self._taken or self._since is None:
            self._taken, self._since = taken, now
        return bool(waiting) and now - self._since >= self._limit
