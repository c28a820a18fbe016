"""Asking ports for the addresses that they may hold: ARP requests and neighbor solicitations.

Nothing that was learned is stored.  So a port is asked when its flows are confirmed, which after a
start of the node is before anything is deleted from its switch; an address that is nowhere is asked
for now and then, so that one which nobody ever announced is found too; and so is who holds one, as
the announcement of a successor may have been lost.  The answers come the way of all announcements
(:mod:`ryu_apps.control.addresses.learned`).
"""

from __future__ import annotations

from collections.abc import Iterable

from ryu_apps.control.addresses.holders import Key
from ryu_apps.control.addresses.learned import Learned
from ryu_apps.control.messages import Probe
from ryu_apps.control.tables import Tables

TRIES = 3
"""How often a new port is asked, once a second."""
ANSWER = 2.0
"""Seconds in which an answer is expected where something waits for it."""
PERIOD = 10
"""Every address that can be named is asked for once in so many seconds."""
BUDGET = 500
"""Questions at once."""


class Probes:
    """Reads: bound and active ports, who has which address.  Marks nothing.
    Emits: Probe, appended to ``effects``."""

    def __init__(self, tables: Tables, learned: Learned, effects: list) -> None:
        self._learned = learned
        self._bound = tables.bound
        self._active = tables.active
        self._elements = tables.elements
        self._effects = effects
        self._new: dict[str, None] = {}
        self._again: dict[str, int] = {}
        """Port id -> how often it is asked still."""
        self._round: list[Key] = []
        self._next_round = 0.0
        self._share = 0
        self._until: dict[str, float] = {}
        """Element -> until when answers of its ports are waited for."""

    def confirmed(self, port_id: str) -> None:
        """The flows of a port are in the switch."""
        bound = self._bound.get(port_id)
        if bound is not None and bound.shared:
            self._new[port_id] = None

    def search(self, key: Key) -> None:
        """Ask everyone who may hold an address, where nobody does."""
        self._effects += self._candidates(key)

    def settled(self, now: float, element: str = "") -> bool:
        """Whether no answer need be waited for, of the ports of one element or of all."""
        if any(self._is_of(port_id, element) for port_id in self._new):
            return False
        late = max(self._until.values(), default=0.0) if not element else self._until.get(element)
        return late is None or now >= late or all(
            self._learned.is_known(key)
            for port_id in self._again if self._is_of(port_id, element)
            for key in self._missing(port_id)
        )

    def _is_of(self, port_id: str, element: str) -> bool:
        bound = self._bound.get(port_id)
        return not element or (bound is not None and bound.element == element)

    def _is_deferred(self, port_id: str) -> bool:
        """Whether a port is bound at an element that has not been let go."""
        bound = self._bound.get(port_id)
        element = self._elements.accepted.get(bound.element) if bound is not None else None
        return element is not None and element.deferred

    def _missing(self, port_id: str) -> list[Key]:
        """What a port may hold and does not, as far as it is known by name."""
        bound = self._bound.get(port_id)
        if bound is None or port_id not in self._active:
            return []
        holders = self._learned.holders
        return [
            key
            for key in self._learned.exact(bound)
            if key not in holders or holders[key].port_id != port_id
        ]

    def _ask(self, port_id: str, keys: Iterable[Key]) -> list[Probe]:
        bound = self._bound.get(port_id)
        if bound is None or port_id not in self._active:
            return []
        return [Probe(bound.element, bound.ofport, address) for _, address in keys]

    def flush(self, now: float) -> None:
        """Ask new ports."""
        found: list[Probe] = []
        while self._new and len(found) < BUDGET:
            port_id = next(iter(self._new))
            del self._new[port_id]
            if keys := self._missing(port_id):
                found += self._ask(port_id, keys)
                self._again[port_id] = TRIES - 1
                self._until[self._bound[port_id].element] = now + ANSWER
        self._effects += found

    def _candidates(self, key: Key) -> list[Probe]:
        """The questions to everyone who may hold an address; none where it is known."""
        if self._learned.is_known(key):
            return []
        ports = self._learned.candidates.get(key, ())
        return [probe for port_id in ports for probe in self._ask(port_id, (key,))]

    def tick(self, now: float) -> None:
        """The repetitions, and a part of all addresses: who has it, or has it still."""
        found: list[Probe] = []
        for port_id, left in list(self._again.items()):
            keys = self._missing(port_id)
            if not keys or not (left or self._is_deferred(port_id)):
                del self._again[port_id]
                continue
            if len(found) < BUDGET:
                found += self._ask(port_id, keys)
                self._again[port_id] = max(left - 1, 0)
        if not self._round and now >= self._next_round:
            self._next_round = now + PERIOD
            self._round = list(self._learned.candidates)
            self._share = min(-(-len(self._round) // PERIOD), BUDGET)
        for _ in range(min(self._share, len(self._round))):
            key = self._round.pop()
            self._learned.check_liveness(key, now)
            holder = self._learned.holders.get(key)
            found += (
                self._ask(holder.port_id, (key,)) if holder is not None
                else self._candidates(key)
            )
        self._effects += found
