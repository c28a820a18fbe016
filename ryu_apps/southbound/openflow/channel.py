"""One vrouter's OpenFlow channel: a thread that keeps the switch as the control core asks.

The worker thread owns all state here.  Other threads only put messages into its inbox: the
controller thread what to program, the os-ken app connects and disconnects, the receiving thread of
the connection the replies to our requests.

On a new connection the switch is read back (:mod:`openflow_readback`), which makes it known what is
to be changed; from then on changes go out in rounds (:mod:`openflow_rounds`), and everything that
arrives while one is under way makes the next.  From time to time the switch is audited.

Where several nodes share the element, the switch takes changes from its owner alone
(:mod:`ryu_apps.southbound.openflow.ownership.mastership`).  A node that stands by reads it back all
the same and follows what the owner does (:mod:`ryu_apps.southbound.openflow.ownership.follow`), so
that it knows what to change when it becomes the owner.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

from ryu_apps.control.messages import Program, VrouterDisconnected
from ryu_apps.southbound.base import NotConnected
from ryu_apps.southbound.openflow.connection import OUR_XIDS
from ryu_apps.southbound.openflow.ownership.switch import SwitchOwnership
from ryu_apps.southbound.openflow.readback import (
    Audits,
    Purpose,
)
from ryu_apps.southbound.openflow.replies import Replies
from ryu_apps.southbound.openflow.requested import RequestedSwitch
from ryu_apps.southbound.openflow.session import OpenFlowSession
from ryu_apps.southbound.openflow.turns import turn
from ryu_apps.southbound.openflow.upkeep import Upkeep
from ryu_apps.southbound.openflow.watch import Watch
from ryu_apps.supervision import Thread, failed, waiting
from vrouter_ovs.wire import encode as wire

Confirm = Callable[[str, int, Callable[[], None]], None]
"""``confirm(element, epoch, done)``: call ``done`` when the element's database has shown this epoch
to be its owner's, after now."""


class VrouterChannel:
    """See the module.  ``post`` is called with events, from the worker thread.  ``punted``,
    ``confirm``: see OpenFlowChannels.  ``expired``: called by the worker when the time of
    :meth:`linger` is over.  A channel begins as that of an owner whom nobody shares the element
    with."""

    answer_timeout = 20.0
    """Seconds without an answer to a bundle or a dump after which the connection is closed."""

    def __init__(self, element: str, post: Callable[[object], None],
                 audit_interval: float = 60.0, full_audit_every: int = 10,
                 punted: Callable[[str, bytes], None] | None = None,
                 confirm: Confirm = lambda element, epoch, done: done(),
                 expired: Callable[[str], None] = lambda element: None) -> None:
        self.element = element
        self._confirm = confirm
        self._punted = punted
        self._post = post
        self.audits = Audits(audit_interval, full_audit_every)
        self._inbox: queue.SimpleQueue = queue.SimpleQueue()
        self._requested = RequestedSwitch(element, post)
        self._ownership = SwitchOwnership(element, post, self._requested, self.audits, expired)
        self._session: OpenFlowSession | None = None
        self._stopped = False
        self.counters = dict.fromkeys(
            ("bundles", "flow_mods", "bytes", "errors", "resyncs", "repairs", "reconnects",
             "audits", "meter_mods", "zone_flushes"), 0)
        self._watch = Watch(element, self.counters)
        self._upkeep = Upkeep(self._requested, self._watch, self.audits)
        self._replies = Replies(
            element, self._requested, self._ownership, self.audits, self._watch, self.counters,
            self._give_up,
        )
        self._thread = Thread(
            self._run, f"vrouter {element}", essential=True, may_end=lambda: self._stopped
        )
        self._thread.start()

    # ------------------------------------------------------------ from other threads

    def program(self, effect: Program) -> None:
        """Change desired objects; VrouterAcked is posted when the switch has confirmed them."""
        self._inbox.put((self._on_program, effect))

    def defer(self, deferred: bool) -> None:
        """See messages.Defer.  A channel begins deferred."""
        self._inbox.put((self._on_defer, deferred))

    def own(self, epoch: int) -> None:
        """The element is this node's; ``epoch``: see messages.AcceptElement.  Where this node stood
        by before, nothing is desired yet and the channel is deferred."""
        self._inbox.put((self._on_own, epoch))

    def stand_by(self) -> None:
        """It is another's: drop what is desired and know what the switch holds; StandbyReady tells
        whether it does."""
        self._inbox.put((self._on_stand_by,))

    def linger(self, seconds: float) -> None:
        """Stand by; if neither :meth:`own` nor :meth:`stand_by` comes within that time, tell that
        it is over."""
        self._inbox.put((self._on_linger, seconds))

    def connected(self, datapath: Any) -> None:
        """Use this connection from now on."""
        self._inbox.put((self._on_connected, datapath))

    def disconnected(self, datapath: Any) -> None:
        """This connection has ended; if another is in use already, nothing changes."""
        self._inbox.put((self._on_disconnected, datapath))

    def packet_out(self, ofport: int, frame: bytes) -> bool:
        """Send a frame out of a port, now or not at all: False without a connection, while the
        switch is another node's, or where it does not take what it was sent before."""
        session = self._session
        return session is not None and session.may_answer and session.datapath.send(
            wire.packet_out(ofport, frame, OUR_XIDS), wait=False
        )

    def inject(
        self, in_port: int, table: str, registers: Mapping[str, int], frame: bytes
    ) -> bool:
        """Have the switch go on with a frame in a table; as :meth:`packet_out`."""
        session = self._session
        return session is not None and session.may_answer and session.datapath.send(
            wire.packet_into(table, registers, in_port, frame, OUR_XIDS), wait=False
        )

    def stop(self, close: str = "") -> None:
        """End the worker; with ``close``, also the connection, for that reason."""
        self._inbox.put((self._on_stop, close))

    def join(self, seconds: float) -> None:
        """Wait for the worker's end, at most so long."""
        self._thread.join(seconds)

    def dump(self, purpose: Purpose = Purpose.SHOW) -> Future:
        """A Future of the payloads of a flow dump of ours, or of what meters dropped; NotConnected
        is its exception."""
        result: Future = Future()
        self._inbox.put((self._on_show, result, purpose))
        return result

    def status(self) -> dict[str, Any]:
        """Counters and state; a snapshot that may be a moment old."""
        session, shown = self._session, self._requested.status()
        if session is not None and not session.rounds.idle:
            shown["pending"] = True
        return {
            "connected": session is not None and session.ready and (
                session.serving or not session.owned),
            "role": session.mastership.role if session is not None else "",
            "address": ":".join(map(str, session.datapath.address[:2])) if session else "",
            **shown,
            **self._watch.status(self._requested.flows.installed),
            **self.counters,
        }

    # ------------------------------------------------------------ the worker

    def _run(self) -> None:
        while not self._stopped:
            try:
                self._step()
            except Exception:  # the outermost boundary of this thread
                failed("internal error; starting over with it")
                self._start_over()
        session = self._session
        if session is not None:
            self._drop_session(session)

    def _step(self) -> None:
        try:
            with waiting():
                message = self._inbox.get(timeout=self._wait())
        except queue.Empty:
            message = None
        with turn():
            if message is not None:
                self._handle(message)
            self._look_at_clock(time.monotonic())
            self._advance()

    def _handle(self, message: tuple) -> None:
        """This one, and all that are there after it."""
        while True:
            handler, *arguments = message
            handler(*arguments)
            if self._stopped:
                return
            try:
                message = self._inbox.get_nowait()
            except queue.Empty:
                return

    def _wait(self) -> float | None:
        session, now = self._session, time.monotonic()
        expiry = self._ownership.due_in(now)
        due = [expiry] if expiry is not None else []
        if session is not None:
            due.append(self._upkeep.due_in(session, now))
        return max(0.01, min(due)) if due else None

    def _start_over(self) -> None:
        self._requested.start_over()
        if self._session is not None:
            self._session.datapath.disconnect("internal error of this node")

    def _look_at_clock(self, now: float) -> None:
        self._ownership.look_at_clock(now)
        session = self._session
        if session is None:
            return
        late = session.overdue(now)
        if late:
            self._give_up(session, late)
            return
        self._upkeep.look(session, now)

    def _give_up(self, session: OpenFlowSession, reason: str) -> None:
        self.counters["errors"] += 1
        session.datapath.disconnect(reason)
        self._on_disconnected(session.datapath)

    def _advance(self) -> None:
        """Start whatever can be started now."""
        session = self._session
        if session is None or self._stopped:
            return
        rounds, readback, requested = session.rounds, session.readback, self._requested
        may_write = session.mastership.may_write
        if rounds.idle:
            readback.start(len(requested.flows.installed), may_write)
        self._ownership.announce(session)
        if not session.serving or not may_write or not rounds.idle or readback.deciding:
            return
        while True:
            requested.take()
            if requested.meters.unread:
                known = session.follow.take_meters()
                if known is None:
                    readback.ask_once(Purpose.METERS)
                    readback.start(len(requested.flows.installed))
                    return
                requested.meters_read(known)
            if requested.pending and rounds.start(
                requested.flows, requested.groups, requested.meters
            ):
                return
            if requested.settle():
                return

    # ------------------------------------------------------------ messages to the worker

    def _on_own(self, epoch: int) -> None:
        self._ownership.own(self._session, epoch)

    def _on_stand_by(self) -> None:
        self._ownership.stand_by(self._session)

    def _on_linger(self, seconds: float) -> None:
        self._ownership.linger(self._session, seconds)

    def _on_confirmed(self, session: OpenFlowSession, epoch: int) -> None:
        if session is self._session:
            session.mastership.confirmed(epoch)

    def _on_program(self, effect: Program) -> None:
        self._requested.add(effect)
        if self._session is None:
            self._requested.take()

    def _on_defer(self, deferred: bool) -> None:
        self._requested.defer(deferred)

    def _on_stop(self, close: str) -> None:
        self._stopped = True
        if close and self._session is not None:
            self._session.datapath.disconnect(close)

    def _on_connected(self, datapath: Any) -> None:
        old = self._session
        if old is not None:
            if old.datapath is datapath:
                return
            old.datapath.disconnect("replaced by a newer connection of the same switch")
            self._on_disconnected(old.datapath)
        session = self._session = OpenFlowSession(
            datapath, self.element, self.counters, self.answer_timeout,
            lambda epoch: self._confirm(self.element, epoch, lambda: self._inbox.put(
                (self._on_confirmed, session, epoch))),
            lambda epoch: self._ownership.lost(session, epoch),
        )
        session.attach(self._inbox, self._on_reply, self._on_updates, self._post, self._punted)
        self.counters["reconnects"] += 1
        session.begin(self._ownership.epoch)

    def _on_disconnected(self, datapath: Any) -> None:
        session = self._session
        if session is None or session.datapath is not datapath:
            return
        self._drop_session(session)
        self._requested.disconnected()
        if session.owned and session.introduced:
            self._post(VrouterDisconnected(self.element, datapath.close_reason))
        self._ownership.disconnected()

    def _drop_session(self, session: OpenFlowSession) -> None:
        self._session = None
        session.end()

    def _on_show(self, result: Future, purpose: Purpose) -> None:
        session = self._session
        if session is None or not session.ready:
            result.set_exception(NotConnected(self.element))
        else:
            session.readback.show(result, purpose)

    def _on_reply(self, session: OpenFlowSession, kind: int, xid: int, message: bytes) -> None:
        if session is self._session:
            self._replies.reply(session, kind, xid, message)

    def _on_updates(self, session: OpenFlowSession, message: bytes) -> None:
        if session is self._session:
            self._replies.updates(session, message)
