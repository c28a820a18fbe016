"""What the control core asks of one hypervisor's database, and what it is told about it.  Pure.

It outlives the hypervisor's sessions.  Objects are compared with the database each time something
may have changed (:mod:`ryu_apps.southbound.ovsdb.writing.reconcile`); when nothing is left to
write, all up to the last revision is confirmed but what was refused.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from ryu_apps.control.messages import ObjectRefused, VrouterAcked
from vrouter_ovs.state import OVSDB, Key

FIRST_PAUSE, MAX_PAUSE = 0.5, 60.0
"""Seconds until an object that the database refused is tried again: twice as long each time."""


class RequestedDatabase:
    """``objects``: kind -> key -> object.  ``deferred``: see messages.Defer; until it is let go
    nothing is deleted.  ``post`` gets VrouterAcked and ObjectRefused."""

    def __init__(self, element: str, post: Callable[[object], None]) -> None:
        self.objects: dict[str, dict[Key, Any]] = {}
        self.deferred = True
        self._element = element
        self._post = post
        self._revision = 0
        self._acked = 0
        self._reported: dict[Key, str] = {}
        """What was told to be refused, and why."""
        self._failures: dict[Key, tuple[float, float, str]] = {}
        """Object -> (when to try it again, the pause after that, the database's words)."""

    def change(self, revision: int, changes: Iterable[tuple[Key, Any]]) -> None:
        """Take over new, changed and (None) deleted objects."""
        for key, item in changes:
            self._reported.pop(key, None)
            self._failures.pop(key, None)
            if item is None:
                self.objects.get(key[0], {}).pop(key, None)
            else:
                self.objects.setdefault(key[0], {})[key] = item
        self._revision = revision

    def __contains__(self, key: Key) -> bool:
        return key in self.objects.get(key[0], ())

    # ------------------------------------------------------------ refusals of the database

    def failed(self, key: Key, reason: str, now: float) -> None:
        """The database refused an operation of this object, and with it the whole transaction: it
        is left out for a while, so that the others' are done."""
        _, pause, _ = self._failures.get(key, (0.0, FIRST_PAUSE, ""))
        self._failures[key] = now + pause, min(MAX_PAUSE, 2 * pause), reason

    def failing(self, now: float) -> Collection[Key]:
        """The objects that are to be left out."""
        return {key for key, (until, _, _) in self._failures.items() if now < until}

    def is_due(self, now: float) -> bool:
        """Whether an object that was left out is to be tried again."""
        return any(until <= now for until, _, _ in self._failures.values())

    # ------------------------------------------------------------ to the core

    def new_session(self) -> None:
        """Another session of the hypervisor, perhaps with another database: it has to confirm
        everything again."""
        self._acked = 0
        self._failures.clear()

    def report(self, refused: Mapping[Key, str]) -> None:
        """``refused``: objects that cannot be had now, and why; those are told that were not."""
        found = {key: reason for key, (_, _, reason) in self._failures.items()} | dict(refused)
        for key, reason in found.items():
            if self._reported.get(key) != reason:
                self._reported[key] = reason
                self._post(ObjectRefused(self._element, key, reason, self._revision))

    def settle(self, refused: Mapping[Key, str], now: float) -> None:
        """Nothing is left to write: confirm it.  ``refused``: as for :meth:`report`."""
        waiting = self.failing(now)
        self._failures = {
            key: failure for key, failure in self._failures.items() if key in waiting
        }
        self.report(refused)
        recovered = tuple(
            key for key in self._reported if key not in refused and key not in self._failures
        )
        for key in recovered:
            del self._reported[key]
        if recovered or self._acked != self._revision:
            self._acked = self._revision
            self._post(VrouterAcked(self._element, self._revision, (OVSDB,), recovered))
