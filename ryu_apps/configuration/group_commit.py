"""Group commit: requests that wait at the same time are planned for one transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import Change

T = TypeVar("T")
Plan = Callable[[Config], tuple[list[Change], T]]
"""The changes that a request makes to a configuration, and its result.  A pure function, which
leaves the configuration as it found it."""


class PendingCommit:
    """One commit that waits for its turn; ``finished``: there is a ``result``, or an ``error``."""

    __slots__ = ("error", "finished", "plan", "result")

    def __init__(self, plan: Plan):
        self.plan = plan
        self.result: Any = None
        self.error: BaseException | None = None
        self.finished = False


class Planned(NamedTuple):
    """``taken``: requests that ``changes`` are of; ``rest``: those that found no room."""

    taken: list[PendingCommit]
    rest: list[PendingCommit]
    changes: list[Change]


def plan_group(group: list[PendingCommit], config: Config, max_operations: int) -> Planned:
    """Plan one after the other, each on what those before it leave, as many as one transaction of
    ``max_operations`` has room for.

    ``config`` changes meanwhile, and is as it was afterwards.  The verdict of a plan that raises is
    its request's ``error``.
    """
    undo: list[Change] = []
    merged: dict[tuple[str, str], Change] = {}
    taken = 0
    try:
        for position, request in enumerate(group):
            request.error = None
            try:
                changes, request.result = request.plan(config)
            except Exception as error:  # the plan's own verdict: it belongs to its caller
                request.error = error
                taken = position + 1
                continue
            keys = {change[:2] for change in changes}
            if position and len(merged.keys() | keys) >= max_operations:
                break
            merged.update((change[:2], change) for change in changes)
            taken = position + 1
            if taken < len(group):
                undo += [
                    Change(change.kind, change.id, config.apply(change)) for change in changes
                ]
    finally:
        for change in reversed(undo):
            config.apply(change)
    return Planned(group[:taken], group[taken:], list(merged.values()))
