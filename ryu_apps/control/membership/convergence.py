"""When the node knows enough to delete what it finds in the switches.

A node that restarts finds switches that forward, and so does one that takes a hypervisor over from
another.  Until it has heard from that hypervisor and from its peers, an installed flow that it does
not want may be one that it does not want *yet*.  So each hypervisor that joins is *deferred*: its
channel deletes nothing and its tunnels stay, until it is let go
(:class:`~ryu_apps.control.messages.Defer`).

First the node itself has to converge (RFC 4724 section 4.1, the Restarting Speaker): it waits for
the configuration, for the hypervisors that the store says are ours, and for the answers of ports
that may hold shared addresses; then it sends End-of-RIB, once, and waits for End-of-RIB from each
peer that promises one.  That takes at most ``deferral`` seconds from the start, unless the
configuration cannot be trusted (:mod:`~ryu_apps.control.elements.trust`).

From then on each hypervisor is let go when its own switch has confirmed its flows, its own ports
have been asked for their addresses, and no peer is waited for; at most ``deferral`` seconds after
it joined.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ryu_apps.control.addresses.probes import Probes
from ryu_apps.control.elements.elements import Elements
from ryu_apps.control.elements.trust import Trust
from ryu_apps.control.multicast.snooping import MulticastSnooping
from ryu_apps.control.peers import Peers

EVIDENCE_TIME = 5.0
"""Seconds that hypervisors have to come back, where the store does not say which are ours and
nothing says that it is the store from before."""
ANSWERS = "answers of ports that may hold shared addresses"
DOUBTED = "an operator: see the check of the configuration"
WEIGH_INTERVAL = 1.0
"""Seconds until what cannot be trusted is looked at again."""


class Step(NamedTuple):
    """What a step came to.  ``send``: End-of-RIB, now.  ``converged``: the node has, just now.
    ``released``: the elements that are let go now."""

    send: bool = False
    converged: bool = False
    released: tuple[str, ...] = ()


NOTHING = Step()


class Convergence:
    """Reads: elements and their records, who asks ports, peers, trust.  Marks and emits nothing."""

    def __init__(
        self,
        elements: Elements,
        asking: tuple[Probes | MulticastSnooping, ...],
        peers: Peers,
        trust: Trust,
        deferral: float,
    ) -> None:
        self._elements = elements
        self._asking = asking
        self._trust = trust
        self._weighed = float("-inf")
        self._deferral = deferral
        self._deadline: float | None = None
        self._peers = peers
        self._now = 0.0
        self._deferred: dict[str, None] = {}
        """Elements that joined and have not been let go; some may have left."""
        self.loaded = False
        self.announced = False
        """End-of-RIB was sent: all that is ours from before is announced."""
        self.converged = False
        """The node has; an element that joined since may be deferred still."""

    def start(self, now: float) -> None:
        """The node has its first event."""
        if self._deadline is None:
            self._deadline = now + self._deferral

    def joined(self, name: str) -> None:
        """An element was accepted that was not here before."""
        self._deferred[name] = None

    def missing_elements(self) -> list[str]:
        """Hypervisors of ours that have not come back, or not confirmed their flows."""
        missing = []
        for name in self._elements.records:
            if self._elements.owner_of(name) == self._elements.node:
                element = self._elements.accepted.get(name)
                if element is None or not element.settled:
                    missing.append(name)
        return missing

    def step(self, now: float) -> Step:
        """See whether what is waited for has come."""
        if not self.loaded or (self.converged and not self._deferred):
            return NOTHING
        self._now = now
        send = converged = False
        if not self.converged:
            send, converged = self._step_of_node(now)
        return Step(send, converged, tuple(self._let_go(now)) if self.converged else ())

    def _step_of_node(self, now: float) -> tuple[bool, bool]:
        """(send End-of-RIB now, the node has converged now)."""
        late = self._deadline is not None and now >= self._deadline
        send = False
        ready = (
            not self.missing_elements() and self._answered(now)
            and (self._trust.given or not self._trust.patient or self._deadline is None
                 or now - self._deadline + self._deferral >= EVIDENCE_TIME)
        )
        if not self.announced and (late or ready):
            if self._doubted(now):
                return False, False
            send = self.announced = True
        self.converged = self.announced and (late or not self.waiting_peers())
        return send, self.converged

    def _let_go(self, now: float) -> Iterator[str]:
        """The elements that are deferred no longer."""
        if self._doubted(now):
            return
        peers = bool(self.waiting_peers())
        for name in list(self._deferred):
            element = self._elements.accepted.get(name)
            if element is None:
                del self._deferred[name]
            elif now - element.joined >= self._deferral or (
                not peers and element.settled and self._answered(now, name)
            ):
                del self._deferred[name]
                element.deferred = False
                yield name

    def _answered(self, now: float, element: str = "") -> bool:
        """Whether no answer of ports of an element, or of any, is waited for."""
        return all(one.settled(now, element) for one in self._asking)

    def waiting_peers(self) -> list[str]:
        """The peers that have not told everything yet, and will."""
        started = self._now if self._deadline is None else self._deadline - self._deferral
        return self._peers.awaited(self._now, started)

    def _doubted(self, now: float) -> bool:
        if now - self._weighed >= WEIGH_INTERVAL:
            self._weighed = now
            self._trust.weigh()
        return bool(self._trust.doubt)

    def waiting_for(self) -> str:
        """For people: what the node waits for, or ""."""
        if self._trust.doubt:
            return DOUBTED
        if self.converged:
            return ""
        if not self.loaded:
            return "the configuration"
        parts = [f"hypervisor {name}" for name in self.missing_elements()]
        if not self.announced and not parts:
            parts.append(ANSWERS)
        parts += [f"peer {peer}" for peer in self.waiting_peers()]
        return ", ".join(parts)

    def deferred_for(self, name: str) -> str:
        """For people: what one of our elements is deferred for, or ""."""
        element = self._elements.accepted[name]
        if not element.deferred or not self.converged or self._trust.doubt:
            return self.waiting_for() if element.deferred else ""
        parts = [] if element.settled else [f"hypervisor {name}"]
        parts += [f"peer {peer}" for peer in self.waiting_peers()]
        return ", ".join(parts) or ANSWERS
