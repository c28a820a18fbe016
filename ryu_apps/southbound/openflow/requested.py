"""What the control core asks of one vrouter's switch, and what it is told about it.

Each target has its reconciler: flows, groups and meters.  Changes wait here while a round is under
way, and then go to the one that their kind belongs to; what was refused, and up to which revision
everything is confirmed, goes back to the core as events.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ryu_apps.control.messages import ObjectRefused, Program, VrouterAcked
from ryu_apps.southbound.openflow.groups import GroupOperation, VrouterGroups
from ryu_apps.southbound.openflow.meters import VrouterMeters
from ryu_apps.southbound.openflow.readback import GroupsRead, MetersRead
from ryu_apps.southbound.openflow.reconcile import Operation, VrouterFlows
from ryu_apps.southbound.openflow.rounds import Outcome
from vrouter_ovs.state import FLOWS, GROUP, METER, OPENFLOW, TARGET_OF, Key, MeterPool, StateObject

LOG = logging.getLogger("vnc.openflow")
WITHOUT_METERS = (
    "; DHCP and router advertisements do not work there, and ports begin connections without a "
    "limit"
)


class RequestedSwitch:
    """``post`` gets ObjectRefused and VrouterAcked.  The channel's worker owns it; only
    :meth:`status` may be called by other threads."""

    def __init__(self, element: str, post: Callable[[object], None]) -> None:
        self.flows = VrouterFlows()
        self.groups = VrouterGroups()
        self.meters = VrouterMeters()
        self._element = element
        self._post = post
        self._backlog: list[Program] = []
        self._revision = 0
        self._acked = 0
        self._reported: set[Key] = set()
        """What the core holds to be refused."""

    def status(self) -> dict[str, Any]:
        """Revisions, sizes and refused objects; a snapshot that may be a moment old."""
        flows = self.flows
        rejected = [*self.meters.refused.items(), *self.groups.rejected.items(),
                    *flows.rejected.items()]
        return {
            "held": flows.deferred,
            "desired_revision": self._revision,
            "acked_revision": self._acked,
            "objects": len(flows.objects) + len(self.groups.objects) + len(self.meters.pools),
            "installed_flows": len(flows.installed),
            "pending": self.pending or bool(self._backlog),
            "rejected": [{"object": list(key), "reason": reason} for key, reason in rejected],
        }

    @property
    def pending(self) -> bool:
        """Whether the switch may have to be changed."""
        return self.flows.pending or self.groups.pending or self.meters.pending

    # ------------------------------------------------------------ from the core

    def add(self, effect: Program) -> None:
        """Changes, to be taken over by :meth:`take`."""
        self._backlog.append(effect)

    def take(self) -> None:
        """Take over all changes that wait.  No round may be under way."""
        for effect in self._backlog:
            self._change(effect.changes)
            self._revision = effect.revision
        self._backlog.clear()

    def _change(self, changes: Iterable[tuple[Key, StateObject | None]]) -> None:
        flows = []
        named = False
        for change in changes:
            target = TARGET_OF[change[0][0]]
            if target == FLOWS:
                flows.append(change)
            elif target == GROUP:
                self.groups.change(*change)
                named = True
            elif target == METER:
                self.meters.change(*change)
                named = True
        if self._reported:
            self._reported.difference_update(key for key, _ in changes)
        if named:
            # A flow may have been refused because it names what is there only now.
            self.flows.retry_rejected()
        self.flows.change(flows)

    def defer(self, deferred: bool) -> None:
        """See messages.Defer."""
        self.flows.defer(deferred)
        self.groups.defer(deferred)
        self.meters.deferred = deferred

    def stand_by(self) -> None:
        """The switch is another node's: nothing is asked of it, and what it holds stays known."""
        flows, groups = self.flows.installed, self.groups.installed
        self.flows, self.groups, self.meters = VrouterFlows(), VrouterGroups(), VrouterMeters()
        self.flows.installed, self.groups.installed = flows, groups
        self.flows.follow()
        self._backlog.clear()
        self._reported.clear()
        self._revision = self._acked = 0

    def take_over(self) -> None:
        """It is this node's."""
        self.flows.take_over()

    def lost(self, outcome: Outcome | None) -> None:
        """It is another's, though all stays desired.  ``outcome``: of the round that was under way;
        the changes of meters that went before it may have been made or not."""
        if outcome is not None:
            self.outcome(outcome)
            self.meters.forget_switch()
        self.flows.follow()

    def start_over(self) -> None:
        """Calculate everything anew, as if nothing were known of the switch."""
        objects = {**self.meters.pools, **self.groups.objects, **self.flows.objects}
        deferred, reported = self.flows.deferred, set(self._reported)
        following = self.flows.following
        self.flows, self.groups, self.meters = VrouterFlows(), VrouterGroups(), VrouterMeters()
        self._change(list(objects.items()))
        self._reported = reported
        self.defer(deferred)
        if following:
            self.flows.follow()

    # ------------------------------------------------------------ from the switch

    def meters_read(self, read: MetersRead) -> None:
        """The switch has these meters."""
        self.meters.read(read.meters, read.refusal)
        self.report_refused()

    def groups_read(self, read: GroupsRead) -> None:
        """The switch has these groups of ours."""
        self.groups.replace_installed(read.groups)

    def connected(self) -> None:
        """A connection was read back: what was confirmed to an earlier one has to be confirmed by
        this one, and what an earlier switch refused is tried again."""
        self.flows.retry_rejected()
        self.groups.retry_rejected()
        self._acked = 0

    def disconnected(self) -> None:
        """The connection has ended."""
        self.meters.forget_switch()
        # Before the backlog: a refusal is told with the revision that it is of.
        self.report_refused()
        self.take()

    def outcome(self, outcome: Outcome) -> None:
        """A round is over."""
        groups, flows = self.groups, self.flows
        done, undone = outcome.done, outcome.undone
        if outcome.grouped:
            done, changed = _apart(done)
            undone, again = _apart(undone)
            groups.confirm(changed)
            groups.retry(again)
        flows.confirm(done)
        for key, reason in outcome.refused.items():
            (groups if TARGET_OF[key[0]] == GROUP else flows).reject(key, reason)
        flows.retry(undone)
        for meter, reason in outcome.meters.items():
            self.meters.refuse(meter, reason)
        self.report_refused()

    # ------------------------------------------------------------ to the core

    def _is_refused(self, key: Key) -> bool:
        return (
            key in self.flows.rejected or key in self.groups.rejected or key in self.meters.refused
        )

    def _is_there(self, key: Key) -> bool:
        known = (
            key in self.flows.objects or key in self.groups.objects or key in self.meters.pools
        )
        return known and not self._is_refused(key)

    def settle(self) -> bool:
        """The switch has everything that was taken over: confirm it.  False where a refusal has
        left something to change after all."""
        self.flows.finish()
        self.report_refused()
        if self.pending:
            return False
        recovered = tuple(key for key in self._reported if self._is_there(key))
        self._reported = {key for key in self._reported if self._is_refused(key)}
        if recovered or self._acked != self._revision:
            self._acked = self._revision
            self._post(VrouterAcked(self._element, self._acked, OPENFLOW, recovered))
        return True

    def report_refused(self) -> None:
        """Tell of the objects refused since the last time, with the revision that they are of."""
        for key, reason in (*self.meters.take_refused(), *self.groups.take_refused(),
                            *self.flows.take_refused()):
            LOG.error("vrouter %s: object %s refused: %s%s", self._element, key, reason,
                      WITHOUT_METERS if key[0] == MeterPool.kind else "")
            self._reported.add(key)
            self._post(ObjectRefused(self._element, key, reason, self._revision))


def _apart(
    operations: Sequence[Operation | GroupOperation],
) -> tuple[list[Operation], list[GroupOperation]]:
    flows, groups = [], []
    for operation in operations:
        (groups if type(operation) is GroupOperation else flows).append(operation)
    return flows, groups
