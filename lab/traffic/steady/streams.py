"""TCP connections that last: numbered records there and back, at a steady rate."""

from __future__ import annotations

import socket
import struct
import time
from typing import Any

from lab.traffic.inside import open_socket_in
from lab.traffic.steady.loop import READ, WRITE, Loop
from lab.traffic.steady.turned import Turned

RATE = 50
"""Records a second of each stream."""
SIZE = 1024
OUTSTANDING = 64
"""Records that may be under way: a stalled stream goes on with these, and not with a flood."""
DEAD = 20.0
"""Seconds without a record after which a stream is given up and counted as broken."""


def family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def listener(space: str, address: str, port: int) -> socket.socket:
    made = open_socket_in(space, family(address), socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((address, port))
    made.listen(64)
    made.setblocking(False)
    return made


def record(number: int) -> bytes:
    return struct.pack("!Q", number) * (SIZE // 8)


class _End:
    """One end of a connection: what it could not send yet, what it has of the next record."""

    def __init__(self, loop: Loop, own: socket.socket) -> None:
        self.socket, self._loop = own, loop
        self.out, self.got = bytearray(), bytearray()
        self.number = 0
        own.setblocking(False)
        own.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data: bytes) -> None:
        """Raises OSError."""
        self.out += data
        if self.out:
            try:
                del self.out[: self.socket.send(self.out)]
            except BlockingIOError:
                pass

    def records(self) -> list[bytes]:
        """Whole records that have come.  Raises OSError, also for another record than is due."""
        try:
            data = self.socket.recv(1 << 16)
        except BlockingIOError:
            return []
        if not data:
            raise ConnectionError("closed by the other end")
        self.got += data
        whole = []
        while len(self.got) >= SIZE:
            one = bytes(self.got[:SIZE])
            if one != record(self.number):
                raise ConnectionError(f"record {self.number} came as another")
            del self.got[:SIZE]
            self.number += 1
            whole.append(one)
        return whole


class _Stream:
    """Made anew, a second later, where it broke: the next lap is to have one as well."""

    def __init__(self, loop: Loop, spec: dict[str, Any]) -> None:
        self._loop, self._spec = loop, spec
        self.name = spec["name"]
        self._listener = listener(spec["target"], spec["address"], spec["port"])
        loop.watch(self._listener, READ, self._accept)
        self._near: _End | None = None
        self._far: _End | None = None
        self.sent = 0
        self.clear()
        self.last = time.monotonic()
        self._connect()

    def clear(self) -> None:
        self.count, self.stall, self.broken = 0, 0.0, []

    def _connect(self) -> None:
        own = open_socket_in(
            self._spec["source"], family(self._spec["address"]), socket.SOCK_STREAM)
        self._near, self.sent, self.last = _End(self._loop, own), 0, time.monotonic()
        self._loop.watch(own, WRITE, self._connected)
        own.connect_ex((self._spec["address"], self._spec["port"]))

    def _connected(self) -> None:
        assert self._near is not None
        error = self._near.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            self._break(OSError(error, "not connected"))
        else:
            self._loop.watch(self._near.socket, READ, self._returned)

    def _accept(self) -> None:
        try:
            taken = self._listener.accept()[0]
        except OSError:
            return
        if self._far is not None:
            self._loop.close(self._far.socket)
        self._far = far = _End(self._loop, taken)
        self._loop.watch(taken, READ, lambda: self._answer(far))

    def _answer(self, far: _End) -> None:
        try:
            for one in far.records():
                far.send(one)
        except OSError as error:
            self._break(error)

    def _returned(self) -> None:
        assert self._near is not None
        try:
            count = len(self._near.records())
        except OSError as error:
            self._break(error)
            return
        if count:
            now = time.monotonic()
            self.stall, self.last = max(self.stall, now - self.last), now
            self.count += count

    def tick(self) -> None:
        near, far = self._near, self._far
        if near is None:
            return
        if time.monotonic() - self.last > DEAD:
            self._break(TimeoutError(f"nothing for {DEAD:g} s"))
            return
        try:
            if far is not None:
                far.send(b"")
            due = self.sent - near.number < OUTSTANDING
            near.send(record(self.sent) if due else b"")
            self.sent += due
        except BrokenPipeError:
            pass  # It is not connected yet, or its reader says why.
        except OSError as error:
            self._break(error)

    def _break(self, error: Exception) -> None:
        if self._near is None:
            return
        self.broken.append(f"{self.name}: {error}")
        for end in (self._near, self._far):
            if end is not None:
                self._loop.close(end.socket)
        self._near = self._far = None
        self._loop.after(1.0, self._connect)

    def stalled(self) -> float:
        """The longest stall, one that goes on included."""
        return max(self.stall, time.monotonic() - self.last)


class Streams:
    """``specs``: {"source", "target": namespaces, "name", "address", "port"} each."""

    def __init__(self, loop: Loop, specs: list[dict[str, Any]]) -> None:
        self._loop = loop
        self._streams = [_Stream(loop, spec) for spec in specs]

    def start(self) -> None:
        self._loop.every(RATE, self._tick)

    def _tick(self) -> None:
        for stream in self._streams:
            stream.tick()

    def missing(self) -> list[str]:
        return [f"the stream {stream.name}" for stream in self._streams if not stream.count]

    def stop(self) -> None:
        """Nothing: what is under way is counted until the end."""

    def turn(self) -> Turned:
        result = {
            "records": sum(stream.count for stream in self._streams),
            "longest_stall": max((stream.stalled() for stream in self._streams), default=0.0),
            "broken": [text for stream in self._streams for text in stream.broken],
        }
        for stream in self._streams:
            stream.clear()
        return Turned(lambda: result)
