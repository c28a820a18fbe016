"""One vrouter's OpenFlow channel: reads back, reconciles, programs, confirms, audits.

A worker thread owns all state here.  Other threads only put messages into its inbox: the controller
thread what to program, the os-ken app connects and disconnects, the receiving thread of the
connection the replies to our requests as bytes (:data:`ryu_apps.runtime.RawHook`).

Changes go out as one atomic, ordered bundle a round (OpenFlow 1.4, 6.9); everything that arrives
while a bundle is under way makes the next one.  A refused bundle names the message that was at
fault; its object is left out and the rest sent again.  Where a switch refuses a bundle and blames
nothing, or blames something new three times, the changes go as plain messages before a barrier.
"""

from __future__ import annotations

import logging
import queue
import struct
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from ryu_apps.control.messages import (
    FlowRejected,
    Program,
    VrouterAcked,
    VrouterConnected,
    VrouterDisconnected,
)
from ryu_apps.southbound.openflow_flows import VrouterFlows
from ryu_apps.southbound.openflow_session import (
    BARRIER_REPLY,
    BUNDLE_CONTROL,
    ERROR,
    MULTIPART_REPLY,
    OUR_XIDS,
    Read,
    Round,
    Session,
    raw_hook,
)  # fmt: skip
from vrouter_ovs import encode as wire

LOG = logging.getLogger("vnc.openflow")

COMMIT_REPLY = b"\0\5"
OFPMP_AGGREGATE = 2
BUNDLE_ATTEMPTS = 3


class NotConnected(Exception):
    """The element has no OpenFlow connection now."""


class VrouterChannel:
    """See the module.  ``post`` is called with events, from the worker thread."""

    answer_timeout = 10.0
    """Seconds without an answer to a bundle or a dump after which the connection is closed."""
    per_second = 2000
    """Flow changes that even a slow switch makes in a second; large bundles get more time."""
    seconds_per_zone = 0.1
    """For a zone to be forgotten: the switch looks at all of its connections for each."""

    def __init__(self, element: str, post: Callable[[object], None],
                 audit_interval: float = 60.0, full_audit_every: int = 10,
                 punted: Callable[[str, bytes], None] | None = None) -> None:
        """``punted``: see OpenFlowSouthbound."""
        self.element = element
        self._punted = punted
        self.audit_interval = audit_interval
        self.full_audit_every = full_audit_every
        self._post = post
        self._inbox: queue.SimpleQueue = queue.SimpleQueue()
        self._flows = VrouterFlows()
        self._session: Session | None = None
        self._backlog: list[Program] = []
        self._xid = 0
        self._bundle = 0
        self._attempts = 0
        self._next_audit = 0.0
        self._audits = 0
        self._stopped = False
        self.desired_revision = 0
        self.acked_revision = 0
        self.counters = dict.fromkeys(
            ("bundles", "flow_mods", "bytes", "errors", "resyncs", "repairs", "reconnects",
             "audits", "meter_mods", "zone_flushes"), 0)
        self._thread = threading.Thread(target=self._run, daemon=True, name=f"vrouter {element}")
        self._thread.start()

    # ------------------------------------------------------------ from other threads

    def program(self, effect: Program) -> None:
        self._inbox.put((self._on_program, effect))

    def hold(self, held: bool) -> None:
        self._inbox.put((self._on_hold, held))

    def connected(self, datapath: Any) -> None:
        self._inbox.put((self._on_connected, datapath))

    def disconnected(self, datapath: Any) -> None:
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
        self._thread.join(seconds)

    def dump(self) -> Future:
        """A Future of the payloads of a flow dump of ours; NotConnected is its exception."""
        result: Future = Future()
        self._inbox.put((self._on_show, result))
        return result

    def status(self) -> dict[str, Any]:
        """Counters and state; a snapshot that may be a moment old."""
        flows, session = self._flows, self._session
        rejected = list(flows.rejected.items())
        return {
            "connected": session is not None and session.ready,
            "address": ":".join(map(str, session.datapath.address[:2])) if session else "",
            "held": flows.held,
            "desired_revision": self.desired_revision,
            "acked_revision": self.acked_revision,
            "objects": len(flows.objects),
            "installed_flows": len(flows.installed),
            "pending": flows.pending or bool(session and session.round) or bool(self._backlog),
            "rejected": [{"object": list(key), "reason": reason} for key, reason in rejected],
            **self.counters,
        }

    # ------------------------------------------------------------ the worker

    def _run(self) -> None:
        while not self._stopped:
            try:
                self._step()
            except Exception:  # the outermost boundary of this thread
                LOG.exception("vrouter %s: internal error; starting over with it", self.element)
                self._start_over()
        session = self._session
        if session is not None:
            self._drop_session(session)

    def _step(self) -> None:
        try:
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
        if session.round is not None or session.reading is not None:
            return 1.0
        return max(0.01, self._next_audit - time.monotonic())

    def _start_over(self) -> None:
        old = self._flows
        self._flows = VrouterFlows()
        self._flows.held = old.held
        self._flows.change(list(old.objects.items()))
        if self._session is not None:
            self._session.datapath.disconnect("internal error of this node")

    def _look_at_clock(self, now: float) -> None:
        session = self._session
        if session is None:
            return
        if session.round is not None and now > session.round.deadline:
            self._give_up(session, f"no answer to {len(session.round.operations)} flow changes")
        elif session.reading is not None and now > session.reading.heard + self.answer_timeout:
            self._give_up(session, "no answer to a flow dump")
        elif session.ready and now >= self._next_audit and session.round is None:
            self._next_audit = now + self.audit_interval
            if not session.reading and not session.reads:
                self._audits += 1
                full = self.full_audit_every and self._audits % self.full_audit_every == 0
                session.reads += (Read("meters"), Read("audit")) if full else (Read("count"),)

    def _give_up(self, session: Session, reason: str) -> None:
        self.counters["errors"] += 1
        session.datapath.disconnect(reason)
        self._on_disconnected(session.datapath)

    def _advance(self) -> None:
        """Start whatever can be started now."""
        session = self._session
        if session is None or self._stopped:
            return
        if session.reading is None and session.reads and session.round is None:
            self._start_read(session, session.reads.popleft())
        reading = session.reading
        if not session.ready or session.round is not None or (
                reading is not None and reading.purpose in ("connect", "audit")):
            return
        while session.round is None and self._session is session:
            self._take_backlog()
            if self._flows.pending and self._start_round(session):
                return
            self._flows.finish()
            self._tell_refused()
            if self._flows.pending:
                continue
            if self.acked_revision != self.desired_revision:
                self.acked_revision = self.desired_revision
                self._post(VrouterAcked(self.element, self.acked_revision))
            return

    # ------------------------------------------------------------ messages to the worker

    def _on_program(self, effect: Program) -> None:
        self._backlog.append(effect)
        if self._session is None:
            self._take_backlog()

    def _take_backlog(self) -> None:
        for effect in self._backlog:
            self._flows.change(effect.changes)
            self.desired_revision = effect.revision
        self._backlog.clear()

    def _on_hold(self, held: bool) -> None:
        self._flows.hold(held)

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
        session = self._session = Session(datapath, self.element)
        # os-ken counts its xids from a random number: keep them out of our half.
        datapath.xid &= OUR_XIDS - 1
        datapath.raw_hook = raw_hook(session, self._inbox, self._on_reply, self._punted)
        self.counters["reconnects"] += 1
        # Before the first flow: a flow that names a meter which is not there is refused.
        session.reads += (Read("meters"), Read("connect"))

    def _on_disconnected(self, datapath: Any) -> None:
        session = self._session
        if session is None or session.datapath is not datapath:
            return
        self._drop_session(session)
        # Before the backlog: a refusal is told with the revision that it is of.
        self._tell_refused()
        self._take_backlog()
        self._attempts = 0
        if session.ready:
            self._post(VrouterDisconnected(self.element, datapath.close_reason))

    def _drop_session(self, session: Session) -> None:
        self._session = None
        session.datapath.raw_hook = None
        reads = [*session.reads, *([session.reading] if session.reading else [])]
        for read in reads:
            if read.result is not None:
                read.result.set_exception(NotConnected(self.element))

    def _on_show(self, result: Future) -> None:
        session = self._session
        if session is None or not session.ready:
            result.set_exception(NotConnected(self.element))
        else:
            session.reads.append(Read("show", result))

    # ------------------------------------------------------------ replies

    def _on_reply(self, session: Session, kind: int, xid: int, message: bytes) -> None:
        if session is not self._session:
            return
        try:
            reading, current = session.reading, session.round
            if reading is not None and xid == reading.xid:
                self._read_reply(session, reading, kind, message)
            elif current is not None and current.first <= xid:
                self._round_reply(session, current, kind, xid, message)
            elif xid == session.meters.xid and kind == ERROR:
                session.meters.refuse(message)
            elif xid == session.flush_xid and kind == ERROR:
                self.counters["errors"] += 1
                session.refuse_flush(message)
        except (ValueError, struct.error) as error:
            self._give_up(session, f"malformed reply of type {kind}: {error}")

    def _next_xid(self) -> int:
        self._xid = self._xid % (OUR_XIDS - 1) + 1
        return OUR_XIDS | self._xid

    # ------------------------------------------------------------ reading

    def _start_read(self, session: Session, read: Read) -> None:
        read.xid = self._next_xid()
        read.heard = time.monotonic()
        read.expected = len(self._flows.installed)
        session.reading = read
        session.read_bytes = 0
        session.awaited_read = read.xid
        # Before the first flow of a connection, and again whenever the switch is looked at.
        self._send(session, wire.set_config(OUR_XIDS))
        if read.purpose == "meters":
            self._send(session, wire.meter_config_request(read.xid))
            return
        request = wire.flow_stats_request(read.xid, wire.COOKIE_BASE, wire.COOKIE_MASK)
        if read.purpose == "count":
            # The same body asks for the number alone (OpenFlow 1.4, 7.3.5.3).
            request = request[:8] + OFPMP_AGGREGATE.to_bytes(2, "big") + request[10:]
        self._send(session, request)

    def _read_reply(self, session: Session, read: Read, kind: int, message: bytes) -> None:
        if read.purpose == "meters":
            self._meters_reply(session, read, kind, message)
            return
        if kind == ERROR:
            raise ValueError(f"flow dump refused: {wire.decode_error(message)[3]}")
        if kind != MULTIPART_REPLY or len(message) < 16:
            return
        read.heard = time.monotonic()
        if read.purpose == "count":
            session.reading, session.awaited_read = None, 0
            count = struct.unpack_from("!I", message, 32)[0]
            self.counters["audits"] += 1
            if count != read.expected:
                LOG.warning("vrouter %s holds %d flows of ours instead of %d; looking closer",
                            self.element, count, read.expected)
                # A meter that somebody deleted took its flows along.
                session.reads.extendleft((Read("audit"), Read("meters")))
            return
        if read.purpose == "show":
            read.parts.append(message[16:])
        else:
            for flow in wire.decode_flow_stats(message[16:]):
                read.flows[flow.key] = flow
        if message[11] & 1:  # OFPMPF_REPLY_MORE
            return
        session.reading, session.awaited_read = None, 0
        if read.purpose == "show":
            if read.result is not None:
                read.result.set_result(read.parts)
            return
        differing = self._flows.replace_installed(read.flows, read.purpose == "audit")
        if read.purpose == "connect":
            self.counters["resyncs"] += 1
            session.ready = True
            self._next_audit = time.monotonic() + self.audit_interval
            self._flows.retry_rejected()
            # What was confirmed to an earlier connection has to be confirmed by this one.
            self.acked_revision = 0
            LOG.info("vrouter %s is connected and holds %d flows of ours", self.element,
                     len(read.flows))
            self._post(VrouterConnected(self.element))
        else:
            self.counters["audits"] += 1
            if differing:
                self.counters["repairs"] += differing
                LOG.warning("vrouter %s: somebody else changed %d of our flows; putting them "
                            "right", self.element, differing)

    def _meters_reply(self, session: Session, read: Read, kind: int, message: bytes) -> None:
        read.heard = time.monotonic()
        if session.meters.reply(kind, message):
            session.reading, session.awaited_read = None, 0
            changes = session.meters.changes(self._next_xid())
            self.counters["meter_mods"] += len(changes)
            self._send(session, b"".join(changes))

    # ------------------------------------------------------------ programming

    def _send(self, session: Session, data: bytes) -> bool:
        self.counters["bytes"] += len(data)
        return session.datapath.send(data)

    def _start_round(self, session: Session) -> bool:
        """Send the outstanding changes; False if there were none."""
        if self._xid > OUR_XIDS // 2:
            self._xid = 0
        plain = self._attempts >= BUNDLE_ATTEMPTS
        session.flush_xid = self._next_xid()
        self._bundle = self._bundle % 0x7FFF_FFFF + 1
        current = Round(self._bundle, self._next_xid(), plain)
        # Open to the end: how many changes there are shows as they are encoded.
        session.awaited = (current.first, OUR_XIDS | (OUR_XIDS - 1))
        build, bundle, operations = wire.bundle_flow_mod, self._bundle, current.operations
        xid = current.first
        flushed = 0
        for batch in self._flows.operations():
            if not operations and not plain:
                self._send(session, wire.bundle_open(bundle, current.first))
            operations += batch
            if plain:
                data = [wire.flow_mod(command, flow, xid + at)
                        for at, (command, flow, _) in enumerate(batch, 1)]
            else:
                data = [build(bundle, command, flow, xid + at)
                        for at, (command, flow, _) in enumerate(batch, 1)]
            xid += len(batch)
            zones = self._flows.zones_given(batch)
            if zones:
                # No part of the bundle: done at once, before any of these flows is there.  What
                # the number's last port sent has ended by then, its device is gone.
                data[:0] = [wire.flush_zone(zone, session.flush_xid) for zone in zones]
                flushed += len(zones)
            if not self._send(session, b"".join(data)):
                break
        if not operations:
            session.awaited = (0, 0)
            return False
        current.end_xid = xid + 1
        self._xid = current.end_xid & (OUR_XIDS - 1)
        session.awaited = (current.first, current.end_xid)
        current.deadline = (time.monotonic() + self.answer_timeout
                            + len(operations) / self.per_second
                            + flushed * self.seconds_per_zone)
        session.round = current
        self.counters["zone_flushes"] += flushed
        self.counters["bundles"] += not plain
        self.counters["flow_mods"] += len(operations)
        self._send(session, wire.barrier(current.end_xid) if plain
                   else wire.bundle_commit(bundle, current.end_xid))
        return True

    def _round_reply(self, session: Session, current: Round, kind: int, xid: int,
                     message: bytes) -> None:
        if kind == ERROR:
            text = wire.decode_error(message)[3]
            at = xid - current.first - 1
            if 0 <= at < len(current.operations):
                current.errors.setdefault(at, text)
            elif xid in (current.end_xid, current.first):
                self._finish_round(session, current, text)
        elif xid == current.end_xid and (
                kind == BARRIER_REPLY if current.plain
                else kind == BUNDLE_CONTROL and message[12:14] == COMMIT_REPLY):
            self._finish_round(session, current, "")

    def _finish_round(self, session: Session, current: Round, failure: str) -> None:
        """``failure``: why the whole bundle was refused, or ""."""
        session.round, session.awaited = None, (0, 0)
        flows, operations, errors = self._flows, current.operations, current.errors
        culprits: dict[Any, str] = {}
        for at, text in errors.items():
            culprits.setdefault(operations[at].owner, text)
        if failure:
            self.counters["errors"] += 1
            LOG.warning("vrouter %s refused a bundle of %d flow changes: %s%s", self.element,
                        len(operations), failure, "" if errors else ", and blames none of them")
            self._attempts = self._attempts + 1 if errors else BUNDLE_ATTEMPTS
        else:
            self._attempts = 0
            flows.confirm(operation for at, operation in enumerate(operations)
                          if at not in errors)
        # A deletion nobody owns that is refused stays for the next audit; it is not repeated.
        leftover = culprits.pop(None, None)
        if leftover is not None:
            self.counters["errors"] += 1
            LOG.warning("vrouter %s refused to delete a flow: %s", self.element, leftover)
        for key, text in culprits.items():
            self.counters["errors"] += 1
            flows.reject(key, text)
        if failure:
            flows.retry(operation for at, operation in enumerate(operations)
                        if at not in errors or operation.owner is not None)
        self._tell_refused()

    def _tell_refused(self) -> None:
        for key, reason in self._flows.take_refused():
            LOG.error("vrouter %s: object %s refused: %s", self.element, key, reason)
            self._post(FlowRejected(self.element, key, reason, self.desired_revision))
