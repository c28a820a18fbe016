"""Reading back what a switch holds of ours: its flows, or how many they are, its groups and meters;
and how often it is audited.

One request at a time, in order.  While one is under way its replies are put together; meters,
groups, and the flows of a connect or an audit are handed over whole, everything else is settled
here.
"""

from __future__ import annotations

import logging
import struct
import time
from collections import deque
from concurrent.futures import Future
from enum import Enum
from typing import NamedTuple

from ryu_apps.southbound.base import NotConnected
from ryu_apps.southbound.openflow.connection import (
    ERROR,
    MULTIPART_REPLY,
    OUR_XIDS,
    OpenFlowConnection,
)
from ryu_apps.southbound.openflow.foreign import MAX_KNOWN
from ryu_apps.southbound.openflow.meters import Config
from vrouter_ovs.wire import encode as wire
from vrouter_ovs.wire.encode import Encoded
from vrouter_ovs.wire.groups import (
    EncodedGroup,
    decode_group_descs,
    group_desc_request,
    is_our_group,
)

LOG = logging.getLogger("vnc.openflow")

OFPMP_AGGREGATE = 2
HURRIED = 4.0
"""Seconds between two audits of a switch without a flow monitor."""


class Purpose(Enum):
    """Why the switch is asked."""

    METERS = "all meters, before flows that name one"
    GROUPS = "all groups, before flows that name one"
    CONNECT = "all flows, before the first change"
    AUDIT = "all flows, to see whether somebody else changed them"
    COUNT = "the number of its flows; an audit follows where it is wrong"
    SHOW = "its flows with their counters, for people"
    DROPPED = "what its meters dropped, for people"


FOR_PEOPLE = (Purpose.SHOW, Purpose.DROPPED)
NAMED_BY_FLOWS = (Purpose.METERS, Purpose.GROUPS)
"""What is read before flows: one that somebody deleted took its flows along."""


class Audits:
    """When a switch is looked at, and how closely.  ``interval``: seconds between two audits.
    ``full_every``: each so many-th compares all flows, and the others count them; 0: all count."""

    def __init__(self, interval: float, full_every: int) -> None:
        self.interval = interval
        self.full_every = full_every
        self._next = 0.0
        self._begun = 0

    def put_off(self, now: float, intervals: int = 1) -> None:
        """The next is due so many intervals from now."""
        self._next = now + intervals * self.interval

    def hurry(self) -> None:
        """The switch does not tell what others do: look often enough to see it soon."""
        self.interval = min(self.interval, HURRIED)

    def due_in(self, now: float) -> float:
        """Seconds; 0 or less where it is time."""
        return self._next - now

    def begin(self) -> tuple[Purpose, ...]:
        """What to read for the next."""
        self._begun += 1
        if self.full_every and self._begun % self.full_every == 0:
            return *NAMED_BY_FLOWS, Purpose.AUDIT
        return Purpose.METERS, Purpose.COUNT


class FlowsRead(NamedTuple):
    """The flows of ours that the switch holds, by their keys.  ``purpose``: CONNECT or AUDIT.
    ``foreign``: those of others, key -> cookie, not more than are looked at."""

    purpose: Purpose
    flows: dict[bytes, Encoded]
    foreign: dict[bytes, int]


class MetersRead(NamedTuple):
    """All meters of the switch.  ``refusal``: it has none at all, and this is why."""

    meters: dict[int, Config]
    refusal: str = ""


class GroupsRead(NamedTuple):
    """The groups of ours that the switch holds, by their ids on the wire."""

    groups: dict[int, EncodedGroup]


class _Read:
    """A request that waits or is under way."""

    def __init__(self, purpose: Purpose, result: Future | None = None) -> None:
        self.purpose = purpose
        self.result = result
        self.xid = 0
        self.flows: dict[bytes, Encoded] = {}
        self.foreign: dict[bytes, int] = {}
        self.meters: dict[int, Config] = {}
        self.groups: dict[int, EncodedGroup] = {}
        self.parts: list[bytes] = []
        self.last_received = 0.0
        self.expected = 0


class Readback:
    """The reads of one connection.  ``answer_timeout``: seconds of silence that are too many.

    The channel's worker owns it; :meth:`awaits` and ``received`` are for the receiving thread.
    """

    def __init__(self, connection: OpenFlowConnection, answer_timeout: float) -> None:
        self._connection = connection
        self._answer_timeout = answer_timeout
        self._waiting: deque[_Read] = deque()
        self._reading: _Read | None = None
        self.received = 0
        """Bytes of the read under way."""

    # ------------------------------------------------------------ asking

    @property
    def idle(self) -> bool:
        """Nothing is being read, and nothing waits to be."""
        return self._reading is None and not self._waiting

    @property
    def deciding(self) -> bool:
        """What is being read decides which changes the switch needs."""
        reading = self._reading
        return reading is not None and reading.purpose not in (Purpose.COUNT, *FOR_PEOPLE)

    def ask(self, *purposes: Purpose) -> None:
        """Read these after all that was asked for before; for SHOW, see :meth:`show`."""
        self._waiting.extend(map(_Read, purposes))

    def ask_once(self, *purposes: Purpose) -> None:
        """As :meth:`ask`, unless these wait already."""
        if not {read.purpose for read in self._waiting}.issuperset(purposes):
            self.ask(*purposes)

    def show(self, result: Future, purpose: Purpose = Purpose.SHOW) -> None:
        """Read the flows, or what meters dropped; ``result`` gets the list of the replies' bodies,
        or NotConnected."""
        self._waiting.append(_Read(purpose, result))

    def start(self, expected: int, configure: bool = True) -> None:
        """Send the next request, if one waits and none is under way.  ``expected``: how many flows
        of ours the switch should hold.  ``configure``: the switch is this node's to change."""
        if self._reading is not None or not self._waiting:
            return
        connection, read = self._connection, self._waiting.popleft()
        read.xid = connection.next_xid()
        read.last_received = time.monotonic()
        read.expected = expected
        self.received = 0
        self._reading = read
        if configure:
            # Before the first flow of a connection, and again whenever the switch is looked at.
            connection.send(wire.set_config(OUR_XIDS))
        if read.purpose is Purpose.METERS:
            connection.send(wire.meter_config_request(read.xid))
            return
        if read.purpose is Purpose.DROPPED:
            connection.send(wire.meter_stats_request(read.xid))
            return
        if read.purpose is Purpose.GROUPS:
            connection.send(group_desc_request(read.xid))
            return
        if read.purpose in (Purpose.CONNECT, Purpose.AUDIT):
            connection.send(wire.flow_stats_request(read.xid))
            return
        request = wire.flow_stats_request(read.xid, wire.COOKIE_BASE, wire.COOKIE_MASK)
        if read.purpose is Purpose.COUNT:
            # The same body asks for the number alone (OpenFlow 1.4, 7.3.5.3).
            request = request[:8] + OFPMP_AGGREGATE.to_bytes(2, "big") + request[10:]
        connection.send(request)

    def overdue(self, now: float) -> str:
        """Why the connection is no good any more, or ""."""
        reading = self._reading
        if reading is not None and now > reading.last_received + self._answer_timeout:
            return "no answer to a flow dump"
        return ""

    def end(self) -> None:
        """The connection has ended: whoever waits for flows is told."""
        for read in (*self._waiting, *([self._reading] if self._reading else [])):
            if read.result is not None:
                read.result.set_exception(NotConnected(self._connection.element))

    # ------------------------------------------------------------ replies

    def awaits(self, xid: int, size: int) -> bool:
        """Whether a reply of ``size`` bytes is one to us; counts those of the read under way."""
        if self.reads(xid):
            self.received += size
            return True
        return False

    def reads(self, xid: int) -> bool:
        """Whether this is the xid of the read under way."""
        reading = self._reading
        return reading is not None and xid == reading.xid

    def reply(self, kind: int, message: bytes) -> FlowsRead | GroupsRead | MetersRead | None:
        """Take a reply to the read under way; what it was for, where that is the caller's.

        Raises ValueError and struct.error for a malformed one.
        """
        read = self._reading
        if read is None:
            return None
        if kind == ERROR:
            return self._refused(read, wire.decode_error(message)[3])
        if kind != MULTIPART_REPLY or len(message) < 16:
            return None
        read.last_received = time.monotonic()
        if read.purpose is Purpose.COUNT:
            self._count_reply(read, message)
            return None
        if read.purpose in FOR_PEOPLE:
            read.parts.append(message[16:])
        elif read.purpose is Purpose.METERS:
            read.meters.update(wire.decode_meter_configs(message[16:]))
        elif read.purpose is Purpose.GROUPS:
            read.groups.update(
                (group.id, group) for group in decode_group_descs(message[16:])
                if is_our_group(group.id)
            )
        else:
            for flow in wire.decode_flow_stats(message[16:]):
                if wire.is_ours(flow.cookie):
                    read.flows[flow.key] = flow
                elif len(read.foreign) < MAX_KNOWN:
                    read.foreign[flow.key] = flow.cookie
        if message[11] & 1:  # OFPMPF_REPLY_MORE
            return None
        self._reading = None
        if read.result is not None:
            read.result.set_result(read.parts)
            return None
        if read.purpose is Purpose.METERS:
            return MetersRead(read.meters)
        if read.purpose is Purpose.GROUPS:
            return GroupsRead(read.groups)
        return FlowsRead(read.purpose, read.flows, read.foreign)

    def _refused(self, read: _Read, reason: str) -> GroupsRead | MetersRead | None:
        """A switch need have neither meters nor groups."""
        if read.purpose is Purpose.DROPPED and read.result is not None:
            self._reading = None
            read.result.set_result([])
            return None
        if read.purpose not in NAMED_BY_FLOWS:
            raise ValueError(f"flow dump refused: {reason}")
        self._reading = None
        return MetersRead({}, reason) if read.purpose is Purpose.METERS else GroupsRead({})

    def _count_reply(self, read: _Read, message: bytes) -> None:
        connection = self._connection
        self._reading = None
        count = struct.unpack_from("!I", message, 32)[0]
        connection.counters["audits"] += 1
        if count != read.expected:
            LOG.warning("vrouter %s holds %d flows of ours instead of %d; looking closer",
                        connection.element, count, read.expected)
            self._waiting.extendleft(map(_Read, (Purpose.AUDIT, *reversed(NAMED_BY_FLOWS))))
