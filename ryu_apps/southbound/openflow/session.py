"""One connection's business: which message of the switch belongs to what is under way on it.

Two threads meet here.  The receiving thread of the connection asks of each message whether it is
awaited, and puts it into the channel's inbox as bytes (:data:`ryu_apps.runtime.RawHook`); the
channel's worker does everything else.
"""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from ryu_apps.control.messages import PortStatus
from ryu_apps.southbound.openflow.connection import (
    BARRIER_REPLY,
    BUNDLE_CONTROL,
    ERROR,
    MULTIPART_REPLY,
    OUR_XIDS,
    PACKET_IN,
    OpenFlowConnection,
)
from ryu_apps.southbound.openflow.monitor import Monitor
from ryu_apps.southbound.openflow.readback import FlowsRead, GroupsRead, MetersRead, Readback
from ryu_apps.southbound.openflow.rounds import Outcome, Rounds
from vrouter_ovs.wire.encode import is_ours, packet_in_cookie
from vrouter_ovs.wire.flow_monitor import is_flow_monitor
from vrouter_ovs.wire.port_status import OFPT_PORT_STATUS, decode_port_status

OUR_TYPES = frozenset({ERROR, MULTIPART_REPLY, BARRIER_REPLY, BUNDLE_CONTROL})
INBOX_LIMIT = 500_000
READ_LIMIT = 1 << 30
"""Bytes of one flow dump; a switch that sends more is cut off."""


class OpenFlowSession:
    """What is read back and programmed on one connection.  ``counters``: see Connection.
    ``answer_timeout``: seconds without an answer after which the connection is no good.
    ``ready``: the switch's flows are known."""

    def __init__(self, datapath: Any, element: str, counters: dict[str, int],
                 answer_timeout: float) -> None:
        self.datapath = datapath
        self.element = element
        self.ready = False
        connection = OpenFlowConnection(datapath, element, counters)
        self.readback = Readback(connection, answer_timeout)
        self.rounds = Rounds(connection, answer_timeout)
        self.monitor = Monitor(connection)

    @property
    def idle(self) -> bool:
        """No answer of the switch is awaited."""
        return self.rounds.idle and self.readback.idle

    def overdue(self, now: float) -> str:
        """Why the connection is no good any more, or ""."""
        return self.rounds.overdue(now) or self.readback.overdue(now)

    def reply(
        self, kind: int, xid: int, message: bytes
    ) -> FlowsRead | GroupsRead | MetersRead | Outcome | None:
        """Take a reply; what is to be done with it, where that is the channel's to do.

        Raises ValueError and struct.error for a malformed one.
        """
        if self.readback.reads(xid):
            return self.readback.reply(kind, message)
        if self.rounds.covers(xid):
            return self.rounds.reply(kind, xid, message)
        if kind == ERROR:
            self.rounds.refused(xid, message)
        return None

    def attach(self, inbox: SimpleQueue, handle: Callable[[OpenFlowSession, int, int, bytes], None],
               updated: Callable[[OpenFlowSession, bytes], None], post: Callable[[object], None],
               punted: Callable[[str, bytes], None] | None) -> None:
        """Have replies put into ``inbox``, for ``handle``, and what others did to flows, for
        ``updated``; what the switch tells of its ports goes to ``post``, packet-ins of ours to
        ``punted``."""
        self.datapath.raw_hook = _raw_hook(self, inbox, handle, updated, post, punted)

    def end(self) -> None:
        """The connection has ended, or is not used any more."""
        self.datapath.raw_hook = None
        self.monitor.stop()
        self.readback.end()


def _raw_hook(
    session: OpenFlowSession,
    inbox: SimpleQueue,
    handle: Callable[[OpenFlowSession, int, int, bytes], None],
    updated: Callable[[OpenFlowSession, bytes], None],
    post: Callable[[object], None],
    punted: Callable[[str, bytes], None] | None,
) -> Callable[[int, int, bytes], bool]:
    element, readback, rounds = session.element, session.readback, session.rounds
    monitor = session.monitor

    def hook(kind: int, xid: int, message: bytes) -> bool:
        if kind == PACKET_IN and punted is not None and is_ours(packet_in_cookie(message)):
            punted(element, message)
            return True
        if kind == OFPT_PORT_STATUS:
            port = decode_port_status(message)
            if port is not None:
                post(PortStatus(element, port.name, port.ofport if port.added else None))
            return False  # Other applications may want it, too.
        if kind == MULTIPART_REPLY and xid in (0, monitor.xid) and is_flow_monitor(message):
            if monitor.wants(message):
                inbox.put((updated, session, message))
            return True
        if xid < OUR_XIDS or kind not in OUR_TYPES:
            return False
        if not readback.awaits(xid, len(message)) and not rounds.awaits(xid) \
                and xid != monitor.xid:
            return True
        if readback.received > READ_LIMIT or inbox.qsize() > INBOX_LIMIT:
            session.datapath.disconnect("sends more replies than can be taken")
            return True
        inbox.put((handle, session, kind, xid, message))
        return True

    return hook
