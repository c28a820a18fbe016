"""Packets that the switch sends to the node and gets from it (OpenFlow 1.4.0, 7.3.7 and 7.4.1)."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from vrouter_ovs.numbers import SUBPORT_NUMBERS
from vrouter_ovs.schema.flow import CONTROLLER
from vrouter_ovs.schema.registers import REGISTERS
from vrouter_ovs.wire.flows import OFPAT_OUTPUT, encode_action
from vrouter_ovs.wire.openflow import ANY, VERSION

OFPT_PACKET_OUT = 13
_PACKET_OUT = struct.Struct("!BBHIIIH6xHHIH6x")
_PACKET_OUT_TO = struct.Struct("!BBHIIIH6x")
_TO_OUTPUT = encode_action(("resubmit", "output"))
_INTO = struct.Struct("!BBHIIIH6x")
_IN_PORT_OXM = b"\x80\0\0\4"
_REASON_OXM = REGISTERS["punt_reason"].header.to_bytes(4, "big")


def packet_out(ofport: int, frame: bytes, xid: int) -> bytes:
    """Send ``frame`` out of the port ``ofport``; it passes no table.  That of a subport passes the
    last, which knows its tag."""
    if SUBPORT_NUMBERS[0] <= ofport <= SUBPORT_NUMBERS[1]:
        actions = encode_action(("set_field", "out_port", ofport)) + _TO_OUTPUT
        return (
            _PACKET_OUT_TO.pack(
                VERSION, OFPT_PACKET_OUT, 24 + len(actions) + len(frame), xid, ANY, CONTROLLER,
                len(actions),
            )
            + actions + frame
        )  # fmt: skip
    return (
        _PACKET_OUT.pack(
            VERSION, OFPT_PACKET_OUT, 40 + len(frame), xid, ANY, CONTROLLER, 16,
            OFPAT_OUTPUT, 16, ofport, 0,
        )
        + frame
    )  # fmt: skip


def packet_into(
    table: str, registers: Mapping[str, int], in_port: int, frame: bytes, xid: int
) -> bytes:
    """Have the switch go on with ``frame`` in a table, with these registers set, as if it came in
    by the port ``in_port``; 0: by none."""
    actions = b"".join((
        *(encode_action(("load", name, value)) for name, value in registers.items()),
        encode_action(("resubmit", table)),
    ))
    size = _INTO.size + len(actions) + len(frame)
    return (
        _INTO.pack(VERSION, OFPT_PACKET_OUT, size, xid, ANY, in_port or CONTROLLER, len(actions))
        + actions + frame
    )


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
