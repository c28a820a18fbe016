"""Repairs of os-ken's ``Datapath``: one OpenFlow connection."""

from __future__ import annotations

import ctypes
import functools
import logging
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable

from os_ken import cfg
from os_ken.controller import controller, ofp_event
from os_ken.controller.handler import (
    CONFIG_DISPATCHER,
    DEAD_DISPATCHER,
    HANDSHAKE_DISPATCHER,
    MAIN_DISPATCHER,
)
from os_ken.lib import hub
from os_ken.ofproto import ofproto_parser

from ryu_apps.runtime.transport import Transport

LOG = logging.getLogger("vnc.openflow")
CONF = cfg.CONF

HEADER = struct.Struct("!BBHI")
QUEUE_BYTES = 4 * 1024 * 1024
"""Bytes that may wait to be written; a sender waits beyond that."""
WRITE_BYTES = 256 * 1024
UNPARSEABLE_LIMIT = 100
"""Messages with an unreadable body that a connection may bring before it is closed."""
HANDSHAKE_LENGTH = 4096
"""Longest message accepted before the version is agreed, bytes."""
PARSE_SECONDS = 1.0
"""Processor time that os-ken's codec may spend on one message, seconds."""
_HANDSHAKE_TYPES = frozenset({0, 1, 2, 3})  # HELLO, ERROR, ECHO_REQUEST, ECHO_REPLY

RawHook = Callable[[int, int, bytes], bool]
"""``hook(message type, xid, whole message) -> taken``.  Called by the receiving thread before
os-ken parses the message; must not block and must not raise.  True: os-ken never sees it."""


def register_options() -> None:
    """Options of ``[DEFAULT]`` about connections, and probing switched on by default."""
    CONF.register_opts([
        cfg.IntOpt("ofp_max_connections", default=2048,
                   help="OpenFlow connections at one time; more are closed at once."),
        cfg.FloatOpt("ofp_handshake_timeout", default=10.0,
                     help="Seconds from connect to the end of the OpenFlow handshake."),
    ])
    CONF.set_default("echo_request_interval", 5.0)
    CONF.set_default("maximum_unreplied_echo_requests", 3)


def peer_name(address: object) -> str:
    """ "127.0.0.1:40112" for a socket address of any family."""
    if isinstance(address, tuple) and len(address) >= 2:
        return f"{address[0]}:{address[1]}"
    return str(address) or "unix socket"


def repair_sending() -> None:
    """``send`` let 16 messages wait, whatever their size, and wrote each with its own system call;
    ``_send_loop`` stayed in ``queue.get`` when the connection ended, which leaked the thread, its
    joiner and the Datapath, and hid the disconnect from the apps."""
    original = controller.Datapath.__init__

    @functools.wraps(original)
    def init(self: controller.Datapath, sock: socket.socket, address: object) -> None:
        self._out: deque[tuple[bytes, bool]] = deque()
        self._out_bytes = 0
        self._out_open = True
        self._out_change = threading.Condition()
        self.transport = Transport(sock)
        self.close_reason = ""
        self._told_dead = False
        original(self, sock, address)
        sock.setblocking(False)

    controller.Datapath.__init__ = init
    controller.Datapath.send = _send
    controller.Datapath._send_loop = _send_loop


def _send(self: controller.Datapath, buf: bytes, close_socket: bool = False,
          wait: bool = True) -> bool:
    """Queue bytes (one message, or many packed together) in order.  Waits while too much is queued,
    unless told not to.

    Returns False if nothing was queued: the connection has ended, or it would have had to wait.
    """
    with self._out_change:
        while self._out_open and self._out_bytes > QUEUE_BYTES:
            if not wait:
                return False
            self._out_change.wait()
        if not self._out_open:
            return False
        self._out.append((buf, close_socket))
        self._out_bytes += len(buf)
        self._out_change.notify_all()
    return True


def _take(self: controller.Datapath) -> tuple[bytes, bool] | None:
    """The next bytes to write, small messages joined; None when the connection has ended."""
    with self._out_change:
        while self._out_open and not self._out:
            self._out_change.wait()
        if not self._out_open:
            return None
        parts: list[bytes] = []
        size = 0
        last = False
        while self._out and size < WRITE_BYTES and not last:
            part, last = self._out.popleft()
            parts.append(part)
            size += len(part)
        self._out_bytes -= size
        self._out_change.notify_all()
    return (parts[0] if len(parts) == 1 else b"".join(parts)), last


def _send_loop(self: controller.Datapath) -> None:
    stall = max(1.0, CONF.echo_request_interval) * (CONF.maximum_unreplied_echo_requests or 3)
    try:
        while (item := _take(self)) is not None:
            data, last = item
            self.transport.send_all(data, stall)
            if last:
                self.transport.shut(socket.SHUT_WR)
                break
    except OSError as error:
        self.disconnect(f"writing failed: {error}")
    finally:
        _stop_sending(self)


def _stop_sending(self: controller.Datapath) -> None:
    with self._out_change:
        self._out_open = False
        self._out.clear()
        self._out_bytes = 0
        self._out_change.notify_all()


def repair_serving() -> None:
    """``serve`` waited for its helper threads before it told anyone that the switch was gone; a
    closed Datapath went on until the peer closed too; an exception in a connection went up as an
    unhandled one."""
    controller.Datapath.serve = _serve
    controller.Datapath.close = lambda self: self.disconnect("closed by this node")
    controller.Datapath.disconnect = _disconnect
    controller.datapath_connection_factory = connection
    original = controller.Datapath.set_state

    @functools.wraps(original)
    def set_state(self: controller.Datapath, state: str) -> None:
        if self.state == DEAD_DISPATCHER:
            return
        if state == MAIN_DISPATCHER and self.state != state:
            LOG.info("switch %016x connected from %s, OpenFlow version 0x%02x", self.id or 0,
                     peer_name(self.address), self.ofproto.OFP_VERSION)
        original(self, state)

    controller.Datapath.set_state = set_state


def _disconnect(self: controller.Datapath, reason: str) -> None:
    """Close the connection; from any thread.  ``reason`` goes to the log."""
    self.close_reason = self.close_reason or reason
    _stop_sending(self)
    self.transport.shut()
    with self._out_change:
        first, self._told_dead = not self._told_dead, True
    if first:
        self.set_state(DEAD_DISPATCHER)


def _serve(self: controller.Datapath) -> None:
    sender = hub.spawn(self._send_loop)
    reason = "internal error"
    try:
        self.send_msg(self.ofproto_parser.OFPHello(self))
        reason = self._recv_loop()
    except OSError as error:
        reason = f"reading failed: {error}"
    except Exception:  # the outermost boundary of this connection's thread
        LOG.exception("connection from %s", peer_name(self.address))
    finally:
        was_up = self.id is not None
        self.disconnect(reason)
        self.is_active = False
        sender.join(2.0)
        self.transport.close()
        LOG.log(logging.INFO if was_up else logging.WARNING, "%s: %s",
                f"switch {self.id:016x} disconnected" if was_up
                else f"connection from {peer_name(self.address)} closed", self.close_reason)


def connection(sock: socket.socket, address: object) -> None:
    """Serve one accepted (or made) connection to its end.  Never raises."""
    try:
        datapath = controller.Datapath(sock, address)
    except OSError as error:
        LOG.warning("connection from %s lost at once: %s", peer_name(address), error)
        sock.close()
        return
    datapath.serve()


def repair_receiving() -> None:
    """``_recv_loop`` read 8 bytes at a time, treated a wrong length as 8, took messages of any
    version at any time, gave up neither on a peer that says nothing nor on one that stopped in the
    middle of a message, and let an exception of the parser or of a handler end the thread with a
    hex dump.  Now every fault closes the connection with one line that names the reason.

    Adds ``raw_hook`` (see :data:`RawHook`) and ``unparseable``, a counter, to the Datapath.
    """
    controller.Datapath.raw_hook = None
    controller.Datapath.unparseable = 0
    controller.Datapath._recv_loop = _recv_loop
    # Probing is done by the receiving thread, from what it hears.
    controller.Datapath._echo_request_loop = lambda self: None


class ParseTimeout(Exception):
    """Raised in a receiving thread that is caught in a loop of the codec."""


class _ParseGuard:
    """Ends a parser that does not: os-ken's codec loops for ever, some loops eating memory, on an
    element of length 0 (HELLO elements, flow stats, actions, bands, buckets ...).

    Receiving threads say when they begin and end to parse; one thread looks after them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._parsing: dict[int, float] = {}
        self._thread: threading.Thread | None = None

    def __enter__(self) -> None:
        ident = threading.get_ident()
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, daemon=True,
                                                name="OpenFlow parse guard")
                self._thread.start()
            self._parsing[ident] = time.thread_time()

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._parsing.pop(threading.get_ident(), None)

    def _watch(self) -> None:
        while True:
            time.sleep(PARSE_SECONDS / 2)
            with self._lock:
                for ident, began in list(self._parsing.items()):
                    used = time.clock_gettime(time.pthread_getcpuclockid(ident)) - began
                    if used > PARSE_SECONDS:
                        # Again each time: a destructor or a callback of the garbage collector
                        # that happens to run swallows it.
                        ctypes.pythonapi.PyThreadState_SetAsyncExc(
                            ctypes.c_ulong(ident), ctypes.py_object(ParseTimeout))


_guard = _ParseGuard()


def _recv_loop(self: controller.Datapath) -> str:
    """Returns why the connection ended."""
    opened = self._heard = self._asked = time.monotonic()
    self._unanswered = 0
    pending = b""
    while self.state != DEAD_DISPATCHER:
        data = self.transport.receive(_patience(self))
        now = time.monotonic()
        if data == b"":
            return "closed by the switch" if not pending else "closed within a message"
        if data:
            pending = pending + data if pending else data
            fault, used = _consume(self, pending, now)
            if fault:
                return fault
            pending = pending[used:] if used < len(pending) else b""
        fault = _liveness_fault(self, now, opened)
        if fault:
            return fault
    return "closed by this node"


def _patience(self: controller.Datapath) -> float:
    """Seconds to wait for data before the clock is looked at; a thousand switches that are up and
    quiet should cost next to nothing.  A disconnect from our side ends the wait at once."""
    if self.state == MAIN_DISPATCHER:
        return max(0.1, min(2.0, CONF.echo_request_interval / 2))
    return 0.25


def _liveness_fault(self: controller.Datapath, now: float, opened: float) -> str:
    if self.state in (HANDSHAKE_DISPATCHER, CONFIG_DISPATCHER):
        limit = CONF.ofp_handshake_timeout
        return f"no OpenFlow handshake within {limit:g} s" if now - opened > limit else ""
    limit, interval = CONF.maximum_unreplied_echo_requests, CONF.echo_request_interval
    if not limit or now - max(self._heard, self.transport.progress, self._asked) < interval:
        return ""
    if self._unanswered >= limit:
        return f"no answer to {limit} echo requests"
    self._unanswered += 1
    self._asked = now
    self.send_msg(self.ofproto_parser.OFPEchoRequest(self))
    return ""


def _consume(self: controller.Datapath, data: bytes, now: float) -> tuple[str, int]:
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
        self._heard = now
        self._unanswered = 0
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
