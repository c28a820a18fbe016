"""Numbers that each resource of a kind has for itself."""

from __future__ import annotations

import itertools
from collections.abc import Iterable


def lowest_free(taken: Iterable[int]) -> int:
    """The lowest number from 1 on that nobody has."""
    used = set(taken)
    return next(number for number in itertools.count(1) if number not in used)
