"""A DNS resolver that knows a few names of the outside, over UDP and TCP, and tells who asked.

Runs in a namespace: ``python -m lab.hosts.resolver ADDRESS PORT``; writes one line for each query
to its standard output, as "udp www.example.com. A".
"""

from __future__ import annotations

import socketserver
import struct
import sys
import threading
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

from lab.journal import Journal
from lab.net import Namespace
from lab.process import Daemon
from lab.wait import wait_until

ROOT = Path(__file__).resolve().parents[2]
TTL = 300
NAMES = {
    ("www.example.com.", "A"): ["203.0.113.80"],
    ("www.example.com.", "AAAA"): ["2001:db8::80"],
    ("other.example.com.", "A"): ["203.0.113.81"],
    ("dc1.corp.local.", "A"): ["203.0.113.82"],
    ("third.example.com.", "A"): ["203.0.113.83"],
    ("com.", "NS"): ["a.gtld-servers.net."],
    # More than any UDP answer holds.
    ("large.example.com.", "TXT"): [f'"{number:02d}{"x" * 200}"' for number in range(20)],
}


class Resolver:
    """The process.  Loopback inside of a node's namespace is as good as any address."""

    def __init__(self, space: Namespace, journal: Journal, address: str, port: int) -> None:
        directory = journal.directory / f"resolver-{space.host}"
        self.daemon = Daemon(
            journal, "resolver", [sys.executable, "-m", "lab.hosts.resolver", address, str(port)],
            directory, space, {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip

    def start(self) -> None:
        ready = self.daemon.log.read_text().count("ready") if self.daemon.log.exists() else 0
        self.daemon.start()
        wait_until(lambda: self.daemon.log.read_text().count("ready") > ready,
                   "a resolver that listens", 20, log=self.daemon.log)

    def kill(self) -> None:
        self.daemon.kill()

    def asked(self, name: str = "") -> list[str]:
        """The queries so far for ``name`` (with the last dot), or all."""
        lines = self.daemon.log.read_text().splitlines()
        return [line for line in lines if line.startswith(("udp ", "tcp ")) and name in line]


def answer(query: bytes, over: str) -> bytes:
    message = dns.message.from_wire(query)
    question = message.question[0]
    name, kind = question.name.to_text().lower(), question.rdtype.name
    print(over, name, kind, flush=True)
    response = dns.message.make_response(message, recursion_available=True)
    if message.flags & dns.flags.AD or message.ednsflags & dns.flags.DO:
        response.flags |= dns.flags.AD  # as if it had validated
    found = NAMES.get((name, kind))
    if found:
        response.answer.append(dns.rrset.from_text_list(name, TTL, "IN", kind, found))
    elif not any(known == name for known, _ in NAMES):
        response.set_rcode(dns.rcode.NXDOMAIN)
    wire = response.to_wire(max_size=65535)
    if over == "udp" and len(wire) > 1232:
        response.answer.clear()
        response.flags |= dns.flags.TC
        wire = response.to_wire()
    return wire


class _Udp(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        data, sock = self.request
        sock.sendto(answer(data, "udp"), self.client_address)


class _Tcp(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        while len(size := self.rfile.read(2)) == 2:
            wire = answer(self.rfile.read(struct.unpack("!H", size)[0]), "tcp")
            self.wfile.write(struct.pack("!H", len(wire)) + wire)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def main(address: str, port: int) -> None:
    tcp = _Server((address, port), _Tcp)
    threading.Thread(target=tcp.serve_forever, daemon=True).start()
    with socketserver.UDPServer((address, port), _Udp) as udp:
        print("ready", flush=True)
        udp.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
