"""JSON-RPC 1.0 over an accepted, non-blocking connection (RFC 7047 section 4).

``ovs.jsonrpc.Connection`` is not used for the bytes: without its optional C parser it reads 4096
bytes at a time through a Python parser (a thousand new interfaces: 176 ms, here 15 ms), keeps an
unbounded buffer and opens its own connections.  Messages are still ``ovs.jsonrpc.Message`` in
form and are checked by it.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import ssl

from ryu_apps.connections.certified import Certified, certified
from ryu_apps.southbound.ovsdb.protocol.framing import Framer, ProtocolError
from ryu_apps.southbound.ovsdb.protocol.ovs_package import Message

READ_SIZE = 128 * 1024
"""Bytes taken from one connection before the others get their turn."""


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


class RpcConnection:
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
        self._framer = Framer(input_limit)
        self.output_limit = output_limit
        self.shaking = self.tls
        self.certified: Certified | None = None
        """See :func:`~ryu_apps.connections.certified.certified`; after the handshake."""
        self.wants_write = False
        self.bytes_in = 0
        self._output = bytearray()

    def set_input_limit(self, size: int) -> None:
        """From now on a message may have ``size`` bytes."""
        self._framer.limit = size

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
        self.certified = certified(self.sock)
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
            found = self._framer.feed(data)
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
        """What is still queued is lost.  Idempotent."""
        try:
            self.sock.close()
        except OSError:
            pass


def reason_of(error: BaseException) -> str:
    """A short text for a log line."""
    if isinstance(error, OSError) and error.errno and not isinstance(error, ssl.SSLError):
        return os.strerror(error.errno) if not str(error.strerror or "") else error.strerror
    return str(error) or type(error).__name__
