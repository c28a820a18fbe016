"""Packets that ports send and switches punt, for the tests of what answers them."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable

from vrouter_ovs.addresses import mac_bytes
from vrouter_ovs.edge import EdgePort, Lease4, Lease6
from vrouter_ovs.proxies.build import build_icmp6, build_udp4
from vrouter_ovs.wire import encode

MAC, GATEWAY = "fa:16:3e:00:00:11", "fa:16:3e:00:00:01"
BROADCAST = b"\xff" * 6
PORT = EdgePort(
    "p", "n", 5, 100, MAC, GATEWAY, "02:56:4e:00:00:64", 1450,
    v4=(Lease4("10.0.1.11", 24, "10.0.1.1", "10.0.1.1", router_mac=GATEWAY),),
)  # fmt: skip
WITH_RA = EdgePort(
    "q", "n", 6, 100, "fa:16:3e:00:00:12", GATEWAY, "02:56:4e:00:00:64", 1450,
    v6=(Lease6("fd00::12", "fd00::/64", "fd00::1", "slaac", "slaac", router_mac=GATEWAY),),
)  # fmt: skip


def discover(mac: str = MAC, kind: int = 1, more: bytes = b"") -> bytes:
    raw = mac_bytes(mac)
    payload = struct.pack(
        "!BBBB4sHH4s4s4s4s16s64s128s4s", 1, 1, 6, 0, b"\1\2\3\4", 0, 0, bytes(4), bytes(4),
        bytes(4), bytes(4), raw, b"", b"", b"\x63\x82\x53\x63",
    ) + bytes((53, 1, kind)) + more + b"\xff"  # fmt: skip
    return build_udp4(BROADCAST, raw, bytes(4), b"\xff" * 4, 68, 67, payload)


def solicitation(mac: str) -> bytes:
    raw = mac_bytes(mac)
    return build_icmp6(
        b"\x33\x33\0\0\0\2", raw, bytes(16), b"\xff\2" + bytes(13) + b"\2",
        b"\x85\0\0\0\0\0\0\0",
    )  # fmt: skip


def packet_in(ofport: int, frame: bytes, cookie: int = encode.COOKIE_BASE, before: bytes = b"",
              after: bytes = b"") -> bytes:  # fmt: skip
    fields = before + b"\x80\0\0\4" + ofport.to_bytes(4, "big") + after
    match = struct.pack("!HH", 1, 4 + len(fields)) + fields
    match += bytes(-len(match) % 8)
    body = struct.pack("!IHBBQ", 0xFFFFFFFF, len(frame), 1, 3, cookie) + match + b"\0\0" + frame
    return struct.pack("!BBHI", 5, 10, 8 + len(body), 0) + body


def eventually(condition: Callable[[], object]) -> object:
    deadline = time.monotonic() + 20
    while not (value := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return value
