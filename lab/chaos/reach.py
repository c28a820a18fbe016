"""Who reaches whom: TCP connections between all VMs at once, compared with what should be."""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Iterable
from typing import NamedTuple

from lab.hosts.vm import Vm
from lab.traffic.inside import open_socket_in
from lab.traffic.steady.loop import READ, WRITE, Loop

PATIENCE = 2.5
"""Seconds for a connection; the first SYN is repeated once by then."""
BACKLOG = 256


class Probe(NamedTuple):
    """``expected``: the name of the VM that is to answer, "" where nobody may."""

    source: Vm
    address: str
    port: int
    expected: str

    def __str__(self) -> str:
        return f"{self.source.name} > [{self.address}]:{self.port}"


class Listeners:
    """Every VM says its name at the given ports, in both families."""

    def __init__(self, vms: Iterable[Vm], ports: Iterable[int]) -> None:
        self._listening: dict[str, list[socket.socket]] = {}
        ports = list(ports)
        for vm in vms:
            self.add(vm, ports)

    def add(self, vm: Vm, ports: Iterable[int]) -> None:
        self._listening[vm.name] = [self._listen(vm.space.name, port) for port in ports]

    def forget(self, vm: Vm) -> None:
        for made in self._listening.pop(vm.name):
            made.close()

    @staticmethod
    def _listen(space: str, port: int) -> socket.socket:
        made = open_socket_in(space, socket.AF_INET6, socket.SOCK_STREAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        made.bind(("::", port))
        made.listen(BACKLOG)
        made.setblocking(False)
        return made

    def close(self) -> None:
        for sockets in self._listening.values():
            for made in sockets:
                made.close()
        self._listening.clear()

    def check(self, probes: Iterable[Probe]) -> list[str]:
        """Make all connections at once; what is not as expected, in words."""
        loop = Loop()
        for name, sockets in self._listening.items():
            for made in sockets:
                loop.watch(made, READ, lambda made=made, name=name: self._accept(made, name))
        attempts = [_Attempt(loop, probe) for probe in probes]
        loop.every(20, lambda: loop.stop() if all(one.over for one in attempts) else None)
        loop.after(PATIENCE + 0.5, loop.stop)
        loop.run()
        for one in attempts:
            one.end()
        return [wrong for one in attempts if (wrong := one.wrong())]

    @staticmethod
    def _accept(made: socket.socket, name: str) -> None:
        try:
            taken, _ = made.accept()
        except OSError:
            return
        with taken:
            try:
                taken.send(name.encode())
            except OSError:
                pass


class _Attempt:
    def __init__(self, loop: Loop, probe: Probe) -> None:
        self.over = False
        self._loop, self._probe = loop, probe
        self._answer, self._reason = "", "no answer"
        self._begun = time.monotonic()
        kind = socket.AF_INET6 if ":" in probe.address else socket.AF_INET
        self._socket = open_socket_in(probe.source.space.name, kind, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        error = self._socket.connect_ex((probe.address, probe.port))
        if error != errno.EINPROGRESS:
            self._reason = errno.errorcode.get(error, str(error))
            self.end()
            return
        loop.watch(self._socket, WRITE, self._connected)
        loop.after(PATIENCE, self.end)

    def _connected(self) -> None:
        error = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            self._reason = errno.errorcode.get(error, str(error))
            self.end()
        else:
            self._loop.watch(self._socket, READ, self._read)

    def _read(self) -> None:
        try:
            self._answer = self._socket.recv(64).decode()
        except OSError as error:
            self._reason = str(error)
        self.end()

    def end(self) -> None:
        """Idempotent."""
        if not self.over:
            self.over = True
            self._loop.close(self._socket)

    def wrong(self) -> str:
        expected = self._probe.expected
        if self._answer == expected:
            # Who is refused has reached somebody.
            leaked = not expected and self._reason == "ECONNREFUSED"
            return f"{self._probe}: refused, so it arrived" if leaked else ""
        got = f"{self._answer} answered" if self._answer else self._reason
        return f"{self._probe}: {got}, expected {expected or 'nobody'}"
