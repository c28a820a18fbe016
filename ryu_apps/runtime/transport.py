"""A connected TCP or TLS socket that one thread reads and another writes."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
import time

READ_SIZE = 256 * 1024
TICK = 0.5
"""Seconds between two looks at whether the connection was closed from our side."""


class Stalled(OSError):
    """The peer took nothing for the permitted time."""


class Transport:
    """Non-blocking reads and writes with deadlines.

    A TLS object must not be used by two threads at once (OpenSSL's manual, "openssl-threads"), so
    there every call into it holds a lock, and waiting is done outside.  Plain TCP needs none.
    """

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._lock = threading.Lock() if isinstance(sock, ssl.SSLSocket) else (
            contextlib.nullcontext())
        self._closed = False
        self.progress = 0.0
        """When (monotonic clock) the peer last made room for a large write."""

    def receive(self, timeout: float) -> bytes | None:
        """What has arrived; b"" at the end of the stream; None after ``timeout`` seconds.

        Raises OSError (ssl.SSLError is one) when the connection is broken.
        """
        while True:
            try:
                with self._lock:
                    return self._sock.recv(READ_SIZE)
            except (BlockingIOError, ssl.SSLWantReadError):
                event = select.POLLIN
            except ssl.SSLWantWriteError:
                event = select.POLLOUT
            if not self._wait(event, timeout):
                return None

    def send_all(self, data: bytes, stall: float) -> None:
        """Write everything.  Raises Stalled if nothing at all is taken for ``stall`` seconds."""
        view = memoryview(data)
        last = time.monotonic()
        while view:
            try:
                with self._lock:
                    sent = self._sock.send(view)
                view = view[sent:]
                last = time.monotonic()
                if sent > 16384:
                    self.progress = last
                continue
            except (BlockingIOError, ssl.SSLWantWriteError):
                event = select.POLLOUT
            except ssl.SSLWantReadError:
                event = select.POLLIN
            if not self._wait(event, TICK):
                if self._closed:
                    raise OSError("closed")
                if time.monotonic() - last > stall:
                    raise Stalled(f"took no data for {stall:.0f} s")

    def _wait(self, event: int, timeout: float) -> bool:
        descriptor = self._sock.fileno()
        if descriptor < 0:
            raise OSError("closed")
        poller = select.poll()
        poller.register(descriptor, event)
        return bool(poller.poll(timeout * 1000))

    def shut(self, how: int = socket.SHUT_RDWR) -> None:
        """End the connection (in one direction) and wake up who waits for it; never raises."""
        if how == socket.SHUT_RDWR:
            self._closed = True
        try:
            # Not SSLSocket.shutdown: that drops the TLS state under the reader's feet.
            socket.socket.shutdown(self._sock, how)
        except OSError:
            pass

    def close(self) -> None:
        self.shut()
        try:
            self._sock.close()
        except OSError:
            pass
