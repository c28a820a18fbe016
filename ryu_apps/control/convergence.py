"""After a start: when the node knows enough to delete what it finds in the switches.

A node that restarts finds switches that forward.  Until it has heard again from its own
hypervisors and from its peers, an installed flow that it does not want may be one that it does not
want *yet*.  So deletions wait (RFC 4724 section 4.1, the Restarting Speaker): first for the
configuration, for the hypervisors that the store says are ours, and for the answers of ports that
may hold shared addresses; then, after End-of-RIB was sent, for End-of-RIB from each peer that
promises one (:meth:`Peers.awaited`); at most ``deferral`` seconds in all, unless the configuration
cannot be trusted (:mod:`trust`).
"""

from __future__ import annotations

from ryu_apps.control.addresses.probes import Probes
from ryu_apps.control.elements.elements import Elements
from ryu_apps.control.elements.trust import Trust
from ryu_apps.control.peers import Peers

EVIDENCE_TIME = 5.0
"""Seconds that hypervisors have to come back, where the store does not say which are ours and
nothing says that it is the store from before."""
WEIGH_INTERVAL = 1.0
"""Seconds until what cannot be trusted is looked at again."""


class Convergence:
    def __init__(
        self,
        elements: Elements,
        probes: Probes,
        peers: Peers,
        trust: Trust,
        deferral: float,
    ) -> None:
        self._elements = elements
        self._probes = probes
        self._trust = trust
        self._weighed = float("-inf")
        self._deferral = deferral
        self._deadline: float | None = None
        self._peers = peers
        self._now = 0.0
        self.loaded = False
        self.announced = False
        """End-of-RIB was sent: all that is ours from before is announced."""
        self.converged = False

    def start(self, now: float) -> None:
        if self._deadline is None:
            self._deadline = now + self._deferral

    def missing_elements(self) -> list[str]:
        """Hypervisors of ours that have not come back, or not confirmed their flows."""
        missing = []
        for name, record in self._elements.records.items():
            if record["owner"] == self._elements.node:
                element = self._elements.accepted.get(name)
                if element is None or not element.settled:
                    missing.append(name)
        return missing

    def step(self, now: float) -> tuple[bool, bool]:
        """(send End-of-RIB now, release held vrouters now)."""
        if self.converged or not self.loaded:
            return False, False
        self._now = now
        late = self._deadline is not None and now >= self._deadline
        send = release = False
        ready = (
            not self.missing_elements() and self._probes.settled(now)
            and (self._trust.given or not self._trust.patient or self._deadline is None
                 or now - self._deadline + self._deferral >= EVIDENCE_TIME)
        )
        if not self.announced and (late or ready):
            if self._doubted(now):
                return False, False
            send = self.announced = True
        if self.announced and (late or not self._awaited()):
            release = self.converged = True
        return send, release

    def _awaited(self) -> list[str]:
        """The peers that have not told everything yet, and will."""
        started = self._now if self._deadline is None else self._deadline - self._deferral
        return self._peers.awaited(self._now, started)

    def _doubted(self, now: float) -> bool:
        if now - self._weighed >= WEIGH_INTERVAL:
            self._weighed = now
            self._trust.weigh()
        return bool(self._trust.doubt)

    def waiting_for(self) -> str:
        """For people: what is missing, or ""."""
        if self._trust.doubt:
            return "an operator: see the check of the configuration"
        if self.converged:
            return ""
        if not self.loaded:
            return "the configuration"
        parts = [f"hypervisor {name}" for name in self.missing_elements()]
        if not self.announced and not parts:
            parts.append("answers of ports that may hold shared addresses")
        parts += [f"peer {peer}" for peer in self._awaited()]
        return ", ".join(parts)
