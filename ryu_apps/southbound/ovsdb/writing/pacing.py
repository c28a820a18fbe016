"""When a hypervisor's database may be written: one transaction at a time, at most so many a second,
and a failed one again after a pause.  Pure.
"""

from __future__ import annotations

from typing import Any

WRITE_BURST = 200.0
WRITE_RATE = 100.0
"""Transactions per second to one hypervisor, at most: more changes go into fewer transactions."""
MAX_PAUSE = 10.0
"""Seconds after many failures in a row; 0.04 after the first, then twice as long each time."""


class TransactionPacing:
    """The transactions of one session.  Times in seconds, by one clock.

    ``not_before``: when the next may begin.  ``transactions``: begun so far.  ``failures``: since
    the last success.  ``last_error``: the last one's, empty where it succeeded.
    """

    def __init__(self, now: float) -> None:
        self.not_before = 0.0
        self.transactions = 0
        self.failures = 0
        self.last_error = ""
        self._under_way: str | None = None
        self._tokens = WRITE_BURST
        self._tokens_at = now

    @property
    def under_way(self) -> bool:
        """Whether one was sent and has no reply yet."""
        return self._under_way is not None

    def begin(self, now: float) -> str | None:
        """The id of the request to send; None where it is too early, and then ``not_before`` says
        when it will not be."""
        self._tokens = min(WRITE_BURST, self._tokens + (now - self._tokens_at) * WRITE_RATE)
        self._tokens_at = now
        if self._tokens < 1:
            self.not_before = now + 1 / WRITE_RATE
            return None
        self._tokens -= 1
        self.transactions += 1
        self._under_way = f"write{self.transactions}"
        return self._under_way

    def answered_by(self, identifier: Any) -> bool:
        """Whether a reply with this id is to the transaction that is under way."""
        return self._under_way is not None and identifier == self._under_way

    def end(self, error: str, now: float) -> bool:
        """The transaction was answered; ``error``: empty where it succeeded.  True where it failed
        in another way than the last: worth telling people."""
        self._under_way = None
        if not error:
            self.failures = 0
            self.last_error = ""
            return False
        self.failures += 1
        self.not_before = now + min(MAX_PAUSE, 0.02 * 2 ** min(self.failures, 10))
        error = error[:300]
        is_new = error != self.last_error
        self.last_error = error
        return is_new


def error_in(result: Any) -> str:
    """The error in the result of a transaction, empty where it succeeded: the first operation that
    has one says why all of them were undone (RFC 7047 section 4.1.3)."""
    for item in result if isinstance(result, list) else ():
        if isinstance(item, dict) and item.get("error"):
            return f"{item['error']}: {item.get('details', '')}"
    return ""


def failed_at(result: Any) -> int | None:
    """Which operation the error in the result of a transaction is of.  None: of none alone, as of
    the commit, whose error is behind those of all operations (RFC 7047 section 4.1.3)."""
    for at, item in enumerate(result if isinstance(result, list) else ()):
        if isinstance(item, dict) and item.get("error"):
            return at
    return None
