"""The few OpenFlow 1.4 messages by which LLDP passes through a bridge that is its operator's.

Sources: OpenFlow Switch Specification 1.4.0, sections 7.1, 7.3 and 7.4; Open vSwitch's
Documentation/topics/design.rst, "Asynchronous Messages": a controller that connected by itself
gets none until it has set a miss_send_len.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from vrouter_ovs.proxies.lldp import ETH_LLDP, NEAREST_BRIDGE

VERSION = 5
HELLO, ERROR, ECHO_REQUEST, ECHO_REPLY, GET_CONFIG, CONFIG, SET_CONFIG = 0, 1, 2, 3, 7, 8, 9
PACKET_IN, FLOW_MOD = 10, 14
MAX_MESSAGE = 4096
"""Bytes; the largest that is asked for is a packet-in with one LLDP frame."""
COOKIE = 0x766E632D6C6C6470
PRIORITY = 65000
LIFETIME = 120
"""Seconds after which the bridge drops the flow by itself, unless it was put there again."""
_HEADER = struct.Struct("!BBHI")
_ADD, _CONTROLLER, _NO_BUFFER, _ANY = 0, 0xFFFFFFFD, 0xFFFF, 0xFFFFFFFF


class Broken(Exception):
    """What arrives is no OpenFlow 1.4."""


def message(kind: int, xid: int = 0, body: bytes = b"") -> bytes:
    return _HEADER.pack(VERSION, kind, 8 + len(body), xid) + body


def set_config(config: bytes) -> bytes:
    """Ask for packet-ins.  ``config``: of the bridge's reply to GET_CONFIG; the rest of it, how it
    treats fragments, stays as it is."""
    return message(SET_CONFIG, 0, config[:2] + struct.pack("!H", 128))


def lldp_flow() -> bytes:
    """LLDP comes to the controllers; it is what a bridge drops otherwise, or ends itself."""
    match = b"".join((
        b"\x80\0\x06\x06", NEAREST_BRIDGE,
        b"\x80\0\x0a\x02", struct.pack("!H", ETH_LLDP),
    ))  # fmt: skip
    size = 4 + len(match)
    output = struct.pack("!HHIH6x", 0, 16, _CONTROLLER, _NO_BUFFER)
    return message(FLOW_MOD, 0, struct.pack(
        "!QQBBHHHIIIHH", COOKIE, 0, 0, _ADD, 0, LIFETIME, PRIORITY, _ANY, _ANY, _ANY, 0, 0,
    ) + struct.pack("!HH", 1, size) + match + bytes(-size % 8)
        + struct.pack("!HH4x", 4, 8 + len(output)) + output)  # fmt: skip


def split(buffer: bytearray) -> Iterator[tuple[int, bytes]]:
    """(type, whole message) of each that is complete; they are taken out of ``buffer``.

    Raises Broken.
    """
    while len(buffer) >= 8:
        version, kind, length, _ = _HEADER.unpack_from(buffer)
        if not 8 <= length <= MAX_MESSAGE:
            raise Broken(f"a message of {length} bytes")
        if version != VERSION and kind not in (HELLO, ERROR):
            raise Broken(f"OpenFlow version {version}: allow OpenFlow14 on the bridge")
        if len(buffer) < length:
            return
        found = bytes(buffer[:length])
        del buffer[:length]
        yield kind, found
