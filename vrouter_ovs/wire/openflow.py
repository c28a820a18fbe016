"""OpenFlow 1.4 messages around encoded flows: requests as bytes, replies without deep parsing.

Only what a vrouter's channel needs (OpenFlow Switch Specification 1.4.0, section 7.3).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from vrouter_ovs.cookies import COOKIE_MASK
from vrouter_ovs.wire.flows import NICIRA, Encoded

VERSION = 0x05
OFPT_EXPERIMENTER, CT_FLUSH_ZONE = 4, 29
OFPT_SET_CONFIG, FRAG_NX_MATCH = 9, 3
OFPT_FLOW_MOD, OFPT_MULTIPART_REQUEST, OFPT_BARRIER_REQUEST = 14, 18, 20
OFPT_BUNDLE_CONTROL, OFPT_BUNDLE_ADD_MESSAGE = 33, 34
ADD, MODIFY_STRICT, DELETE_STRICT = 0, 2, 4
ANY = 0xFFFFFFFF
OFPMP_FLOW = 1
OPEN_REQUEST, CLOSE_REQUEST, COMMIT_REQUEST, DISCARD_REQUEST = 0, 2, 4, 6
OPEN_REPLY, CLOSE_REPLY, COMMIT_REPLY, DISCARD_REPLY = 1, 3, 5, 7
ATOMIC, ORDERED = 1, 2
BUNDLE_FLAGS = ATOMIC | ORDERED

_HEADER = struct.Struct("!BBHI")
_BUNDLE = struct.Struct("!BBHIIHH")
_BUNDLED_FLOW_MOD = struct.Struct(_BUNDLE.format + "BBHIQQBBHHHIIIHHHH")
_FLOW_STATS = struct.Struct("!HB9xH10xQ16xHH")
_FLOW_STATS_FIXED = 52
_PADDING = tuple(bytes(n) for n in range(8))


def bundle_flow_mod(bundle_id: int, command: int, encoded: Encoded, xid: int) -> bytes:
    """ADD, MODIFY_STRICT or DELETE_STRICT of one flow, as a message of a bundle.

    MODIFY_STRICT and DELETE_STRICT carry the cookie mask of our cookie space, so that they leave a
    flow of somebody else alone even where it has the same match and priority.
    """
    key, cookie, body = encoded
    if command == DELETE_STRICT:
        body = b""
    mask = 0 if command == ADD else COOKIE_MASK
    match = len(key) + 1  # four bytes of header, less the table and priority in the key
    padding = -match % 8
    size = 48 + match + padding + len(body)
    return b"".join(
        (
            _BUNDLED_FLOW_MOD.pack(
                VERSION, OFPT_BUNDLE_ADD_MESSAGE, 16 + size, xid, bundle_id, 0, BUNDLE_FLAGS,
                VERSION, OFPT_FLOW_MOD, size, xid,
                cookie, mask, key[0], command, 0, 0, key[1] << 8 | key[2],
                ANY, ANY, ANY, 0, 0, 1, match,
            ),
            key[3:],
            _PADDING[padding],
            body,
        )
    )  # fmt: skip


def flow_mod(command: int, encoded: Encoded, xid: int) -> bytes:
    """The same as a message of its own."""
    return bundle_flow_mod(0, command, encoded, xid)[_BUNDLE.size :]


def _bundle_control(kind: int, bundle_id: int, xid: int) -> bytes:
    return _BUNDLE.pack(VERSION, OFPT_BUNDLE_CONTROL, 16, xid, bundle_id, kind, BUNDLE_FLAGS)


def bundle_open(bundle_id: int, xid: int) -> bytes:
    """Open an atomic, ordered bundle; the reply is an OFPT_BUNDLE_CONTROL with OPEN_REPLY."""
    return _bundle_control(OPEN_REQUEST, bundle_id, xid)


def bundle_add(bundle_id: int, xid: int, message: bytes) -> bytes:
    """Put ``message`` into a bundle.  Its own xid must be ``xid`` too (specification 7.3.9.6)."""
    return (
        _BUNDLE.pack(
            VERSION, OFPT_BUNDLE_ADD_MESSAGE, 16 + len(message), xid, bundle_id, 0, BUNDLE_FLAGS
        )
        + message
    )


def bundle_close(bundle_id: int, xid: int) -> bytes:
    """Add nothing more to it; the reply is CLOSE_REPLY or an error with this xid."""
    return _bundle_control(CLOSE_REQUEST, bundle_id, xid)


def bundle_commit(bundle_id: int, xid: int) -> bytes:
    """Do all of it or nothing; the reply is COMMIT_REPLY or an error with this xid."""
    return _bundle_control(COMMIT_REQUEST, bundle_id, xid)


def bundle_discard(bundle_id: int, xid: int) -> bytes:
    return _bundle_control(DISCARD_REQUEST, bundle_id, xid)


def barrier(xid: int) -> bytes:
    return _HEADER.pack(VERSION, OFPT_BARRIER_REQUEST, 8, xid)


def flush_zone(zone: int, xid: int) -> bytes:
    """Forget all connections of a zone (NXT_CT_FLUSH_ZONE, Open vSwitch 2.10 and later).

    A port's zone is the low 16 bits of its OpenFlow number.  For a number that another port gets:
    what the last one had open would count as connections of the new one.
    """
    return struct.pack(
        "!BBHIII6xH", VERSION, OFPT_EXPERIMENTER, 24, xid, NICIRA, CT_FLUSH_ZONE, zone & 0xFFFF
    )


def set_config(xid: int) -> bytes:
    """Match the ports and ICMP types of first fragments as those of whole packets.

    OFPT_SET_CONFIG with OFPC_FRAG_NX_MATCH, an extension of Open vSwitch (ovs-ofctl(8), set-frags);
    without it they are taken for zero.  The other number is OpenFlow's own default.
    """
    return struct.pack("!BBHIHH", VERSION, OFPT_SET_CONFIG, 12, xid, FRAG_NX_MATCH, 128)


def flow_stats_request(xid: int, cookie: int = 0, cookie_mask: int = 0) -> bytes:
    """All flows of all tables whose cookie, under the mask, is ``cookie``."""
    return struct.pack(
        "!BBHIHH4xB3xII4xQQHH4x",
        VERSION, OFPT_MULTIPART_REQUEST, 56, xid, OFPMP_FLOW, 0,
        0xFF, ANY, ANY, cookie, cookie_mask, 1, 4,
    )  # fmt: skip


def decode_flow_stats(payload: bytes | memoryview) -> Iterator[Encoded]:
    """The flows of one multipart flow reply, from the bytes after its 16 bytes of headers.

    Raises ValueError where the lengths do not add up.
    """
    payload = bytes(payload)
    unpack = _FLOW_STATS.unpack_from
    start, end = 0, len(payload)
    while start < end:
        if end - start < _FLOW_STATS_FIXED:
            raise ValueError("flow stats end in the middle of a flow")
        size, table, priority, cookie, kind, match = unpack(payload, start)
        fields = start + _FLOW_STATS_FIXED
        instructions = start + 48 + (match + 7 & ~7)
        stop = start + size
        if kind != 1 or match < 4 or instructions > stop or stop > end:
            raise ValueError("flow stats with a malformed length or match")
        yield Encoded(
            bytes((table, priority >> 8, priority & 0xFF)) + payload[fields : fields + match - 4],
            cookie,
            payload[instructions:stop],
        )
        start = stop
