"""Hypervisors: the OVSDB side of a VNC node.

Hypervisors connect to the node (``ovs-vsctl set-manager tcp:NODE:6640``); one thread serves all of
them.  It reads until the control core accepts a session, and from then on keeps the integration
bridge, its controller and its tunnel ports as wanted, whoever else changes them.
"""

from __future__ import annotations

import errno
import ipaddress
import logging
import selectors
import socket
import ssl
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Any

from ryu_apps.southbound.ovsdb_framing import ProtocolError
from ryu_apps.southbound.ovsdb_rpc import Connection, reason_of
from ryu_apps.southbound.ovsdb_session import LOG, Session
from ryu_apps.southbound.ovsdb_settings import OvsdbSettings, parse_listen, tls_context
from ryu_apps.southbound.ovsdb_wish import Wanted

__all__ = ["OvsdbSettings", "OvsdbSouthbound", "parse_listen"]

TICK = 0.5
EARLY_LIMIT = 256 * 1024
"""Bytes of one message before the peer showed a schema; that of OVS 3.1 has 18,000."""
MAX_EARLY_PER_SOURCE = 256
"""Connections from one address that have not shown to be an OVSDB server yet."""
BACKLOG = 1024


class OvsdbSouthbound:
    """The listener, its sessions and the thread that serves them.

    ``post``: called from the poller thread with events of :mod:`ryu_apps.control.messages`; it must
    not block.  ``bound``: after :meth:`start`, (scheme "tcp" or "ssl", address, port) of each
    listener, in the order of ``settings.listen``.  ``counters``: what happened so far.
    """

    def __init__(self, post: Callable[[object], None], settings: OvsdbSettings) -> None:
        self.settings = settings
        self.bound: list[tuple[str, str, int]] = []
        self.counters: Counter[str] = Counter()
        self._post = post
        self._commands: deque[Callable[[], None]] = deque()
        self._listeners: list[tuple[socket.socket, bool]] = []
        self._paused: list[tuple[socket.socket, bool]] = []
        self._sessions: dict[int, Session] = {}
        self._wanted: dict[str, Wanted] = {}
        self._accepted: dict[str, Session] = {}
        self._early: Counter[str] = Counter()
        self._dirty: dict[int, Session] = {}
        self._unread: dict[int, Session] = {}
        self._writing: set[int] = set()
        self._next_number = 1
        self._log_window = (0.0, 0)
        self._tls: ssl.SSLContext | None = None
        self._selector: selectors.BaseSelector | None = None
        self._waker: socket.socket | None = None
        self._stopping = False
        self._thread: threading.Thread | None = None

    # ------------------------------------------------------------ any thread

    def start(self) -> None:
        """Bind and serve.  Raises OSError that says which address or file, and ValueError for bad
        settings."""
        self._selector = selectors.DefaultSelector()
        try:
            for text in self.settings.listen:
                self._listen(text)
        except (OSError, ValueError):
            self._close_all()
            raise
        reader, self._waker = socket.socketpair()
        reader.setblocking(False)
        self._waker.setblocking(False)
        self._selector.register(reader, selectors.EVENT_READ, None)
        for listener in self._listeners:
            self._selector.register(listener[0], selectors.EVENT_READ, listener)
        self._reader = reader
        self._thread = threading.Thread(target=self._run, name="ovsdb", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close everything; nothing is written to a hypervisor.  Idempotent."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._stopping = True
        self._wake()
        thread.join(0.9)

    def accept(self, session: int, element: str) -> None:
        """Let the session configure its hypervisor; other sessions of ``element`` are closed."""
        self._do(lambda: self._accept(session, element))

    def refuse(self, session: int, reason: str) -> None:
        """Keep the session from doing anything.  It is closed when the hypervisor changes what it
        says about itself, else after 30 s, so that it may try again."""
        self._do(lambda: self._with(session, lambda item: item.refuse(reason, time.monotonic())))

    def set_tunnels(self, element: str, vteps: frozenset[str]) -> None:
        """The remote VTEPs (IP addresses) that ``element`` must have a tunnel port to, all of
        them.  Kept over reconnects."""
        good = frozenset(vtep for vtep in vteps if _is_address(vtep))
        if len(good) != len(vteps):
            LOG.error("%s: bad VTEPs: %s", element, sorted(vteps - good)[:10])
        self._do(lambda: self._set_tunnels(element, good))

    def mark_active(self, element: str, interfaces: Mapping[str, bool]) -> None:
        """Write ``external_ids:vnc-installed=true`` on interfaces by name, or remove it."""
        marks = dict(interfaces)
        self._do(lambda: self._mark(element, marks))

    def forget(self, element: str) -> None:
        """The element is no longer ours: leave its database as it is.  Its session goes on and may
        be accepted again."""
        self._do(lambda: self._forget(element))

    def status(self) -> list[dict[str, Any]]:
        """One dict for each session."""
        now = time.monotonic()
        return [session.status(now) for session in list(self._sessions.values())]

    def _do(self, command: Callable[[], None]) -> None:
        self._commands.append(command)
        self._wake()

    def _wake(self) -> None:
        waker = self._waker
        if waker is not None:
            try:
                waker.send(b"\0")
            except OSError:
                pass  # full: it is awake already; closed: it has ended

    # ------------------------------------------------------------ listening

    def _listen(self, text: str) -> None:
        tls, address, port = parse_listen(text)
        if tls and self._tls is None:
            self._tls = tls_context(self.settings)
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        self._listeners.append((listener, tls))
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address, port))
            listener.listen(BACKLOG)
        except OSError as error:
            raise OSError(
                error.errno, f"cannot listen for hypervisors on {text}: {error.strerror}"
            ) from error
        listener.setblocking(False)
        self.bound.append(("ssl" if tls else "tcp", address, listener.getsockname()[1]))

    # ------------------------------------------------------------ poller thread

    def _run(self) -> None:
        try:
            self._loop()
        except Exception:
            LOG.exception("the OVSDB thread ended")
            raise
        finally:
            for session in list(self._sessions.values()):
                session.connection.close()
            self._sessions.clear()
            self._close_all()

    def _loop(self) -> None:
        assert self._selector is not None
        next_tick = time.monotonic() + TICK
        while not self._stopping:
            for key, mask in self._selector.select(self._timeout(next_tick)):
                target = key.data
                if isinstance(target, Session):
                    if mask & selectors.EVENT_WRITE:
                        self._serve(target, self._write)
                    if mask & selectors.EVENT_READ:
                        self._unread[target.number] = target
                elif target is None:
                    self._drain()
                else:
                    self._accept_connections(*target)
            unread, self._unread = self._unread, {}
            for session in unread.values():
                self._serve(session, self._read)
            while self._commands:
                self._commands.popleft()()
            now = time.monotonic()
            for session in list(self._dirty.values()):
                self._serve(session, self._work)
            if now >= next_tick:
                next_tick = now + TICK
                self._tick()

    def _timeout(self, next_tick: float) -> float:
        if self._unread or self._commands:
            return 0.0
        until = next_tick
        for session in self._dirty.values():
            until = min(until, session.not_before)
        return max(0.0, until - time.monotonic())

    def _drain(self) -> None:
        try:
            while self._reader.recv(4096):
                pass
        except BlockingIOError:
            pass

    def _serve(self, session: Session, what: Callable[[Session], None]) -> None:
        """Run one step of a session; whatever it raises ends that session alone."""
        if session.number not in self._sessions:
            return
        try:
            what(session)
            self._follow(session)
        except ProtocolError as error:
            self.counters["protocol_errors"] += 1
            self._close(session, str(error))
        except OSError as error:
            self.counters["disconnects"] += 1
            self._close(session, reason_of(error))
        except Exception as error:  # one session's input must not end the others
            LOG.exception("%s", session)
            self.counters["internal_errors"] += 1
            self._close(session, f"internal error: {error}")

    def _read(self, session: Session) -> None:
        if session.readable(time.monotonic()):
            self._unread[session.number] = session

    @staticmethod
    def _write(session: Session) -> None:
        if session.connection.shaking:
            session.readable(time.monotonic())
        else:
            session.connection.flush()

    @staticmethod
    def _work(session: Session) -> None:
        session.work(time.monotonic())

    def _not_early(self, session: Session) -> None:
        if session.early:
            session.early = False
            source = session.peer[0]
            self._early[source] -= 1
            if not self._early[source]:
                del self._early[source]

    def _follow(self, session: Session) -> None:
        """Keep the selector and the lists of sessions in step with a session."""
        if session.early and session.established:
            self._not_early(session)
        if session.dirty:
            self._dirty[session.number] = session
        else:
            self._dirty.pop(session.number, None)
        writes = session.connection.wants_write
        if writes != (session.number in self._writing):
            assert self._selector is not None
            mask = selectors.EVENT_READ | (selectors.EVENT_WRITE if writes else 0)
            self._selector.modify(session.connection.sock, mask, session)
            (self._writing.add if writes else self._writing.discard)(session.number)

    def _accept_connections(self, listener: socket.socket, tls: bool) -> None:
        for _ in range(64):
            try:
                sock, peer = listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    LOG.error("cannot accept hypervisors: %s", error.strerror)
                    assert self._selector is not None
                    self._selector.unregister(listener)
                    self._paused.append((listener, tls))
                    return
                continue
            self._new_session(sock, peer, tls)

    def _new_session(self, sock: socket.socket, peer: tuple, tls: bool) -> None:
        source = _plain(peer[0])
        refusal = ""
        if len(self._sessions) >= self.settings.max_sessions:
            refusal = f"there are already {self.settings.max_sessions} sessions"
        else:
            early = self._early[source]
            if early >= MAX_EARLY_PER_SOURCE:
                refusal = f"{early} connections from there have not shown a database yet"
        if refusal:
            self.counters["turned_away"] += 1
            self._log_closed(f"connection from {source}:{peer[1]}", refusal)
            sock.close()
            return
        try:
            name = sock.getsockname()
            connection = Connection(
                sock, self._tls if tls else None, EARLY_LIMIT, self.settings.input_limit
            )
        except OSError as error:
            self._log_closed(f"connection from {source}:{peer[1]}", reason_of(error))
            sock.close()
            return
        number = self._next_number
        self._next_number += 1
        self.counters["connections"] += 1
        local = ("ssl" if tls else "tcp", _plain(name[0]), name[1])
        session = Session(
            number, connection, (source, peer[1]), local,
            self.settings, self._post, time.monotonic(),
        )
        self._sessions[number] = session
        self._early[source] += 1
        assert self._selector is not None
        self._selector.register(connection.sock, selectors.EVENT_READ, session)
        self._unread[number] = session

    def _close(self, session: Session, reason: str) -> None:
        number = session.number
        self._log_closed(str(session), reason)
        assert self._selector is not None
        try:
            self._selector.unregister(session.connection.sock)
        except (KeyError, ValueError):
            pass
        self._sessions.pop(number, None)
        self._dirty.pop(number, None)
        self._unread.pop(number, None)
        self._writing.discard(number)
        self._not_early(session)
        if session.info is not None and self._accepted.get(session.info.element) is session:
            del self._accepted[session.info.element]
        held = session.state == "accepted"
        session.closed(reason)
        info = session.info
        if held and info is not None:
            # Who was refused because of this one need not wait any longer.
            for other in [item for item in self._sessions.values() if item.state == "refused"]:
                if other.info.element == info.element or other.info.vtep == info.vtep:
                    self._close(other, f"refused: {other.problem}; it may try again")

    def _log_closed(self, who: str, reason: str) -> None:
        """One line, but not more than 50 in 10 s: a flood must not fill the disk."""
        started, count = self._log_window
        now = time.monotonic()
        if now - started > 10:
            if count > 50:
                LOG.warning("%d more connections were closed", count - 50)
            started, count = now, 0
        self._log_window = (started, count + 1)
        if count < 50:
            LOG.log(logging.INFO if self._stopping else logging.WARNING, "%s: closed: %s",
                    who, reason)

    def _tick(self) -> None:
        now = time.monotonic()
        for session in list(self._sessions.values()):
            self._serve(session, lambda item: item.tick(now))
        paused, self._paused = self._paused, []
        for listener in paused:
            assert self._selector is not None
            self._selector.register(listener[0], selectors.EVENT_READ, listener)

    def _close_all(self) -> None:
        for listener, _ in self._listeners:
            listener.close()
        self._listeners.clear()
        if self._waker is not None:
            self._waker.close()
            self._reader.close()
        if self._selector is not None:
            self._selector.close()

    # ------------------------------------------------------------ commands, on the poller thread

    def _with(self, number: int, what: Callable[[Session], None]) -> None:
        session = self._sessions.get(number)
        if session is not None:
            self._serve(session, what)

    def _accept(self, number: int, element: str) -> None:
        session = self._sessions.get(number)
        if session is None or session.info is None or session.info.element != element:
            return
        other = self._accepted.get(element)
        if other is not None and other is not session:
            self._close(other, f"session {number} took its place")
        wanted = self._wanted.setdefault(element, Wanted())
        self._accepted[element] = session
        self._serve(session, lambda item: item.accept(wanted))

    def _set_tunnels(self, element: str, vteps: frozenset[str]) -> None:
        wanted = self._wanted.setdefault(element, Wanted())
        wanted.tunnels = vteps
        session = self._accepted.get(element)
        if session is not None:
            self._serve(session, lambda item: item.wanted_changed())

    def _mark(self, element: str, marks: dict[str, bool]) -> None:
        wanted = self._wanted.setdefault(element, Wanted())
        wanted.marks.update(marks)
        session = self._accepted.get(element)
        if session is not None:
            self._serve(session, lambda item: item.mark(marks))

    def _forget(self, element: str) -> None:
        self._wanted.pop(element, None)
        self._accepted.pop(element, None)
        for session in list(self._sessions.values()):
            if session.info is not None and session.info.element == element:
                self._serve(session, lambda item: item.forget())


def _is_address(text: str) -> bool:
    try:
        return str(ipaddress.ip_address(text)) == text
    except ValueError:
        return False


def _plain(address: str) -> str:
    """An address without scope, and IPv4 where it is mapped into IPv6."""
    address = address.partition("%")[0]
    return address[7:] if address.lower().startswith("::ffff:") and "." in address else address
