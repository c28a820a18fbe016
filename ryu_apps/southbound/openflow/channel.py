"""One vrouter's OpenFlow channel: a thread that keeps the switch as the control core asks.

The worker thread owns all state here.  Other threads only put messages into its inbox: the
controller thread what to program, the os-ken app connects and disconnects, the receiving thread of
the connection the replies to our requests.

On a new connection the switch is read back (:mod:`openflow_readback`), which makes it known what is
to be changed; from then on changes go out in rounds (:mod:`openflow_rounds`), and everything that
arrives while one is under way makes the next.  From time to time the switch is audited.
"""

from __future__ import annotations

import logging
import queue
import struct
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from ryu_apps.control.messages import Program, VrouterConnected, VrouterDisconnected
from ryu_apps.southbound.base import NotConnected
from ryu_apps.southbound.openflow.connection import OUR_XIDS
from ryu_apps.southbound.openflow.readback import (
    NAMED_BY_FLOWS,
    Audits,
    FlowsRead,
    GroupsRead,
    MetersRead,
    Purpose,
)
from ryu_apps.southbound.openflow.requested import RequestedSwitch
from ryu_apps.southbound.openflow.session import OpenFlowSession
from ryu_apps.southbound.openflow.watch import Watch
from ryu_apps.supervision import Thread, failed, waiting
from vrouter_ovs.wire import encode as wire

LOG = logging.getLogger("vnc.openflow")


class VrouterChannel:
    """See the module.  ``post`` is called with events, from the worker thread.  ``punted``: see
    OpenFlowChannels."""

    answer_timeout = 10.0
    """Seconds without an answer to a bundle or a dump after which the connection is closed."""

    def __init__(self, element: str, post: Callable[[object], None],
                 audit_interval: float = 60.0, full_audit_every: int = 10,
                 punted: Callable[[str, bytes], None] | None = None) -> None:
        self.element = element
        self._punted = punted
        self._post = post
        self.audits = Audits(audit_interval, full_audit_every)
        self._inbox: queue.SimpleQueue = queue.SimpleQueue()
        self._requested = RequestedSwitch(element, post)
        self._session: OpenFlowSession | None = None
        self._stopped = False
        self.counters = dict.fromkeys(
            ("bundles", "flow_mods", "bytes", "errors", "resyncs", "repairs", "reconnects",
             "audits", "meter_mods", "zone_flushes"), 0)
        self._watch = Watch(element, self.counters)
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

    def connected(self, datapath: Any) -> None:
        """Use this connection from now on."""
        self._inbox.put((self._on_connected, datapath))

    def disconnected(self, datapath: Any) -> None:
        """This connection has ended; if another is in use already, nothing changes."""
        self._inbox.put((self._on_disconnected, datapath))

    def packet_out(self, ofport: int, frame: bytes) -> bool:
        """Send a frame out of a port, now or not at all: False without a connection, or where the
        switch does not take what it was sent before."""
        session = self._session
        return session is not None and session.datapath.send(
            wire.packet_out(ofport, frame, OUR_XIDS), wait=False
        )

    def stop(self, close: str = "") -> None:
        """End the worker; with ``close``, also the connection, for that reason."""
        self._inbox.put((self._on_stop, close))

    def join(self, seconds: float) -> None:
        """Wait for the worker's end, at most so long."""
        self._thread.join(seconds)

    def dump(self) -> Future:
        """A Future of the payloads of a flow dump of ours; NotConnected is its exception."""
        result: Future = Future()
        self._inbox.put((self._on_show, result))
        return result

    def status(self) -> dict[str, Any]:
        """Counters and state; a snapshot that may be a moment old."""
        session, shown = self._session, self._requested.status()
        if session is not None and not session.rounds.idle:
            shown["pending"] = True
        return {
            "connected": session is not None and session.ready,
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
                handler, *arguments = self._inbox.get(timeout=self._wait())
        except queue.Empty:
            pass
        else:
            handler(*arguments)
            while not self._stopped:
                try:
                    handler, *arguments = self._inbox.get_nowait()
                except queue.Empty:
                    break
                handler(*arguments)
        self._look_at_clock(time.monotonic())
        self._advance()

    def _wait(self) -> float | None:
        session = self._session
        if session is None:
            return None
        if not session.idle:
            return 1.0
        now = time.monotonic()
        due, repair = self.audits.due_in(now), self._watch.due_in(now)
        return max(0.01, due if repair is None else min(due, repair))

    def _start_over(self) -> None:
        self._requested.start_over()
        if self._session is not None:
            self._session.datapath.disconnect("internal error of this node")

    def _look_at_clock(self, now: float) -> None:
        session = self._session
        if session is None:
            return
        late = session.overdue(now)
        if late:
            self._give_up(session, late)
            return
        if session.monitor.take_lost():
            session.readback.ask_once(*NAMED_BY_FLOWS, Purpose.AUDIT)
        self._watch.repair(self._requested.flows, now)
        if session.ready and session.rounds.idle and self.audits.due_in(now) <= 0:
            self.audits.put_off(now)
            if session.readback.idle:
                session.readback.ask(*self.audits.begin())

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
        if rounds.idle:
            readback.start(len(requested.flows.installed))
        if not session.ready or not rounds.idle or readback.deciding:
            return
        while True:
            requested.take()
            if requested.meters.unread:
                readback.ask_once(Purpose.METERS)
                readback.start(len(requested.flows.installed))
                return
            if requested.pending and rounds.start(
                requested.flows, requested.groups, requested.meters
            ):
                return
            if requested.settle():
                return

    # ------------------------------------------------------------ messages to the worker

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
            datapath, self.element, self.counters, self.answer_timeout
        )
        session.attach(self._inbox, self._on_reply, self._on_updates, self._post, self._punted)
        self.counters["reconnects"] += 1
        # Before the flows are read: nothing that happens afterwards is missed.
        session.monitor.start()
        # Before the first flow: a flow that names a meter which is not there is refused.
        session.readback.ask(*NAMED_BY_FLOWS, Purpose.CONNECT)

    def _on_disconnected(self, datapath: Any) -> None:
        session = self._session
        if session is None or session.datapath is not datapath:
            return
        self._drop_session(session)
        self._requested.disconnected()
        if session.ready:
            self._post(VrouterDisconnected(self.element, datapath.close_reason))

    def _drop_session(self, session: OpenFlowSession) -> None:
        self._session = None
        session.end()

    def _on_show(self, result: Future) -> None:
        session = self._session
        if session is None or not session.ready:
            result.set_exception(NotConnected(self.element))
        else:
            session.readback.show(result)

    # ------------------------------------------------------------ replies

    def _on_reply(self, session: OpenFlowSession, kind: int, xid: int, message: bytes) -> None:
        if session is not self._session:
            return
        if xid == session.monitor.xid:
            if session.monitor.refused(kind, message):
                self.audits.hurry()
            return
        try:
            result = session.reply(kind, xid, message)
        except (ValueError, struct.error) as error:
            self._give_up(session, f"malformed reply of type {kind}: {error}")
            return
        if isinstance(result, FlowsRead):
            self._flows_read(session, result)
        elif isinstance(result, MetersRead):
            self._requested.meters_read(result)
        elif isinstance(result, GroupsRead):
            self._requested.groups_read(result)
        elif result is not None:
            self._requested.outcome(result)

    def _flows_read(self, session: OpenFlowSession, read: FlowsRead) -> None:
        audit = read.purpose is Purpose.AUDIT
        differing = self._requested.flows.replace_installed(read.flows, audit)
        self._watch.read(read.foreign)
        if audit:
            self.counters["audits"] += 1
            self._watch.repaired(differing)
            return
        self.counters["resyncs"] += 1
        session.ready = True
        self.audits.put_off(time.monotonic())
        self._requested.connected()
        LOG.info("vrouter %s is connected and holds %d flows of ours", self.element,
                 len(read.flows))
        if self._requested.flows.renumbering:
            LOG.info("vrouter %s: %d flows of an earlier version get today's table ids",
                     self.element, self._requested.flows.renumbering)
        self._post(VrouterConnected(self.element))

    def _on_updates(self, session: OpenFlowSession, message: bytes) -> None:
        """Others changed flows.  Until all are read that is contained in them."""
        if session is not self._session:
            return
        try:
            events = session.monitor.read(message)
            if session.ready and self._watch.updates(events, self._requested.flows):
                session.readback.ask_once(*NAMED_BY_FLOWS, Purpose.AUDIT)
        except ValueError as error:
            self._give_up(session, f"malformed reply: {error}")
