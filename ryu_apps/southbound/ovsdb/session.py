"""One hypervisor's OVSDB connection: schema, contents, then updates in and transactions out.

Everything here runs on the poller thread of :mod:`ryu_apps.southbound.ovsdb.sessions`.  What the
messages mean for the node is in :mod:`ryu_apps.southbound.ovsdb.element`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ryu_apps.southbound.ovsdb.contents.view import View
from ryu_apps.southbound.ovsdb.element import Origin, OvsdbElement
from ryu_apps.southbound.ovsdb.protocol.framing import ProtocolError
from ryu_apps.southbound.ovsdb.protocol.liveness import Liveness
from ryu_apps.southbound.ovsdb.protocol.ovs_package import Message
from ryu_apps.southbound.ovsdb.protocol.replica import Replica
from ryu_apps.southbound.ovsdb.protocol.rpc import RpcConnection, decode
from ryu_apps.southbound.ovsdb.protocol.schema import DATABASE, Plan, plan_for
from ryu_apps.southbound.ovsdb.settings import OvsdbSettings
from ryu_apps.southbound.ovsdb.writing.pacing import error_in, failed_at


class OvsdbSession:
    """A session from accept to close.  Its methods raise :class:`ProtocolError` or OSError where
    the connection must be closed; the caller then calls :meth:`closed`.

    ``element``: the hypervisor, None until the contents of its database are here: the peer showed
    to be an OVSDB server then.
    """

    def __init__(
        self,
        origin: Origin,
        connection: RpcConnection,
        settings: OvsdbSettings,
        post: Callable[[object], None],
        now: float,
    ) -> None:
        self.origin = origin
        self.connection = connection
        self.since = now
        self.element: OvsdbElement | None = None
        self._settings = settings
        self._post = post
        self._step = "handshake"
        self._plan: Plan | None = None
        self._liveness = Liveness(settings.probe_interval, settings.handshake_timeout, now)
        self._seen_bytes = 0
        self._identified = False
        self.challengers: list[Callable[[], None]] = []
        """What to call when it is known whether this session's hypervisor is still there."""

    def __str__(self) -> str:
        if self.element is not None:
            return str(self.element)
        return f"session {self.number} from {self.origin.peer[0]}:{self.origin.peer[1]}"

    @property
    def number(self) -> int:
        """What the control core knows the session by; given once."""
        return self.origin.number

    @property
    def state(self) -> str:
        """"handshake", "schema" or "contents", then the element's."""
        return self.element.state if self.element is not None else self._step

    @property
    def dirty(self) -> bool:
        """Whether :meth:`work` may have something to do, from :attr:`not_before` on."""
        return self.element is not None and self.element.dirty

    @property
    def not_before(self) -> float:
        """The earliest time of the next transaction."""
        return self.element.pacing.not_before if self.element is not None else 0.0

    # ------------------------------------------------------------ input

    def readable(self, now: float) -> bool:
        """Read and handle what came; True where more may be waiting."""
        connection = self.connection
        if connection.shaking and not connection.handshake():
            return False
        if self.state == "handshake":
            self._step = "schema"
            self._liveness.step_begun(now)
            self._request("get_schema", [DATABASE], "schema")
        messages, more = connection.receive()
        if connection.bytes_in != self._seen_bytes:
            self._seen_bytes = connection.bytes_in
            self._liveness.received(now)
            self._answered()
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
        elif self.element is not None and self.element.pacing.answered_by(message.id):
            if message.type == Message.T_ERROR:
                self.element.written(str(message.error), now)
            else:
                self.element.written(error_in(message.result), now, failed_at(message.result))
        elif message.id != "probe":
            raise ProtocolError(f"a reply to nothing that was asked: {str(message.id)[:40]!r}")

    @staticmethod
    def _result(message: Message, method: str) -> Any:
        if message.type == Message.T_ERROR:
            raise ProtocolError(f"{method} was refused: {str(message.error)[:200]}")
        return message.result

    def _schema(self, schema: Any, raw: bytes, now: float) -> None:
        self._plan = plan_for(schema, raw)
        self._step = "contents"
        self._liveness.step_begun(now)
        self.connection.set_input_limit(self._settings.input_limit)
        self._request("monitor_cond", [DATABASE, "vnc", self._plan.requests], "contents")

    def _contents(self, updates: Any, now: float) -> None:
        assert self._plan is not None
        view = View(Replica(self._plan.kinds))
        changes = view.update(updates)
        origin = self.origin._replace(certified=self.connection.certified)
        self.element = OvsdbElement(origin, view, self._settings, self._post, now)
        self.element.begin(changes)

    def _update(self, params: list) -> None:
        if self.element is None or len(params) != 2 or params[0] != "vnc":
            raise ProtocolError("an update that was not asked for")
        self.element.on_update(self.element.view.update(params[1]))

    # ------------------------------------------------------------ output

    def work(self, now: float) -> None:
        """Bring the database to what is asked for."""
        request = self.element.to_write(now) if self.element is not None else None
        if request is not None:
            self._request("transact", [DATABASE, *request.operations], request.identifier)

    def take_identified(self) -> bool:
        """Whether its hypervisor has said who it is; True once."""
        if self._identified or self.element is None or self.element.state != "identified":
            return False
        self._identified = True
        return True

    def challenge(self, now: float, answered: Callable[[], None]) -> None:
        """Another session says that it is of the same hypervisor: find out whether this one is
        still alive.  ``answered``: called when something has come, whatever it is; where nothing
        comes in time the session ends."""
        self.challengers.append(answered)
        if self._liveness.challenged(now):
            self._request("echo", [], "probe")

    def _answered(self) -> None:
        challengers, self.challengers = self.challengers, []
        for answered in challengers:
            answered()

    # ------------------------------------------------------------ time

    def tick(self, now: float) -> None:
        """Deadlines and probes; ``now`` in seconds.  Raises ProtocolError when one is over."""
        if self.element is None:
            if self._liveness.late(now):
                raise ProtocolError(f"not ready in time (state {self.state})")
            return
        self.element.tick(now)
        if self._liveness.probe_due(now):
            self._request("echo", [], "probe")

    def closed(self, reason: str) -> None:
        """Close the connection, and tell the control core where it knows of it.  Once."""
        self.connection.close()
        if self.element is not None:
            self.element.closed(reason)

    def status(self, now: float) -> dict[str, Any]:
        """For people: safe to call from any thread."""
        element = self.element
        info = element.info if element is not None else None
        view = element.view if element is not None else None
        return {
            "session": self.number,
            "element": info.element if info is not None else "",
            "state": self.state,
            "problem": element.trouble if element is not None else "",
            "hostname": info.hostname if info is not None else "",
            "vtep": info.vtep if info is not None else "",
            "address": self.origin.peer[0],
            "port": self.origin.peer[1],
            "tls": self.connection.tls,
            "ovs_version": info.facts.ovs_version if info is not None else "",
            "datapath_id": info.facts.datapath_id if info is not None else 0,
            "seconds": round(now - self.since, 1),
            "interfaces": len(view.claims) if view is not None else 0,
            "tunnels": len(view.tunnels) if view is not None else 0,
            "transactions": element.pacing.transactions if element is not None else 0,
            "failures": element.pacing.failures if element is not None else 0,
            "bytes_in": self.connection.bytes_in,
        }
