"""One connection's business: which message of the switch belongs to what is under way on it.

Two threads meet here.  The receiving thread of the connection asks of each message whether it is
awaited, and puts it into the channel's inbox as bytes (:data:`ryu_apps.runtime.RawHook`); the
channel's worker does everything else.
"""

from __future__ import annotations

import time
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
from ryu_apps.southbound.openflow.ownership.follow import Follow
from ryu_apps.southbound.openflow.ownership.mastership import Mastership
from ryu_apps.southbound.openflow.readback import (
    NAMED_BY_FLOWS,
    FlowsRead,
    GroupsRead,
    MetersRead,
    Purpose,
    Readback,
)
from ryu_apps.southbound.openflow.rounds import Outcome, Rounds
from vrouter_ovs.wire.encode import is_ours, packet_in_cookie, set_config
from vrouter_ovs.wire.flow_monitor import is_flow_monitor
from vrouter_ovs.wire.port_status import OFPT_PORT_STATUS, decode_port_status
from vrouter_ovs.wire.roles import (
    OFPT_REQUESTFORWARD,
    OFPT_ROLE_REPLY,
    OFPT_ROLE_STATUS,
    says_slave,
)

OUR_TYPES = frozenset({ERROR, MULTIPART_REPLY, BARRIER_REPLY, BUNDLE_CONTROL, OFPT_ROLE_REPLY})
TOLD = frozenset({OFPT_ROLE_STATUS, OFPT_REQUESTFORWARD})
"""What the switch tells of other controllers by itself."""
INBOX_LIMIT = 500_000
READ_LIMIT = 1 << 30
"""Bytes of one flow dump; a switch that sends more is cut off."""


class OpenFlowSession:
    """What is read back and programmed on one connection.  ``counters``: see Connection.
    ``answer_timeout``: seconds without an answer after which the connection is no good.
    ``confirm``, ``lost``: see Mastership.  ``ready``: the switch's flows are known.  ``serving``:
    the core was told that it can be programmed, and it can.  ``introduced``: the core was told.
    ``owned``: the switch is this node's to serve; else it stands by."""

    def __init__(self, datapath: Any, element: str, counters: dict[str, int],
                 answer_timeout: float, confirm: Callable[[int], None],
                 lost: Callable[[int], None]) -> None:
        self.datapath = datapath
        self.element = element
        self.ready = False
        self.serving = False
        self.introduced = False
        self.owned = True
        self._asked = False
        connection = OpenFlowConnection(datapath, element, counters)
        self.readback = Readback(connection, answer_timeout)
        self.rounds = Rounds(connection, answer_timeout)
        self.monitor = Monitor(connection)
        self.follow = Follow(connection)
        self.mastership = Mastership(connection, confirm, lost, answer_timeout)
        self._connection = connection

    @property
    def may_answer(self) -> bool:
        """Whether the switch takes packets from this connection; any thread may look.  What it asks
        shows that, before the worker has come to its answer to the role that was asked for."""
        return self.owned and (self._asked or self.mastership.may_write)

    def asked(self) -> None:
        """The switch sends what VMs ask, as it does to no SLAVE.  For the receiving thread, like
        :meth:`taken_away`: so both are heard in the order in which the switch said them."""
        self._asked = True

    def taken_away(self) -> None:
        """The switch says that this connection is SLAVE: it takes nothing more."""
        self._asked = False

    def begin(self, epoch: int | None) -> None:
        """The connection is new: get its role before anything else, and have the switch tell what
        others do, before it is read.  ``epoch``: see :meth:`Mastership.seek`."""
        self.owned = epoch is not None
        self.mastership.begin(epoch)
        if epoch != 0:
            self.follow.start()
        self.monitor.start()
        self.read_all()

    def read_all(self) -> None:
        """Read what the switch holds."""
        self.ready = False
        self.follow.reading()
        # Before the first flow: a flow that names a meter which is not there is refused.
        self.readback.ask(*NAMED_BY_FLOWS, Purpose.CONNECT)

    def abort(self) -> Outcome | None:
        """The switch takes nothing from this node any more; what was not made of the round under
        way, if there was one."""
        plain, outcome = self.rounds.plain, self.rounds.abort()
        self.follow.changed(time.monotonic())
        if plain:
            self.read_all()  # Nobody knows which of its messages were heeded.
        return outcome

    def configure(self) -> None:
        """Send the switch what it needs before the first flow."""
        self._connection.send(set_config(OUR_XIDS))

    @property
    def idle(self) -> bool:
        """No answer of the switch is awaited."""
        return self.rounds.idle and self.readback.idle and not self.mastership.xid

    def overdue(self, now: float) -> str:
        """Why the connection is no good any more, or ""."""
        return (self.rounds.overdue(now) or self.readback.overdue(now)
                or self.mastership.overdue(now))

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
    monitor, follow, mastership = session.monitor, session.follow, session.mastership

    def hook(kind: int, xid: int, message: bytes) -> bool:
        if kind == PACKET_IN and punted is not None and is_ours(packet_in_cookie(message)):
            session.asked()
            punted(element, message)
            return True
        if says_slave(kind, message):
            session.taken_away()
        if kind in TOLD:
            inbox.put((handle, session, kind, xid, message))
            return kind == OFPT_REQUESTFORWARD  # Other applications may want the role.
        if kind == OFPT_PORT_STATUS:
            port = decode_port_status(message)
            if port is not None and session.owned:
                post(PortStatus(element, port.name, port.ofport if port.added else None))
            return False  # Other applications may want it, too.
        if kind == MULTIPART_REPLY and xid in (0, monitor.xid) and is_flow_monitor(message):
            if monitor.wants(message):
                inbox.put((updated, session, message))
            return True
        if xid < OUR_XIDS or kind not in OUR_TYPES:
            return False
        if not readback.awaits(xid, len(message)) and not rounds.awaits(xid) \
                and xid not in (monitor.xid, follow.xid, mastership.xid):
            return True
        if readback.received > READ_LIMIT or inbox.qsize() > INBOX_LIMIT:
            session.datapath.disconnect("sends more replies than can be taken")
            return True
        inbox.put((handle, session, kind, xid, message))
        return True

    return hook
