"""The engine's process, from the node's side: starting it, talking to it, ending it."""

from __future__ import annotations

import collections
import dataclasses
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path as FilePath

import msgpack

from ryu_apps.peering.base import Speaker

START_TIMEOUT = 15.0
STOP_TIMEOUT = 1.5
_ROOT = str(FilePath(__file__).resolve().parents[3])


class EngineProcess:
    """One process, and our end of the socket pair to it.  ``module``: what it runs;
    ``environment``: variables besides our own.  The messages:
    :mod:`ryu_apps.peering.native.process`.

    One thread may send while another receives, and any may end it.  The constructor raises OSError
    where the process cannot be made.
    """

    def __init__(self, module: str, environment: Mapping[str, str]) -> None:
        self._socket, theirs = socket.socketpair()
        variables = dict(os.environ, **environment)
        variables["PYTHONPATH"] = os.pathsep.join(
            filter(None, (_ROOT, variables.get("PYTHONPATH"))))
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", module, str(theirs.fileno())],
                pass_fds=[theirs.fileno()], env=variables, stdin=subprocess.DEVNULL)
        self._early: collections.deque[tuple] = collections.deque()
        self._pack = msgpack.Packer().pack
        self._unpacker = msgpack.Unpacker(use_list=False, strict_map_key=False,
                                          max_buffer_size=1 << 28)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def init(self, speaker: Speaker) -> tuple[tuple[str, int], ...]:
        """Tell it who it is, before anything else.  Returns the (address, port) pairs that it
        listens on; raises OSError where it cannot, or does not answer in time."""
        self._socket.settimeout(START_TIMEOUT)
        self.send(["init", dataclasses.asdict(speaker)])
        for message in self.messages():
            if message[0] == "failed":
                raise OSError(message[1])
            if message[0] == "started":
                self._socket.settimeout(None)
                return tuple((host, port) for host, port in message[1])
            self._early.append(message)  # It may have something to say before.
        raise OSError("the BGP process ended at its start")

    def send(self, message: list) -> None:
        """Write a message whole, or nothing of it where it cannot be packed; waits while the
        process is behind.  Raises OSError when the process is gone."""
        self._socket.sendall(self._pack(message))

    def messages(self) -> Iterator[tuple]:
        """What it says, until it closes its end; raises OSError."""
        while self._early:
            yield self._early.popleft()
        while True:
            yield from self._unpacker
            data = self._socket.recv(1 << 18)
            if not data:
                return
            self._unpacker.feed(data)

    def end(self) -> int:
        """Close the socket pair; the process exits by itself, or is killed.  Returns its status."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the other end went first
        self._socket.close()
        try:
            return self._process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
