"""Metadata of instances: their TCP connections end here, and their requests go to the service.

One thread owns the connections.  It gets segments from the punt worker through one bounded queue,
and answers from the threads of :class:`~.backend.Pool`; it waits for neither.

An instance is whom its port is: the switch says which port a frame came from, and addresses have no
say in it.  So two tenants with the same addresses are two.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, NamedTuple

from ryu_apps.southbound.services.base import Send, Service, SwitchPort
from ryu_apps.southbound.services.metadata.backend import Exchange, Pool
from ryu_apps.southbound.services.metadata.settings import MetadataSettings, Secret, Target
from ryu_apps.supervision import Worker, failed, waiting
from vrouter_ovs.addresses import address_bytes
from vrouter_ovs.edge import EdgePort, PuntReason
from vrouter_ovs.numbers import PORT_HTTP
from vrouter_ovs.proxies.metadata import http, instance
from vrouter_ovs.proxies.metadata.http import BadRequest, Request, RequestFraming
from vrouter_ovs.proxies.packet import Answer, Malformed, ignored
from vrouter_ovs.proxies.tcp import wire as tcp_wire
from vrouter_ovs.proxies.tcp.bounds import Bounds
from vrouter_ovs.proxies.tcp.tcp import TcpRequest, TcpServer
from vrouter_ovs.state import METADATA_ADDRESSES

LOG = logging.getLogger("vnc.metadata")

QUEUE = 8192
"""Segments that may wait for the thread; what comes beyond is dropped, and sent again."""
LATER = Answer((), "later", "")
CONNECTIONS, CONNECTIONS_OF_PORT = 4096, 16
BYTES, LARGEST_REQUEST = 1 << 27, 16384
"""Of answers on their way in all; of a request, which is Nova's way to take a password."""
_SERVERS = frozenset(map(address_bytes, METADATA_ADDRESSES))
Job = Callable[[float], None]


class Owner(NamedTuple):
    """Whose a connection is: a port's, as long as its number at the switch is that port's."""

    switch_port: SwitchPort
    port_id: str


@dataclass(frozen=True)
class Trouble:
    """``problem``: what is wrong with the service, as its last answer shows; "" for nothing."""

    problem: str = ""
    since: float = 0.0


class MetadataService:
    """``send(element, ofport, frame)``: puts a frame out of a port, from any thread, without
    blocking.  ``count(element, which, name)``: what became of a request, ``which`` being
    "answered" or "malformed".  ``current``: the port that a number of a switch is now.

    Raises ValueError or OSError for settings that cannot be used.
    """

    def __init__(
        self, send: Send, settings: MetadataSettings, count: Callable[[str, str, str], None],
        current: Callable[[SwitchPort], EdgePort | None],
    ) -> None:  # fmt: skip
        self._send, self._count, self._current = send, count, current
        self._timeout = settings.timeout
        self._secret = Secret(settings.secret_file)
        self._pool = Pool(Target(settings), settings.workers, settings.most)
        self._server = TcpServer(secrets.token_bytes(32), Bounds(
            longest=LARGEST_REQUEST, window=LARGEST_REQUEST, pending=1, waiting=1,
            of_owner=CONNECTIONS_OF_PORT, in_all=CONNECTIONS,
            bytes_of_owner=4 * settings.most, bytes_in_all=max(BYTES, 4 * settings.most),
        ), RequestFraming())  # fmt: skip
        self._exchanges: dict[Exchange, tuple[TcpRequest, Request]] = {}
        """What is asked, and for which request; in the order of deadlines, as each has the same
        time."""
        self._segments: deque[Job] = deque()
        self._answers: deque[Job] = deque()
        """Not bounded by QUEUE: there is one for each exchange."""
        self._results: Counter[str] = Counter()
        self._trouble = Trouble()
        self._worker = Worker(self._run, "metadata")

    # ------------------------------------------------------------ controller thread

    def start(self) -> None:
        self._pool.start()
        self._worker.start()

    def stop(self) -> None:
        self._worker.stop()
        self._pool.stop()
        for exchange in list(self._exchanges):
            exchange.give_up()

    def services(self) -> Mapping[int, Service]:
        """By reason."""
        return {PuntReason.METADATA: self.segment}

    # ------------------------------------------------------------ the punt worker

    def segment(self, frame: bytes, port: EdgePort, switch_port: SwitchPort) -> tuple[str, Answer]:
        """A frame to the service's address; raises Malformed."""
        tcp = tcp_wire.parse(frame)
        if tcp.dst_port != PORT_HTTP or tcp.dst not in _SERVERS:
            raise Malformed("not to the metadata service")
        owner, mtu = Owner(switch_port, port.port_id), port.mtu
        if len(self._segments) >= QUEUE:
            self._results["dropped"] += 1
            return "metadata", ignored("busy")
        self._put(self._segments, lambda now: self._server.segment(owner, tcp, mtu, now))
        return "metadata", LATER

    def _put(self, queue: deque[Job], job: Job) -> None:
        with self._worker.changed:
            queue.append(job)
            self._worker.changed.notify()

    # ------------------------------------------------------------ any thread

    def status(self) -> dict[str, Any]:
        server, trouble = self._server, self._trouble
        return {
            "results": dict(self._results), "queued": len(self._segments), **self._pool.status(),
            "tcp": {"connections": len(server), "bytes": server.bytes, **dict(server.counts)},
            "problem": trouble.problem,
            "problem_seconds": int(time.monotonic() - trouble.since) if trouble.problem else 0,
        }  # fmt: skip

    # ------------------------------------------------------------ our own thread

    def _run(self) -> None:
        while True:
            with self._worker.changed:
                while not (self._segments or self._answers or self._worker.stopping):
                    due = self._due()
                    wait = due - time.monotonic() if due is not None else None
                    if wait is not None and wait <= 0:
                        break
                    with waiting():
                        self._worker.changed.wait(wait)
                if self._worker.stopping:
                    return
                jobs = [*self._answers, *self._segments]
                self._answers.clear()
                self._segments.clear()
            now = time.monotonic()
            for job in (*jobs, self._expire, self._serve):
                try:
                    job(now)
                except Exception:  # the outermost boundary of this thread
                    self._results["errors"] += 1
                    failed("a request for metadata could not be handled")

    def _due(self) -> float | None:
        first = next(iter(self._exchanges), None)
        times = (self._server.due(), first.deadline if first is not None else None)
        return min((each for each in times if each is not None), default=None)

    def _expire(self, now: float) -> None:
        """Give up what the service has not answered in time."""
        while (exchange := next(iter(self._exchanges), None)) and exchange.deadline <= now:
            exchange.give_up()
            exchange.failed(HTTPStatus.GATEWAY_TIMEOUT, "it does not answer")
            self._answered(exchange, now)

    def _serve(self, now: float) -> None:
        """Take what has arrived, send what is to be sent."""
        server = self._server
        server.tick(now)
        while requests := server.requests():
            for request in requests:
                self._request(request, now)
        for owner, frame in server.frames():
            if self._port(owner) is None:
                server.drop(owner)
            elif not self._send(*owner.switch_port, frame):
                self._results["unsent"] += 1

    def _port(self, owner: Owner) -> EdgePort | None:
        port = self._current(owner.switch_port)
        return port if port is not None and port.port_id == owner.port_id else None

    def _request(self, message: TcpRequest, now: float) -> None:
        port = self._port(message.owner)
        if port is None:
            self._server.abort(message.serial)
            return
        try:
            request = http.parse(message.message)
        except BadRequest as fault:
            self._results["malformed"] += 1
            self._count(message.owner.switch_port[0], "malformed", f"metadata: {fault.reason}")
            refusal = http.refusal(fault.status, fault.reason)
            self._server.respond(message.serial, refusal, now, last=True)
            return
        if not port.instance_id:
            self._refuse(message, request, HTTPStatus.NOT_FOUND, "no instance has this port", now)
            return
        exchange = Exchange(
            message.owner, request.method, request.target,
            instance.headers(port, message.peer, self._secret.value(), request.headers),
            request.body, now + self._timeout,
            lambda one: self._put(self._answers, lambda then: self._answered(one, then)),
        )  # fmt: skip
        if not self._pool.submit(exchange):
            self._refuse(message, request, HTTPStatus.SERVICE_UNAVAILABLE,
                         "too many requests wait for the metadata service", now)  # fmt: skip
            return
        self._exchanges[exchange] = message, request

    def _answered(self, exchange: Exchange, now: float) -> None:
        found = self._exchanges.pop(exchange, None)
        if found is None:
            return  # answered in the moment in which it was given up
        message, request = found
        self._judge(exchange, now)
        if exchange.failure:
            self._refuse(message, request, exchange.status,
                         f"the metadata service is at fault: {exchange.failure}", now)  # fmt: skip
            return
        kind = [("Content-Type", exchange.content_type)] if exchange.content_type else []
        wire = http.response(
            exchange.status, kind, exchange.answer, head=request.method == "HEAD",
            keep_alive=request.keep_alive, length=exchange.length,
        )  # fmt: skip
        self._respond(message, request, exchange.status, wire, now)

    def _judge(self, exchange: Exchange, now: float) -> None:
        """What an answer says of the service itself."""
        problem = exchange.failure
        if not problem and exchange.status == HTTPStatus.FORBIDDEN:
            problem = "it refuses what we say of instances: it may have another shared secret"
        if problem != self._trouble.problem:
            self._trouble = Trouble(problem, now)
            if problem:
                LOG.warning("the metadata service is at fault: %s", problem)
            else:
                LOG.info("the metadata service answers again")

    def _refuse(
        self, message: TcpRequest, request: Request, status: int, reason: str, now: float
    ) -> None:
        wire = http.refusal(
            status, reason, head=request.method == "HEAD", keep_alive=request.keep_alive
        )
        self._respond(message, request, status, wire, now)

    def _respond(
        self, message: TcpRequest, request: Request, status: int, wire: bytes, now: float
    ) -> None:
        self._server.respond(message.serial, wire, now, last=not request.keep_alive)
        self._results[str(int(status))] += 1
        self._count(message.owner.switch_port[0], "answered", f"metadata {int(status)}")
