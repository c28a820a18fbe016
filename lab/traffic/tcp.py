"""TCP between VMs: whether a connection comes about, and one that lasts, in the background."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable

from lab.hosts.vm import Vm
from lab.traffic.inside import open_socket

PATIENCE = 10.0
"""Seconds without a byte after which a connection is taken for dead."""
_RECORD = struct.Struct("!Q1016x")


def listening(vm: Vm, address: str, port: int) -> socket.socket:
    """A socket of ``vm`` that takes connections to ``address``, IPv4 or IPv6, and ``port``."""
    made = open_socket(vm.space, _family(address), socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((address, port))
    made.listen()
    made.settimeout(PATIENCE)
    return made


def connects(vm: Vm, address: str, port: int, patience: float = PATIENCE) -> bool:
    """Whether ``vm`` reaches, within ``patience`` seconds, what listens there."""
    with open_socket(vm.space, _family(address), socket.SOCK_STREAM) as asking:
        asking.settimeout(patience)
        try:
            asking.connect((address, port))
        except OSError:
            return False
        return True


class TcpStream:
    """One connection from a VM to another, over which a numbered record of a kilobyte goes to and
    fro every ``interval`` seconds until :meth:`stop`.

    ``target`` begins each time, when all is acknowledged that was sent before (an acknowledgment
    alone is sent within 40 ms).  So ``source`` is silent in between, and a switch that lets in to
    it what belongs to a connection, and nothing else, is asked whether it still knows this one.
    """

    def __init__(
        self, source: Vm, target: Vm, address: str, port: int = 7, interval: float = 0.1
    ) -> None:
        self.port = port
        self._interval = interval
        self._stopped = threading.Event()
        self._error: BaseException | None = None
        self.count = 0
        """How many records came back."""
        with contextlib.ExitStack() as undo:
            listener = undo.enter_context(listening(target, address, port))
            self._source = undo.enter_context(
                open_socket(source.space, _family(address), socket.SOCK_STREAM))
            self._source.settimeout(PATIENCE)
            self._source.connect((address, port))
            self._target = listener.accept()[0]
            listener.close()
            undo.pop_all()
        self._target.settimeout(PATIENCE)
        for end in (self._source, self._target):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.source_port: int = self._source.getsockname()[1]
        self._threads = [
            threading.Thread(target=self._kept, args=(work,), daemon=True)
            for work in (self._answer, self._ask)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> int:
        """End it; returns how many records came back.  Raises what broke it meanwhile: OSError, or
        ValueError where another record came back than was sent."""
        self._stopped.set()
        self._threads[1].join()
        self._target.close()
        self._threads[0].join()
        self._source.close()
        if self._error is not None:
            raise self._error
        return self.count

    def _kept(self, work: Callable[[], None]) -> None:
        try:
            work()
        except (OSError, ValueError) as error:
            self._error = self._error or error

    def _answer(self) -> None:
        while data := self._source.recv(65536):
            self._source.sendall(data)

    def _ask(self) -> None:
        while not self._stopped.wait(self._interval):
            sent = _RECORD.pack(self.count)
            self._target.sendall(sent)
            got = b""
            while len(got) < len(sent):
                data = self._target.recv(len(sent) - len(got))
                if not data:
                    raise ConnectionError(f"closed after {self.count} records")
                got += data
            if got != sent:
                raise ValueError(f"record {self.count} came back as another")
            self.count += 1


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET
