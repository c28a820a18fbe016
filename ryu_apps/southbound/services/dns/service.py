"""DNS for VMs: names of their network from the configuration, others from the resolvers.

:class:`DnsService` gives the punt worker its two services.  What can be answered from the network's
:class:`~vrouter_ovs.proxies.dns.dns.DnsView` is answered there and then; what has to wait
(questions to resolvers, everything over TCP) goes to one thread of its own, which owns the
sockets, the caches
and the connections.  Between the threads stands one bounded queue.

A network sees its own view and its own cache, and a port gets answers only while it is the port
that asked.
"""

from __future__ import annotations

import logging
import selectors
import socket
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ryu_apps.control.messages import DnsChanged, Subscriptions
from ryu_apps.southbound.services.base import Send, Service, SwitchPort
from ryu_apps.southbound.services.dns.forwarder import Forwarder
from ryu_apps.southbound.services.dns.resolvers import Limits
from ryu_apps.southbound.services.dns.streams import Streams
from ryu_apps.supervision import Thread, failed, waiting
from vrouter_ovs.edge import EdgePort, PuntReason
from vrouter_ovs.numbers import PORT_DNS
from vrouter_ovs.proxies.dns import dns as edge_dns
from vrouter_ovs.proxies.dns import mdns
from vrouter_ovs.proxies.dns import relay as dns_relay
from vrouter_ovs.proxies.dns.dns import DnsView
from vrouter_ovs.proxies.dns.message import Reply
from vrouter_ovs.proxies.dns.special_names import parse_zones
from vrouter_ovs.proxies.packet import Answer, Malformed, Udp, ignored
from vrouter_ovs.proxies.tcp import wire as tcp_wire

LOG = logging.getLogger("vnc.dns")

QUEUE = 4096
"""What may wait for the thread; what comes beyond is dropped, and the client asks again."""
TURN = 256
"""Taken from the queue before sockets have their turn."""
LATER = Answer((), "later", "")
Count = Callable[[str, str, str], None]
Current = Callable[[SwitchPort], EdgePort | None]
Job = Callable[[float], None]


def _is_tcp(frame: bytes) -> bool:
    """By the protocol's number alone; tcp_wire looks at the rest."""
    if frame[12:14] == b"\x08\x00":
        return frame[23:24] == b"\x06"
    return frame[12:14] == b"\x86\xdd" and frame[20:21] == b"\x06"


def _no_count(element: str, which: str, name: str) -> None:
    """Nobody counts."""


class DnsService:
    """``send(element, ofport, frame)``: puts a frame out of a port, from any thread, without
    blocking.  ``resolvers``: ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT, the preferred one first;
    none: names outside a network are refused.  ``count(element, which, name)``: what became of a
    query that was answered later, ``which`` being "answered", "ignored" or "malformed".
    ``current``: the port that a number of a switch is now; without it that never changes.
    ``forward_zones``: names that go to the resolvers though they mean something only inside.

    Raises ValueError for a resolver or a zone that is none.
    """

    def __init__(
        self, send: Send, resolvers: tuple[str, ...], limits: Limits, count: Count = _no_count,
        current: Current | None = None, forward_zones: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        self._send = send
        self._count = count
        self._current = current
        self._selector = selectors.DefaultSelector()
        self._forwarder = Forwarder(tuple(resolvers), self._selector, limits)
        self._forward_zones = parse_zones(forward_zones)
        self._views: dict[str, DnsView] = {}
        self._jobs: deque[Job] = deque()
        self._queries: Counter[str] = Counter()
        """Of the punt worker."""
        self._results: Counter[str] = Counter()
        """Of our own thread."""
        self._streams = Streams(self._views, self._forwarder, send, self._here, count,
                                self._results)
        self._wake, self._woken = socket.socketpair()
        self._wake.setblocking(False)
        self._woken.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ, None)
        self._stopping = False
        self._thread = Thread(
            self._run, "dns", essential=True, may_end=lambda: self._stopping
        )

    # ------------------------------------------------------------ controller thread

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping = True
        self._nudge()
        if self._thread.is_alive():
            self._thread.join(5.0)
        if self._thread.is_alive():
            LOG.warning("the DNS thread did not end")
            return
        self._forwarder.close()
        self._selector.close()
        self._wake.close()
        self._woken.close()

    def services(self) -> Mapping[int, Service]:
        """By reason."""
        return {PuntReason.DNS: self.query, PuntReason.MDNS: self.multicast_query}

    def subscriptions(self) -> Subscriptions:
        return {DnsChanged: lambda effect: self.changed(effect.network_id, effect.view)}

    def changed(self, network_id: str, view: DnsView | None) -> None:
        """What the ports of a network may see; None: the network is gone."""
        if view is None:
            if self._views.pop(network_id, None) is not None:
                # Not bounded by QUEUE: it must not be lost, and there is one for each network.
                self._jobs.append(lambda now: self._drop(network_id, now))
                self._nudge()
            return
        self._views[network_id] = replace(
            view, forward=bool(self._forwarder.resolvers), forward_zones=self._forward_zones
        )

    # ------------------------------------------------------------ the punt worker

    def query(self, frame: bytes, port: EdgePort, switch_port: SwitchPort) -> tuple[str, Answer]:
        """A frame to the resolver's address; raises Malformed."""
        view = self._views.get(port.network_id)
        if view is None:
            return "dns", ignored("no such network")
        if _is_tcp(frame):
            tcp = tcp_wire.parse(frame)
            if tcp.dst_port != PORT_DNS:
                raise Malformed("not to the DNS port")
            if not self._later(lambda now: self._streams.segment(tcp, port, switch_port, now)):
                return "dns", ignored("busy")
            return "dns", LATER
        udp = edge_dns.query_of(frame)
        reply = edge_dns.answer(udp.payload, view)
        if reply.kind != "forward":
            self._queries[reply.kind] += 1
            frames = (edge_dns.reply_frame(udp, reply.wire),)
            return "dns", Answer(frames, reply.kind, reply.reason)
        self._queries["forward"] += 1
        if not self._later(lambda now: self._forward(udp, reply, port, switch_port, now)):
            return "dns", ignored("busy")
        return "dns", LATER

    def multicast_query(
        self, frame: bytes, port: EdgePort, switch_port: SwitchPort
    ) -> tuple[str, Answer]:
        """A frame to the multicast DNS group; raises Malformed."""
        view = self._views.get(port.network_id)
        if view is None:
            return "mdns", ignored("no such network")
        answer = mdns.answer(frame, port, view)
        self._queries[f"mdns {answer.kind}"] += 1
        return "mdns", answer

    def _later(self, job: Job) -> bool:
        if len(self._jobs) >= QUEUE:
            self._queries["dropped"] += 1
            return False
        self._jobs.append(job)
        self._nudge()
        return True

    def _nudge(self) -> None:
        try:
            self._wake.send(b"\0")
        except (BlockingIOError, OSError):
            pass  # full of nudges already, or closed

    # ------------------------------------------------------------ any thread

    def status(self) -> dict[str, Any]:
        return {
            "networks": len(self._views), "queued": len(self._jobs),
            "queries": dict(self._queries), "results": dict(self._results),
            **self._forwarder.status(), "tcp": self._streams.status(),
        }  # fmt: skip

    # ------------------------------------------------------------ our own thread

    def _run(self) -> None:
        while not self._stopping:
            try:
                self._turn()
            except Exception:  # the outermost boundary of this thread
                self._results["errors"] += 1
                failed("a DNS query could not be handled")

    def _turn(self) -> None:
        due = self._due()
        if self._jobs:
            wait: float | None = 0.0
        else:
            wait = None if due is None else max(0.0, due - time.monotonic())
        with waiting():
            events = self._selector.select(wait)
        now = time.monotonic()
        for key, mask in events:
            if key.data is None:
                try:
                    self._woken.recv(4096)
                except BlockingIOError:
                    pass
            else:
                self._forwarder.ready(key.data, mask, now)
        for _ in range(min(TURN, len(self._jobs))):
            self._jobs.popleft()(now)
        self._forwarder.expire(now)
        self._streams.serve(now)

    def _due(self) -> float | None:
        times = (self._forwarder.due(), self._streams.due())
        return min((each for each in times if each is not None), default=None)

    def _drop(self, network_id: str, now: float) -> None:
        if network_id not in self._views:  # it may be back already
            self._forwarder.drop(network_id, now)

    def _forward(
        self, udp: Udp, reply: Reply, port: EdgePort, switch_port: SwitchPort, now: float
    ) -> None:
        assert reply.question is not None

        def done(response: bytes | None, how: str, now: float) -> None:
            if how == "gone":
                return
            try:
                wire = (dns_relay.failure(udp.payload) if response is None
                        else dns_relay.finish(udp.payload, response))  # fmt: skip
            except Malformed as fault:
                self._results["malformed"] += 1
                self._count(switch_port[0], "malformed", f"dns response: {fault.reason}")
                return
            self._deliver(switch_port, port, edge_dns.reply_frame(udp, wire), f"dns {how}")

        waiter = switch_port, udp.src, udp.src_port, udp.payload[:2]
        owner = switch_port, port.port_id
        self._forwarder.ask(
            port.network_id, reply.question, reply.wire, owner, waiter, done, now
        )

    def _here(self, switch_port: SwitchPort, port_id: str) -> bool:
        """Whether the port that asked is still the one there."""
        if self._current is None:
            return True
        found = self._current(switch_port)
        return found is not None and found.port_id == port_id

    def _deliver(self, switch_port: SwitchPort, port: EdgePort, frame: bytes, name: str) -> None:
        if not self._here(switch_port, port.port_id):
            self._results["left"] += 1
            self._count(switch_port[0], "ignored", "dns: the port left")
            return
        sent = self._send(*switch_port, frame)
        self._results[name.partition(" ")[2] if sent else "unsent"] += 1
        self._count(switch_port[0], "answered", name)
