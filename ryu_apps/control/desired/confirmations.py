"""What the targets of one vrouter have made of the objects that they were sent.  Pure.

Each object of a vrouter's desired state has one status: *pending* at the revision of its last
change, until its target confirms that revision; *refused*, with the target's reason; or *done*.
A target (:data:`vrouter_ovs.state.TARGETS`) acknowledges the revisions of its own objects, so the
acknowledgements of different targets come independently, and in any order.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from vrouter_ovs.state import OPENFLOW, TARGET_OF, TARGETS, Key, StateObject

DONE, PENDING, REFUSED = "done", "pending", "refused"


class Status(NamedTuple):
    """``state``: DONE, PENDING or REFUSED.  ``revision``: the one that must be confirmed, where it
    is pending.  ``reason``: the target's words, where it is refused."""

    state: str
    revision: int = 0
    reason: str = ""


class Confirmations:
    """``revision``: of the last program; an element that comes back goes on counting from there, so
    that a late acknowledgement to its former channel confirms nothing.  ``refusals``: what stands
    refused, and why; for reading."""

    __slots__ = ("_confirmed", "_pending", "_sent", "refusals", "revision")

    def __init__(self, revision: int = 0) -> None:
        self.revision = revision
        self.refusals: dict[Key, str] = {}
        self._pending: dict[str, dict[Key, int]] = {target: {} for target in TARGETS}
        """Target -> object -> the revision of its last change; the oldest revisions first."""
        self._sent = dict.fromkeys(TARGETS, 0)
        """Target -> the last revision that changed an object of it."""
        self._confirmed = dict.fromkeys(TARGETS, 0)

    def programmed(
        self, revision: int, changes: Iterable[tuple[Key, StateObject | None]]
    ) -> None:
        """Objects change (None: go) with this revision, which is higher than all before."""
        self.revision = revision
        refusals, pending, sent = self.refusals, self._pending, self._sent
        for key, item in changes:
            target = TARGET_OF[key[0]]
            sent[target] = revision
            waiting = pending[target]
            waiting.pop(key, None)  # What changes again goes behind all that changed before.
            if item is not None:
                waiting[key] = revision
            if refusals:
                refusals.pop(key, None)

    def confirmed(
        self, revision: int, targets: Collection[str] = TARGETS, recovered: Iterable[Key] = ()
    ) -> list[Key]:
        """These targets have everything up to ``revision``; the objects that are done by that.
        ``recovered``: those among them that were refused, and are there after all."""
        done: list[Key] = []
        for key in recovered:
            if self.refusals.pop(key, None) is not None and not self._pending[
                TARGET_OF[key[0]]
            ].get(key, 0):
                done.append(key)
        for target in targets:
            if revision > self._confirmed[target]:
                self._confirmed[target] = revision
            waiting = self._pending[target]
            if not waiting:
                continue
            if revision >= self._sent[target]:
                done += waiting
                waiting.clear()
                continue
            ready = []
            for key, sent_in in waiting.items():
                if sent_in > revision:
                    break
                ready.append(key)
            for key in ready:
                del waiting[key]
            done += ready
        return [key for key in done if key not in self.refusals] if self.refusals else done

    def refused(self, key: Key, reason: str, revision: int) -> bool:
        """The target refused an object of the desired state as it was at ``revision``.  False where
        it has changed since: the answer to what it is now comes yet."""
        if revision < self._pending[TARGET_OF[key[0]]].get(key, 0):
            return False
        self.refusals[key] = reason
        return True

    def is_pending(self, key: Key) -> bool:
        """Whether the last change of an object waits to be confirmed, or refused."""
        return key in self._pending[TARGET_OF[key[0]]] and key not in self.refusals

    def status(self, key: Key) -> Status:
        """The status of an object of the desired state that was programmed."""
        reason = self.refusals.get(key)
        if reason is not None:
            return Status(REFUSED, reason=reason)
        revision = self._pending[TARGET_OF[key[0]]].get(key)
        return Status(DONE) if revision is None else Status(PENDING, revision)

    def settled(self, targets: Iterable[str] = OPENFLOW) -> bool:
        """Whether these targets have answered all that they were sent, deletions too."""
        return all(self._confirmed[target] >= self._sent[target] for target in targets)

    def behind(self, targets: Iterable[str] = OPENFLOW) -> int:
        """How many revisions the slowest of these targets is behind; 0 where all are settled."""
        return max(0, *(self._sent[target] - self._confirmed[target] for target in targets))
