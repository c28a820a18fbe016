"""The thread that accepts, reads and writes all connections of the API."""

from __future__ import annotations

import collections
import errno
import logging
import selectors
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

from ryu_apps import supervision
from ryu_apps.connections.source import source_of
from ryu_apps.connections.tls_files import TlsFiles
from ryu_apps.northbound.http.stream import Pieces
from ryu_apps.northbound.serving.clients import Clients, Turned
from ryu_apps.northbound.serving.connection import HttpConnection, State
from ryu_apps.northbound.serving.holds import Holds
from ryu_apps.northbound.serving.pool import WorkerPool
from ryu_apps.northbound.serving.refusals import Refused
from ryu_apps.northbound.serving.streams import Outlet, Streams

LOG = logging.getLogger(__name__)
PERIOD = 0.25
"""Seconds between looks for connections that are late."""
ACCEPTED_AT_ONCE = 64
EVENTS_AT_ONCE = 32
"""Of one source, before the others have their turn."""
PAUSE = 0.5
"""Seconds without accepting when there is no descriptor for another connection."""
FEWEST = 8
"""Connections that are served however few descriptors there are."""
FAILURES = 20
"""Rounds that failed one after the other end the thread: what is broken does not mend itself."""
WAITING = 1024
"""Whole requests that may wait for a worker."""
SLOW_WAITING = 128
"""The same of those that are slow by nature."""
STREAMS = 64
"""Answers at a time that are written as they are made."""
HEAVY = "requests and answers need too much memory"
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Loop:
    """``serve(loop, connection, environ)`` answers a request, in one of ``threads`` workers.

    ``slow``: whether a request is slow by nature, by its environment; such have ``slow_threads``
    workers of their own, and take none of the others'; those of ``known`` sources are the first
    among them.

    ``capacity``: connections at a time.  ``listener``: a socket that listens; it is the loop's.
    """

    def __init__(
        self, listener: socket.socket,
        serve: Callable[[Loop, HttpConnection, dict[str, Any]], None],
        threads: int, capacity: int, max_body: int, tls: TlsFiles | None,
        slow: Callable[[dict[str, Any]], bool] = lambda environ: False, slow_threads: int = 1,
        known: Callable[[str], bool] = lambda source: True,
    ) -> None:
        listener.setblocking(False)
        self._listener = listener
        self._serve = serve
        self._max_body = max_body
        self._tls = tls
        self._capacity = capacity
        self._clients = Clients(capacity, max(64 << 20, (threads + 8) * max_body))
        self.turned = Turned()
        self._pool = WorkerPool(threads, self._work, WAITING)
        self._slow = slow
        self._slow_pool = WorkerPool(slow_threads, self._work, SLOW_WAITING, "api-login", known)
        self.streams = Streams(STREAMS)
        self.holds = Holds()
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ)
        self._given: collections.deque[HttpConnection] = collections.deque()
        """Back from the workers."""
        self._made: collections.deque[HttpConnection] = collections.deque()
        """Whose streams have made something."""
        self._again: list[HttpConnection] = []
        """With something to read that the selector does not see, or whose turn did not come."""
        self._paused_until = 0.0
        self._awake, self._waker = socket.socketpair()
        self._awake.setblocking(False)
        self._waker.setblocking(False)
        self._selector.register(self._awake, selectors.EVENT_READ)
        self._stopping = False
        self.thread = supervision.Thread(
            self._run, "api", essential=True, may_end=lambda: self._stopping
        )

    def start(self) -> None:
        self._pool.start()
        self._slow_pool.start()
        self.thread.start()

    def stop(self, timeout: float) -> None:
        """Listen no more and close all; requests that are being served have ``timeout`` seconds."""
        self._stopping = True
        self._wake()
        self.thread.join(timeout + 1)
        self._pool.stop(timeout)
        self._slow_pool.stop(timeout)
        for connection in self._given:
            connection.close()
        self.streams.stop(timeout)

    def _wake(self) -> None:
        try:
            self._waker.send(b"x")
        except OSError:
            pass  # It is full, so the loop will wake; or closed, and there is none.

    # ------------------------------------------------------------ the thread

    def _run(self) -> None:
        look_at, failures = 0.0, 0
        try:
            while not self._stopping:
                try:
                    self._round()
                    if time.monotonic() >= look_at:
                        self._look()
                        look_at = time.monotonic() + PERIOD
                    failures = 0
                except Exception:
                    failures += 1
                    if failures > FAILURES:
                        raise
                    supervision.failed("a round of the API's connections")
        finally:
            self._selector.close()
            self._listener.close()
            for connection in self._clients:
                if not connection.busy:
                    connection.close()
            self._awake.close()
            self._waker.close()

    def _round(self) -> None:
        with supervision.waiting():
            events = self._selector.select(0 if self._again else self.holds.pause(PERIOD))
        ready = dict.fromkeys(self._again)
        self._again = []
        accept = False
        for key, _ in events:
            if key.fileobj is self._listener:
                accept = True
            elif key.fileobj is self._awake:
                self._awake.recv(4096)
            else:
                ready[key.data] = None
        turns: collections.Counter[str] = collections.Counter()
        for connection in ready:
            turns[connection.source] += 1
            if turns[connection.source] <= EVENTS_AT_ONCE:
                self._guarded(connection, self._event)
            else:
                self._again.append(connection)  # It is among the first the next time.
        while self._given:
            self._guarded(self._given.popleft(), self._back)
        for connection in dict.fromkeys(self._made.popleft() for _ in range(len(self._made))):
            self._guarded(connection, self._event)
        for connection in self.holds.due():
            self._guarded(connection, self._resume)
        if accept:
            self._accept()
        while self._lighten():
            pass

    def _lighten(self) -> bool:
        """Where there is too little memory, end what has the most.  Whether something did."""
        for source, largest in self._clients.heavy():
            if largest is not None:
                self._drop(largest, HEAVY, reset=True)
                return True
            for pool in (self._pool, self._slow_pool):
                if (waiting := pool.withdraw(source)) is not None:
                    self._overload(waiting[0], HEAVY)
                    return True
        return False

    def _guarded(self, connection: HttpConnection, step: Callable[[HttpConnection], None]) -> None:
        """A step of one connection; what goes wrong ends this one alone."""
        if connection.state is State.CLOSED:
            return
        try:
            try:
                step(connection)
            except Refused as refused:
                self.turned(f"refused with {refused.status}", connection.source)
                connection.refuse(refused.status, refused.message)
                self._after_writing(connection)
            except ssl.SSLError as error:
                if connection.state is not State.HANDSHAKE:
                    raise
                # OpenSSL has told the client why; a reset would take that from it.
                why = error.reason or "it broke off"
                self.turned(f"its TLS handshake failed: {why}", connection.source)
                connection.linger()
                self._watch(connection, selectors.EVENT_READ)
        except (OSError, ValueError):
            self._close(connection)  # it is gone
        except Exception:
            LOG.exception("a connection of %s failed and is closed", connection.remote[0])
            self._close(connection)
        self._clients.weigh(connection)

    # ------------------------------------------------------------ steps

    def _event(self, connection: HttpConnection) -> None:
        if connection.busy:
            return  # It was ready, and then its request went to a worker.
        if connection.state is State.WRITING:
            self._after_writing(connection)
            return
        if connection.state is State.STREAMING:
            self._streaming(connection)
            return
        environ = connection.readable()
        if environ is not None:
            self._to_worker(connection, environ)
            return
        self._watch(connection, selectors.EVENT_READ)
        if connection.unread:
            self._again.append(connection)

    def _back(self, connection: HttpConnection) -> None:
        """A worker is done with it."""
        connection.busy = False
        if connection.state is State.SERVING:
            refusal, connection.refusal = connection.refusal, None
            raise refusal or Refused(500)
        if self._stopping:
            self._close(connection)
        elif connection.state is State.STREAMING:
            self._streaming(connection)
        else:
            self._after_writing(connection)

    def _after_writing(self, connection: HttpConnection) -> None:
        if not connection.flush():
            self._watch(connection, selectors.EVENT_WRITE)
        elif connection.answered():
            if not connection.unknown or not self._hold(connection):
                self._resume(connection)
        elif connection.refused:
            connection.linger()
            self._watch(connection, selectors.EVENT_READ)
        else:
            self._close(connection)

    def _hold(self, connection: HttpConnection) -> bool:
        """Leave it alone for a while, if its client has been refused too often.  Whether."""
        connection.unknown = False
        seconds = self.holds.wait(connection.source)
        if not seconds:
            return False
        if self.holds.full(connection.source):
            self._drop(connection, "nobody knows it, and it asks too often", reset=True)
        else:
            self._watch(connection, 0)
            self.holds.hold(connection, seconds)
        return True

    def _resume(self, connection: HttpConnection) -> None:
        """Serve what it has sent, or wait for more."""
        if connection.state is State.READING:
            environ = connection.next_request()
            if environ is not None:
                self._to_worker(connection, environ)
                return
        self._watch(connection, selectors.EVENT_READ)
        if connection.unread:
            self._again.append(connection)

    def _streaming(self, connection: HttpConnection) -> None:
        connection.overhear()
        if connection.broken:
            # Cut off, so that the client does not take what it has for all.
            self._drop(connection, "its answer failed midway", reset=True)
        elif connection.pump():
            self._after_writing(connection)
        else:
            self._watch(connection, connection.waits_for)
            if connection.unread:
                self._again.append(connection)

    def stream(
        self, connection: HttpConnection, status: int, reason: str, headers: list[tuple[str, str]],
        pieces: Pieces,
    ) -> None:
        """Answer with what is made piece by piece, from now on without the worker that calls this.

        Raises h11.LocalProtocolError for headers that HTTP cannot carry."""
        def wake() -> None:
            self._made.append(connection)
            self._wake()

        outlet = Outlet(wake)
        try:
            self.streams.start(connection.source, pieces, outlet)
        except Refused as refused:
            connection.refusal = refused
            return
        try:
            connection.stream(status, reason, headers, outlet)
        except BaseException:
            outlet.close()
            raise

    def _to_worker(self, connection: HttpConnection, environ: dict[str, Any]) -> None:
        self._watch(connection, 0)
        connection.busy = True
        pool = self._slow_pool if self._slow(environ) else self._pool
        surplus = pool.submit(connection.source, (connection, environ))
        if surplus is not None:
            if pool is self._slow_pool:
                self.holds.refused(surplus[0].source)
            self._overload(surplus[0], "there are more requests than the workers can serve")

    def _overload(self, connection: HttpConnection, reason: str) -> None:
        """Answer a request that no worker took."""
        def refuse(connection: HttpConnection) -> None:
            connection.busy = False
            raise Refused(503)

        self.turned(reason, connection.source)
        self._guarded(connection, refuse)

    def _work(self, item: tuple[HttpConnection, dict[str, Any]]) -> None:
        """A worker's part."""
        connection, environ = item
        try:
            self._serve(self, connection, environ)
        except OSError:
            pass  # The client has gone; the loop will see it.
        finally:
            self._given.append(connection)
            self._wake()

    def _watch(self, connection: HttpConnection, events: int) -> None:
        if events == connection.registered or connection.state is State.CLOSED:
            return
        if not connection.registered:
            self._selector.register(connection.socket.fileno(), events, connection)
        elif not events:
            self._selector.unregister(connection.socket.fileno())
        else:
            self._selector.modify(connection.socket.fileno(), events, connection)
        connection.registered = events

    def _close(self, connection: HttpConnection, reset: bool = False) -> None:
        if connection.registered:
            self._selector.unregister(connection.socket.fileno())
            connection.registered = 0
        self._clients.remove(connection)
        connection.close(reset)

    def _drop(self, connection: HttpConnection, reason: str, reset: bool = False) -> None:
        self.turned(reason, connection.source)
        self._close(connection, reset)

    # ------------------------------------------------------------ coming and being late

    def _accept(self) -> None:
        context = self._tls.context() if self._tls is not None else None
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                sock, address = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    self._exhausted(error)
                    return
                continue  # it went away while it waited
            source = source_of(address[0])
            if len(self._clients) >= self._clients.capacity:
                crowded = self._clients.crowded()
                if crowded is None:
                    self.turned("there are too many connections", source)
                    sock.close()
                    continue
                self._drop(crowded, "there are too many connections")
            try:
                connection = HttpConnection(sock, address[:2], source, self._max_body, context)
            except OSError:
                sock.close()
                continue
            self._clients.add(connection)
            if not self._hold(connection):
                self._guarded(connection, self._event)

    def _exhausted(self, error: OSError) -> None:
        """No descriptor for another connection: give back a quarter of ours, do with fewer for a
        while, and let the rest of the process have what it needs before the next is accepted."""
        reason = f"another cannot be accepted ({error.strerror})"
        clients = self._clients
        clients.capacity = max(min(len(clients) * 3 // 4, clients.capacity), FEWEST)
        while len(clients) >= clients.capacity and (crowded := clients.crowded()) is not None:
            self._drop(crowded, reason)
        self.turned(reason, "the next client")
        self._selector.unregister(self._listener)
        self._paused_until = time.monotonic() + PAUSE

    def _look(self) -> None:
        now = time.monotonic()
        if self._paused_until and now >= self._paused_until:
            self._paused_until = 0.0
            self._selector.register(self._listener, selectors.EVENT_READ)
        if self._clients.capacity < self._capacity:
            self._clients.capacity += 1
        for connection in self._clients:
            if now > connection.deadline and not connection.busy:
                self._guarded(connection, self._late)

    def _late(self, connection: HttpConnection) -> None:
        if connection.idle or connection.state is State.LINGERING:
            self._close(connection)
        elif connection.state is State.READING:
            raise Refused(408)
        elif connection.state is State.HANDSHAKE:
            self._drop(connection, "its TLS handshake did not come in time")
        else:
            self._drop(connection, "it did not take its answer in time", reset=True)
