"""Pings at a steady rate: each numbered, each answer matched with its number."""

from __future__ import annotations

import os
import socket
import struct
import time
from array import array
from typing import Any

from lab.traffic.inside import open_socket_in
from lab.traffic.packets import checksum
from lab.traffic.steady.loop import READ, Loop
from lab.traffic.steady.turned import Turned

_BODY = struct.Struct("!4sHQ")  # mark, flow, number
_HEADER = struct.Struct("!BBHHH")
_MARK = b"vncs"
SOL_RAW, ICMP_FILTER, ICMP6_FILTER = 255, 1, 1
SO_RCVBUFFORCE = 33
REQUEST4, REPLY4, REQUEST6, REPLY6 = 8, 0, 128, 129


class _Sent:
    """What a flow sent in a lap: the numbers from ``first`` on."""

    def __init__(self, first: int) -> None:
        self.first = first
        self.times = array("d")
        self.answered = bytearray()
        self.duplicates = 0
        self.slowest = 0.0

    def outage(self) -> float:
        longest = 0.0
        begun: float | None = None
        for when, answered in zip(self.times, self.answered, strict=True):
            if answered:
                if begun is not None:
                    longest = max(longest, when - begun)
                begun = None
            elif begun is None:
                begun = when
        if begun is not None:
            longest = max(longest, self.times[-1] - begun)
        return longest


class _Flow:
    def __init__(self, number: int, name: str, address: str, out: socket.socket) -> None:
        self.number, self.name, self.address = number, name, address
        self.next = 0
        self.laps = [_Sent(0)]
        self._out = out
        self._six = ":" in address
        self._identifier = os.getpid() & 0xFFFF

    def send(self) -> None:
        lap = self.laps[-1]
        message = _HEADER.pack(REQUEST6 if self._six else REQUEST4, 0, 0, self._identifier,
                               self.next & 0xFFFF) + _BODY.pack(_MARK, self.number, self.next)
        if not self._six:  # The kernel does it for ICMPv6 (RFC 3542 section 3.1).
            message = message[:2] + struct.pack("!H", checksum(message)) + message[4:]
        lap.times.append(time.monotonic())
        lap.answered.append(0)
        self.next += 1
        try:
            self._out.sendto(message, (self.address, 0))
        except OSError:
            pass  # It is lost, as it will not be answered.

    def answered(self, number: int) -> None:
        for lap in reversed(self.laps):
            index = number - lap.first
            if 0 <= index < len(lap.answered):
                if lap.answered[index]:
                    lap.duplicates += 1
                lap.answered[index] = 1
                lap.slowest = max(lap.slowest, time.monotonic() - lap.times[index])
                return

    def turn(self) -> _Sent:
        """Begin a lap; returns the one before."""
        self.laps.append(_Sent(self.next))
        return self.laps[-2]


class Pings:
    """``flows``: {"source": namespace, "name", "address"} each; ``rate`` in total a second."""

    def __init__(self, loop: Loop, flows: list[dict[str, str]], rate: float) -> None:
        self._loop, self._rate = loop, rate
        self._sockets: dict[tuple[str, bool], socket.socket] = {}
        self._flows = [
            _Flow(number, flow["name"], flow["address"],
                  self._socket(flow["source"], ":" in flow["address"]))
            for number, flow in enumerate(flows)
        ]
        self._turn = 0
        self._running = True

    def _socket(self, space: str, six: bool) -> socket.socket:
        made = self._sockets.get((space, six))
        if made is not None:
            return made
        if six:
            made = open_socket_in(space, socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
            block = bytearray(b"\xff" * 32)
            block[REPLY6 // 32 * 4 : REPLY6 // 32 * 4 + 4] = struct.pack(
                "=I", 0xFFFFFFFF & ~(1 << REPLY6 % 32))
            made.setsockopt(socket.IPPROTO_ICMPV6, ICMP6_FILTER, bytes(block))
        else:
            made = open_socket_in(space, socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
            made.setsockopt(SOL_RAW, ICMP_FILTER, struct.pack("=I", 0xFFFFFFFF & ~(1 << REPLY4)))
        made.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 20)
        made.setblocking(False)
        self._sockets[space, six] = made
        self._loop.watch(made, READ, lambda: self._read(made, six))
        return made

    def start(self) -> None:
        if self._flows:
            self._loop.every(self._rate, self._send)

    def _send(self) -> None:
        if self._running:
            self._flows[self._turn % len(self._flows)].send()
            self._turn += 1

    def _read(self, source: socket.socket, six: bool) -> None:
        while True:
            try:
                data = source.recv(2048)
            except OSError:
                return
            body = data[8:] if six else data[(data[0] & 15) * 4 + 8 :]
            if len(body) >= _BODY.size:
                mark, flow, number = _BODY.unpack_from(body)
                if mark == _MARK and flow < len(self._flows):
                    self._flows[flow].answered(number)

    def missing(self) -> list[str]:
        """Flows that have had no answer yet."""
        silent = [flow.name for flow in self._flows if not any(flow.laps[-1].answered)]
        return silent if self._rate else []

    def stop(self) -> None:
        self._running = False

    def turn(self) -> Turned:
        """Begin a lap; returns the one before."""
        taken = [(flow, flow.turn()) for flow in self._flows]

        def result() -> list[dict[str, Any]]:
            for flow, lap in taken:
                flow.laps.remove(lap)
            return [
                {"name": flow.name, "sent": len(lap.times), "received": sum(lap.answered),
                 "duplicates": lap.duplicates, "longest_outage": lap.outage(),
                 "slowest": lap.slowest}
                for flow, lap in taken
            ]

        return Turned(result, lambda: any(0 in lap.answered for _, lap in taken))
