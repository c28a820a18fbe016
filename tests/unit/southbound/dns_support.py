"""Resolvers on the loopback, good and bad, and VMs that ask a DnsService, for its tests."""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

from lab.beds.option_values import dns_limits
from ryu_apps.southbound.services.dns.service import DnsService
from tests.unit.vrouter.proxy_support import GATEWAY_MAC, MAC, PORT
from vrouter_ovs.addresses import address_bytes
from vrouter_ovs.edge import EdgePort
from vrouter_ovs.proxies import packet
from vrouter_ovs.proxies.build import build_udp4
from vrouter_ovs.proxies.dns.dns import DnsView
from vrouter_ovs.proxies.packet import Answer

Behave = Callable[[dns.message.Message, bool], Sequence[bytes]]
"""``behave(query, over_tcp) -> what to send back``."""
OWN, SERVER = address_bytes("10.0.0.5"), address_bytes("10.0.0.1")
RED = DnsView("red.test", {"vm1": ("10.0.0.5",)}, {"10.0.0.5": "vm1.red.test"}, ("10.0.0.0/24",))
BLUE = DnsView("blue.test", {"vm1": ("10.9.0.5",)}, {"10.9.0.5": "vm1.blue.test"})


def eventually(condition: Callable[[], object], message: object = "") -> object:
    deadline = time.monotonic() + 60
    while not (value := condition()):
        assert time.monotonic() < deadline, message
        time.sleep(0.005)
    return value


def response(query: dns.message.Message, addresses: Sequence[str] = ("192.0.2.1",), ttl: int = 60,
             rcode: int = 0, truncated: bool = False) -> bytes:  # fmt: skip
    made = dns.message.make_response(query)
    made.flags |= dns.flags.RA | (dns.flags.TC if truncated else 0)
    made.set_rcode(dns.rcode.Rcode(rcode))
    if addresses:
        made.answer.append(dns.rrset.from_text(query.question[0].name, ttl, "IN", "A", *addresses))
    if rcode == dns.rcode.NXDOMAIN:
        made.authority.append(
            dns.rrset.from_text(".", ttl, "IN", "SOA", f"a. b. 1 2 3 4 {ttl}")
        )
    return made.to_wire(max_size=65535)


def good(query: dns.message.Message, stream: bool) -> Sequence[bytes]:
    return [response(query)]


def silent(query: dns.message.Message, stream: bool) -> Sequence[bytes]:
    return []


def _bound(stream: bool) -> tuple[socket.socket, socket.socket | None]:
    """A UDP and a TCP socket on the same port, which another process may have for one of them."""
    for _ in range(100):
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        udp.bind(("127.0.0.1", 0))
        if not stream:
            return udp, None
        try:
            return udp, socket.create_server(udp.getsockname())
        except OSError:
            udp.close()
    raise AssertionError("no port is free for both")


class Resolver:
    """On a port of the loopback, over UDP and TCP; ``asked``: (query, over TCP)."""

    def __init__(self, behave: Behave = good, stream: bool = True) -> None:
        self.behave = behave
        self.asked: list[tuple[dns.message.Message, bool]] = []
        self.sources: list[int] = []
        self._udp, self._tcp = _bound(stream)
        self.port = self._udp.getsockname()[1]
        self.name = f"127.0.0.1:{self.port}"
        self._threads = [threading.Thread(target=self._serve_udp, daemon=True)]
        if stream:
            self._threads.append(threading.Thread(target=self._serve_tcp, daemon=True))
        self._closing = False
        for thread in self._threads:
            thread.start()

    def names(self) -> list[str]:
        return [each.question[0].name.to_text().lower() for each, _ in list(self.asked)]

    def _serve_udp(self) -> None:
        while True:
            data, source = self._udp.recvfrom(65535)
            if self._closing:
                return
            query = dns.message.from_wire(data)
            self.asked.append((query, False))
            self.sources.append(source[1])
            for wire in self.behave(query, False):
                self._udp.sendto(wire, source)

    def _serve_tcp(self) -> None:
        while True:
            made, _ = self._tcp.accept()
            if self._closing:
                return
            threading.Thread(target=self._serve_stream, args=(made,), daemon=True).start()

    def _serve_stream(self, made: socket.socket) -> None:
        with made:
            made.settimeout(60)
            while True:
                head = made.recv(2, socket.MSG_WAITALL)
                if len(head) < 2:
                    return
                data = made.recv(int.from_bytes(head, "big"), socket.MSG_WAITALL)
                query = dns.message.from_wire(data)
                self.asked.append((query, True))
                for wire in self.behave(query, True):
                    data = len(wire).to_bytes(2, "big") + wire
                    # In two pieces, as a stream may come.
                    made.sendall(data[:1])
                    made.sendall(data[1:])

    def close(self) -> None:
        self._closing = True
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"x", ("127.0.0.1", self.port))
        if self._tcp is not None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 5).close()
            except OSError:
                pass
        for thread in self._threads:
            thread.join(5)
        self._udp.close()
        if self._tcp is not None:
            self._tcp.close()


class Bed:
    """A service, and what it sent later to its ports."""

    def __init__(
        self, *resolvers: str, forward_zones: tuple[str, ...] = (), **limits: float
    ) -> None:
        self.sent: queue.Queue[tuple[str, int, bytes]] = queue.Queue()
        self.counted: list[tuple[str, str, str]] = []
        self.ports: dict[tuple[str, int], EdgePort] = {}
        self.service = DnsService(
            self._send, tuple(resolvers), dns_limits(**{"timeout": 30.0, **limits}),
            lambda *what: self.counted.append(what), self.ports.get, forward_zones,
        )  # fmt: skip
        for network, view in (("red", RED), ("blue", BLUE)):
            self.service.changed(network, view)
        self.service.start()

    def _send(self, element: str, ofport: int, frame: bytes) -> bool:
        self.sent.put((element, ofport, frame))
        return True

    def port(self, ofport: int = 5, network: str = "red") -> EdgePort:
        """The port at ("hv1", ofport), plugged if it was not."""
        made = self.ports.get(("hv1", ofport))
        if made is None or made.network_id != network:
            made = replace(PORT, port_id=f"{network}-{ofport}", network_id=network, ofport=ofport)
            self.ports["hv1", ofport] = made
        return made

    def ask(self, name: str, rdtype: str = "A", ofport: int = 5, network: str = "red",
            ident: int = 77, source: int = 4000, **settings) -> Answer:  # fmt: skip
        query = dns.message.make_query(name, rdtype, id=ident, **settings)
        return self.ask_wire(query.to_wire(), ofport, network, source)

    def ask_wire(self, wire: bytes, ofport: int = 5, network: str = "red",
                 source: int = 4000) -> Answer:  # fmt: skip
        frame = build_udp4(GATEWAY_MAC, MAC, OWN, SERVER, source, 53, wire)
        protocol, answer = self.service.query(frame, self.port(ofport, network), ("hv1", ofport))
        assert protocol == "dns"
        return answer

    def heard(self) -> tuple[int, dns.message.Message]:
        """(OpenFlow port, message) of the next answer that came later."""
        element, ofport, frame = self.sent.get(timeout=60)
        udp = packet.udp4(frame)
        assert element == "hv1" and (udp.src, udp.dst, udp.src_port) == (SERVER, OWN, 53)
        assert (udp.src_mac, udp.dst_mac) == (GATEWAY_MAC, MAC)
        return ofport, dns.message.from_wire(udp.payload)

    def looked_up(self, name: str, *arguments, **settings) -> dns.message.Message:
        assert self.ask(name, *arguments, **settings).kind == "later"
        return self.heard()[1]

    def idle(self) -> dict:
        """The status, once nothing waits any more."""
        eventually(lambda: not (s := self.service.status())["queued"] and not s["in_flight"])
        return self.service.status()


def resolvers() -> Iterator[Callable[..., Resolver]]:
    """A fixture: makes resolvers, which end with the test."""
    made: list[Resolver] = []

    def make(*arguments, **settings) -> Resolver:
        made.append(Resolver(*arguments, **settings))
        return made[-1]

    yield make
    for each in made:
        each.close()


def beds() -> Iterator[Callable[..., Bed]]:
    """A fixture: makes services, which end with the test and have had no fault."""
    made: list[Bed] = []

    def make(*resolvers: str, **limits: float) -> Bed:
        made.append(Bed(*resolvers, **limits))
        return made[-1]

    yield make
    for each in made:
        each.service.stop()
        assert not each.service._thread.is_alive()
        assert each.service.status()["results"].get("errors", 0) == 0
