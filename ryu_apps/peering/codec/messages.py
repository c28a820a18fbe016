"""BGP messages other than OPEN and UPDATE: framing, NOTIFICATION, ROUTE-REFRESH.

Messages are packed by os-ken's message library.
"""

from __future__ import annotations

import struct

from os_ken.lib.packet import bgp

from ryu_apps.control.families import Family
from ryu_apps.control.graceful_restart import SessionEnd

OPEN, UPDATE, NOTIFICATION, KEEPALIVE, ROUTE_REFRESH = 1, 2, 3, 4, 5
HEADER = 19
MAX_MESSAGE = 4096
MARKER = b"\xff" * 16
KEEPALIVE_MESSAGE = MARKER + b"\x00\x13\x04"

AS_TRANS = 23456
"""In two bytes for an AS number of four (RFC 6793)."""
HARD_RESET = 9
"""Subcode of Cease (RFC 8538 section 3)."""

UNPACKABLE = (ValueError, TypeError, ArithmeticError, LookupError, AttributeError, struct.error)
"""What packing a value that does not fit raises; ``struct.error`` is of no other class."""

HEADER_ERROR, OPEN_ERROR, UPDATE_ERROR, HOLD_EXPIRED, FSM_ERROR, CEASE, REFRESH_ERROR, \
    SEND_HOLD_EXPIRED = range(1, 9)

_MIN_LENGTH = {OPEN: 29, UPDATE: 23, NOTIFICATION: 21, KEEPALIVE: 19, ROUTE_REFRESH: 23}

_CODES = {
    1: ("message header error", {1: "connection not synchronized", 2: "bad message length",
                                 3: "bad message type"}),
    2: ("OPEN message error", {1: "unsupported version", 2: "bad peer AS", 3: "bad BGP identifier",
                               4: "unsupported optional parameter", 6: "unacceptable hold time",
                               7: "unsupported capability"}),
    3: ("UPDATE message error", {1: "malformed attribute list", 2: "unrecognized well-known "
                                 "attribute", 3: "missing well-known attribute", 4: "attribute "
                                 "flags error", 5: "attribute length error", 6: "invalid ORIGIN",
                                 8: "invalid NEXT_HOP", 9: "optional attribute error",
                                 10: "invalid network field", 11: "malformed AS_PATH"}),
    4: ("hold timer expired", {}),
    5: ("finite state machine error", {1: "unexpected message in OpenSent", 2: "unexpected "
                                       "message in OpenConfirm", 3: "unexpected message in "
                                       "Established"}),
    6: ("cease", {1: "maximum number of prefixes reached", 2: "administrative shutdown",
                  3: "peer de-configured", 4: "administrative reset", 5: "connection rejected",
                  6: "other configuration change", 7: "connection collision resolution",
                  8: "out of resources", 9: "hard reset"}),
    7: ("ROUTE-REFRESH message error", {1: "invalid message length"}),
    8: ("send hold timer expired", {}),
}


class BgpError(Exception):
    """An error that ends the session with the NOTIFICATION ``code``/``subcode``/``data``."""

    def __init__(self, code: int, subcode: int = 0, data: bytes = b"", reason: str = "") -> None:
        self.code, self.subcode, self.data = code, subcode, data
        text = describe(code, subcode)
        super().__init__(f"{text}: {reason}" if reason else text)


def describe(code: int, subcode: int) -> str:
    """The words for a NOTIFICATION's code and subcode (RFC 4271 section 4.5, RFC 4486)."""
    name, subs = _CODES.get(code, (f"error {code}", {}))
    sub = subs.get(subcode) or (str(subcode) if subcode else "")
    return f"{name} ({code}/{subcode})" + (f": {sub}" if sub else "")


def check_header(buf: bytes | bytearray, at: int) -> tuple[int, int]:
    """(length, type) of the message whose 19 header bytes stand at ``at``; raises BgpError."""
    if buf[at : at + 16] != MARKER:
        raise BgpError(HEADER_ERROR, 1, reason="marker is not all ones")
    length, kind = (buf[at + 16] << 8) | buf[at + 17], buf[at + 18]
    if kind not in _MIN_LENGTH:
        raise BgpError(HEADER_ERROR, 3, bytes([kind]), f"type {kind}")
    if length < _MIN_LENGTH[kind] or length > MAX_MESSAGE or (kind == KEEPALIVE and length != 19):
        raise BgpError(HEADER_ERROR, 2, struct.pack("!H", length), f"length {length}, type {kind}")
    return length, kind


def hard_reset(error: BgpError) -> BgpError:
    """Cease/9 around a NOTIFICATION: the peer must not keep our routes (RFC 8538 section 3)."""
    return BgpError(CEASE, HARD_RESET, bytes((error.code, error.subcode)) + error.data, str(error))


def parse_notification(body: bytes) -> SessionEnd:
    """What a peer's NOTIFICATION without its header means, unwrapped from a Hard Reset."""
    code, subcode = body[0], body[1]
    if (code, subcode) == (CEASE, HARD_RESET):
        inner = body[2:4] if len(body) >= 4 else bytes((CEASE, 0))
        return SessionEnd(inner[0], inner[1], hard=True)
    return SessionEnd(code, subcode)


def pack_notification(error: BgpError) -> bytes:
    return bytes(bgp.BGPNotification(error.code, error.subcode, data=error.data[:1024])
                 .serialize())


def pack_refresh(family: Family) -> bytes:
    """ROUTE-REFRESH (RFC 2918 section 3)."""
    return bytes(bgp.BGPRouteRefresh(*family).serialize())


def parse_refresh(body: bytes) -> Family | None:
    """The family that a ROUTE-REFRESH without its header asks for; None for a subtype of RFC 7313,
    which is not negotiated.  Raises BgpError."""
    if len(body) != 4:
        raise BgpError(REFRESH_ERROR, 1, reason=f"{len(body)} bytes")
    return None if body[2] else Family(int.from_bytes(body[:2], "big"), body[3])
