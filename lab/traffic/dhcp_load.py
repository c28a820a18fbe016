"""DHCP as load: a VM that floods its hypervisor with requests, and one that times the answers.

Runs inside of a VM's namespace: ``python -m lab.traffic.dhcp_load flood|probe INTERFACE RATE
SECONDS`` (RATE in packets a second); prints one JSON object.  Needs nothing but the standard
library.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from lab.net import Namespace

ROOT = Path(__file__).resolve().parents[2]
ETH_IPV4 = 0x0800
_COOKIE = b"\x63\x82\x53\x63"


def start(space: Namespace, what: str, rate: int, seconds: float) -> subprocess.Popen[str]:
    """Run it in a VM; :func:`result` waits for its end."""
    return subprocess.Popen(
        [*space.prefix, sys.executable, "-m", "lab.traffic.dhcp_load", what, "eth0", str(rate),
         str(seconds)],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


def result(process: subprocess.Popen[str], timeout: float = 60.0) -> dict[str, Any]:
    """What it printed.  Raises TimeoutExpired or ValueError."""
    return json.loads(process.communicate(timeout=timeout)[0])


def discover(mac: bytes, xid: int) -> bytes:
    """A DHCPDISCOVER in its frame."""
    payload = (
        struct.pack("!BBBBIHH16x16s192x", 1, 1, 6, 0, xid, 0, 0, mac) + _COOKIE + b"\x35\1\1\xff"
    )
    datagram = struct.pack("!HHHH", 68, 67, 8 + len(payload), 0) + payload
    header = struct.pack("!BBHHHBBH4x4s", 0x45, 0, 20 + len(datagram), 0, 0, 64, 17, 0, b"\xff" * 4)
    total = sum(struct.unpack("!10H", header))
    total = (total & 0xFFFF) + (total >> 16)
    total = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
    header = header[:10] + struct.pack("!H", total) + header[12:]
    return b"\xff" * 6 + mac + struct.pack("!H", ETH_IPV4) + header + datagram


def open_link(interface: str, protocol: int) -> tuple[socket.socket, bytes]:
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(protocol))
    raw.bind((interface, protocol))
    return raw, raw.getsockname()[4]


def flood(interface: str, rate: int, seconds: float) -> dict[str, Any]:
    """Send ``rate`` a second, in bursts of a hundredth of it."""
    raw, mac = open_link(interface, 0)
    frame = discover(mac, 1)
    sent = 0
    begun = time.monotonic()
    while (spent := time.monotonic() - begun) < seconds:
        for _ in range(int(spent * rate) - sent):
            try:
                raw.send(frame)
            except OSError:  # ENOBUFS: the queue is full, as a flood would have it.
                pass
            sent += 1
        time.sleep(0.01)
    return {"sent": sent, "seconds": time.monotonic() - begun}


def probe(interface: str, rate: int, seconds: float) -> dict[str, Any]:
    """Ask ``rate`` times a second, each time for one answer; round trips in ms."""
    raw, mac = open_link(interface, ETH_IPV4)
    raw.settimeout(1.0)
    times: list[float] = []
    lost = 0
    begun = time.monotonic()
    number = 0
    while (now := time.monotonic()) - begun < seconds:
        number += 1
        raw.send(discover(mac, number))
        if _answered(raw, number, now + 1.0):
            times.append((time.monotonic() - now) * 1000)
        else:
            lost += 1
        time.sleep(max(0.0, begun + number / rate - time.monotonic()))
    times.sort()
    return {
        "asked": number, "answered": len(times), "lost": lost,
        "median_ms": times[len(times) // 2] if times else None,
        "p99_ms": times[min(len(times) - 1, len(times) * 99 // 100)] if times else None,
        "max_ms": times[-1] if times else None,
    }  # fmt: skip


def _answered(raw: socket.socket, xid: int, deadline: float) -> bool:
    while time.monotonic() < deadline:
        try:
            frame = raw.recv(2048)
        except TimeoutError:
            return False
        # A reply (2) of a DHCP server with this transaction id.
        if frame[34:38] == b"\0\x43\0\x44" and frame[42] == 2 and frame[46:50] == xid.to_bytes(4):
            return True
    return False


if __name__ == "__main__":
    run = {"flood": flood, "probe": probe}[sys.argv[1]]
    print(json.dumps(run(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))))
