"""One HTTP/1.1 connection to etcd's JSON gateway: requests, answers, and answers without end.

Own code instead of ``http.client``, because a watch must notice silence and go on reading after
it, which buffered readers of the standard library refuse after a timeout.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

MAX_HEAD = 64 * 1024
MAX_BODY = 512 * 1024 * 1024
_HEADERS = b"Grpc-Metadata-hasleader: true\r\nContent-Type: application/json\r\n\r\n"
"""hasleader: a member that knows of no leader says so at once, and ends streams, rather than have
us wait for one (etcd's package api/v3rpc/rpctypes, MetadataRequireLeaderKey)."""


class HttpError(OSError):
    """The other end sent what is not HTTP, or closed in the middle of an answer."""


class EtcdEndpoint(NamedTuple):
    url: str
    host: str
    port: int
    tls: bool


def parse_endpoint(url: str) -> EtcdEndpoint:
    """``http[s]://HOST[:PORT]``, port 2379 when absent.  Raises ValueError."""
    parts = urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/"):
        raise ValueError(f"an etcd endpoint is http://HOST:PORT or https://HOST:PORT, not {url!r}")
    return EtcdEndpoint(
        url.strip().rstrip("/"), parts.hostname, parts.port or 2379, parts.scheme == "https"
    )


class EtcdConnection:
    """Connects at once; raises OSError when that fails within ``timeout`` seconds."""

    def __init__(
        self, endpoint: EtcdEndpoint, context: ssl.SSLContext | None, timeout: float
    ) -> None:
        self.endpoint = endpoint
        sock = socket.create_connection((endpoint.host, endpoint.port), timeout)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if endpoint.tls:
                context = context or ssl.create_default_context()
                sock = context.wrap_socket(sock, server_hostname=endpoint.host)
        except BaseException:
            sock.close()
            raise
        self._sock = sock
        self._host = f"{endpoint.host}:{endpoint.port}".encode()
        self._buffer = bytearray()
        self.reusable = True

    def close(self) -> None:
        """From any thread: whoever reads from this connection gets an OSError."""
        try:
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._sock.close()

    def request(
        self, path: str, body: bytes, token: str, timeout: float
    ) -> tuple[int, bytes]:
        """POST and return the status and the whole body.  ``timeout``: seconds for all of it.
        Raises OSError (TimeoutError among them); the connection is of no use then."""
        deadline = time.monotonic() + timeout
        self.send(path, body, token, timeout)
        status, chunked, length = self.read_head(deadline)
        if chunked:
            return status, b"".join(self._chunks(deadline))
        return status, self._take(length, deadline)

    def send(self, path: str, body: bytes, token: str, timeout: float) -> None:
        head = b"POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n" % (
            path.encode(), self._host, len(body)
        )  # fmt: skip
        if token:
            head += b"Authorization: %s\r\n" % token.encode()
        self._sock.settimeout(timeout)
        self._sock.sendall(head + _HEADERS + body)

    def read_head(self, deadline: float) -> tuple[int, bool, int]:
        """Status, whether the body is chunked, and its length if not."""
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if len(self._buffer) > MAX_HEAD:
                raise HttpError("the head of the answer is too long")
            self._receive(deadline)
        lines = bytes(self._buffer[:end]).decode("ascii", "replace").split("\r\n")
        del self._buffer[: end + 4]
        first = lines[0].split(" ", 2)
        if len(first) < 2 or not first[0].startswith("HTTP/1.") or not first[1].isdigit():
            raise HttpError("the answer is not HTTP")
        chunked, length = False, 0
        for line in lines[1:]:
            name, _, value = line.partition(":")
            name, value = name.lower(), value.strip().lower()
            if name == "transfer-encoding":
                chunked = "chunked" in value
            elif name == "content-length":
                if not value.isdigit() or int(value) > MAX_BODY:
                    raise HttpError(f"the answer has Content-Length {value[:20]!r}")
                length = int(value)
            elif name == "connection" and value == "close":
                self.reusable = False
        return int(first[1]), chunked, length

    def next_chunk(self, deadline: float) -> bytes:
        """The next piece of a chunked body, empty at its end.  TimeoutError leaves the connection
        as it was: call again to wait longer."""
        while (end := self._buffer.find(b"\r\n")) < 0:
            self._receive(deadline)
        try:
            size = int(bytes(self._buffer[:end]).partition(b";")[0], 16)
        except ValueError:
            raise HttpError("the answer has a malformed chunk") from None
        if not 0 <= size <= MAX_BODY:
            raise HttpError("the answer has a chunk that is too large")
        if size == 0:
            self._skip_trailers(end + 2, deadline)
            return b""
        start, stop = end + 2, end + 2 + size
        while len(self._buffer) < stop + 2:
            self._receive(deadline)
        chunk = bytes(self._buffer[start:stop])
        del self._buffer[: stop + 2]
        return chunk

    def _chunks(self, deadline: float) -> Iterator[bytes]:
        total = 0
        while chunk := self.next_chunk(deadline):
            total += len(chunk)
            if total > MAX_BODY:
                raise HttpError("the answer is too long")
            yield chunk

    def _skip_trailers(self, position: int, deadline: float) -> None:
        while True:
            while (end := self._buffer.find(b"\r\n", position)) < 0:
                if len(self._buffer) > MAX_HEAD:
                    raise HttpError("the trailer of the answer is too long")
                self._receive(deadline)
            if end == position:
                del self._buffer[: end + 2]
                return
            position = end + 2

    def _take(self, length: int, deadline: float) -> bytes:
        while len(self._buffer) < length:
            self._receive(deadline)
        body = bytes(self._buffer[:length])
        del self._buffer[:length]
        return body

    def _receive(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("no answer in time")
        self._sock.settimeout(left)
        data = self._sock.recv(262144)
        if not data:
            raise HttpError("the connection was closed before the answer was complete")
        self._buffer += data
