"""OpenFlow 1.4 flow monitoring: the switch tells what others than this connection do to its flows.

Source: OpenFlow Switch Specification 1.4.0, section 7.3.5.17.  Open vSwitch has it for this version
since 2.16.  What the connection itself changes comes as abbreviated events, eight bytes each, so
that a controller's own work costs next to nothing.  Where a switch has too much to tell it pauses
(OFPFME_PAUSED), and when it goes on it tells all that has changed meanwhile in full.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from vrouter_ovs.wire.flows import Encoded
from vrouter_ovs.wire.openflow import ANY, OFPT_MULTIPART_REQUEST, VERSION

OFPMP_FLOW_MONITOR = 16
ADDED, REMOVED, MODIFIED, ABBREV, PAUSED, RESUMED = 1, 2, 3, 4, 5, 6
GROUP_DELETED, METER_DELETED = 3, 4
"""OFPRR_METER_DELETE: the flow went because a meter that it names did."""
_FLAGS = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4  # ADD, REMOVED, MODIFY, INSTRUCTIONS
_FULL = struct.Struct("!HHBB4xH4xQHH")
_FULL_FIXED = 28
_MONITOR = 0x564E
"""Our number; other applications may have monitors of their own."""
_BODY = 16
"""Bytes of the headers of a message and of a multipart reply."""


class FlowEvent(NamedTuple):
    """``what``: ADDED, REMOVED or MODIFIED.  ``flow``: as it is now, or was when it was removed;
    its body is empty then.  ``reason``: of OFPRR where it was removed."""

    what: int
    reason: int
    flow: Encoded


def flow_monitor_request(xid: int, stop: bool = False) -> bytes:
    """Tell of changes of all flows in all tables from now on, not of those that are there; or, with
    ``stop``, no longer.  One at a time on a connection."""
    return struct.pack(
        "!BBHIHH4xIIIHBBHH4x",
        VERSION, OFPT_MULTIPART_REQUEST, 40, xid, OFPMP_FLOW_MONITOR, 0,
        _MONITOR, ANY, ANY, _FLAGS, 0xFF, 2 if stop else 0, 1, 4,
    )  # fmt: skip


def is_flow_monitor(message: bytes) -> bool:
    """Whether a multipart reply is of a flow monitor."""
    return message[8:10] == b"\0\x10"


def is_own(message: bytes) -> bool:
    """Whether the whole reply tells of nothing but what this connection did; quick."""
    size = len(message) - _BODY
    count, rest = divmod(size, 8)
    return rest == 0 and (
        message[_BODY::8].count(0) == count and message[_BODY + 1::8].count(8) == count
        and message[_BODY + 2::8].count(0) == count
        and message[_BODY + 3::8].count(ABBREV) == count
    )


def decode_flow_updates(message: bytes) -> Iterator[FlowEvent]:
    """What others did, of a whole reply.  Raises ValueError where it is malformed."""
    start, end = _BODY, len(message)
    while start < end:
        if end - start < 8:
            raise ValueError("a flow update ends within its header")
        size, what = struct.unpack_from("!HH", message, start)
        stop = start + size
        if size < 8 or stop > end:
            raise ValueError("a flow update with a malformed length")
        if what in (ADDED, REMOVED, MODIFIED):
            if size < _FULL_FIXED:
                raise ValueError("a flow update without a flow")
            _, _, table, reason, priority, cookie, kind, match = _FULL.unpack_from(message, start)
            instructions = start + 24 + (match + 7 & ~7)
            if kind != 1 or match < 4 or instructions > stop:
                raise ValueError("a flow update with a malformed match")
            key = bytes((table, priority >> 8, priority & 0xFF)) + message[
                start + _FULL_FIXED:start + 24 + match
            ]
            yield FlowEvent(what, reason, Encoded(key, cookie, message[instructions:stop]))
        start = stop
