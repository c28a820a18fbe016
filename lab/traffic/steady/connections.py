"""New TCP connections at a steady rate: such as must come about, and such as must not."""

from __future__ import annotations

import errno
import os
import socket
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from lab.traffic.inside import open_socket_in
from lab.traffic.steady.filters import OUTGOING, heard
from lab.traffic.steady.loop import READ, WRITE, Loop
from lab.traffic.steady.streams import family, listener
from lab.traffic.steady.turned import Turned

PATIENCE = 3.0
"""Seconds after which a connection has failed: the first SYN is repeated once by then."""
DENIED_PATIENCE = 1.5
SHOWN = 10

Ended = Callable[[str, float], None]


class _Attempt:
    """One connection that asks for a byte; ``ended`` gets "" or the reason, and the seconds."""

    def __init__(self, loop: Loop, spec: dict[str, Any], patience: float, ended: Ended) -> None:
        self._loop, self._ended, self._begun = loop, ended, time.monotonic()
        address = spec["address"]
        self._socket = open_socket_in(spec["source"], family(address), socket.SOCK_STREAM)
        self._socket.setblocking(False)
        self._open = True
        loop.watch(self._socket, WRITE, self._connected)
        loop.after(patience, lambda: self._end("no answer"))
        error = self._socket.connect_ex((address, spec["port"]))
        if error != errno.EINPROGRESS:
            self._end(os.strerror(error))

    def _connected(self) -> None:
        error = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            self._end(os.strerror(error))
        else:
            self._loop.watch(self._socket, READ, self._read)

    def _read(self) -> None:
        try:
            data = self._socket.recv(16)
        except OSError as error:
            self._end(os.strerror(error.errno or 0))
        else:
            self._end("" if data else "closed without a byte")

    def _end(self, reason: str) -> None:
        if self._open:
            self._open = False
            self._loop.close(self._socket)
            self._ended(reason, time.monotonic() - self._begun)


class _Listeners:
    """What takes the connections, at each target once."""

    def __init__(self, loop: Loop, specs: list[dict[str, Any]]) -> None:
        self._loop = loop
        for space, address, port in dict.fromkeys(
            (spec["target"], spec["address"], spec["port"]) for spec in specs
        ):
            made = listener(space, address, port)
            loop.watch(made, READ, lambda made=made: self._accept(made))

    @staticmethod
    def _accept(made: socket.socket) -> None:
        try:
            with made.accept()[0] as taken:
                taken.send(b"!")
        except OSError:
            pass


class _Lap:
    def __init__(self) -> None:
        self.attempted = self.ended = self.succeeded = 0
        self.failed: Counter[str] = Counter()
        self.slowest = 0.0
        self.leaks: list[str] = []


class Connections:
    """``specs``: {"source", "target": namespaces, "name", "address", "port"}; in turn, ``rate`` a
    second."""

    patience = PATIENCE

    def __init__(self, loop: Loop, specs: list[dict[str, Any]], rate: float) -> None:
        self._loop, self._specs, self._rate = loop, specs, rate
        self._lap = _Lap()
        self._turn = 0
        self._running = True
        self._listeners = _Listeners(loop, specs)

    def start(self) -> None:
        if self._specs:
            self._loop.every(self._rate, self._attempt)

    def _attempt(self) -> None:
        if not self._running:
            return
        spec = self._specs[self._turn % len(self._specs)]
        self._turn += 1
        lap = self._lap
        lap.attempted += 1

        def ended(reason: str, seconds: float) -> None:
            lap.ended += 1
            self._ended(lap, spec, reason, seconds)

        _Attempt(self._loop, spec, self.patience, ended)

    @staticmethod
    def _ended(lap: _Lap, spec: dict[str, Any], reason: str, seconds: float) -> None:
        if reason:
            lap.failed[reason] += 1
        else:
            lap.succeeded += 1
            lap.slowest = max(lap.slowest, seconds)

    def missing(self) -> list[str]:
        idle = not self._specs or not self._rate
        return [] if self._lap.succeeded or idle else ["a new connection"]

    def stop(self) -> None:
        self._running = False

    def turn(self) -> Turned:
        lap, self._lap = self._lap, _Lap()
        return Turned(lambda: self._result(lap), lambda: lap.ended < lap.attempted)

    @staticmethod
    def _result(lap: _Lap) -> dict[str, Any]:
        return {
            "attempted": lap.attempted, "succeeded": lap.succeeded, "failed": dict(lap.failed),
            "slowest": lap.slowest,
        }


class Denied(Connections):
    """Connections that must not come about.  Something listens, so that they would if they were
    let through; each segment to the port that reaches a target's interface is a leak too."""

    patience = DENIED_PATIENCE

    def __init__(self, loop: Loop, specs: list[dict[str, Any]], rate: float) -> None:
        super().__init__(loop, specs, rate)
        for space, port in dict.fromkeys((spec["target"], spec["port"]) for spec in specs):
            ear = open_socket_in(space, socket.AF_PACKET, socket.SOCK_DGRAM)
            heard(ear, "eth0", socket.IPPROTO_TCP, port)
            loop.watch(ear, READ, lambda ear=ear, space=space: self._arrived(ear, space))

    @staticmethod
    def _ended(lap: _Lap, spec: dict[str, Any], reason: str, seconds: float) -> None:
        # Who was refused has reached somebody who refused.
        if reason in ("", os.strerror(errno.ECONNREFUSED), os.strerror(errno.ECONNRESET),
                      "closed without a byte"):  # fmt: skip
            lap.leaks.append(f"{spec['name']}: {reason or 'connected'}")

    def _arrived(self, ear: socket.socket, space: str) -> None:
        while True:
            try:
                _, place = ear.recvfrom(256)
            except OSError:
                return
            if place[2] != OUTGOING:
                self._lap.leaks.append(f"a segment arrived at {space}")

    def missing(self) -> list[str]:
        return []

    @staticmethod
    def _result(lap: _Lap) -> dict[str, Any]:
        return {
            "attempted": lap.attempted, "leaked": len(lap.leaks), "leaks": lap.leaks[:SHOWN],
        }
