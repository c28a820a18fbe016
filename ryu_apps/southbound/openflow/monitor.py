"""What others do to a switch's flows, told by the switch itself, and when it is put right.

The receiving thread of the connection asks :meth:`Monitor.wants` of each reply; what only this
connection did ends there, after a look at a few bytes.  All else is for the channel's worker.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from ryu_apps.southbound.openflow.connection import ERROR, OpenFlowConnection
from vrouter_ovs.wire import encode as wire
from vrouter_ovs.wire.flow_monitor import (
    GROUP_DELETED,
    METER_DELETED,
    REMOVED,
    FlowEvent,
    decode_flow_updates,
    flow_monitor_request,
    is_own,
)

LOG = logging.getLogger("vnc.openflow")
MAX_UNREAD = 8 * 1024 * 1024
"""Bytes of updates that may wait for the worker; where there are more, it reads all flows."""
PAUSES = (0.05, 2.0)
"""Seconds from damage to its repair: at first, and at most where somebody goes on doing it."""
PEACE = 20.0
"""Seconds without damage after which it is put right quickly again."""


class Monitor:
    """Of one connection.  ``supported``: the switch has not refused it."""

    def __init__(self, connection: OpenFlowConnection) -> None:
        self._connection = connection
        self.xid = 0
        self.supported = True
        self._received = 0
        self._handled = 0
        self._lost = False

    def start(self) -> None:
        """Ask the switch to tell."""
        self.xid = self._connection.next_xid()
        self._connection.send(flow_monitor_request(self.xid))

    def stop(self) -> None:
        """Ask it to tell no more, where the connection goes on without this session."""
        if self.supported:
            self._connection.datapath.send(flow_monitor_request(self.xid, stop=True), wait=False)

    # ------------------------------------------------------------ the receiving thread

    def wants(self, message: bytes) -> bool:
        """Whether a reply of the flow monitor is to be given to :meth:`read`."""
        if is_own(message):
            return False
        if self._received - self._handled > MAX_UNREAD:
            self._lost = True
            return False
        self._received += len(message)
        return True

    # ------------------------------------------------------------ the worker

    def refused(self, kind: int, message: bytes) -> bool:
        """Take a reply to the request; whether the switch has no flow monitor."""
        if kind != ERROR:
            return False
        self.supported = False
        LOG.warning("vrouter %s: the switch has no flow monitor (%s); damage to its flows is found "
                    "by counting them", self._connection.element, wire.decode_error(message)[3])
        return True

    def read(self, message: bytes) -> Iterable[FlowEvent]:
        """What others did.  Raises ValueError for a malformed message."""
        self._handled += len(message)
        return decode_flow_updates(message)

    def take_lost(self) -> bool:
        """Whether updates were dropped since the last time; then only all flows tell."""
        lost, self._lost = self._lost, False
        return lost


def took_named(event: FlowEvent) -> bool:
    """Whether a group or a meter went, and the flow with it that names it."""
    return event.what == REMOVED and event.reason in (GROUP_DELETED, METER_DELETED)


class Repairs:
    """When to put damage right.  All times in seconds, by one clock."""

    def __init__(self) -> None:
        self._pause = PAUSES[0]
        self._due: float | None = None
        self._last = 0.0

    def damaged(self, now: float) -> None:
        """Somebody else changed a flow of ours."""
        if self._due is None:
            self._pause = PAUSES[0] if now - self._last > PEACE else min(self._pause * 2, PAUSES[1])
            self._due = now + self._pause

    def due_in(self, now: float) -> float | None:
        """Seconds; 0 or less where it is time; None: there is no damage."""
        return None if self._due is None else self._due - now

    def begin(self, now: float) -> None:
        """It is being put right."""
        self._due, self._last = None, now
