"""One hypervisor's OVSDB connection: schema, contents, then updates in and transactions out.

Everything here runs on the poller thread of :mod:`ryu_apps.southbound.ovsdb`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ryu_apps.control.messages import (
    ElementChanged,
    ElementConnected,
    ElementDisconnected,
    ElementInfo,
    InterfacesChanged,
    TunnelsChanged,
)
from ryu_apps.southbound.ovsdb_framing import ProtocolError
from ryu_apps.southbound.ovsdb_lib import Message
from ryu_apps.southbound.ovsdb_replica import Replica
from ryu_apps.southbound.ovsdb_rows import datapath_id, describe
from ryu_apps.southbound.ovsdb_rpc import Connection, decode
from ryu_apps.southbound.ovsdb_schema import DATABASE, plan_for
from ryu_apps.southbound.ovsdb_view import View
from ryu_apps.southbound.ovsdb_wanted import mark_interfaces, needed
from ryu_apps.southbound.ovsdb_wish import Wish

LOG = logging.getLogger("vnc.ovsdb")
WRITE_BURST = 200.0
WRITE_RATE = 100.0
"""Transactions per second to one hypervisor, at most: more changes go into fewer transactions."""
REFUSED_HOLD = 30.0
"""Seconds that a refused session is kept, so that its hypervisor does not come back at once."""


@dataclass
class Wanted:
    """What the controller thread asked for one element; outlives its sessions.

    ``tunnels``: None until it was told.  ``marks``: interface name -> installed.
    """

    tunnels: frozenset[str] | None = None
    marks: dict[str, bool] = field(default_factory=dict)


@dataclass(frozen=True)
class Terms:
    """What is the same for all sessions.  Times in seconds, ``bfd_interval`` in milliseconds."""

    post: Callable[[object], None]
    controller_target: str | None
    openflow_port: int
    probe_interval: float
    handshake_timeout: float
    bfd_interval: int
    node_name: str
    input_limit: int
    table_names: Mapping[int, str]


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
        terms: Terms,
        now: float,
    ) -> None:
        self.number = number
        self.connection = connection
        self.peer = peer
        self.local = local
        self.terms = terms
        self.state = "handshake"
        self.early = True
        self.since = now
        self.info: ElementInfo | None = None
        self.problem = ""
        self.problems: list[str] = []
        self.replica: Replica | None = None
        self.view: View | None = None
        self.wanted: Wanted | None = None
        self.dirty = False
        self.not_before = 0.0
        self.transactions = 0
        self.failures = 0
        self.last_error = ""
        self._deadline = now + terms.handshake_timeout
        self._last_in = now
        self._probed = False
        self._seen_bytes = 0
        self._refused_until = 0.0
        self._in_flight: str | None = None
        self._marks: dict[str, bool] = {}
        self._datapath_id = 0
        self._tokens = WRITE_BURST
        self._tokens_at = now

    def __str__(self) -> str:
        name = f" {self.info.element}" if self.info is not None else ""
        return f"session {self.number}{name} from {self.peer[0]}:{self.peer[1]}"

    @property
    def established(self) -> bool:
        """Whether the peer showed to be an OVSDB server."""
        return self.view is not None

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
            self._deadline = now + self.terms.handshake_timeout
            self._request("get_schema", [DATABASE], "schema")
        messages, more = connection.receive()
        if connection.bytes_in != self._seen_bytes:
            self._seen_bytes = connection.bytes_in
            self._last_in = now
            self._probed = False
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
            self._contents(self._result(message, "monitor_cond"), now)
        elif self._in_flight is not None and message.id == self._in_flight:
            self._written(message, now)
        elif message.id != "probe":
            raise ProtocolError(f"a reply to nothing that was asked: {str(message.id)[:40]!r}")

    @staticmethod
    def _result(message: Message, method: str) -> Any:
        if message.type == Message.T_ERROR:
            raise ProtocolError(f"{method} was refused: {str(message.error)[:200]}")
        return message.result

    def _schema(self, schema: Any, raw: bytes, now: float) -> None:
        plan = plan_for(schema, raw)
        self.replica = Replica(plan.kinds)
        self.state = "contents"
        self._deadline = now + self.terms.handshake_timeout
        self.connection.framer.limit = self.terms.input_limit
        self._request("monitor_cond", [DATABASE, "vnc", plan.requests], "contents")

    def _contents(self, updates: Any, now: float) -> None:
        assert self.replica is not None
        changes = self.replica.apply(updates)
        self.view = View(self.replica)
        self.state = "waiting"
        self._log_garbage(self.view.apply(changes).garbage)
        self._identify()

    def _update(self, params: list) -> None:
        if self.replica is None or self.view is None or len(params) != 2 or params[0] != "vnc":
            raise ProtocolError("an update that was not asked for")
        changes = self.view.apply(self.replica.apply(params[1]))
        self._log_garbage(changes.garbage)
        if changes.configuration or self.problems:
            self.dirty = True
        self._identify()
        if self.state not in ("connected", "accepted") or self.info is None:
            return
        element = self.info.element
        if changes.interfaces:
            for name, claim in changes.interfaces.items():
                if claim is None and self.wanted is not None:
                    self.wanted.marks.pop(name, None)
            self.terms.post(
                InterfacesChanged(self.number, element, tuple(changes.interfaces.items()))
            )
        if changes.tunnels:
            self.terms.post(TunnelsChanged(self.number, element, tuple(changes.tunnels.items())))

    def _log_garbage(self, lines: list[str]) -> None:
        for line in lines[:20]:
            LOG.warning("%s: %s", self, line)
        if len(lines) > 20:
            LOG.warning("%s: and %d more such interfaces", self, len(lines) - 20)

    def _identify(self) -> None:
        """Post who the hypervisor is, when that is known or changed."""
        assert self.replica is not None and self.view is not None
        bridge = self.view.bridge
        info, problem = describe(
            self.replica, bridge[1] if bridge is not None else None, self.peer[0]
        )
        if problem != self.problem:
            self.problem = problem
            if problem:
                LOG.warning("%s: %s", self, problem)
        if info is None:
            if self.info is not None:
                root = self.replica.root
                if root is None or root[1]["external_ids"].get("system-id") != self.info.element:
                    raise ProtocolError("its system-id went away")
            return
        old = self.info
        if old == info and self.state != "waiting":
            return
        if old is not None and (old.element, old.identity) != (info.element, info.identity):
            raise ProtocolError(f"its system-id changed from {old.element} to {info.element}")
        if self.state == "refused":
            raise ProtocolError("it changed who it is, after it had been refused")
        self.info = info
        self.dirty = True
        if self.state == "waiting":
            self.state = "connected"
            LOG.info("%s: %s, VTEP %s, OVS %s", self, info.hostname, info.vtep, info.ovs_version)
            self.terms.post(
                ElementConnected(
                    self.number,
                    info,
                    tuple(self.view.claims.values()),
                    tuple(self.view.tunnels.values()),
                )
            )
        else:
            self.terms.post(ElementChanged(self.number, info))

    # ------------------------------------------------------------ what the controller wants

    def accept(self, wanted: Wanted) -> None:
        if self.state == "connected":
            self.state = "accepted"
            self.wanted = wanted
            self._marks = dict(wanted.marks)
            self.dirty = True

    def refuse(self, reason: str, now: float) -> None:
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
            self.wanted = None
            self._marks.clear()

    def mark(self, names: Mapping[str, bool]) -> None:
        self._marks.update(names)
        self.dirty = True

    # ------------------------------------------------------------ output

    def work(self, now: float) -> None:
        """Bring the database to what is wanted: at most one transaction is under way."""
        if self.state != "accepted" or self._in_flight is not None:
            self.dirty = False
            return
        if now < self.not_before:
            return
        assert self.replica is not None and self.view is not None
        assert self.wanted is not None and self.info is not None
        transaction = needed(self.replica, self.view, self._wish())
        if transaction.problems != self.problems:
            self.problems = transaction.problems
            for problem in transaction.problems[:20]:
                LOG.warning("%s: %s", self, problem)
        mark_interfaces(transaction, self.replica, self.view, self._marks)
        operations = transaction.operations
        self.dirty = False
        if not operations:
            self._marks.clear()
            return
        self._tokens = min(WRITE_BURST, self._tokens + (now - self._tokens_at) * WRITE_RATE)
        self._tokens_at = now
        if self._tokens < 1:
            self.not_before = now + 1 / WRITE_RATE
            self.dirty = True
            return
        self._tokens -= 1
        self.transactions += 1
        self._in_flight = f"write{self.transactions}"
        owner = self.terms.node_name or "vnc"
        transaction.comment(f"{owner}: {len(operations)} changes")
        self._request("transact", [DATABASE, *operations], self._in_flight)

    def _wish(self) -> Wish:
        assert self.info is not None and self.wanted is not None
        terms = self.terms
        bridge = self.view.bridge if self.view is not None else None
        if bridge is not None and "datapath-id" in bridge[1]["other_config"]:
            self._datapath_id = datapath_id(bridge[1])
        scheme, address, _ = self.local
        host = f"[{address}]" if ":" in address else address
        return Wish(
            element=self.info.element,
            vtep=self.info.vtep,
            tunnels=self.wanted.tunnels,
            controller=terms.controller_target or f"{scheme}:{host}:{terms.openflow_port}",
            local=self.local,
            table_names=terms.table_names,
            bfd_interval=terms.bfd_interval,
            owner=terms.node_name,
            datapath_id=self._datapath_id,
        )

    def _written(self, message: Message, now: float) -> None:
        """The reply to a transaction.  Its updates came before it, so the next look at the
        replica sees what it did, or what somebody else did instead (RFC 7047 section 4.1.3)."""
        self._in_flight = None
        self.dirty = True
        error = ""
        if message.type == Message.T_ERROR:
            error = str(message.error)
        elif isinstance(message.result, list):
            for item in message.result:
                if isinstance(item, dict) and item.get("error"):
                    error = f"{item['error']}: {item.get('details', '')}"
                    break
        if not error:
            self.failures = 0
            self.last_error = ""
            return
        self.failures += 1
        self.not_before = now + min(10.0, 0.02 * 2 ** min(self.failures, 10))
        error = error[:300]
        if error != self.last_error:
            self.last_error = error
            LOG.warning("%s: a transaction failed and will be tried again: %s", self, error)

    # ------------------------------------------------------------ time

    def tick(self, now: float) -> None:
        """Deadlines and probes; ``now`` in seconds.  Raises ProtocolError when one is over."""
        if self.view is None:
            if now > self._deadline:
                raise ProtocolError(f"not ready in time (state {self.state})")
            return
        if self.state == "refused" and now > self._refused_until:
            raise ProtocolError(f"refused: {self.problem}")
        quiet = now - self._last_in
        interval = self.terms.probe_interval
        if quiet > 2 * interval:
            raise ProtocolError(f"silent for {quiet:.0f} s, also when probed")
        if quiet > interval and not self._probed:
            self._probed = True
            self._request("echo", [], "probe")

    def closed(self, reason: str) -> None:
        """Tell the control core, once, that the session is over."""
        self.connection.close()
        if self.announced and self.info is not None:
            self.terms.post(ElementDisconnected(self.number, self.info.element, reason))
        self.state = "closed"

    def status(self, now: float) -> dict[str, Any]:
        """For people: safe to call from any thread."""
        info, view = self.info, self.view
        return {
            "session": self.number,
            "element": info.element if info is not None else "",
            "state": self.state,
            "problem": self.problem or "; ".join(self.problems) or self.last_error,
            "hostname": info.hostname if info is not None else "",
            "vtep": info.vtep if info is not None else "",
            "address": self.peer[0],
            "port": self.peer[1],
            "tls": self.connection.tls,
            "ovs_version": info.ovs_version if info is not None else "",
            "datapath_id": info.datapath_id if info is not None else 0,
            "seconds": round(now - self.since, 1),
            "interfaces": len(view.claims) if view is not None else 0,
            "tunnels": len(view.tunnels) if view is not None else 0,
            "transactions": self.transactions,
            "failures": self.failures,
            "bytes_in": self.connection.bytes_in,
        }
