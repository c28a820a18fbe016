"""The thread that serves all hypervisors: sockets, and whose turn it is.

A round takes what came, then the commands of other threads, then writes: what arrived together is
answered together.
"""

from __future__ import annotations

import logging
import selectors
import socket
import ssl
import time
from collections import Counter, deque
from collections.abc import Callable
from functools import partial

from ryu_apps.connections.peer_address import plain_address
from ryu_apps.southbound.base import new_session
from ryu_apps.southbound.ovsdb.admission import ClosedLog, SessionAdmission
from ryu_apps.southbound.ovsdb.element import Origin
from ryu_apps.southbound.ovsdb.listeners import Exhausted, Listener
from ryu_apps.southbound.ovsdb.protocol.framing import ProtocolError
from ryu_apps.southbound.ovsdb.protocol.rpc import RpcConnection, reason_of
from ryu_apps.southbound.ovsdb.session import OvsdbSession
from ryu_apps.southbound.ovsdb.settings import OvsdbSettings
from ryu_apps.supervision import failed, waiting

LOG = logging.getLogger("vnc.ovsdb")
TICK = 0.5
EARLY_LIMIT = 256 * 1024
"""Bytes of one message before the peer showed a schema; that of OVS 3.1 has 18,000."""


class Poller:
    """Sessions from their listeners to their end.

    ``post``: takes the sessions' events.  ``counters``: where to count what happened.
    ``identified``: called with each session once, when its hypervisor says who it is.  ``ended``:
    called with each session that is over.  ``known``: whether an element is at an address.

    :meth:`open` comes first, then :meth:`run` is the thread; :meth:`call`, :meth:`stop`,
    ``sessions`` and ``waiting`` are for any thread at any time, all else for the thread itself.
    """

    def __init__(
        self,
        settings: OvsdbSettings,
        post: Callable[[object], None],
        counters: Counter[str],
        identified: Callable[[OvsdbSession], None],
        ended: Callable[[OvsdbSession], None],
        known: Callable[[str], bool],
    ) -> None:
        self._settings = settings
        self._post = post
        self._counters = counters
        self._identified = identified
        self._ended = ended
        self._commands: deque[Callable[[], None]] = deque()
        self._sessions: dict[int, OvsdbSession] = {}
        self._dirty: dict[int, OvsdbSession] = {}
        self._unread: dict[int, OvsdbSession] = {}
        self._writing: set[int] = set()
        self._paused: list[Listener] = []
        self._admission = SessionAdmission(
            settings.max_sessions, settings.max_sessions_per_address, known
        )
        self._log = ClosedLog()
        self._stopping = False
        self._listeners: list[Listener] = []
        self._selector: selectors.BaseSelector
        self._reader: socket.socket
        self._waker: socket.socket | None = None

    # ------------------------------------------------------------ any thread

    @property
    def sessions(self) -> list[OvsdbSession]:
        """All, as they are now."""
        return list(self._sessions.values())

    @property
    def waiting(self) -> int:
        """How many commands the thread has not begun yet."""
        return len(self._commands)

    def call(self, command: Callable[[], None]) -> None:
        """Run ``command`` on the thread, after those that came before."""
        self._commands.append(command)
        self._wake()

    def stop(self) -> None:
        """End :meth:`run` soon."""
        self._stopping = True
        self._wake()

    def _wake(self) -> None:
        waker = self._waker
        if waker is not None:
            try:
                waker.send(b"\0")
            except OSError:
                pass  # full: it is awake already; closed: it has ended

    # ------------------------------------------------------------ the thread

    def open(self, listeners: list[Listener]) -> None:
        """Before :meth:`run`, which closes ``listeners`` in the end."""
        self._listeners = listeners
        self._selector = selectors.DefaultSelector()
        self._reader, waker = socket.socketpair()
        self._reader.setblocking(False)
        waker.setblocking(False)
        # What the selector keeps with a socket is called with the mask of what it is ready for.
        self._selector.register(self._reader, selectors.EVENT_READ, self._drain)
        for listener in listeners:
            self._register(listener)
        self._waker = waker

    def run(self) -> None:
        """Serve until :meth:`stop`; then close everything."""
        try:
            self._loop()
        finally:
            for session in self.sessions:
                session.connection.close()
            self._sessions.clear()
            for listener in self._listeners:
                listener.close()
            if self._waker is not None:
                self._waker.close()
            self._reader.close()
            self._selector.close()

    def _loop(self) -> None:
        next_tick = time.monotonic() + TICK
        while not self._stopping:
            with waiting():
                events = self._selector.select(self._timeout(next_tick))
            for key, mask in events:
                self._guard(partial(key.data, mask))
            unread, self._unread = self._unread, {}
            for session in unread.values():
                self.serve(session, self._read)
            while self._commands:
                self._guard(self._commands.popleft())
            now = time.monotonic()
            for session in list(self._dirty.values()):
                self.serve(session, lambda item: item.work(time.monotonic()))
            if now >= next_tick:
                next_tick = now + TICK
                self._guard(lambda: self._tick(time.monotonic()))

    @staticmethod
    def _guard(what: Callable[[], None]) -> None:
        """What belongs to no session; serves the others whatever it raises."""
        try:
            what()
        except Exception:
            failed("a command or a new connection could not be handled")

    def _timeout(self, next_tick: float) -> float:
        if self._unread or self._commands:
            return 0.0
        until = next_tick
        for session in self._dirty.values():
            until = min(until, session.not_before)
        return max(0.0, until - time.monotonic())

    def _tick(self, now: float) -> None:
        for session in self.sessions:
            self.serve(session, lambda item: item.tick(now))
        paused, self._paused = self._paused, []
        for listener in paused:
            self._register(listener)

    def _drain(self, _mask: int) -> None:
        try:
            while self._reader.recv(4096):
                pass
        except BlockingIOError:
            pass

    # ------------------------------------------------------------ one session

    def session(self, number: int) -> OvsdbSession | None:
        """The session, None where it is over."""
        return self._sessions.get(number)

    def serve(self, session: OvsdbSession, what: Callable[[OvsdbSession], None]) -> None:
        """Run one step of a session; whatever it raises ends that session alone."""
        if session.number not in self._sessions:
            return
        try:
            what(session)
            self._keep_in_step(session)
        except ProtocolError as error:
            self._counters["protocol_errors"] += 1
            self.close(session, str(error))
        except OSError as error:
            self._counters["disconnects"] += 1
            self.close(session, reason_of(error))
        except Exception as error:  # one session's input must not end the others
            LOG.exception("%s", session)
            self._counters["internal_errors"] += 1
            self.close(session, f"internal error: {error}")

    def close(self, session: OvsdbSession, reason: str) -> None:
        """End a session.  ``reason``: for the log and the control core."""
        number = session.number
        self._log.closed(
            str(session), reason, logging.INFO if self._stopping else logging.WARNING
        )
        try:
            self._selector.unregister(session.connection.sock)
        except (KeyError, ValueError):
            pass
        self._sessions.pop(number, None)
        self._dirty.pop(number, None)
        self._unread.pop(number, None)
        self._writing.discard(number)
        self._admission.left(number)
        session.closed(reason)
        self._ended(session)

    def _ready(self, session: OvsdbSession, mask: int) -> None:
        if mask & selectors.EVENT_WRITE:
            self.serve(session, self._write)
        if mask & selectors.EVENT_READ:
            self._unread[session.number] = session

    def _read(self, session: OvsdbSession) -> None:
        if session.readable(time.monotonic()):
            self._unread[session.number] = session

    @staticmethod
    def _write(session: OvsdbSession) -> None:
        if session.connection.shaking:
            session.readable(time.monotonic())
        else:
            session.connection.flush()

    def _keep_in_step(self, session: OvsdbSession) -> None:
        """Keep the selector and the lists of sessions in step with a session."""
        number = session.number
        if session.element is not None:
            self._admission.not_early(number)
        if session.take_identified():
            self._identified(session)
        if session.dirty:
            self._dirty[number] = session
        else:
            self._dirty.pop(number, None)
        writes = session.connection.wants_write
        if writes != (number in self._writing):
            mask = selectors.EVENT_READ | (selectors.EVENT_WRITE if writes else 0)
            self._selector.modify(session.connection.sock, mask, partial(self._ready, session))
            (self._writing.add if writes else self._writing.discard)(number)

    # ------------------------------------------------------------ new sessions

    def _register(self, listener: Listener) -> None:
        self._selector.register(
            listener.sock, selectors.EVENT_READ, partial(self._accept_from, listener)
        )

    def _accept_from(self, listener: Listener, _mask: int) -> None:
        tls = listener.tls.context() if listener.tls is not None else None
        try:
            for sock, peer in listener.accepted():
                self._connected(sock, (plain_address(peer[0]), peer[1]), tls)
        except Exhausted as error:
            LOG.error("cannot accept hypervisors: %s", error)
            self._selector.unregister(listener.sock)
            self._paused.append(listener)

    def _connected(
        self, sock: socket.socket, peer: tuple[str, int], tls: ssl.SSLContext | None
    ) -> None:
        who = f"connection from {peer[0]}:{peer[1]}"
        number = new_session()
        refusal = self._admission.enter(number, peer[0])
        if refusal:
            self._counters["turned_away"] += 1
            self._log.closed(who, refusal)
            sock.close()
            return
        try:
            address, port = sock.getsockname()[:2]
            connection = RpcConnection(sock, tls, EARLY_LIMIT, self._settings.input_limit)
        except OSError as error:
            self._admission.left(number)
            self._log.closed(who, reason_of(error))
            sock.close()
            return
        local = ("ssl" if tls is not None else "tcp", plain_address(address), port)
        self._counters["connections"] += 1
        origin = Origin(number, peer, local)
        session = OvsdbSession(origin, connection, self._settings, self._post, time.monotonic())
        self._sessions[number] = session
        self._selector.register(
            connection.sock, selectors.EVENT_READ, partial(self._ready, session)
        )
        self._unread[number] = session
