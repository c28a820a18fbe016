"""Punted packets: from a vrouter's packet-in to a service and back as packet-outs.

A *service* answers the frames that are punted for one reason
(:class:`~vrouter_ovs.edge.PuntReason`).  One worker thread for each node.  Receiving threads hand
over raw packet-in messages; each element has a queue of its own and the worker takes a few of each
in turn, so that a hypervisor whose VMs send as much as their meters allow delays nobody but its
own.  Nothing here remembers a client: what is answered follows from the frame and the port's
EdgePort, which the controller thread keeps current
(:class:`~ryu_apps.control.messages.EdgeChanged`)."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping
from typing import Any

from ryu_apps.control.messages import EdgeChanged, Subscriptions
from ryu_apps.southbound.services.base import Send, Service, SwitchPort, Witness
from ryu_apps.southbound.services.router_advertisements import Advertisements
from ryu_apps.supervision import Worker, failed, waiting
from vrouter_ovs.edge import EdgePort, PuntReason
from vrouter_ovs.numbers import (
    ETH_IPV4,
    ETH_IPV6,
    PORT_DHCP_SERVER,
    PORT_DHCPV6_SERVER,
    PROTO_ICMPV6,
    PROTO_UDP,
    ROUTER_SOLICIT,
)
from vrouter_ovs.proxies import ra
from vrouter_ovs.proxies.dhcp import dhcp4, dhcp6
from vrouter_ovs.proxies.dhcp.dhcp4_options import DHCP4
from vrouter_ovs.proxies.dhcp.dhcp6_options import DHCP6
from vrouter_ovs.proxies.packet import Answer, Malformed, ignored
from vrouter_ovs.wire.encode import decode_packet_in

LOG = logging.getLogger("vnc.edge")

QUEUE = 1024
"""Packet-ins of one element that may wait; what comes beyond is dropped, and the client asks
again."""
TURN = 16
"""Packet-ins taken from one element before the next one has its turn."""
REASONS = 64
"""Different reasons counted apart, for each element."""


def asked(frame: bytes, port: EdgePort, switch_port: SwitchPort) -> tuple[str, Answer]:
    """DHCP, DHCPv6 and router solicitations.  They are punted before the guard, as who asks has no
    address yet; the proxies look at whose MAC it is."""
    found = classify(frame)
    if found is None:
        return "", ignored("unknown protocol")
    protocol, proxy = found
    try:
        return protocol, proxy(frame, port)
    except Malformed as fault:
        raise Malformed(f"{protocol}: {fault.reason}") from None


def classify(frame: bytes) -> tuple[str, Callable[[bytes, EdgePort], Answer]] | None:
    """Which protocol a punted frame is, and its proxy; None for what no flow of ours punts."""
    kind = int.from_bytes(frame[12:14], "big")
    if kind == ETH_IPV4 and len(frame) > 34 and frame[23] == PROTO_UDP:
        at = 14 + (frame[14] & 15) * 4
        if int.from_bytes(frame[at + 2 : at + 4], "big") == PORT_DHCP_SERVER:
            return "dhcp", dhcp4.answer
    elif kind == ETH_IPV6 and len(frame) > 54:
        port = int.from_bytes(frame[56:58], "big")
        if frame[20] == PROTO_UDP and port == PORT_DHCPV6_SERVER:
            return "dhcpv6", dhcp6.answer
        if frame[20] == PROTO_ICMPV6 and frame[54] == ROUTER_SOLICIT:
            return "ra", ra.answer
    return None


class Counters:
    """What became of one element's punted packets."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # services that answer later count in threads of their own
        self.punted = 0
        self.dropped = 0
        self.unsent = 0
        self.answered: Counter[str] = Counter()
        self.ignored: Counter[str] = Counter()
        self.malformed: Counter[str] = Counter()

    def count(self, which: Counter[str], name: str) -> None:
        with self._lock:
            which[name if name in which or len(which) < REASONS else "other"] += 1

    def summary(self) -> dict[str, Any]:
        with self._lock:
            return {
                "punted": self.punted, "dropped": self.dropped, "unsent": self.unsent,
                "answered": dict(self.answered), "ignored": dict(self.ignored),
                "malformed": dict(self.malformed),
            }  # fmt: skip


class PuntDispatcher:
    """``send``: puts an answer out of the port that asked.  ``services``: see :meth:`serve`."""

    def __init__(self, send: Send, services: Mapping[int, Service] | None = None) -> None:
        self._send = send
        self._services: dict[int, Service] = {PuntReason.ASKED: asked}
        self._witnesses: dict[int, Witness] = {}
        self.serve(services or {})
        self._worker = Worker(self._run, "punt")
        self._lock = self._worker.changed
        self._waiting: dict[str, deque[bytes]] = {}
        """Element -> its packet-ins, in the order of turns; none is empty."""
        self._ports: dict[SwitchPort, EdgePort] = {}
        self._by_evi: dict[tuple[str, int], dict[int, None]] = {}
        """(element, EVI) -> OpenFlow ports."""
        self._tasks: deque[Callable[[], None]] = deque()
        self._fresh: deque[SwitchPort] = deque()
        self._counters: dict[str, Counters] = {}
        self._advertisements = Advertisements(send, self.current, self._advertised)

    # ------------------------------------------------------------ controller thread

    def serve(self, services: Mapping[int, Service]) -> None:
        """Before :meth:`start`.  ``services``: by reason, a number of
        :class:`~vrouter_ovs.edge.PuntReason`; what is punted for a reason without one is ignored.
        Raises ValueError for a reason that is served already."""
        self._check_reasons(services.keys())
        self._services.update(services)

    def witness(self, witnesses: Mapping[int, Witness]) -> None:
        """Likewise, for what is punted at ports that nothing is answered to yet."""
        self._check_reasons(witnesses.keys())
        self._witnesses.update(witnesses)

    def _check_reasons(self, reasons: Collection[int]) -> None:
        twice = {reason for reason in reasons if reason in self._services or (
            reason in self._witnesses
        )}
        if twice:
            raise ValueError(f"two services for punts of the reasons {sorted(twice)}")

    def subscriptions(self) -> Subscriptions:
        return {
            EdgeChanged: lambda effect: self.changed(effect.element, effect.ofport, effect.port)
        }

    def start(self) -> None:
        self._worker.start()

    def stop(self) -> None:
        self._worker.stop()

    def changed(self, element: str, ofport: int, port: EdgePort | None) -> None:
        """What is answered to a port; None: nothing any more."""
        switch_port = element, ofport
        with self._lock:
            old = self._ports.pop(switch_port, None)
            if old is not None:
                others = self._by_evi[element, old.evi]
                del others[ofport]
                if not others:
                    del self._by_evi[element, old.evi]
            if port is None:
                return
            self._ports[switch_port] = port
            self._by_evi.setdefault((element, port.evi), {})[ofport] = None
            if port.withdrawn or any(lease.ra_mode for lease in port.v6):
                self._fresh.append(switch_port)
                self._lock.notify()
        for problem in (*DHCP4.problems(port), *DHCP6.problems(port)):
            LOG.warning("port %s: %s", port.port_id, problem)

    def later(self, task: Callable[[], None]) -> None:
        """Have the worker thread do something that sends; it sees what was told before."""
        with self._lock:
            if len(self._tasks) < QUEUE:
                self._tasks.append(task)
                self._lock.notify()

    # ------------------------------------------------------------ receiving threads

    def punted(self, element: str, message: bytes) -> None:
        """Take a whole packet-in message; never blocks."""
        with self._lock:
            counters = self._counters.get(element)
            if counters is None:
                counters = self._counters[element] = Counters()
            counters.punted += 1
            queue = self._waiting.get(element)
            if queue is None:
                self._waiting[element] = deque((message,))
                self._lock.notify()
            elif len(queue) < QUEUE:
                queue.append(message)
            else:
                counters.dropped += 1

    # ------------------------------------------------------------ any thread

    def status(self, element: str) -> dict[str, Any]:
        """Counters of an element's punted packets, and how many of its ports are served."""
        with self._lock:
            counters = self._counters.get(element) or Counters()
            ports = sum(1 for switch_port in self._ports if switch_port[0] == element)
            return {"ports": ports, **counters.summary()}

    def current(self, switch_port: SwitchPort) -> EdgePort | None:
        """The port that is at ``switch_port`` now."""
        return self._ports.get(switch_port)

    def count(self, element: str, which: str, name: str) -> None:
        """What became of a frame that a service answered later: ``which`` is "answered",
        "ignored" or "malformed"."""
        with self._lock:
            counters = self._counters.get(element)
            if counters is None:
                counters = self._counters[element] = Counters()
        counters.count(getattr(counters, which), name)

    def _advertised(self, element: str) -> None:
        self.count(element, "answered", "ra unsolicited")

    def ports_of(self, element: str, evi: int) -> list[int]:
        """The OpenFlow ports of an EVI on an element."""
        with self._lock:
            return list(self._by_evi.get((element, evi), ()))

    # ------------------------------------------------------------ the worker

    def _run(self) -> None:
        while True:
            with self._lock:
                while not (self._waiting or self._fresh or self._tasks or self._worker.stopping):
                    due = self._advertisements.due()
                    wait = due - time.monotonic() if due is not None else None
                    if wait is not None and wait <= 0:
                        break
                    with waiting():
                        self._lock.wait(wait)
                if self._worker.stopping:
                    return
                element, messages = self._take()
                fresh = list(dict.fromkeys(self._fresh))
                self._fresh.clear()
                task = self._tasks.popleft() if self._tasks else None
            try:
                if task is not None:
                    task()
                if messages:
                    self._answer_all(element, messages)
                self._advertisements.serve(fresh, time.monotonic())
            except Exception:  # the outermost boundary of this thread
                failed("a punted packet or an advertisement could not be handled")

    def _take(self) -> tuple[str, list[bytes]]:
        """The next few packet-ins of the element whose turn it is, which then goes to the end."""
        if not self._waiting:
            return "", []
        element = next(iter(self._waiting))
        queue = self._waiting.pop(element)
        messages = [queue.popleft() for _ in range(min(TURN, len(queue)))]
        if queue:
            self._waiting[element] = queue
        return element, messages

    def _answer_all(self, element: str, messages: list[bytes]) -> None:
        counters = self._counters[element]
        for message in messages:
            try:
                ofport, reason, frame = decode_packet_in(message)
            except ValueError as error:
                counters.count(counters.malformed, str(error))
                continue
            witness = self._witnesses.get(reason)
            if witness is not None:
                counters.count(counters.answered, witness((element, ofport)))
                continue
            port = self._ports.get((element, ofport))
            if port is None:
                counters.count(counters.ignored, "unknown port")
                continue
            service = self._services.get(reason)
            if service is None:
                counters.count(counters.ignored, "unknown reason")
                continue
            try:
                protocol, answer = service(frame, port, (element, ofport))
            except Malformed as fault:
                counters.count(counters.malformed, fault.reason)
                continue
            if answer.kind == "ignored":
                reason = f"{protocol}: {answer.reason}" if protocol else answer.reason
                counters.count(counters.ignored, reason)
                continue
            if answer.kind == "later":
                continue  # counted by the service, when it is known what became of it
            counters.count(counters.answered, f"{protocol} {answer.kind}")
            if answer.kind in ("nak", "decline"):
                LOG.debug("port %s: DHCP %s: %s", port.port_id, answer.kind, answer.reason)
            for reply in answer.frames:
                if not self._send(element, ofport, reply):
                    counters.unsent += 1
