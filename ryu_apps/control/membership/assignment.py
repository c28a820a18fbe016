"""Who is in charge of which element: what this node proposes to the store.

The record of the owner decides (:mod:`~ryu_apps.control.ownership.records`).  This node proposes
itself where nobody is in charge and the plan says that it should be; where it is not the first in
rank it waits a while for those before it.  Of an element that it owns it proposes another node: one
at a time, warm, and the next when that one serves
(:class:`~ryu_apps.control.membership.membership.Membership` keeps the element until then).  A
proposal that lost the race is no error: the record that won is heard of.
"""

from __future__ import annotations

from collections.abc import Container
from typing import NamedTuple

from ryu_apps.control import messages as msg
from ryu_apps.control.elements.elements import Elements
from ryu_apps.control.graph.graph import Marks
from ryu_apps.control.ownership.load import BARE, LoadMeter
from ryu_apps.control.ownership.plan import ElementState, Move, NodeState, Plan
from ryu_apps.control.ownership.records import (
    MAX_MANAGERS,
    REACH,
    ReachRecord,
    weight_of,
)
from ryu_apps.control.ownership.targets import StandbyTargets

FIRST_WAIT = 1.0
"""Seconds that an element without a record waits for the other nodes that it was told of."""
RANK_WAIT = 1.5
"""Seconds that each next in rank waits for those before it."""
OUT_OF_REACH = 3.0
"""Seconds until an owner that is alive and has no session with the element is replaced, where its
session may come back."""
STABLE = 10.0
"""Seconds since a node came or went until elements move for the balance."""
BALANCE_INTERVAL = 1.0
LONGEST_PAUSE = 60.0
"""Seconds between two attempts at an element that keeps heeding somebody else."""


class Session(NamedTuple):
    """This node has a session with the element.  ``since``: by the core's clock."""

    info: msg.ElementInfo
    since: float


class Assignment:
    """Reads: elements, the records of nodes and of ownership.
    Marks: vrouters whose switches other nodes stand by for, or no longer do.
    Emits: AssignElement and RecordStatus of what this node reaches, appended to ``effects``."""

    def __init__(self, elements: Elements, marks: Marks, weight: int, effects: list) -> None:
        self._elements = elements
        self._marks = marks
        self._records = elements.ownership
        self._node = elements.node
        self._weight = weight
        self._effects = effects
        self.meter = LoadMeter()
        self.standby_targets = StandbyTargets(elements.node)
        self.loaded = False
        """What the store had was read: a record that is not there does not exist."""
        self.ready: set[str] = set()
        """Elements of others that this node could take over without reading anything."""
        self.pending: dict[str, msg.AssignElement] = {}
        """What was proposed and not heard of yet."""
        self._sessions: dict[str, Session] = {}
        self._vacant: dict[str, float] = {}
        """Elements whose owner is dead, or has no session -> since when."""
        self._lost: dict[str, tuple[int, float]] = {}
        """Elements that heeded somebody else -> how often, and when next to propose this node."""
        self._told: dict[str, ReachRecord] = {}
        self._untold: dict[str, None] = {}
        self._dirty = False
        self._due = float("inf")
        self._nodes_changed = float("-inf")
        self._balanced = float("-inf")

    # ------------------------------------------------------------ what is heard

    def read(self, now: float) -> None:
        """All records of the store were delivered.  What a former run of this node owned is taken
        again, with a new epoch: that run may be alive, and only paused."""
        self.loaded = True
        self._nodes_changed = now
        for name, record in self._records.owners.items():
            if record.owner == self._node:
                self._records.void[name] = record.epoch
        self._dirty = True

    def look_again(self) -> None:
        """Something has changed that a proposal may rest on."""
        self._dirty = True

    def reach_changed(self, name: str, now: float) -> None:
        """A node has a session with an element that it had not, or the reverse."""
        if self.standby_targets.update(name, self._records.reach.get(name, {}), now):
            self._marks.vrouters.mark(name)
        self._dirty = True

    def nodes_changed(self, now: float) -> None:
        """A node came or went."""
        self._nodes_changed = now
        self._dirty = True

    def owner_changed(self, name: str) -> None:
        """The record of the owner of an element did."""
        self.pending.pop(name, None)
        self._vacant.pop(name, None)
        self._untold[name] = None
        self._dirty = True

    def session(self, name: str, info: msg.ElementInfo | None, now: float) -> None:
        """This node has a session with an element that may be the one it says it is; None: it has
        none any more."""
        known = self._sessions.get(name)
        if info is None:
            self._sessions.pop(name, None)
            self.ready.discard(name)
        elif known is None or known.info != info:
            self._sessions[name] = Session(info, known.since if known is not None else now)
        self._untold[name] = None
        self._dirty = True

    def standby_ready(self, name: str, ready: bool) -> None:
        """How well this node knows an element that another owns."""
        (self.ready.add if ready else self.ready.discard)(name)
        self._untold[name] = None

    def lost(self, name: str, epoch: int, now: float) -> None:
        """The element heeds somebody of this later epoch.  If this node is the owner all the same,
        it proposes itself again: at once, and ever more rarely where that does not last."""
        void = self._records.void
        void[name] = max(void.get(name, 0), epoch)
        count, due = self._lost.get(name, (0, now))
        if now - due > LONGEST_PAUSE:
            count = 0
        pause = 0.0 if not count else min(2.0 ** (count - 1), LONGEST_PAUSE)
        self._lost[name] = count + 1, now + pause
        self._dirty = True

    def tick(self, now: float) -> None:
        """Time passed."""
        accepted = self._elements.accepted
        if self.meter.tick(((name, len(one.interfaces)) for name, one in accepted.items()), now):
            self._untold.update(dict.fromkeys(accepted))
            self._effects.append(msg.RecordLoad(**self.meter.totals()))
        self._marks.vrouters.mark_all(self.standby_targets.tick(now))
        self._dirty = True

    # ------------------------------------------------------------ what is proposed

    def step(self, now: float) -> None:
        """Propose what is due; part of each flush."""
        for name in self._untold:
            self._tell(name, now)
        self._untold.clear()
        if not self.loaded or not (self._dirty or now >= self._due):
            return
        self._dirty, self._due = False, float("inf")
        vacant: dict[str, tuple[float, str]] = {}
        for name in self._own() | self._sessions.keys():
            why = self._renewal(name, now)
            if why:
                self._propose(name, self._node, why)
            elif (found := self._vacancy(name, now)) is not None:
                vacant[name] = found
            elif name in self.pending and self.pending[name].owner == self._node:
                del self.pending[name]
                self._effects.append(msg.AssignElement(name, None, ""))
        if vacant:
            self._take(vacant, now)
        self._move(now)

    def _own(self) -> set[str]:
        return {name for name, one in self._records.owners.items() if one.owner == self._node}

    def _renewal(self, name: str, now: float) -> str:
        """Why this node has to have another epoch for an element that it owns, or ""."""
        record, session = self._records.owners.get(name), self._sessions.get(name)
        if record is None or record.owner != self._node:
            self._lost.pop(name, None)
            return ""
        heeded = session.info.epoch if session is not None else 0
        if record.epoch > self._records.void.get(name, 0) and record.epoch >= heeded:
            return ""
        if name not in self._lost:
            return f"{self._node} has started again" if record.epoch >= heeded else \
                f"its database knows epoch {heeded}"
        due = self._lost[name][1]
        if now < due:
            self._wait_until(due)
            return ""
        return f"it heeded epoch {self._records.void.get(name, 0)}"

    def _vacancy(self, name: str, now: float) -> tuple[float, str] | None:
        """Since when nobody is in charge of an element that this node reaches, and why; None:
        somebody is, or may be in a moment."""
        session, record = self._sessions.get(name), self._records.owners.get(name)
        if session is None or self._elements.owned_by_former(name):
            return None
        reach = self._records.reach.get(name, {})
        if record is None:
            return self._without_record(name, session, len(reach), now)
        owner = record.owner
        if owner == self._node or (owner in self._elements.nodes and owner in reach):
            self._vacant.pop(name, None)
            return None
        since = self._vacant.setdefault(name, now)
        if owner not in self._elements.nodes:
            return since, f"{owner} was gone"
        patience = 0.0 if len(reach) >= session.info.managers else OUT_OF_REACH
        begins = max(since, session.since) + patience
        if now < begins:
            self._wait_until(begins)
            return None
        return begins, f"{owner} had no session with it"

    def _without_record(
        self, name: str, session: Session, reached: int, now: float
    ) -> tuple[float, str] | None:
        element = self._elements.records.get(name)
        if name in self._elements.accepted or (
            element is not None and element["owner"] == self._node
        ):
            return float("-inf"), "it was here before"
        if (
            element is not None and element["connected"]
            and element["owner"] in self._elements.nodes
            and element["owner"] in self._records.reach.get(name, ())
        ):
            return None  # Its record was lost, and its owner is going to write it again.
        begins = session.since
        if reached < session.info.managers:
            begins += FIRST_WAIT
        if now < begins:
            self._wait_until(begins)
            return None
        return begins, "it had no owner"

    def _take(self, vacant: dict[str, tuple[float, str]], now: float) -> None:
        placed = self.plan(vacant).place()
        for name, (since, why) in vacant.items():
            order = placed.get(name, [])
            if self._node not in order:
                continue
            turn = since + RANK_WAIT * order.index(self._node)
            if now >= turn:
                self._propose(name, self._node, why)
            else:
                self._wait_until(turn)

    def _move(self, now: float) -> None:
        """Propose another node for one of the elements of this one."""
        accepted = self._elements.accepted
        if any(one.leaving for one in accepted.values()) or any(
            one.owner != self._node for one in self.pending.values()
        ):
            return
        own = [name for name, one in accepted.items() if self._may_leave(name, one.session)]
        move = self._wish(own)
        if move is None and own and now - self._nodes_changed >= STABLE:
            if now - self._balanced < BALANCE_INTERVAL:
                return
            self._balanced = now
            move = self.plan().balance()
        if move is not None and move.source == self._node and move.element in own:
            self._propose(move.element, move.target, move.why)

    def _may_leave(self, name: str, session: int | None) -> bool:
        record = self._records.owners.get(name)
        return (
            session is not None and record is not None and record.owner == self._node
            and record.epoch > self._records.void.get(name, 0) and name not in self.pending
        )

    def _wish(self, own: list[str]) -> Move | None:
        records = self._records
        if self._node not in records.draining and records.pins.keys().isdisjoint(own):
            return None
        plan = self.plan()
        moves = (plan.wish(name, records.draining) for name in sorted(own))
        return next((move for move in moves if move is not None), None)

    def _propose(self, name: str, owner: str, why: str) -> None:
        records = self._records
        record, session = records.owners.get(name), self._sessions.get(name)
        known = max(
            record.epoch if record is not None else 0,
            session.info.epoch if session is not None else 0,
            records.void.get(name, 0), records.highest.get(name, 0),
        )
        effect = msg.AssignElement(name, record, owner, known + 1, why)
        pending = self.pending.get(name)
        if pending is None or (pending.owner, pending.expected) != (owner, record):
            self.pending[name] = effect
            self._effects.append(effect)

    def _wait_until(self, time: float) -> None:
        self._due = min(self._due, time)

    # ------------------------------------------------------------ the system

    def plan(self, vacant: Container[str] = ()) -> Plan:
        """The system as the records have it.  ``vacant``: elements that count as nobody's."""
        records, elements = self._records, self._elements
        nodes = {
            name: NodeState(weight_of(record), name in records.draining)
            for name, record in elements.nodes.items() if record.get("ownership")
        }
        nodes[self._node] = NodeState(self._weight, self._node in records.draining)
        found = {}
        for name in records.owners.keys() | records.reach.keys():
            if elements.owned_by_former(name):
                continue
            reach = records.reach.get(name, {})
            reaching = frozenset(reach) & nodes.keys()
            owner = records.owners.get(name)
            found[name] = ElementState(
                records.loads.get(name, BARE),
                owner.owner if owner is not None and owner.owner in nodes
                and name not in vacant else "",
                reaching,
                frozenset(node for node in reaching if reach[node].warm),
                records.pins.get(name, ""),
            )
        return Plan(nodes, found)

    def _tell(self, name: str, now: float) -> None:
        """Have the store say whether this node reaches an element."""
        session = self._sessions.get(name)
        reach = None
        if session is not None:
            own = name in self._elements.accepted
            reach = ReachRecord(
                session.info.controller, min(max(session.info.managers, 1), MAX_MANAGERS),
                not own and name in self.ready, self.meter.of(name) if own else 0,
            )
        if self._told.get(name) == reach:
            return
        if reach is not None:
            self._told[name] = reach
        else:
            del self._told[name]
        self._records.set_reach(self._node, name, reach)
        self.reach_changed(name, now)
        self._effects.append(msg.RecordStatus(
            f"{REACH}{self._node}/{name}",
            reach.value(self._node, name) if reach is not None else None, True,
        ))
