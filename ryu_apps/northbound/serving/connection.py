"""One client of the API: its bytes, and where it is in reading, waiting, writing.

Nothing here blocks.  A connection belongs to the loop, except while a worker serves its request.
"""

from __future__ import annotations

import collections
import enum
import selectors
import socket
import ssl
import struct
import time
from email.utils import formatdate
from typing import Any

import h11

from ryu_apps.northbound.serving import refusals, request
from ryu_apps.northbound.serving.refusals import Refused
from ryu_apps.northbound.serving.streams import Outlet

MAX_HEADERS = 64 * 1024
GRACE = 8.0
"""Seconds for what a client must do at once: a TLS handshake, headers, to begin with the rest; and
until a connection that asks nothing is closed."""
RATE = 16 * 1024
"""Bytes a second, on average, that a body must come with and an answer be taken with."""
LINGER = 3.0
"""Seconds that a refused client may go on sending; what comes is thrown away."""
PIECE = 64 * 1024
READS = 4
"""Pieces read from one connection before another has its turn."""
_LATER = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class State(enum.Enum):
    HANDSHAKE = "handshake"
    READING = "reading"
    SERVING = "serving"
    WRITING = "writing"
    STREAMING = "streaming"
    LINGERING = "lingering"
    CLOSED = "closed"


class HttpConnection:
    """``tls``: a context, or None.  ``source``: who it counts for.

    ``deadline``: when it is late, of time.monotonic().  ``size``: bytes that it has in memory.
    """

    def __init__(
        self, sock: socket.socket, remote: tuple[str, int], source: str, max_body: int,
        tls: ssl.SSLContext | None,
    ) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = sock
        self.remote = remote
        self.source = source
        self.state = State.READING if tls is None else State.HANDSHAKE
        self.deadline = time.monotonic() + GRACE
        self.registered = 0
        """Events of the selector that it waits for."""
        self._max_body = max_body
        self._tls = tls
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEADERS)
        self._incoming: request.Incoming | None = None
        self._head_size = 0
        self._out: collections.deque[memoryview] = collections.deque()
        self._out_size = 0
        self._sent = 0
        self._since = 0.0
        self._last = False
        """The connection ends with what is being written."""
        self.refused = False
        """The client may be sending still what was refused."""
        self.busy = False
        """A worker has it; the loop leaves it alone."""
        self.unknown = False
        """Its last answer was that nobody knows the client."""
        self.refusal: Refused | None = None
        """What a worker found that the loop has to say."""
        self._eof = False
        self._outlet: Outlet | None = None
        """Of the stream that is its answer."""
        self._early = b""
        """What the client sent while it was streamed to: the beginning of its next request."""

    @property
    def size(self) -> int:
        made = self._outlet.size if self._outlet is not None else 0
        asked = self._incoming.size if self._incoming else self._head_size
        return self._out_size + made + asked + len(self._early)

    @property
    def idle(self) -> bool:
        """It has asked nothing, since it came or since the last answer."""
        return self.state is State.READING and self._incoming is None and not self._head_size

    @property
    def unread(self) -> bool:
        """TLS has decrypted what the selector cannot see."""
        return isinstance(self.socket, ssl.SSLSocket) and self.socket.pending() > 0

    # ------------------------------------------------------------ reading

    def readable(self) -> dict[str, Any] | None:
        """Read what there is.  The environment of a request that is now complete, or None.

        Raises Refused, and OSError when the connection is gone.
        """
        if self.state is State.HANDSHAKE and not self._shake():
            return None
        for _ in range(READS):
            data = self._receive()
            if data is None:
                return None
            if self.state is State.LINGERING:
                if not data:
                    raise ConnectionResetError("the client has seen the answer")
                continue
            self._eof = not data
            if self._incoming is None:
                if not self._head_size:
                    self.deadline = time.monotonic() + GRACE
                self._head_size += len(data)
            self._http.receive_data(data)
            if (found := self.next_request()) is not None:
                return found
        return None

    def _shake(self) -> bool:
        """Go on with the TLS handshake.  Whether it is done."""
        if self._tls is not None and not isinstance(self.socket, ssl.SSLSocket):
            try:
                if self.socket.recv(1, socket.MSG_PEEK) not in (b"", b"\x16"):
                    raise Refused(400, refusals.SPEAK_TLS)  # in the clear: TLS was never spoken
            except BlockingIOError:
                return False
            self.socket = self._tls.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )
        try:
            self.socket.do_handshake()
        except _LATER:
            return False
        self.state = State.READING
        self.deadline = time.monotonic() + GRACE
        return True

    def _receive(self) -> bytes | None:
        """The next piece; b"": the client sends no more; None: nothing for now."""
        room = PIECE
        if self._incoming is None and self.state is State.READING:
            # Never more than the headers may have: so that what is longer is seen to be.
            room = max(MAX_HEADERS + 1 - self._head_size, 1)
        try:
            return self.socket.recv(room)
        except _LATER:
            return None
        except ssl.SSLEOFError:
            return b""

    def next_request(self) -> dict[str, Any] | None:
        """Of what was read: a whole request's environment, or None.  Raises Refused, OSError."""
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                if self._eof:
                    raise ConnectionResetError("the client broke off") from error
                if self._incoming is None and self._head_size > MAX_HEADERS:
                    raise self._too_long() from error
                raise refusals.malformed(error) from error
            if event is h11.NEED_DATA:
                if self._incoming is None and self._head_size > MAX_HEADERS:
                    raise self._too_long()
                if self._http.they_are_waiting_for_100_continue:
                    self._queue(self._http.send(
                        h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue")
                    ))
                    self.flush()
                self._extend()
                return None
            if isinstance(event, h11.Request):
                self._incoming = request.begin(event, self._max_body)
                self._since = time.monotonic()
            elif isinstance(event, h11.Data) and self._incoming is not None:
                self._incoming.add(event.data, self._max_body)
            elif isinstance(event, h11.EndOfMessage) and self._incoming is not None:
                self.state, self.deadline = State.SERVING, float("inf")
                scheme = "http" if self._tls is None else "https"
                return request.environ(
                    self._incoming, scheme, self.socket.getsockname()[:2], self.remote
                )
            elif isinstance(event, h11.ConnectionClosed):
                raise ConnectionResetError("the client has closed the connection")
            else:  # h11.PAUSED: what follows waits for the answer
                return None

    def _too_long(self) -> Refused:
        line = b"\n" in bytes(self._http.trailing_data[0])
        return Refused(413, refusals.headers_too_large(MAX_HEADERS)) if line else Refused(414)

    def _extend(self) -> None:
        """A body has time in proportion to what has come of it."""
        if self._incoming is not None:
            self.deadline = self._since + GRACE + self._incoming.size / RATE

    # ------------------------------------------------------------ writing

    def respond(
        self, status: int, reason: str, headers: list[tuple[str, str]], body: bytes
    ) -> None:
        """The answer to the request; a worker's last act.  What the socket does not take now is
        left to :meth:`flush`.  Raises h11.LocalProtocolError for headers that HTTP cannot carry."""
        pieces = self._head(status, reason, headers)
        if body:
            pieces += self._http.send_with_data_passthrough(h11.Data(data=body)) or []
        pieces += self._http.send_with_data_passthrough(h11.EndOfMessage()) or []
        self._last = self._http.our_state is not h11.DONE
        self._incoming = None
        self._head_size = 0
        self._write(b"".join(pieces) if len(body) < PIECE else pieces)

    def _head(self, status: int, reason: str, headers: list[tuple[str, str]]) -> list[bytes]:
        lines = [
            (name.encode("latin-1"), value.encode("latin-1")) for name, value in headers
        ]
        lines += [(b"Date", formatdate(usegmt=True).encode()), (b"Server", b"vnc")]
        return self._http.send_with_data_passthrough(h11.Response(
            status_code=status, headers=lines, reason=reason.encode("latin-1")
        )) or []

    def stream(
        self, status: int, reason: str, headers: list[tuple[str, str]], outlet: Outlet
    ) -> None:
        """Begin an answer whose body comes out of ``outlet``; a worker's last act.  The rest is
        :meth:`pump`.  Raises h11.LocalProtocolError for headers that HTTP cannot carry."""
        head = self._head(status, reason, headers)
        self._incoming = None
        self._head_size = 0
        self._outlet = outlet
        self._write(head, State.STREAMING)

    def pump(self) -> bool:
        """Write what a stream has made, as far as the socket takes it.  Whether it has ended: what
        is left is then written as any answer (:meth:`flush`)."""
        outlet = self._outlet
        if outlet is None or not self.flush():
            return outlet is None
        ended = outlet.ended and not outlet.failed  # before take(): nothing is made after it
        self._since, self._sent = time.monotonic(), 0
        for piece in outlet.take():
            self._queue(self._http.send_with_data_passthrough(h11.Data(data=piece)))
        if ended:
            self._queue(self._http.send_with_data_passthrough(h11.EndOfMessage()))
            self._last = self._http.our_state is not h11.DONE
            self._outlet = None
            self.state = State.WRITING
        elif self.flush():
            self.deadline = float("inf")  # the client is not late: nothing is there for it
        return ended

    @property
    def broken(self) -> bool:
        """Its stream ended before it was complete."""
        return self._outlet is not None and self._outlet.failed

    @property
    def waits_for(self) -> int:
        """Events of the selector that matter while it is streamed to: that it takes more, and that
        it goes away, unless it has sent so much already that no more is read."""
        reading = selectors.EVENT_READ if len(self._early) < MAX_HEADERS else 0
        return reading | (selectors.EVENT_WRITE if self._out else 0)

    def overhear(self) -> None:
        """Look whether a client that is streamed to is there.  One that closes its side, if only
        for sending, is not.  Raises OSError when it is gone."""
        if len(self._early) >= MAX_HEADERS:
            return
        try:
            data = self.socket.recv(PIECE)
        except _LATER:
            return
        except ssl.SSLEOFError:
            data = b""
        if not data:
            raise ConnectionResetError("the client has closed the connection")
        self._early += data

    def refuse(self, status: int, message: str = "") -> None:
        """The last answer; what the client still sends is thrown away."""
        self._incoming = None
        self._head_size = 0
        self._last = self.refused = True
        self._write(refusals.answer(status, message))

    def _write(self, data: bytes | list[bytes], state: State = State.WRITING) -> None:
        self.state, self._since, self._sent = state, time.monotonic(), 0
        self._queue(data)
        self.flush()

    def _queue(self, data: bytes | list[bytes] | None) -> None:
        for piece in data if isinstance(data, list) else [data or b""]:
            if piece:
                self._out.append(memoryview(piece))
                self._out_size += len(piece)

    def flush(self) -> bool:
        """Write what the socket takes.  Whether that was all.  Raises OSError when it is gone."""
        while self._out:
            piece = self._out[0]
            try:
                count = self.socket.send(piece[: 4 * PIECE])
            except _LATER:
                break
            self._out_size -= count
            self._sent += count
            if count == len(piece):
                self._out.popleft()
            else:
                self._out[0] = piece[count:]
        if self.state in (State.WRITING, State.STREAMING):
            self.deadline = self._since + GRACE + self._sent / RATE
        return not self._out

    def answered(self) -> bool:
        """The answer is written: be ready for the next request.  Whether there may be one."""
        if self._last:
            return False
        if self._early:
            self._http.receive_data(self._early)
            self._early = b""
        self._http.start_next_cycle()
        self.state = State.READING
        # What came with the request before is part of the next one.
        self._head_size = len(self._http.trailing_data[0])
        self.deadline = time.monotonic() + GRACE
        return True

    # ------------------------------------------------------------ the end

    def linger(self) -> None:
        """Say that no more comes, and read until the other side has seen it: a socket that is
        closed with something unread is reset, and with it the answer is gone (RFC 9112 section
        9.6).  Raises OSError when it is gone."""
        self.state, self.deadline = State.LINGERING, time.monotonic() + LINGER
        self.socket.shutdown(socket.SHUT_WR)

    def close(self, reset: bool = False) -> None:
        """Idempotent.  ``reset``: what the client did not take is thrown away."""
        if self.state is State.CLOSED:
            return
        self.state = State.CLOSED
        if self._outlet is not None:
            self._outlet.close()
        self._early = b""
        self._out.clear()
        self._incoming = None
        self._out_size = self._head_size = 0
        try:
            if reset:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass  # It has gone already.
        self.socket.close()
