"""What is under way on one OpenFlow connection of a vrouter, and which replies belong to it."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any

from ryu_apps.southbound.openflow_flows import Operation
from ryu_apps.southbound.openflow_meters import Meters
from vrouter_ovs.encode import Encoded, decode_error, is_ours, packet_in_cookie

LOG = logging.getLogger("vnc.openflow")

ERROR, PACKET_IN, MULTIPART_REPLY, BARRIER_REPLY, BUNDLE_CONTROL = 1, 10, 19, 21, 33
OUR_TYPES = frozenset({ERROR, MULTIPART_REPLY, BARRIER_REPLY, BUNDLE_CONTROL})
OUR_XIDS = 0x8000_0000
"""Our xids have this bit; those that os-ken counts up for other apps do not."""
INBOX_LIMIT = 500_000
READ_LIMIT = 1 << 30
"""Bytes of one flow dump; a switch that sends more is cut off."""


class Read:
    """A flow dump or count under way.  ``purpose``: "connect", "audit", "count", "show" or
    "meters"."""

    def __init__(self, purpose: str, result: Future | None = None) -> None:
        self.purpose = purpose
        self.result = result
        self.xid = 0
        self.flows: dict[bytes, Encoded] = {}
        self.parts: list[bytes] = []
        self.heard = 0.0
        self.expected = 0


class Round:
    """A bundle (or, with ``plain``, single messages) under way."""

    def __init__(self, bundle: int, first: int, plain: bool) -> None:
        self.bundle = bundle
        self.first = first
        self.plain = plain
        self.operations: list[Operation] = []
        self.errors: dict[int, str] = {}
        self.end_xid = 0
        self.deadline = 0.0


class Session:
    """One connection of the switch."""

    def __init__(self, datapath: Any, element: str) -> None:
        self.datapath = datapath
        self.element = element
        self.ready = False
        self.round: Round | None = None
        self.reading: Read | None = None
        self.reads: deque[Read] = deque()
        # For the receiving thread: which replies are awaited, and how much came.
        self.awaited_read = 0
        self.read_bytes = 0
        self.awaited = (0, 0)
        self.flush_xid = 0
        self.flush_refused = False
        self.meters = Meters(element)

    def awaits(self, xid: int, size: int) -> bool:
        """Whether a reply of ``size`` bytes with this xid of ours is one to what is under way.  For
        the receiving thread; counts what a dump sends."""
        if xid == self.awaited_read:
            self.read_bytes += size
            return True
        first, last = self.awaited
        return first <= xid <= last or xid in (self.meters.xid, self.flush_xid)

    def refuse_flush(self, message: bytes) -> None:
        """The switch answered with this OFPT_ERROR when it was told to forget connections."""
        if not self.flush_refused:
            self.flush_refused = True
            LOG.error("vrouter %s cannot forget the connections of a port that left (%s): the next "
                      "port with its number takes them over", self.element,
                      decode_error(message)[3])


def raw_hook(
    session: Session,
    inbox: SimpleQueue,
    handle: Callable[[Session, int, int, bytes], None],
    punted: Callable[[str, bytes], None] | None,
) -> Callable[[int, int, bytes], bool]:
    """What the receiving thread of the connection asks about each message: True where it is ours
    (:data:`ryu_apps.runtime.RawHook`).  Replies go into ``inbox``, for ``handle``."""
    element = session.element

    def hook(kind: int, xid: int, message: bytes) -> bool:
        if kind == PACKET_IN and punted is not None and is_ours(packet_in_cookie(message)):
            punted(element, message)
            return True
        if xid < OUR_XIDS or kind not in OUR_TYPES:
            return False
        if not session.awaits(xid, len(message)):
            return True
        if session.read_bytes > READ_LIMIT or inbox.qsize() > INBOX_LIMIT:
            session.datapath.disconnect("sends more replies than can be taken")
            return True
        inbox.put((handle, session, kind, xid, message))
        return True

    return hook
