"""Hypervisors: the OVSDB side of a VNC node.

Hypervisors connect to the node (``ovs-vsctl set-manager tcp:NODE:6640``); one thread serves all of
them.  It reads until the control core accepts a session, and from then on keeps the integration
bridge, its controller and what its vrouter needs of the database as asked for, whoever else changes
them.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from ryu_apps.southbound.ovsdb.acceptance import Acceptance
from ryu_apps.southbound.ovsdb.listeners import open_listeners
from ryu_apps.southbound.ovsdb.poller import Poller
from ryu_apps.southbound.ovsdb.settings import OvsdbSettings, parse_listen
from ryu_apps.supervision import Thread
from vrouter_ovs.state import Key, StateObject

__all__ = ["OvsdbSessions", "OvsdbSettings", "parse_listen"]

LOG = logging.getLogger("vnc.ovsdb")


class OvsdbSessions:
    """The listeners, the sessions and the thread that serves them.  For any thread.

    ``post``: called from the poller thread with events of :mod:`ryu_apps.control.messages`; it must
    not block.  ``bound``: after :meth:`start`, (scheme "tcp" or "ssl", address, port) of each
    listener, in the order of ``settings.listen``.  ``counters``: what happened so far.
    """

    def __init__(self, post: Callable[[object], None], settings: OvsdbSettings) -> None:
        self.settings = settings
        self.bound: list[tuple[str, str, int]] = []
        self.counters: Counter[str] = Counter()
        self._poller = Poller(
            settings,
            post,
            self.counters,
            identified=lambda session: self._acceptance.identified(session),
            ended=lambda session: self._acceptance.ended(session),
            known=lambda address: self._acceptance.is_known(address),
        )
        self._acceptance = Acceptance(self._poller, post, lambda name: self.standby_ended(name))
        self.standby_ended: Callable[[str], None] = lambda element: None
        """Called on the poller thread with each element that stood by and whose session ended; to
        be set before :meth:`start`."""
        self._thread: Thread | None = None

    @property
    def waiting(self) -> int:
        """How many of the commands below the thread has not begun yet."""
        return self._poller.waiting

    def start(self) -> None:
        """Bind and serve.  Raises OSError that says which address or file, and ValueError for bad
        settings."""
        listeners = open_listeners(self.settings)
        self.bound = [listener.bound for listener in listeners]
        self._poller.open(listeners)
        self._thread = Thread(
            self._poller.run, "ovsdb", essential=True, may_end=lambda: self._thread is None
        )
        self._thread.start()

    def stop(self) -> None:
        """Close everything; nothing is written to a hypervisor.  Idempotent."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._poller.stop()
            thread.join(0.9)

    def accept(self, session: int, element: str, epoch: int = 0) -> None:
        """Let the session configure its hypervisor; other sessions of ``element`` are closed.
        ``epoch``: see messages.AcceptElement; it may be another one for a session that was accepted
        before."""
        self._poller.call(lambda: self._acceptance.accept(session, element, epoch))

    def confirm(self, element: str, epoch: int, done: Callable[[], None]) -> None:
        """Call ``done``, on the poller thread, when the element's database has shown that ``epoch``
        is its owner's, in a transaction that begins after this.  Never, where it is not."""
        self._poller.call(lambda: self._acceptance.confirm(element, epoch, done))

    def expect(self, element: str, address: str) -> None:
        """The element was here before the node started: keep a place for its address."""
        self._poller.call(lambda: self._acceptance.expect(element, address))

    def refuse(self, session: int, reason: str, standby: bool = False) -> None:
        """Keep the session from doing anything.  It is closed after 30 s, so that it may try again.
        ``standby``: nothing is wrong with it; it is kept."""
        self._poller.call(lambda: self._acceptance.refuse(session, reason, standby))

    def reconsider(self, session: int) -> None:
        """Post the session's hypervisor again, which was refused or stood by."""
        self._poller.call(lambda: self._acceptance.reconsider(session))

    def program(
        self, element: str, revision: int, changes: Iterable[tuple[Key, StateObject | None]]
    ) -> None:
        """Objects of the database change; None: they go.  Kept over reconnects, and confirmed by
        VrouterAcked of this revision or a later one."""
        self._poller.call(lambda: self._acceptance.program(element, revision, changes))

    def defer(self, element: str, deferred: bool) -> None:
        """See messages.Defer.  An element is deferred from its acceptance on."""
        self._poller.call(lambda: self._acceptance.defer(element, deferred))

    def forget(self, element: str) -> None:
        """The element is no longer ours: leave its database as it is.  Its session goes on and may
        be accepted again."""
        self._poller.call(lambda: self._acceptance.forget(element))

    def status(self) -> list[dict[str, Any]]:
        """One dict for each session."""
        now = time.monotonic()
        return [session.status(now) for session in self._poller.sessions]
