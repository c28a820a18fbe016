"""What the control core wants of one vrouter, and what it is told about it.

Changes wait here while a round is under way; what was refused and up to which revision everything
is confirmed goes back to the core as events.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from ryu_apps.control.messages import FlowRejected, Program, VrouterAcked
from ryu_apps.southbound.openflow.reconcile import VrouterFlows
from ryu_apps.southbound.openflow.rounds import Outcome

LOG = logging.getLogger("vnc.openflow")


class Desired:
    """``post`` gets FlowRejected and VrouterAcked.  The channel's worker owns it; only
    :meth:`status` may be called by other threads."""

    def __init__(self, element: str, post: Callable[[object], None]) -> None:
        self.flows = VrouterFlows()
        self._element = element
        self._post = post
        self._backlog: list[Program] = []
        self._revision = 0
        self._acked = 0

    def status(self) -> dict[str, Any]:
        """Revisions, sizes and refused objects; a snapshot that may be a moment old."""
        flows = self.flows
        rejected = list(flows.rejected.items())
        return {
            "held": flows.held,
            "desired_revision": self._revision,
            "acked_revision": self._acked,
            "objects": len(flows.objects),
            "installed_flows": len(flows.installed),
            "pending": flows.pending or bool(self._backlog),
            "rejected": [{"object": list(key), "reason": reason} for key, reason in rejected],
        }

    # ------------------------------------------------------------ from the core

    def add(self, effect: Program) -> None:
        """Changes, to be taken over by :meth:`take`."""
        self._backlog.append(effect)

    def take(self) -> None:
        """Take over all changes that wait.  No round may be under way."""
        for effect in self._backlog:
            self.flows.change(effect.changes)
            self._revision = effect.revision
        self._backlog.clear()

    def start_over(self) -> None:
        """Calculate all flows anew, as if nothing were known of the switch."""
        old = self.flows
        self.flows = VrouterFlows()
        self.flows.held = old.held
        self.flows.change(list(old.objects.items()))

    # ------------------------------------------------------------ to the core

    def unconfirm(self) -> None:
        """What was confirmed to an earlier connection has to be confirmed by this one."""
        self._acked = 0

    def outcome(self, outcome: Outcome) -> None:
        """A round is over."""
        flows = self.flows
        flows.confirm(outcome.done)
        for key, reason in outcome.refused.items():
            flows.reject(key, reason)
        flows.retry(outcome.undone)
        self.tell_refused()

    def settle(self) -> bool:
        """The switch has everything that was taken over: confirm it.  False where a refusal has
        left something to change after all."""
        self.flows.finish()
        self.tell_refused()
        if self.flows.pending:
            return False
        if self._acked != self._revision:
            self._acked = self._revision
            self._post(VrouterAcked(self._element, self._acked))
        return True

    def tell_refused(self) -> None:
        """Tell of the objects refused since the last time, with the revision that they are of."""
        for key, reason in self.flows.take_refused():
            LOG.error("vrouter %s: object %s refused: %s", self._element, key, reason)
            self._post(FlowRejected(self._element, key, reason, self._revision))
