"""A TAP device in a namespace, the way between a VM's kernel and a DnsService.

What stands between them is what the switch does: it takes 50 frames a second of a port, 100 at
once.  Frames can be lost, doubled and delayed besides.
"""

from __future__ import annotations

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
from lab.beds.option_values import dns_limits
from ryu_apps.southbound.services.dns.service import DnsService
from tests.unit.vrouter.proxy_support import PORT
from vrouter_ovs.proxies.dns.dns import DnsView
from vrouter_ovs.proxies.dns.mdns import GROUP4, GROUP6
from vrouter_ovs.proxies.packet import Malformed

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
SERVERS = ("10.0.0.1", "fd00::1")
PLACE = ("hv1", 5)
MANY = tuple(f"10.0.{n // 250}.{1 + n % 250}" for n in range(64))


class Wire:
    """The way between a VM's kernel and a DnsService."""

    def __init__(self, name: str, resolver: str) -> None:
        self.space = name
        self.rate, self.burst = 50.0, 100.0
        self.lose = self.double = self.delay = 0.0
        self.metered = 0
        self._random = random.Random(7)
        self._lock = threading.RLock()
        self._closed = False
        self.service = DnsService(self._out, (resolver,), dns_limits(timeout=20.0),
                                  current=lambda place: PORT)
        self.service.changed("net", DnsView(
            "red.test",
            {"vm1": ("10.0.0.5", "fd00::5"), "vm2": ("10.0.0.6", "fd00::6"), "many": MANY},
            {"10.0.0.5": "vm1.red.test", "10.0.0.6": "vm2.red.test"}, ("10.0.0.0/24",),
        ))  # fmt: skip
        with inside(name):
            self._tap = os.open("/dev/net/tun", os.O_RDWR)
            fcntl.ioctl(self._tap, TUNSETIFF, struct.pack("16sH", b"eth0", IFF_TAP | IFF_NO_PI))
        self._stop, self._stopped = os.pipe()
        for words in (
            f"link set eth0 address {PORT.mac} mtu {PORT.mtu} up",
            "addr add 10.0.0.5/24 dev eth0", "route add 224.0.0.0/4 dev eth0",
            "addr add fd00::5/64 dev eth0 nodad",
            *(f"neigh add {server} lladdr {PORT.gateway_mac} dev eth0" for server in SERVERS),
        ):  # fmt: skip
            subprocess.run(["ip", "-n", name, *words.split()], check=True)
        self.service.start()
        self._thread = threading.Thread(target=self._in, daemon=True)
        self._thread.start()

    def close(self) -> None:
        os.close(self._stopped)
        self._thread.join(10)
        self.service.stop()
        with self._lock:
            self._closed = True
            os.close(self._tap)
        os.close(self._stop)
        assert self.service.status()["results"].get("errors", 0) == 0

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
            if not (_is_dns(frame) or _is_mdns(frame)):
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
                asks = self.service.multicast_query if _is_mdns(frame) else self.service.query
                _, answer = asks(frame, PORT, PLACE)
            except Malformed:
                return
        for each in answer.frames:
            self._out(*PLACE, each)

    def _out(self, element: str, ofport: int, frame: bytes) -> bool:
        self._mishap(self._written, frame)
        return True

    def _written(self, frame: bytes) -> None:
        with self._lock:  # a frame that is late must not end in another test's device
            if not self._closed:
                os.write(self._tap, frame)

    def connect(self, server: str = SERVERS[0]) -> socket.socket:
        with inside(self.space):
            return socket.create_connection((server, 53), 60)


def _is_dns(frame: bytes) -> bool:
    """What the switch's flows pick: TCP and UDP to port 53."""
    at = {b"\x08\0": (23, 36), b"\x86\xdd": (20, 56)}.get(frame[12:14])
    return bool(at) and frame[at[0]] in (6, 17) and frame[at[1] : at[1] + 2] == b"\0\x35"


def _is_mdns(frame: bytes) -> bool:
    """UDP to port 5353 of the group."""
    at = {b"\x08\0": (23, 30, 36), b"\x86\xdd": (20, 38, 56)}.get(frame[12:14])
    return (bool(at) and frame[at[0]] == 17 and frame[at[1] : at[2] - 2] in (GROUP4, GROUP6)
            and frame[at[2] : at[2] + 2] == b"\x14\xe9")  # fmt: skip
