"""DNS over TCP for VMs (RFC 7766): connections, and the messages on them.

Owned by the thread of :class:`~ryu_apps.southbound.services.dns.service.DnsService`, which calls
:meth:`Streams.serve` after everything else that it does.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ryu_apps.southbound.services.base import Send, SwitchPort
from ryu_apps.southbound.services.dns.forwarder import Forwarder
from vrouter_ovs.edge import EdgePort
from vrouter_ovs.proxies.dns import dns as edge_dns
from vrouter_ovs.proxies.dns import relay as dns_relay
from vrouter_ovs.proxies.dns.dns import DnsView
from vrouter_ovs.proxies.packet import Malformed
from vrouter_ovs.proxies.tcp.tcp import TcpRequest, TcpServer
from vrouter_ovs.proxies.tcp.wire import Tcp


class Owner(NamedTuple):
    """Whose a connection is: a port's, as long as its number at the switch is that port's."""

    switch_port: SwitchPort
    port_id: str
    network_id: str


class Streams:
    """``views``: by network.  ``here(switch_port, port id)``: whether the port is still there.
    ``count(element, which, name)`` and ``results`` as in the service."""

    def __init__(
        self, views: Mapping[str, DnsView], forwarder: Forwarder, send: Send,
        here: Callable[[SwitchPort, str], bool], count: Callable[[str, str, str], None],
        results: Counter[str],
    ) -> None:  # fmt: skip
        self._views, self._forwarder, self._send = views, forwarder, send
        self._here, self._count, self._results = here, count, results
        self._server = TcpServer(secrets.token_bytes(32))
        self._asked = 0

    def segment(self, tcp: Tcp, port: EdgePort, switch_port: SwitchPort, now: float) -> None:
        owner = Owner(switch_port, port.port_id, port.network_id)
        self._server.segment(owner, tcp, port.mtu, now)

    def due(self) -> float | None:
        return self._server.due()

    def serve(self, now: float) -> None:
        """Answer what has arrived, send what is to be sent."""
        server = self._server
        server.tick(now)
        while requests := server.requests():
            for request in requests:
                self._request(request, now)
        for owner, frame in server.frames():
            if not self._here(owner.switch_port, owner.port_id):
                server.drop(owner)
            elif not self._send(*owner.switch_port, frame):
                self._results["unsent"] += 1

    def _request(self, request: TcpRequest, now: float) -> None:
        owner: Owner = request.owner
        view = self._views.get(owner.network_id)
        if view is None:
            self._server.abort(request.serial)
            return
        try:
            reply = edge_dns.answer(request.message, view, udp=False)
        except Malformed as fault:
            self._malformed(request, fault.reason)
            return
        if reply.kind != "forward":
            self._respond(request, reply.wire, reply.kind, now)
            return
        self._asked += 1
        self._forwarder.ask(
            owner.network_id, reply.question, reply.wire, owner[:2],
            (request.serial, self._asked),
            lambda response, how, then: self._answered(request, response, how, then), now,
        )  # fmt: skip

    def _answered(self, request: TcpRequest, response: bytes | None, how: str, now: float) -> None:
        if how == "gone":
            self._server.abort(request.serial)
            return
        try:
            wire = (dns_relay.failure(request.message) if response is None
                    else dns_relay.finish(request.message, response, udp=False))  # fmt: skip
        except Malformed as fault:
            self._malformed(request, fault.reason)
            return
        self._respond(request, wire, how, now)

    def _respond(self, request: TcpRequest, wire: bytes, kind: str, now: float) -> None:
        self._server.respond(request.serial, wire, now)
        self._results[f"tcp {kind}"] += 1
        self._count(request.owner.switch_port[0], "answered", f"dns tcp {kind}")

    def _malformed(self, request: TcpRequest, reason: str) -> None:
        self._server.abort(request.serial)
        self._results["malformed"] += 1
        self._count(request.owner.switch_port[0], "malformed", reason)

    def status(self) -> dict[str, Any]:
        """From any thread."""
        server = self._server
        return {"connections": len(server), "bytes": server.bytes, **dict(server.counts)}
