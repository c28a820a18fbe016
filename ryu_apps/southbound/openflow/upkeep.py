"""What a vrouter's channel does by the clock: repairs, reading again, audits."""

from __future__ import annotations

from ryu_apps.southbound.openflow.readback import NAMED_BY_FLOWS, Audits, Purpose
from ryu_apps.southbound.openflow.requested import RequestedSwitch
from ryu_apps.southbound.openflow.session import OpenFlowSession
from ryu_apps.southbound.openflow.watch import Watch

STANDBY_AUDITS = 10
"""A switch that this node stands by is looked at so much more rarely: its owner does it."""


class Upkeep:
    """Of the session in use; on the thread of the channel."""

    def __init__(self, requested: RequestedSwitch, watch: Watch, audits: Audits) -> None:
        self._requested = requested
        self._watch = watch
        self._audits = audits

    def due_in(self, session: OpenFlowSession, now: float) -> float:
        """Seconds until the next :meth:`look` at most."""
        due = [1.0 if not session.idle else self._audits.due_in(now)]
        repair = self._watch.due_in(now) if session.mastership.may_write else None
        follow = session.follow.due_in(now) if not session.owned else None
        due += [item for item in (repair, follow) if item is not None]
        return min(due)

    def look(self, session: OpenFlowSession, now: float) -> None:
        """Ask and repair what is due."""
        if session.monitor.take_lost():
            session.readback.ask_once(*NAMED_BY_FLOWS, Purpose.AUDIT)
        if session.mastership.may_write:
            self._watch.repair(self._requested.flows, now)
        follow = session.follow.due_in(now)
        if not session.owned and follow is not None and follow <= 0:
            session.follow.reading()
            session.readback.ask_once(*NAMED_BY_FLOWS)
        if session.ready and session.rounds.idle and self._audits.due_in(now) <= 0:
            self._audits.put_off(now, 1 if session.owned else STANDBY_AUDITS)
            if session.readback.idle:
                session.readback.ask(
                    *(self._audits.begin() if session.owned else (Purpose.COUNT,))
                )
