"""Repairs of os-ken's ``Datapath``: how messages arrive."""

from __future__ import annotations

import logging
import struct
import time
from collections.abc import Callable

from os_ken.controller import controller, ofp_event
from os_ken.controller.handler import DEAD_DISPATCHER, HANDSHAKE_DISPATCHER, MAIN_DISPATCHER
from os_ken.ofproto import ofproto_parser

from ryu_apps.connections.peer_address import plain_address
from ryu_apps.runtime.expected import is_expected
from ryu_apps.runtime.liveness import Liveness
from ryu_apps.runtime.parse_guard import ParseGuard, ParseTimeout

LOG = logging.getLogger("vnc.openflow")

HEADER = struct.Struct("!BBHI")
UNPARSEABLE_LIMIT = 100
"""Messages with an unreadable body that a connection may bring before it is closed."""
HANDSHAKE_LENGTH = 4096
"""Longest message accepted before the version is agreed, bytes."""
ECHO_REQUEST, ECHO_REPLY = 2, 3
_HANDSHAKE_TYPES = frozenset({0, 1, ECHO_REQUEST, ECHO_REPLY})  # HELLO, ERROR

LATE = 0.05
"""Seconds after its time at which a connection that nobody wants is closed."""

RawHook = Callable[[int, int, bytes], bool]
"""``hook(message type, xid, whole message) -> taken``.  Called by the receiving thread before
os-ken parses the message, but not for echoes of a switch that is up; must not block and must not
raise.  True: os-ken never sees it."""

_guard = ParseGuard()


def repair_receiving() -> None:
    """``_recv_loop`` read 8 bytes at a time, treated a wrong length as 8, took messages of any
    version at any time, gave up neither on a peer that says nothing nor on one that stopped in the
    middle of a message, and let an exception of the parser or of a handler end the thread with a
    hex dump.  Now every fault closes the connection with one line that names the reason.

    Adds to the Datapath: ``raw_hook`` (see :data:`RawHook`); ``unparseable``, a counter;
    ``expires``, which an app may set: when to close the connection because nobody wants it, on the
    monotonic clock, or None.
    """
    controller.Datapath.raw_hook = None
    controller.Datapath.expires = None
    controller.Datapath.unparseable = 0
    controller.Datapath._recv_loop = _recv_loop
    # Probing is done by the receiving thread, from what it hears.
    controller.Datapath._echo_request_loop = lambda self: None


def _recv_loop(self: controller.Datapath) -> str:
    """Returns why the connection ended."""
    source = plain_address(self.address[0]) if isinstance(self.address, tuple) else ""
    now = time.monotonic()
    liveness = Liveness(now, lambda: self.send(
        HEADER.pack(self.ofproto.OFP_VERSION, ECHO_REQUEST, HEADER.size, 0)
    ), lambda: is_expected(source))
    pending = b""
    while self.state != DEAD_DISPATCHER:
        patience = liveness.patience(self.state, self.transport.progress, now)
        if self.expires is not None:
            patience = min(patience, max(0.0, self.expires - now) + LATE)
        data = self.transport.receive(patience)
        now = time.monotonic()
        if data == b"":
            return "closed by the switch" if not pending else "closed within a message"
        if data:
            pending = pending + data if pending else data
            fault, used = _consume(self, pending, liveness, now)
            if fault:
                return fault
            pending = pending[used:] if used < len(pending) else b""
        fault = liveness.fault(self.state, self.transport.progress, now)
        if fault:
            return fault
        expires = self.expires
        if expires is not None and now > expires:
            return "no hypervisor that has joined has this switch"
    return "closed by this node"


def _consume(self: controller.Datapath, data: bytes, liveness: Liveness,
             now: float) -> tuple[str, int]:
    """Deliver the whole messages in ``data``.  Returns (fault or "", bytes used)."""
    at, size = 0, len(data)
    while size - at >= 8:
        version, kind, length, xid = HEADER.unpack_from(data, at)
        fault = _header_fault(self, version, kind, length)
        if fault:
            return fault, at
        if size - at < length:
            break
        message = data[at:at + length]
        at += length
        liveness.received(now)
        if kind in (ECHO_REQUEST, ECHO_REPLY) and self.state == MAIN_DISPATCHER:
            # These come all the time and concern nobody else, so os-ken need not parse them.
            if kind == ECHO_REQUEST:
                self.send(HEADER.pack(version, ECHO_REPLY, length, xid) + message[HEADER.size:])
            continue
        hook = self.raw_hook
        if hook is not None and hook(kind, xid, message):
            continue
        fault = _deliver(self, version, kind, length, xid, message)
        if fault or self.state == DEAD_DISPATCHER:
            return fault, at
    return "", at


def _header_fault(self: controller.Datapath, version: int, kind: int, length: int) -> str:
    if length < 8:
        return f"message with the invalid length {length}"
    if self.state == HANDSHAKE_DISPATCHER:
        if version == 0 or kind not in _HANDSHAKE_TYPES or length > HANDSHAKE_LENGTH:
            return f"not OpenFlow (begins with {HEADER.pack(version, kind, length, 0)[:4]!r})"
    elif version != self.ofproto.OFP_VERSION:
        agreed = self.ofproto.OFP_VERSION
        return f"message of version 0x{version:02x} after 0x{agreed:02x} was agreed"
    return ""


def _deliver(self: controller.Datapath, version: int, kind: int, length: int, xid: int,
             message: bytes) -> str:
    """Parse one message and hand it to the apps.  Returns a fault or ""."""
    # The HELLO of a version that os-ken does not know is laid out as ours (OpenFlow 1.3.1, 7.5.1).
    parse = ofproto_parser._MSG_PARSERS.get(version) or (
        ofproto_parser._MSG_PARSERS[self.ofproto.OFP_VERSION])
    try:
        with _guard:
            msg = parse(self, version, kind, length, xid, message)
    except ParseTimeout:
        return f"message of type {kind}, {length} bytes, is malformed (an element of length 0)"
    except Exception as error:  # whatever the codec makes of foreign bytes
        self.unparseable += 1
        text = (f"message of type {kind}, {length} bytes, is malformed "
                f"({type(error).__name__}: {error})")
        if self.state != MAIN_DISPATCHER or self.unparseable > UNPARSEABLE_LIMIT:
            return text
        LOG.warning("switch %016x: %s; ignored", self.id or 0, text)
        return ""
    brick = self.ofp_brick
    if msg is None or brick is None:
        return ""
    event = ofp_event.ofp_msg_to_ev(msg)
    state = self.state
    brick.send_event_to_observers(event, state)
    for handler in list(brick.get_handlers(event)):
        if state not in handler.callers[type(event)].dispatchers:
            continue
        try:
            handler(event)
        except Exception as error:  # os-ken's own handlers trip over odd values
            LOG.debug("handler %s", handler.__name__, exc_info=True)
            return f"message of type {kind} was not understood ({type(error).__name__}: {error})"
    return ""
