"""Keeps clients that send half a request from holding the threads that serve the others.

A cheroot worker reads its request blocking: as many clients as there are workers, each with half a
request, would stop the API for everybody.  So a connection is given to a worker only when its
request is complete in the socket's buffer; until then it waits here, without a thread.  What cannot
be judged that way (large bodies, TLS) is read by a second pool of workers.
"""

from __future__ import annotations

import array
import fcntl
import logging
import queue
import re
import select
import socket
import termios
import threading
import time
from typing import Any

from cheroot.workers.threadpool import ThreadPool, WorkerThread

from ryu_apps.northbound import refusals
from ryu_apps.supervision import Thread

LOG = logging.getLogger(__name__)
MAX_HEADERS = 64 * 1024
LARGE = 32 * 1024
"""A request with this much in the buffer is read on; the buffer may not take all of it."""
MAX_WAITING = 2048
SLOW_THREADS = 8
SLOW_QUEUE = 256
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,15})[ \t]*\r\n", re.IGNORECASE)


class Lane(ThreadPool):
    """A pool of daemon workers with a queue of its own."""

    def _spawn_worker(self) -> WorkerThread:
        worker = WorkerThread(_LaneServer(self.server, self))
        worker.name = "api-worker"
        worker.daemon = True
        worker.start()
        return worker


class _LaneServer:
    """What a worker sees of its server: the server, but with the lane's queue."""

    def __init__(self, server: Any, lane: Lane):
        self.__dict__.update(_server=server, requests=lane)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._server, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._server, name, value)


class Intake:
    """``ready(conn)`` is called with connections whose request is complete."""

    def __init__(self, server: Any, ready: Any, timeout: float):
        self._server = server
        self._ready = ready
        self._timeout = timeout
        self._waiting: dict[Any, float] = {}
        self._wake = threading.Condition()
        self._stopping = False
        self.turned_away = 0
        self._slow = Lane(server, SLOW_THREADS, SLOW_THREADS, SLOW_QUEUE, 0)
        self._thread = Thread(
            self._run, "api-intake", essential=True, may_end=lambda: self._stopping
        )

    def start(self) -> None:
        self._slow.start()
        self._thread.start()

    def stop(self, timeout: float) -> None:
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self._thread.join(timeout)
        for conn in self._waiting:
            conn.close()
        self._slow.stop(timeout)

    def take(self, conn: Any) -> None:
        """A new connection, or one with something to read."""
        if conn.rfile.has_data():
            self._to_slow(conn)
        elif not _readable(conn.socket):
            self._server.put_conn(conn)  # nothing sent yet: the selector wakes us
        elif self._server.ssl_adapter is not None:
            if getattr(conn, "seen", False):
                self._ready(conn)
            else:  # the handshake
                conn.seen = True
                self._to_slow(conn)
        elif not self._judge(conn):
            with self._wake:
                if len(self._waiting) >= MAX_WAITING:
                    self._turn_away(next(iter(self._waiting)), "too many half requests")
                self._waiting[conn] = time.monotonic() + self._timeout
                self._wake.notify()

    def _judge(self, conn: Any) -> bool:
        """Pass the connection on, if its request can be served.  Whether it was."""
        state = _completeness(conn.socket, self._server.max_request_body_size)
        if state == "complete":
            self._ready(conn)
        elif state == "large":
            self._to_slow(conn)
        return state != "partial"

    def _to_slow(self, conn: Any) -> None:
        try:
            self._slow.put(conn)
        except queue.Full:
            self._turn_away(conn, "too many slow requests")

    def _turn_away(self, conn: Any, reason: str) -> None:
        self._waiting.pop(conn, None)
        self.turned_away += 1
        LOG.warning("connection from %s:%s closed: %s", conn.remote_addr, conn.remote_port, reason)
        try:
            if self._server.ssl_adapter is None:
                conn.socket.send(refusals.answer("408 Request Timeout", ""), socket.MSG_DONTWAIT)
        except OSError:
            LOG.debug("it did not take the answer", exc_info=True)
        conn.close()

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._waiting or self._stopping)
                if self._stopping:
                    return
                waiting = list(self._waiting.items())
            now = time.monotonic()
            for conn, deadline in waiting:
                try:
                    self._look(conn, now > deadline)
                except Exception:  # the thread's outermost boundary: one connection must not end it
                    LOG.exception("a connection could not be judged and is dropped")
                    with self._wake:
                        self._waiting.pop(conn, None)
            # Most requests come whole within a millisecond; who is older than that can wait.
            young = any(deadline - now > self._timeout - 0.05 for _, deadline in waiting)
            time.sleep(0.001 if young else 0.02)

    def _look(self, conn: Any, late: bool) -> None:
        if self._judge(conn):
            with self._wake:
                self._waiting.pop(conn, None)
        elif late:
            with self._wake:
                self._turn_away(conn, "its request did not come in time")


def _readable(sock: socket.socket) -> bool:
    poller = select.poll()
    try:
        poller.register(sock.fileno(), select.POLLIN)
        return bool(poller.poll(0))
    except (OSError, ValueError):
        return True


def _completeness(sock: socket.socket, max_body: int) -> str:
    """"complete" (also: closed or broken, a worker will find out), "large" (also: larger than any
    that is served, a worker will say so), or "partial"."""
    try:
        head = sock.recv(MAX_HEADERS, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        end = head.find(b"\r\n\r\n")
        if not head or len(head) >= MAX_HEADERS:
            return "complete" if not head else "large"
        if end < 0:
            return "large" if len(head) > LARGE else "partial"
        headers = head[: end + 2]
        if b"\r\ntransfer-encoding:" in headers.lower() or b"\r\nexpect:" in headers.lower():
            return "large"
        length = _LENGTH.search(headers)
        if length and int(length[1]) > max_body:
            return "large"
        missing = end + 4 + int(length[1]) if length else 0
        if missing <= len(head):
            return "complete"
        return "large" if _buffered(sock) > LARGE else "partial"
    except BlockingIOError:
        return "partial"
    except (OSError, ValueError):
        return "complete"


def _buffered(sock: socket.socket) -> int:
    count = array.array("i", [0])
    fcntl.ioctl(sock.fileno(), termios.FIONREAD, count)
    return count[0]
