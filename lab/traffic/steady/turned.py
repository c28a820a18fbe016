"""A lap that is over: what is known of it, and whether more is to come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Turned(NamedTuple):
    """``result``: what it says in the report.  ``waits``: whether something that was sent in it may
    still be answered."""

    result: Callable[[], Any]
    waits: Callable[[], bool] = lambda: False
