"""JSON-RPC 1.0 over an accepted, non-blocking connection (RFC 7047 section 4).

``ovs.jsonrpc.Connection`` is not used for the bytes: without its optional C parser it reads 4096
bytes at a time through a Python parser (a thousand new interfaces: 176 ms, here 15 ms), keeps an
unbounded buffer and opens its own connections.  Messages are still ``ovs.jsonrpc.Message`` in
form and are checked by it.

OVSDB peers send JSON objects back to back without a separator.  :class:`Framer` finds where each
one ends by matching braces outside strings, and the C decoder of the standard library does the
rest.
"""

from __future__ import annotations

import errno
import json
import os
import re
import socket
import ssl

from ryu_apps.southbound.ovsdb_lib import Message

READ_SIZE = 128 * 1024
"""Bytes taken from one connection before the others get their turn."""

_NEXT_BRACE = re.compile(
    rb'(?:[^{}"]++|"[^"\\]*+(?:\\.[^"\\]*+)*+")*+([{}])', re.DOTALL
)
"""Everything up to the next brace outside strings, where that is in the buffer."""
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*("?)', re.DOTALL)
_REST_OF_STRING = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*("?)', re.DOTALL)


class ProtocolError(Exception):
    """The peer broke the protocol; the text says how.  The connection must be closed."""


class Framer:
    """Cuts a byte stream into complete JSON objects.

    ``limit``: the most bytes one object may have; more raises :class:`ProtocolError`.
    Every byte is looked at once, however the stream is chopped.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._buffer = bytearray()
        self._scanned = 0
        self._depth = 0
        self._in_string = False

    def feed(self, data: bytes) -> list[bytes]:
        """The objects that ``data`` completes, in order."""
        buffer = self._buffer
        buffer += data
        complete: list[bytes] = []
        start = 0
        depth = self._depth
        position = self._scanned
        if self._in_string:
            match = _REST_OF_STRING.match(buffer, position)
            position = match.end()
            self._in_string = not match.group(1)
        if not self._in_string:
            match = _NEXT_BRACE.match(buffer, position)
            while match is not None:
                brace, position = match.span(1)
                if buffer[brace] == 0x7B:
                    if depth == 0:
                        self._only_space(buffer, start, brace)
                        start = brace
                    depth += 1
                else:
                    depth -= 1
                    if depth == 0:
                        complete.append(bytes(buffer[start:position]))
                        start = position
                    elif depth < 0:
                        raise ProtocolError("not JSON: a closing brace without an opening one")
                match = _NEXT_BRACE.match(buffer, position)
            # What is left holds no brace, or an unfinished string: walk it once, so that a long
            # string in many pieces is not looked at again with every piece.
            for match in _STRING.finditer(buffer, position):
                if depth == 0:
                    raise ProtocolError("not JSON-RPC: the stream does not consist of objects")
                if not match.group(1):
                    self._in_string = True
                    position = match.end()
                    break
            else:
                position = len(buffer)
        if depth == 0:
            self._only_space(buffer, start, len(buffer))
        del buffer[:start]
        self._scanned = position - start
        self._depth = depth
        if len(buffer) > self.limit:
            raise ProtocolError(f"a message of more than {self.limit} bytes")
        return complete

    @staticmethod
    def _only_space(buffer: bytearray, start: int, end: int) -> None:
        if start != end and buffer[start:end].strip():
            text = bytes(buffer[start:min(end, start + 40)])
            raise ProtocolError(f"not JSON-RPC: unexpected {text!r}")


def decode(data: bytes) -> Message:
    """One message from its bytes.  Raises :class:`ProtocolError`."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"not JSON: {error}") from error
    message = Message.from_json(value)
    if isinstance(message, str):
        raise ProtocolError(f"not JSON-RPC: {message}")
    return message


class Connection:
    """One accepted connection: bytes in and out, TLS, JSON-RPC framing; never blocks.

    ``sock``: a connected socket.  ``tls``: server-side context, or None.
    ``input_limit``, ``output_limit``: bytes.
    """

    def __init__(
        self,
        sock: socket.socket,
        tls: ssl.SSLContext | None,
        input_limit: int,
        output_limit: int,
    ) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.tls = tls is not None
        if tls is not None:
            sock = tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        self.sock = sock
        self.framer = Framer(input_limit)
        self.output_limit = output_limit
        self.shaking = self.tls
        self.wants_write = False
        self.bytes_in = 0
        self._output = bytearray()

    def fileno(self) -> int:
        return self.sock.fileno()

    def handshake(self) -> bool:
        """Go on with the TLS handshake; True when it is done.  Raises ProtocolError or OSError."""
        if not self.shaking:
            return True
        try:
            self.sock.do_handshake()
        except ssl.SSLWantReadError:
            self.wants_write = False
            return False
        except ssl.SSLWantWriteError:
            self.wants_write = True
            return False
        except ssl.SSLError as error:
            raise ProtocolError(f"TLS handshake failed: {error.reason or error}") from error
        self.shaking = False
        self.flush()
        return True

    def receive(self) -> tuple[list[bytes], bool]:
        """(complete messages, whether more may be waiting).

        Raises :class:`ProtocolError`, or OSError where the connection broke; the end of the
        stream is ConnectionResetError.
        """
        messages: list[bytes] = []
        taken = 0
        while taken < READ_SIZE:
            try:
                data = self.sock.recv(READ_SIZE)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return messages, False
            except InterruptedError:
                continue
            except ssl.SSLError as error:
                raise ProtocolError(f"TLS: {error.reason or error}") from error
            if not data:
                if messages:
                    return messages, True
                raise ConnectionResetError(errno.ECONNRESET, "closed by the hypervisor")
            taken += len(data)
            self.bytes_in += len(data)
            found = self.framer.feed(data)
            if found:
                messages += found
            if not self.tls and len(data) < READ_SIZE:
                return messages, False
        return messages, True

    def send(self, message: Message) -> None:
        """Queue and try to write.  Raises ProtocolError where the peer does not read."""
        self._output += json.dumps(message.to_json(), separators=(",", ":")).encode()
        if len(self._output) > self.output_limit:
            raise ProtocolError(f"does not read: {len(self._output)} bytes are waiting")
        if not self.shaking:
            self.flush()

    def flush(self) -> None:
        """Write what the kernel takes.  Raises OSError where the connection broke."""
        while self._output:
            try:
                sent = self.sock.send(memoryview(self._output)[:READ_SIZE])
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                self.wants_write = True
                return
            except InterruptedError:
                continue
            except ssl.SSLError as error:
                raise ProtocolError(f"TLS: {error.reason or error}") from error
            del self._output[:sent]
        self.wants_write = False

    def close(self) -> None:
        try:
            self.sock.close()
        except OSError:
            pass


def reason_of(error: BaseException) -> str:
    """A short text for a log line."""
    if isinstance(error, OSError) and error.errno and not isinstance(error, ssl.SSLError):
        return os.strerror(error.errno) if not str(error.strerror or "") else error.strerror
    return str(error) or type(error).__name__
