"""Token buckets by source: how often somebody may do what costs others something.  Pure."""

from __future__ import annotations

import collections
from collections.abc import Callable


class Buckets:
    """``burst``: at once; ``rate``: a second, from then on.  ``most``: sources that are remembered;
    of more, those that did it longest ago are forgotten.  ``debt``: how far below nothing a bucket
    goes.

    The caller sees that one thread at a time is here.
    """

    def __init__(
        self, burst: float, rate: float, most: int, clock: Callable[[], float], debt: float = 0.0
    ) -> None:
        self._burst = burst
        self.rate = rate
        self._most = most
        self._clock = clock
        self._debt = debt
        self._found: collections.OrderedDict[str, tuple[float, float]] = collections.OrderedDict()
        """Source -> how much was left, and when."""

    def __contains__(self, source: str) -> bool:
        """Whether it did anything lately."""
        return self.left(source) < self._burst

    def left(self, source: str) -> float:
        left, at = self._found.get(source, (self._burst, 0.0))
        return min(self._burst, left + (self._clock() - at) * self.rate)

    def take(self, source: str, amount: float = 1.0) -> None:
        """Less than nothing gives it back."""
        left = max(self.left(source) - amount, -self._debt)
        if left >= self._burst:
            self._found.pop(source, None)
            return
        self._found[source] = left, self._clock()
        self._found.move_to_end(source)
        while len(self._found) > self._most:
            self._found.popitem(last=False)
