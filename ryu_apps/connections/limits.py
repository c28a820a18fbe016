"""Who may connect: so many in all, so many from one address, half of them kept.  Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable


class ConnectionLimits:
    """``total``: connections at one time.  ``per_source``: of these, from one address.  ``known``:
    whether an address is one that is expected; all others together may have half of the
    connections, so that the known always find room.

    The caller sees that one thread at a time is here.
    """

    def __init__(self, total: int, per_source: int, known: Callable[[str], bool]) -> None:
        self._total = total
        self._per_source = per_source
        self._known = known
        self._taken: Counter[str] = Counter()
        self._count = 0

    def admit(self, source: str) -> str:
        """Count a connection from ``source``; why it is refused, or ""."""
        if self._count >= self._total:
            return f"{self._total} are open"
        if self._taken[source] >= self._per_source:
            return f"{self._taken[source]} are open from there"
        if self._count >= self._total // 2 and not self._known(source):
            # Counted only where it can matter: the addresses are many and change sides.
            strangers = sum(
                count for one, count in self._taken.items() if not self._known(one)
            )
            if strangers >= (self._total + 1) // 2:
                return f"{strangers} are open from addresses that no hypervisor has"
        self._taken[source] += 1
        self._count += 1
        return ""

    def release(self, source: str) -> None:
        """A connection from there has ended."""
        self._count -= 1
        self._taken[source] -= 1
        if not self._taken[source]:
            del self._taken[source]
