"""OpenFlow 1.4 messages around encoded flows: requests as bytes, replies without deep parsing.

Only what a vrouter's channel needs (OpenFlow Switch Specification 1.4.0, section 7.3).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from vrouter_ovs.cookies import COOKIE_MASK
from vrouter_ovs.schema.flow import CONTROLLER
from vrouter_ovs.schema.registers import REGISTERS
from vrouter_ovs.wire.flows import NICIRA, OFPAT_OUTPUT, Encoded

VERSION = 0x05
OFPT_EXPERIMENTER, CT_FLUSH_ZONE = 4, 29
OFPT_SET_CONFIG, FRAG_NX_MATCH = 9, 3
OFPT_ERROR, OFPT_FLOW_MOD, OFPT_MULTIPART_REQUEST, OFPT_BARRIER_REQUEST = 1, 14, 18, 20
OFPT_BUNDLE_CONTROL, OFPT_BUNDLE_ADD_MESSAGE = 33, 34
ADD, MODIFY_STRICT, DELETE_STRICT = 0, 2, 4
ANY = 0xFFFFFFFF
OFPT_PACKET_IN, OFPT_PACKET_OUT, OFPT_METER_MOD = 10, 13, 29
OFPMP_FLOW, OFPMP_METER_CONFIG = 1, 10
OPEN_REQUEST, CLOSE_REQUEST, COMMIT_REQUEST, DISCARD_REQUEST = 0, 2, 4, 6
OPEN_REPLY, CLOSE_REPLY, COMMIT_REPLY, DISCARD_REPLY = 1, 3, 5, 7
ATOMIC, ORDERED = 1, 2
BUNDLE_FLAGS = ATOMIC | ORDERED

_HEADER = struct.Struct("!BBHI")
_FLOW_MOD = struct.Struct("!BBHIQQBBHHHIIIHHHH")
_BUNDLED_FLOW_MOD = struct.Struct("!BBHIIHH" + _FLOW_MOD.format[1:])
_BUNDLE = struct.Struct("!BBHIIHH")
_FLOW_STATS = struct.Struct("!HB9xH10xQ16xHH")
_FLOW_STATS_FIXED = 52
_PACKET_OUT = struct.Struct("!BBHIIIH6xHHIH6x")
_METER_MOD = struct.Struct("!BBHIHHIHHII4x")
_METER_CONFIG = struct.Struct("!HHI")
_IN_PORT_OXM = b"\x80\0\0\4"
_REASON_OXM = REGISTERS["punt_reason"].header.to_bytes(4, "big")
_PADDING = tuple(bytes(n) for n in range(8))


def flow_mod(command: int, encoded: Encoded, xid: int) -> bytes:
    """ADD, MODIFY_STRICT or DELETE_STRICT of one flow.

    MODIFY_STRICT and DELETE_STRICT carry the cookie mask of our cookie space, so that they leave a
    flow of somebody else alone even where it has the same match and priority.
    """
    key, cookie, body = encoded
    if command == DELETE_STRICT:
        body = b""
    mask = 0 if command == ADD else COOKIE_MASK
    match = len(key) + 1  # four bytes of header, less the table and priority in the key
    padding = -match % 8
    return b"".join(
        (
            _FLOW_MOD.pack(
                VERSION, OFPT_FLOW_MOD, 48 + match + padding + len(body), xid,
                cookie, mask, key[0], command, 0, 0, key[1] << 8 | key[2],
                ANY, ANY, ANY, 0, 0, 1, match,
            ),
            key[3:],
            _PADDING[padding],
            body,
        )
    )  # fmt: skip


def bundle_flow_mod(bundle_id: int, command: int, encoded: Encoded, xid: int) -> bytes:
    """``bundle_add(bundle_id, xid, flow_mod(command, encoded, xid))`` in one step."""
    key, cookie, body = encoded
    if command == DELETE_STRICT:
        body = b""
    mask = 0 if command == ADD else COOKIE_MASK
    match = len(key) + 1
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


METER_PACKETS_AND_BURST = 2 | 4  # OFPMF_PKTPS, OFPMF_BURST
METER_ADD, METER_MODIFY, METER_DELETE = 0, 1, 2
_METER_DROP = 1


def meter_mod(command: int, meter: int, rate: int, burst: int, xid: int) -> bytes:
    """METER_ADD or METER_MODIFY: beyond ``rate`` packets a second, and ``burst`` at once, drop.
    METER_DELETE takes the flows along that name the meter."""
    if command == METER_DELETE:
        return struct.pack(
            "!BBHIHHI", VERSION, OFPT_METER_MOD, 16, xid, command, METER_PACKETS_AND_BURST, meter
        )
    return _METER_MOD.pack(
        VERSION, OFPT_METER_MOD, 32, xid, command, METER_PACKETS_AND_BURST, meter,
        _METER_DROP, 16, rate, burst,
    )  # fmt: skip


def failed_meter(message: bytes) -> int:
    """The meter that a whole OFPT_ERROR to a meter_mod is about; 0 where it does not say."""
    return int.from_bytes(message[24:28], "big") if len(message) >= 28 else 0


def meter_config_request(xid: int) -> bytes:
    """The configuration of all meters."""
    return struct.pack(
        "!BBHIHH4xI4x", VERSION, OFPT_MULTIPART_REQUEST, 24, xid, OFPMP_METER_CONFIG, 0, ANY
    )


def decode_meter_configs(payload: bytes) -> Iterator[tuple[int, tuple[int, int] | None]]:
    """(meter id, (rate, burst)) of each meter of a multipart reply, from the bytes after its 16
    bytes of headers; None in place of the pair for a meter that meter_mod() would not make.

    Raises ValueError where the lengths do not add up.
    """
    start, end = 0, len(payload)
    while start < end:
        if end - start < 8:
            raise ValueError("meter configurations end in the middle of one")
        size, flags, meter = _METER_CONFIG.unpack_from(payload, start)
        if size < 8 or start + size > end:
            raise ValueError("a meter configuration with a malformed length")
        found = None
        if size == 24 and flags == METER_PACKETS_AND_BURST:
            kind, length, rate, burst = struct.unpack_from("!HHII", payload, start + 8)
            if (kind, length) == (_METER_DROP, 16):
                found = rate, burst
        yield meter, found
        start += size


def packet_out(ofport: int, frame: bytes, xid: int) -> bytes:
    """Send ``frame`` out of the port ``ofport``; it passes no table."""
    return (
        _PACKET_OUT.pack(
            VERSION, OFPT_PACKET_OUT, 40 + len(frame), xid, ANY, CONTROLLER, 16,
            OFPAT_OUTPUT, 16, ofport, 0,
        )
        + frame
    )  # fmt: skip


def packet_in_cookie(message: bytes) -> int:
    """The cookie of the flow that punted; 0 where the message is too short to have one."""
    return int.from_bytes(message[16:24], "big") if len(message) >= 24 else 0


def decode_packet_in(message: bytes) -> tuple[int, int, bytes]:
    """(OpenFlow port it came in, register ``punt_reason``, frame) of a whole OFPT_PACKET_IN
    (7.4.1).

    Raises ValueError where lengths do not add up, there is no in-port, or the frame is cut.
    """
    if len(message) < 34:
        raise ValueError("a short packet-in")
    total, match = int.from_bytes(message[12:14], "big"), int.from_bytes(message[26:28], "big")
    start = 24 + (match + 7 & ~7) + 2
    frame = message[start:]
    if match < 4 or not frame or len(frame) != total:
        raise ValueError("a packet-in with a malformed length")
    at, end = 28, 24 + match
    ofport, reason = -1, 0
    while at + 8 <= end:
        header = message[at : at + 4]
        if header == _IN_PORT_OXM:
            ofport = int.from_bytes(message[at + 4 : at + 8], "big")
        elif header == _REASON_OXM:  # Only where it is not zero.
            reason = int.from_bytes(message[at + 4 : at + 8], "big")
        at += 4 + message[at + 3]
    if ofport < 0:
        raise ValueError("a packet-in without an in-port")
    return ofport, reason, frame


def decode_error(message: bytes) -> tuple[int, int, int, str]:
    """(xid of the message that failed, type, code, text) of a whole OFPT_ERROR message.

    Open vSwitch sends the failing message's xid and its first 64 bytes.  What it does with a
    message in a bundle (3.1, tests/ovs/test_vrouter_errors.py):

    - one that cannot be parsed, or that breaks a prerequisite, names a missing table or a bad port,
      is refused when it is added, with its xid.  It is then not part of the bundle, and a commit
      **still succeeds** with all the others: whoever wants all or nothing must discard.
    - one that fails at the commit (a full table) is refused with its xid, and after it the commit
      is refused with the commit's xid, type 17 code 13; nothing of the bundle was done.

    Type 0xffff is an experimenter's, and its code is the exp_type.
    Raises ValueError where the message is no error or too short.
    """
    if len(message) < 12 or message[1] != OFPT_ERROR:
        raise ValueError("not an OpenFlow error message")
    xid, kind, code = struct.unpack_from("!IHH", message, 4)
    data = message[12:]
    detail = ERROR_CODES.get((kind, code), f"code {code}")
    text = f"{ERROR_TYPES.get(kind, f'type {kind}')}: {detail}"
    if kind == 0xFFFF:
        if len(data) < 4:
            raise ValueError("a short experimenter error")
        maker = int.from_bytes(data[:4], "big")
        name = "nicira" if maker == NICIRA else hex(maker)
        text, data = f"{name} error {code}", data[4:]
    if len(data) >= 8:
        # A bundle's message inside of OFPT_BUNDLE_ADD_MESSAGE has the same xid by the rule above.
        xid = int.from_bytes(data[4:8], "big")
    return xid, kind, code, text


ERROR_TYPES = {
    0: "hello failed", 1: "bad request", 2: "bad action", 3: "bad instruction", 4: "bad match",
    5: "flow mod failed", 6: "group mod failed", 7: "port mod failed", 8: "table mod failed",
    11: "role request failed", 12: "meter mod failed", 13: "table features failed",
    17: "bundle failed",
}  # fmt: skip
ERROR_CODES = {
    (1, 0): "version", (1, 1): "type", (1, 5): "permission (is_slave)", (1, 6): "length",
    (1, 9): "table id", (1, 10): "is slave",
    (2, 0): "type", (2, 1): "length", (2, 4): "output port", (2, 5): "argument",
    (2, 9): "no such group", (2, 10): "match inconsistent", (2, 13): "set_field type",
    (2, 14): "set_field length",
    (2, 15): "set_field argument",
    (3, 0): "unknown instruction", (3, 2): "bad table id",
    (4, 1): "length", (4, 6): "field", (4, 7): "value", (4, 8): "mask", (4, 9): "prerequisite",
    (4, 10): "duplicate field",
    (5, 0): "unknown", (5, 1): "table full", (5, 2): "bad table id", (5, 3): "overlap",
    (5, 4): "permission", (5, 6): "bad command",
    (6, 0): "group exists", (6, 1): "invalid group", (6, 3): "out of groups",
    (6, 4): "out of buckets", (6, 6): "watch unsupported", (6, 7): "loop", (6, 8): "unknown group",
    (6, 10): "bad type", (6, 12): "bad bucket", (6, 13): "bad watch",
    (12, 0): "unknown", (12, 1): "meter exists", (12, 2): "invalid meter", (12, 3): "unknown meter",
    (12, 4): "bad command", (12, 5): "bad flags", (12, 6): "bad rate", (12, 7): "bad burst",
    (12, 8): "bad band", (12, 10): "out of meters", (12, 11): "out of bands",
    (17, 0): "unknown", (17, 1): "permission", (17, 2): "bad id", (17, 3): "bundle exists",
    (17, 4): "bundle closed", (17, 5): "out of bundles", (17, 6): "bad type", (17, 7): "bad flags",
    (17, 8): "message length", (17, 9): "message xid", (17, 10): "message unsupported",
    (17, 11): "message conflict", (17, 12): "too many messages", (17, 13): "message failed",
    (17, 14): "timeout", (17, 15): "bundle in progress",
}  # fmt: skip
