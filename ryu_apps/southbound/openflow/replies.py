"""What a vrouter's channel makes of what its switch says."""

from __future__ import annotations

import logging
import struct
import time
from collections.abc import Callable

from ryu_apps.southbound.openflow.connection import ERROR
from ryu_apps.southbound.openflow.ownership.switch import SwitchOwnership
from ryu_apps.southbound.openflow.readback import (
    NAMED_BY_FLOWS,
    Audits,
    FlowsRead,
    GroupsRead,
    MetersRead,
    Purpose,
)
from ryu_apps.southbound.openflow.requested import RequestedSwitch
from ryu_apps.southbound.openflow.session import OpenFlowSession
from ryu_apps.southbound.openflow.watch import Watch
from vrouter_ovs.wire.roles import OFPT_REQUESTFORWARD, OFPT_ROLE_STATUS, is_slave_error

LOG = logging.getLogger("vnc.openflow")


class Replies:
    """Of the session in use alone; on the thread of the channel.  ``give_up(session, reason)``
    ends a session whose switch says what cannot be read."""

    def __init__(
        self, element: str, requested: RequestedSwitch, ownership: SwitchOwnership, audits: Audits,
        watch: Watch, counters: dict[str, int], give_up: Callable[[OpenFlowSession, str], None],
    ) -> None:
        self._element = element
        self._requested = requested
        self._ownership = ownership
        self._audits = audits
        self._watch = watch
        self._counters = counters
        self._give_up = give_up

    def reply(self, session: OpenFlowSession, kind: int, xid: int, message: bytes) -> None:
        """A message of the switch that is no update of its flow monitor."""
        if xid == session.monitor.xid:
            if session.monitor.refused(kind, message):
                self._audits.hurry()
            return
        if kind == OFPT_REQUESTFORWARD:
            session.follow.changed(time.monotonic())
            return
        if xid == session.follow.xid and kind == ERROR:
            session.follow.refused()
            return
        try:
            if kind == OFPT_ROLE_STATUS:
                session.mastership.status(message)
                return
            if xid == session.mastership.xid:
                session.mastership.reply(kind, message)
                return
            if self._ownership.epoch != 0 and kind == ERROR and is_slave_error(message):
                self._ownership.interrupt(session)
                session.mastership.doubt()
                return
            result = session.reply(kind, xid, message)
        except (ValueError, struct.error) as error:
            self._give_up(session, f"malformed reply of type {kind}: {error}")
            return
        if isinstance(result, FlowsRead):
            self._flows_read(session, result)
        elif isinstance(result, MetersRead):
            session.follow.meters_read(result)
            self._requested.meters_read(result)
        elif isinstance(result, GroupsRead):
            self._requested.groups_read(result)
        elif result is not None:
            self._requested.outcome(result)

    def _flows_read(self, session: OpenFlowSession, read: FlowsRead) -> None:
        audit = read.purpose is Purpose.AUDIT
        differing = self._requested.flows.replace_installed(read.flows, audit)
        self._watch.read(read.foreign)
        if audit:
            self._counters["audits"] += 1
            if session.owned:
                self._watch.repaired(differing)
            return
        self._counters["resyncs"] += 1
        session.ready = True
        self._audits.put_off(time.monotonic())
        self._requested.connected()
        LOG.info("vrouter %s is connected and holds %d flows of ours", self._element,
                 len(read.flows))
        if self._requested.flows.renumbering:
            LOG.info("vrouter %s: %d flows of an earlier version get today's table ids",
                     self._element, self._requested.flows.renumbering)

    def updates(self, session: OpenFlowSession, message: bytes) -> None:
        """Others changed flows.  Until all are read that is contained in them."""
        try:
            events = session.monitor.read(message)
            if session.ready and self._watch.updates(events, self._requested.flows):
                if session.owned:
                    session.readback.ask_once(*NAMED_BY_FLOWS, Purpose.AUDIT)
                else:
                    session.follow.changed(time.monotonic())
        except ValueError as error:
            self._give_up(session, f"malformed reply: {error}")
