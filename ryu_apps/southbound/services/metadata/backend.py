"""Requests at the metadata service: threads of their own, so that a slow one delays no one else.

Who waits is asked in turns: a port has a quarter of the threads at most, and who asks a lot waits
behind its own requests.  A request that has been given up takes its thread no longer than it takes
to close a socket.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from ryu_apps.southbound.services.metadata.settings import Target
from ryu_apps.supervision import Thread, failed

QUEUE = 1024
"""Requests that may wait; who asks beyond is told to come again."""
KEPT = 60.0
"""Seconds for which a connection is used: then files of TLS, and addresses, are taken up anew."""
_STALE = (http.client.BadStatusLine, ConnectionError)
"""What becomes of a request on a connection that the service has closed meanwhile."""


@dataclass(eq=False)
class Exchange:
    """One request.  ``deadline``: when it is given up.  ``done(self)``: called once on a thread
    of the pool with ``status``, ``content_type`` and ``answer`` set, or ``status`` alone and in
    ``failure`` why there is no answer; not at all for one that was given up."""

    owner: Hashable
    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes
    deadline: float
    done: Callable[[Exchange], None]
    status: int = 0
    content_type: str = ""
    answer: bytes = b""
    length: int = 0
    """Of the answer, or of what a HEAD request asks about."""
    failure: str = ""
    over: bool = False
    _sock: socket.socket | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def failed(self, status: int, why: str) -> None:
        self.status, self.failure = status, why

    def on(self, sock: socket.socket | None) -> None:
        """It goes over ``sock``; None: it is done with it."""
        with self._lock:
            self._sock = sock

    def give_up(self) -> None:
        """From any thread.  Whoever reads from its socket hears that there is no more."""
        with self._lock:
            self.over = True
            if self._sock is not None:
                try:
                    self._sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # it is closed already


class Pool:
    """``workers`` threads that ask ``target``.  ``most``: bytes of the largest answer."""

    def __init__(self, target: Target, workers: int, most: int) -> None:
        self._target = target
        self._most = most
        self._of_owner = max(1, workers // 4)
        self._changed = threading.Condition()
        self._stopping = False
        self._waiting: dict[Hashable, deque[Exchange]] = {}
        """By owner, whose turn is next first; none is empty."""
        self._running: Counter[Hashable] = Counter()
        self._queued = 0
        self._threads = [
            Thread(self._run, f"metadata-{number + 1}", may_end=lambda: self._stopping)
            for number in range(workers)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def submit(self, exchange: Exchange) -> bool:
        """False: too many wait already."""
        with self._changed:
            if self._queued >= QUEUE:
                return False
            self._waiting.setdefault(exchange.owner, deque()).append(exchange)
            self._queued += 1
            self._changed.notify()
        return True

    def status(self) -> dict[str, Any]:
        with self._changed:
            return {"waiting": self._queued, "asked": self._running.total()}

    # ------------------------------------------------------------ the threads

    def _next(self) -> Exchange | None:
        """The next request of the owner whose turn it is; None: none may be asked now."""
        for owner, exchanges in self._waiting.items():
            if self._running[owner] >= self._of_owner:
                continue
            del self._waiting[owner]
            found = exchanges.popleft()
            if exchanges:
                self._waiting[owner] = exchanges
            self._queued -= 1
            self._running[owner] += 1
            return found
        return None

    def _run(self) -> None:
        client = Client(self._target, self._most)
        while True:
            with self._changed:
                while not self._stopping and (exchange := self._next()) is None:
                    self._changed.wait()
                if self._stopping:
                    client.close()
                    return
            try:
                if not exchange.over:
                    client.ask(exchange)
                if not exchange.over:
                    exchange.done(exchange)
            except Exception:  # the outermost boundary of this thread
                client.close()
                failed("a request for metadata could not be handled")
            finally:
                with self._changed:
                    self._running[exchange.owner] -= 1
                    if not self._running[exchange.owner]:
                        del self._running[exchange.owner]
                    self._changed.notify()


class Client:
    """One thread's connection to the service, kept for the next request."""

    def __init__(self, target: Target, most: int) -> None:
        self._target, self._most = target, most
        self._connection: http.client.HTTPConnection | None = None
        self._made = 0.0

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def ask(self, exchange: Exchange) -> None:
        """Fill in the answer, or why there is none."""
        status, failure = HTTPStatus.BAD_GATEWAY, ""
        try:
            self._ask(exchange)
            return
        except TimeoutError:
            status, failure = HTTPStatus.GATEWAY_TIMEOUT, "it does not answer"
        except ssl.SSLError as error:
            failure = f"TLS: {error.reason or error}"
        except OSError as error:
            failure = error.strerror or str(error) or type(error).__name__
        except http.client.HTTPException as error:
            failure = f"it does not speak HTTP: {type(error).__name__}"
        exchange.on(None)
        self.close()
        exchange.failed(status, failure)

    def _ask(self, exchange: Exchange) -> None:
        if self._connection is not None and time.monotonic() - self._made < KEPT:
            try:
                self._exchange(self._connection, exchange)
                return
            except _STALE:
                # Nothing of an answer has come.  What may not be repeated is asked for on a
                # connection that is new anyway.
                if exchange.over or exchange.method not in ("GET", "HEAD"):
                    raise
        self.close()
        self._made = time.monotonic()
        self._connection = self._target.connection(_left(exchange))
        self._connection.connect()
        self._exchange(self._connection, exchange)

    def _exchange(self, connection: http.client.HTTPConnection, exchange: Exchange) -> None:
        exchange.on(connection.sock)
        connection.sock.settimeout(_left(exchange))
        connection.putrequest(
            exchange.method, self._target.path + exchange.target, skip_accept_encoding=True
        )
        for name, value in exchange.headers:
            connection.putheader(name, value)
        if exchange.body or exchange.method in ("POST", "PUT"):
            connection.putheader("Content-Length", str(len(exchange.body)))
        connection.endheaders(exchange.body or None)
        response = connection.getresponse()
        body = response.read(self._most + 1)
        exchange.on(None)
        fault = ""
        if len(body) > self._most:
            fault = f"its answer has more than {self._most} bytes"
        elif response.length:
            fault = f"its answer ends {response.length} bytes too early"
        if fault or response.will_close:
            self.close()
        if fault:
            exchange.failed(HTTPStatus.BAD_GATEWAY, fault)
            return
        exchange.status, exchange.answer = response.status, body
        said = response.getheader("Content-Length") if exchange.method == "HEAD" else None
        exchange.length = int(said) if said is not None and said.isdecimal() else len(body)
        exchange.content_type = response.getheader("Content-Type") or ""


def _left(exchange: Exchange) -> float:
    """Seconds.  Raises TimeoutError."""
    left = exchange.deadline - time.monotonic()
    if left <= 0 or exchange.over:
        raise TimeoutError
    return left
