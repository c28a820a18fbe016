"""One hypervisor's OVSDB connection: schema, contents, then updates in and transactions out.

Everything here runs on the poller thread of :mod:`ryu_apps.southbound.ovsdb`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from ryu_apps.control.messages import (
    ElementChanged,
    ElementConnected,
    ElementDisconnected,
    ElementInfo,
    InterfacesChanged,
    TunnelsChanged,
)
from ryu_apps.southbound.ovsdb_database import Database
from ryu_apps.southbound.ovsdb_framing import ProtocolError
from ryu_apps.southbound.ovsdb_lib import Message
from ryu_apps.southbound.ovsdb_liveness import Liveness
from ryu_apps.southbound.ovsdb_rpc import Connection, decode
from ryu_apps.southbound.ovsdb_schema import DATABASE, Plan, plan_for
from ryu_apps.southbound.ovsdb_settings import OvsdbSettings
from ryu_apps.southbound.ovsdb_wish import Wanted, wish_for
from ryu_apps.southbound.ovsdb_writes import Writes, error_in

LOG = logging.getLogger("vnc.ovsdb")
REFUSED_HOLD = 30.0
"""Seconds that a refused session is kept, so that its hypervisor does not come back at once."""


class Session:
    """A session from accept to close.  Its methods raise :class:`ProtocolError` or OSError where
    the connection must be closed; the caller then calls :meth:`closed`.

    ``state``: "handshake", "schema", "contents", "waiting" (something is missing in the database),
    "connected" (posted), "accepted" or "refused".
    """

    def __init__(
        self,
        number: int,
        connection: Connection,
        peer: tuple[str, int],
        local: tuple[str, str, int],
        settings: OvsdbSettings,
        post: Callable[[object], None],
        now: float,
    ) -> None:
        self.number = number
        self.connection = connection
        self.peer = peer
        self.local = local
        self.state = "handshake"
        self.early = True
        self.since = now
        self.info: ElementInfo | None = None
        self.problem = ""
        self.dirty = False
        self._settings = settings
        self._post = post
        self._plan: Plan | None = None
        self._database: Database | None = None
        self._wanted: Wanted | None = None
        self._marks: dict[str, bool] = {}
        self._problems: list[str] = []
        self._liveness = Liveness(settings.probe_interval, settings.handshake_timeout, now)
        self._writes = Writes(now)
        self._seen_bytes = 0
        self._refused_until = 0.0

    def __str__(self) -> str:
        name = f" {self.info.element}" if self.info is not None else ""
        return f"session {self.number}{name} from {self.peer[0]}:{self.peer[1]}"

    @property
    def established(self) -> bool:
        """Whether the peer showed to be an OVSDB server."""
        return self._database is not None

    @property
    def not_before(self) -> float:
        """When :meth:`work` may have something to do, where the session is dirty."""
        return self._writes.not_before

    @property
    def announced(self) -> bool:
        """Whether the control core knows this session as connected."""
        return self.state in ("connected", "accepted", "refused")

    # ------------------------------------------------------------ input

    def readable(self, now: float) -> bool:
        """Read and handle what came; True where more may be waiting."""
        connection = self.connection
        if connection.shaking and not connection.handshake():
            return False
        if self.state == "handshake":
            self.state = "schema"
            self._liveness.step_begun(now)
            self._request("get_schema", [DATABASE], "schema")
        messages, more = connection.receive()
        if connection.bytes_in != self._seen_bytes:
            self._seen_bytes = connection.bytes_in
            self._liveness.heard(now)
        for data in messages:
            self._message(data, now)
        return more

    def _request(self, method: str, params: list, identifier: str) -> None:
        self.connection.send(
            Message(Message.T_REQUEST, method, params, None, None, identifier)
        )

    def _message(self, data: bytes, now: float) -> None:
        message = decode(data)
        if message.type == Message.T_NOTIFY:
            if message.method == "update2":
                self._update(message.params)
        elif message.type == Message.T_REQUEST:
            if message.method == "echo":
                self.connection.send(Message.create_reply(message.params, message.id))
            else:
                self.connection.send(Message.create_error("unknown method", message.id))
        elif message.id == "schema" and self.state == "schema":
            self._schema(self._result(message, "get_schema"), data, now)
        elif message.id == "contents" and self.state == "contents":
            self._contents(self._result(message, "monitor_cond"))
        elif self._writes.answered_by(message.id):
            self._written(message, now)
        elif message.id != "probe":
            raise ProtocolError(f"a reply to nothing that was asked: {str(message.id)[:40]!r}")

    @staticmethod
    def _result(message: Message, method: str) -> Any:
        if message.type == Message.T_ERROR:
            raise ProtocolError(f"{method} was refused: {str(message.error)[:200]}")
        return message.result

    def _schema(self, schema: Any, raw: bytes, now: float) -> None:
        self._plan = plan_for(schema, raw)
        self.state = "contents"
        self._liveness.step_begun(now)
        self.connection.set_input_limit(self._settings.input_limit)
        self._request("monitor_cond", [DATABASE, "vnc", self._plan.requests], "contents")

    def _contents(self, updates: Any) -> None:
        assert self._plan is not None
        database = Database(self._plan.kinds)
        changes = database.apply(updates)
        self._database = database
        self.state = "waiting"
        self._log_garbage(changes.garbage)
        self._identify(database)

    def _update(self, params: list) -> None:
        database = self._database
        if database is None or len(params) != 2 or params[0] != "vnc":
            raise ProtocolError("an update that was not asked for")
        changes = database.apply(params[1])
        self._log_garbage(changes.garbage)
        if changes.configuration or self._problems:
            self.dirty = True
        self._identify(database)
        if self.state not in ("connected", "accepted") or self.info is None:
            return
        element = self.info.element
        if changes.interfaces:
            for name, claim in changes.interfaces.items():
                if claim is None and self._wanted is not None:
                    self._wanted.marks.pop(name, None)
            self._post(
                InterfacesChanged(self.number, element, tuple(changes.interfaces.items()))
            )
        if changes.tunnels:
            self._post(TunnelsChanged(self.number, element, tuple(changes.tunnels.items())))

    def _log_garbage(self, lines: list[str]) -> None:
        for line in lines[:20]:
            LOG.warning("%s: %s", self, line)
        if len(lines) > 20:
            LOG.warning("%s: and %d more such interfaces", self, len(lines) - 20)

    def _identify(self, database: Database) -> None:
        """Post who the hypervisor is, when that is known or changed."""
        info, problem = database.describe(self.peer[0])
        if problem != self.problem:
            self.problem = problem
            if problem:
                LOG.warning("%s: %s", self, problem)
        if self.info is not None:
            database.check_same(self.info, info)
        if info is None or (info == self.info and self.state != "waiting"):
            return
        if self.state == "refused":
            raise ProtocolError("it changed who it is, after it had been refused")
        self.info = info
        self.dirty = True
        if self.state == "waiting":
            self.state = "connected"
            LOG.info("%s: %s, VTEP %s, OVS %s", self, info.hostname, info.vtep, info.ovs_version)
            self._post(
                ElementConnected(
                    self.number,
                    info,
                    tuple(database.view.claims.values()),
                    tuple(database.view.tunnels.values()),
                )
            )
        else:
            self._post(ElementChanged(self.number, info))

    # ------------------------------------------------------------ what the controller wants

    def accept(self, wanted: Wanted) -> None:
        """From now on the database is kept as ``wanted``, whose changes :meth:`wanted_changed` and
        :meth:`mark` tell of."""
        if self.state == "connected":
            self.state = "accepted"
            self._wanted = wanted
            self._marks = dict(wanted.marks)
            self.dirty = True

    def refuse(self, reason: str, now: float) -> None:
        """Write nothing any more; closed after :data:`REFUSED_HOLD`, or when the hypervisor
        changes who it is."""
        if self.state in ("connected", "accepted"):
            LOG.warning("%s: refused: %s", self, reason)
            self.state = "refused"
            self.problem = reason
            self._refused_until = now + REFUSED_HOLD

    def forget(self) -> None:
        """Back to reading only, until it is accepted again."""
        if self.state == "accepted":
            LOG.info("%s: released", self)
            self.state = "connected"
            self._wanted = None
            self._marks.clear()

    def wanted_changed(self) -> None:
        """Hold the database against what is wanted now."""
        self.dirty = True

    def mark(self, names: Mapping[str, bool]) -> None:
        """Write the marks of interfaces: name -> installed."""
        self._marks.update(names)
        self.dirty = True

    # ------------------------------------------------------------ output

    def work(self, now: float) -> None:
        """Bring the database to what is wanted: at most one transaction is under way."""
        if self.state != "accepted" or self._writes.under_way:
            self.dirty = False
            return
        if now < self.not_before:
            return
        database = self._database
        assert database is not None and self._wanted is not None and self.info is not None
        wish = wish_for(
            self._settings, self.info, self.local, self._wanted.tunnels,
            database.last_datapath_id(),
        )
        transaction = database.needed(wish, self._marks)
        self._log_problems(transaction.problems)
        self.dirty = False
        changes = len(transaction.operations)
        if not changes:
            self._marks.clear()
            return
        identifier = self._writes.begin(now)
        if identifier is None:
            self.dirty = True
            return
        transaction.comment(f"{self._settings.node_name or 'vnc'}: {changes} changes")
        self._request("transact", [DATABASE, *transaction.operations], identifier)

    def _log_problems(self, problems: list[str]) -> None:
        if problems != self._problems:
            self._problems = problems
            for problem in problems[:20]:
                LOG.warning("%s: %s", self, problem)

    def _written(self, message: Message, now: float) -> None:
        """The reply to a transaction.  Its updates came before it, so the next look at the
        replica sees what it did, or what somebody else did instead (RFC 7047 section 4.1.3)."""
        self.dirty = True
        failed = message.type == Message.T_ERROR
        if self._writes.end(str(message.error) if failed else error_in(message.result), now):
            LOG.warning("%s: a transaction failed and will be tried again: %s",
                        self, self._writes.last_error)

    # ------------------------------------------------------------ time

    def tick(self, now: float) -> None:
        """Deadlines and probes; ``now`` in seconds.  Raises ProtocolError when one is over."""
        if self._database is None:
            if self._liveness.late(now):
                raise ProtocolError(f"not ready in time (state {self.state})")
            return
        if self.state == "refused" and now > self._refused_until:
            raise ProtocolError(f"refused: {self.problem}")
        if self._liveness.probe_due(now):
            self._request("echo", [], "probe")

    def closed(self, reason: str) -> None:
        """Tell the control core, once, that the session is over."""
        self.connection.close()
        if self.announced and self.info is not None:
            self._post(ElementDisconnected(self.number, self.info.element, reason))
        self.state = "closed"

    def status(self, now: float) -> dict[str, Any]:
        """For people: safe to call from any thread."""
        info, database, writes = self.info, self._database, self._writes
        return {
            "session": self.number,
            "element": info.element if info is not None else "",
            "state": self.state,
            "problem": self.problem or "; ".join(self._problems) or writes.last_error,
            "hostname": info.hostname if info is not None else "",
            "vtep": info.vtep if info is not None else "",
            "address": self.peer[0],
            "port": self.peer[1],
            "tls": self.connection.tls,
            "ovs_version": info.ovs_version if info is not None else "",
            "datapath_id": info.datapath_id if info is not None else 0,
            "seconds": round(now - self.since, 1),
            "interfaces": len(database.view.claims) if database is not None else 0,
            "tunnels": len(database.view.tunnels) if database is not None else 0,
            "transactions": writes.transactions,
            "failures": writes.failures,
            "bytes_in": self.connection.bytes_in,
        }
