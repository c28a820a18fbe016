"""One TCP connection to a neighbour: framing, OPEN exchange, timers (RFC 4271 sections 6 and 8)."""

from __future__ import annotations

import asyncio
import random
import socket

from ryu_apps.control.graceful_restart import BY_TCP, DECONFIGURED, MAX_PREFIXES, SessionEnd
from ryu_apps.peering.codec import messages as wire
from ryu_apps.peering.codec import open as capabilities
from ryu_apps.peering.codec.attributes import SessionParameters
from ryu_apps.peering.codec.messages import BgpError
from ryu_apps.peering.codec.update import Decoder
from ryu_apps.peering.native.contracts import ConnectionOwner, Process
from ryu_apps.peering.native.send_hold import SendHold

OPEN_DEADLINE = 8.0
CLOSE_DEADLINE = 2.0
WRITE_HIGH, WRITE_LOW = 512 * 1024, 128 * 1024


class BgpConnection(asyncio.Protocol):
    """``state``: OpenSent, OpenConfirm, Established or Closed.  ``neighbor`` is known from the
    start of an active connection, and from the source address of a passive one."""

    def __init__(self, core: Process, neighbor: ConnectionOwner | None) -> None:
        self.core = core
        self.loop = core.loop
        self.neighbor = neighbor
        self.incoming = neighbor is None
        self.state = "Connect"
        self.transport: asyncio.Transport | None = None
        self.open: capabilities.Open | None = None
        self.session: SessionParameters | None = None
        self.decoder: Decoder | None = None
        self.hold_time = 0
        self.congested = False
        self.reason = ""
        self._rest = b""
        self._last_received = 0.0
        self._send_hold = SendHold(0)
        self._timers: dict[str, asyncio.TimerHandle] = {}

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        transport.set_write_buffer_limits(high=WRITE_HIGH, low=WRITE_LOW)
        # asyncio does this only for sockets made with an explicit protocol number.
        transport.get_extra_info("socket").setsockopt(
            socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.neighbor is None:
            self.neighbor = self.core.admit(self)
            if self.neighbor is None:
                self.state = "Closed"
                transport.abort()
                return
        self.neighbor.connections.append(self)
        self.state = "OpenSent"
        self._last_received = self.loop.time()
        self._timer("open", OPEN_DEADLINE, self._open_late)
        self.send(self.neighbor.open_message())
        if self.core.reading_paused:
            transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        if self.state == "Closed":
            return
        if self._rest:
            data = self._rest + data
        at, end = 0, len(data)
        try:
            while end - at >= wire.HEADER:
                length, kind = wire.check_header(data, at)
                if end - at < length:
                    break
                self._message(kind, data[at + wire.HEADER : at + length])
                at += length
                if self.state == "Closed":
                    return
            if end - at and end - at < wire.HEADER and data[at : at + 16] != \
                    wire.MARKER[: end - at]:
                raise BgpError(wire.HEADER_ERROR, 1, reason="marker is not all ones")
            self._rest = data[at:]
        except BgpError as error:
            self.neighbor.received.flush()
            self.close(error)
            return
        self.neighbor.received.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone(f"connection lost: {exc}" if exc else "closed by peer")

    def pause_writing(self) -> None:
        self.congested = True

    def resume_writing(self) -> None:
        self.congested = False
        if self.state == "Established":
            self.neighbor.wake()

    # -- timers

    def _timer(self, name: str, delay: float, call) -> None:
        old = self._timers.pop(name, None)
        if old is not None:
            old.cancel()
        self._timers[name] = self.loop.call_later(delay, call)

    def _open_late(self) -> None:
        self.close(BgpError(wire.HOLD_EXPIRED, 0, reason=f"no OPEN within {OPEN_DEADLINE:.0f} s"))

    def _check_hold(self) -> None:
        left = self._last_received + self.hold_time - self.loop.time()
        if left <= 0:
            self.close(BgpError(wire.HOLD_EXPIRED, 0, reason=f"nothing for {self.hold_time} s"))
        else:
            self._timer("hold", left, self._check_hold)

    def _keepalive(self) -> None:
        if self._send_hold.stuck(self.loop.time(), self.transport.get_write_buffer_size()):
            # The NOTIFICATION would wait behind the rest: it is left out (RFC 9687 section 3.1).
            error = BgpError(wire.SEND_HOLD_EXPIRED, 0, reason="the peer takes no data")
            self._gone(str(error), SessionEnd(error.code, 0, sent=True))
            self.transport.abort()
            return
        self.send(wire.KEEPALIVE_MESSAGE)
        self.neighbor.counters["keepalives_sent"] += 1
        self._timer("keepalive", self.hold_time / 3 * random.uniform(0.75, 1), self._keepalive)

    def pause(self, paused: bool) -> None:
        """Stop or resume reading.  The peer is not to blame for silence while we do not listen."""
        if self.transport is None or self.state == "Closed":
            return
        if paused:
            self.transport.pause_reading()
            if "hold" in self._timers:
                self._timers.pop("hold").cancel()
        else:
            self.transport.resume_reading()
            self._last_received = self.loop.time()
            if self.state in ("OpenConfirm", "Established") and self.hold_time:
                self._check_hold()

    # -- messages

    def send(self, data: bytes) -> None:
        self._send_hold.wrote(len(data))
        self.transport.write(data)

    def _message(self, kind: int, body: bytes) -> None:
        if kind == wire.NOTIFICATION:
            self._notified(body)
        elif self.state == "OpenSent":
            if kind != wire.OPEN:
                raise BgpError(wire.FSM_ERROR, 1, bytes([kind]), f"message type {kind}")
            self._opened(capabilities.parse_open(body))
        elif self.state == "OpenConfirm":
            if kind != wire.KEEPALIVE:
                raise BgpError(wire.FSM_ERROR, 2, bytes([kind]), f"message type {kind}")
            self._last_received = self.loop.time()
            self.state = "Established"
            self.neighbor.established(self)
        elif kind == wire.UPDATE:
            self._last_received = self.loop.time()
            self.neighbor.received.take(self.decoder.decode(body))
        elif kind == wire.KEEPALIVE:
            self._last_received = self.loop.time()
            self.neighbor.counters["keepalives_received"] += 1
        elif kind == wire.ROUTE_REFRESH:
            family = wire.parse_refresh(body)
            if family in self.session.families:
                self.neighbor.refresh(family)
            else:
                self.neighbor.counters["refreshes_ignored"] += 1
        else:
            raise BgpError(wire.FSM_ERROR, 3, bytes([kind]), f"message type {kind}")

    def _opened(self, opened: capabilities.Open) -> None:
        peer, speaker = self.neighbor.peer, self.core.speaker
        if opened.asn != peer.remote_as:
            raise BgpError(wire.OPEN_ERROR, 2, reason=f"{opened.asn}, configured "
                           f"{peer.remote_as}")
        ebgp = opened.asn != speaker.local_as
        if opened.router_id == speaker.router_id and not ebgp:  # RFC 6286 section 2.2
            raise BgpError(wire.OPEN_ERROR, 3, reason=f"{opened.router_id} is our own")
        families = tuple(family for family in peer.families if family in opened.families)
        if not families:
            theirs = ", ".join(map(str, sorted(opened.families))) or "none"
            raise BgpError(
                wire.OPEN_ERROR, 7, capabilities.unsupported(peer.families),
                f"no address family in common: the peer announces {theirs}, and this side "
                + ", ".join(map(str, peer.families)))
        self.open = opened
        if not self.neighbor.wins_collision(self):
            return
        self._timers.pop("open").cancel()
        first_as = opened.asn if ebgp and peer.enforce_first_as else 0
        self.session = SessionParameters(speaker.local_as, speaker.router_id, ebgp, opened.as4,
                                         first_as, families)
        self._send_hold = SendHold(min(peer.hold_time, opened.hold_time))
        self.decoder = Decoder(self.session)
        self.hold_time = min(peer.hold_time, opened.hold_time)
        self.state = "OpenConfirm"
        self.send(wire.KEEPALIVE_MESSAGE)
        if self.hold_time:
            self._timer("keepalive", self.hold_time / 3, self._keepalive)
            self._timer("hold", self.hold_time, self._check_hold)
        else:
            self._timer("open", OPEN_DEADLINE, self._confirm_late)

    def _confirm_late(self) -> None:
        if self.state == "OpenConfirm":
            self._open_late()

    def _notified(self, body: bytes) -> None:
        end = wire.parse_notification(body)
        text = f"peer sent {wire.describe(end.code, end.subcode)}"
        if end.hard:
            text += ", by a hard reset"
        self.neighbor.counters["notifications_received"] += 1
        self.neighbor.received.flush()
        self._gone(text, end)

    # -- the end

    def close(self, error: BgpError | None, reason: str = "") -> None:
        """End the connection; with ``error`` its NOTIFICATION goes out first."""
        if self.state == "Closed" or self.transport is None:
            return
        end = BY_TCP
        if error is not None:
            hard = self._is_final(error)
            end = SessionEnd(error.code, error.subcode, sent=True, hard=hard)
            self.neighbor.counters["notifications_sent"] += 1
            self.transport.write(wire.pack_notification(wire.hard_reset(error) if hard else error))
        self._gone(reason or str(error), end)

    def _is_final(self, error: BgpError) -> bool:
        """Whether a peer that would keep our routes over a NOTIFICATION must not, as we do not keep
        its own."""
        return (
            self.state == "Established"
            and bool(self.open.restart_flags & capabilities.GR_NOTIFICATION)
            and (error.code, error.subcode) in (
                (wire.CEASE, MAX_PREFIXES), (wire.CEASE, DECONFIGURED))
        )

    def _gone(self, reason: str, end: SessionEnd = BY_TCP) -> None:
        if self.state == "Closed":
            return
        was, self.state, self.reason, self._rest = self.state, "Closed", reason, b""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        if not self.transport.is_closing():
            self.transport.close()
            self.loop.call_later(CLOSE_DEADLINE, self.transport.abort)
        if self.neighbor is not None:
            self.neighbor.lost(self, was, reason, end)
