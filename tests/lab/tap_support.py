"""A TAP device in a namespace, the way between a VM's kernel and a service of the node.

What stands between them is what the switch does: it takes 50 frames a second of a port, 100 at
once.  Frames can be lost, doubled and delayed besides.
"""

from __future__ import annotations

import abc
import fcntl
import os
import random
import select
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable

from lab.beds.bgp_bed import inside
from tests.unit.vrouter.proxy_support import PORT
from vrouter_ovs.proxies.packet import Answer, Malformed

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
PLACE = ("hv1", 5)


class TapWire(abc.ABC):
    """``setup``: commands of ip(8) in the namespace ``name``, once the device is up."""

    def __init__(self, name: str, *setup: str) -> None:
        self.space = name
        self.rate, self.burst = 50.0, 100.0
        self.lose = self.double = self.delay = 0.0
        self.metered = 0
        self._random = random.Random(7)
        self._lock = threading.RLock()
        self._closed = False
        with inside(name):
            self._tap = os.open("/dev/net/tun", os.O_RDWR)
            fcntl.ioctl(self._tap, TUNSETIFF, struct.pack("16sH", b"eth0", IFF_TAP | IFF_NO_PI))
        self._stop, self._stopped = os.pipe()
        for words in (
            f"link set eth0 address {PORT.mac} mtu {PORT.mtu} up",
            "addr add 10.0.0.5/24 dev eth0", "addr add fd00::5/64 dev eth0 nodad", *setup,
        ):  # fmt: skip
            subprocess.run(["ip", "-n", name, *words.split()], check=True)
        self._thread = threading.Thread(target=self._in, daemon=True)

    @abc.abstractmethod
    def wanted(self, frame: bytes) -> bool:
        """Whether the switch's flows pick a frame."""

    @abc.abstractmethod
    def ask(self, frame: bytes) -> Answer:
        """What the service says to it; raises Malformed."""

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        os.close(self._stopped)
        self._thread.join(10)
        with self._lock:
            self._closed = True
            os.close(self._tap)
        os.close(self._stop)

    def _mishap(self, act: Callable[[bytes], None], frame: bytes) -> None:
        """Hand on a frame, or lose, double or delay it."""
        drawn = self._random.random()
        if drawn < self.lose:
            return
        if drawn < self.lose + self.delay:
            threading.Timer(self._random.uniform(0.01, 0.2), act, (frame,)).start()
            return
        act(frame)
        if drawn > 1 - self.double:
            act(frame)

    def _in(self) -> None:
        tokens, last = self.burst, time.monotonic()
        while True:
            ready, _, _ = select.select([self._tap, self._stop], [], [])
            if self._stop in ready:
                return
            frame = os.read(self._tap, 65536)
            if not self.wanted(frame):
                continue
            now = time.monotonic()
            tokens = min(self.burst, tokens + (now - last) * self.rate)
            last = now
            if tokens < 1:
                self.metered += 1
                continue
            tokens -= 1
            self._mishap(self._asked, frame)

    def _asked(self, frame: bytes) -> None:
        with self._lock:
            try:
                answer = self.ask(frame)
            except Malformed:
                return
        for each in answer.frames:
            self.out(*PLACE, each)

    def out(self, element: str, ofport: int, frame: bytes) -> bool:
        """What a service sends with."""
        self._mishap(self._written, frame)
        return True

    def _written(self, frame: bytes) -> None:
        with self._lock:  # a frame that is late must not end in another test's device
            if not self._closed:
                os.write(self._tap, frame)

    def connect(self, server: str, port: int) -> socket.socket:
        with inside(self.space):
            return socket.create_connection((server, port), 60)
