"""BGP messages other than UPDATE: framing, OPEN with its capabilities, NOTIFICATION, ROUTE-REFRESH.

Messages are packed by os-ken's message library.  OPEN is parsed here: os-ken's parser hands each
capability the rest of the buffer instead of its own value, so a graceful restart capability
swallows what follows it, and it raises whatever ``struct`` raises on a truncated message.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass, field

from os_ken.lib.packet import bgp

from ryu_apps.control.graceful_restart import SessionEnd

OPEN, UPDATE, NOTIFICATION, KEEPALIVE, ROUTE_REFRESH = 1, 2, 3, 4, 5
HEADER = 19
MAX_MESSAGE = 4096
MARKER = b"\xff" * 16
KEEPALIVE_MESSAGE = MARKER + b"\x00\x13\x04"

AFI_L2VPN, SAFI_EVPN = 25, 70
EVPN_FAMILY = (AFI_L2VPN, SAFI_EVPN)
AS_TRANS = 23456

CAP_MP, CAP_REFRESH, CAP_GR, CAP_AS4 = 1, 2, 64, 65
GR_RESTARTING, GR_NOTIFICATION = 0x8, 0x4
HARD_RESET = 9
"""Restart flags: R (RFC 4724 section 3) and N (RFC 8538 section 2)."""
GR_FORWARDING = 0x80

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


@dataclass(frozen=True)
class Open:
    """What a peer's OPEN says.  ``families``: announced by multiprotocol capabilities;
    ``restart_families``: by that of graceful restart, ``forwarding`` those of them with flag F."""

    asn: int
    hold_time: int
    router_id: str
    families: frozenset[tuple[int, int]] = frozenset()
    as4: bool = False
    refresh: bool = False
    graceful: bool = False
    restart_families: frozenset[tuple[int, int]] = frozenset()
    restart_flags: int = 0
    restart_time: int = 0
    forwarding: frozenset[tuple[int, int]] = frozenset()
    unknown: tuple[int, ...] = field(default=())


def pack_open(asn: int, hold_time: int, router_id: str, restart_time: int, restarting: bool
              ) -> bytes:
    """Our OPEN: EVPN, 4-byte AS, route refresh, graceful restart with the forwarding state kept."""
    flags = GR_NOTIFICATION | (GR_RESTARTING if restarting else 0)
    return bytes(bgp.BGPOpen(
        my_as=asn if asn < 65536 else AS_TRANS, hold_time=hold_time, bgp_identifier=router_id,
        opt_param=[
            bgp.BGPOptParamCapabilityMultiprotocol(AFI_L2VPN, SAFI_EVPN),
            bgp.BGPOptParamCapabilityRouteRefresh(),
            bgp.BGPOptParamCapabilityFourOctetAsNumber(asn),
            bgp.BGPOptParamCapabilityGracefulRestart(
                flags, restart_time, [(AFI_L2VPN, SAFI_EVPN, GR_FORWARDING)]),
        ]).serialize())


def _capabilities(data: bytes) -> list[tuple[int, bytes]]:
    """Optional parameters (RFC 4271 section 4.2, RFC 5492, long form of RFC 9072)."""
    size, at, end = data[9], 10, len(data)
    wide = False
    if size == 255 and end >= 13 and data[10] == 255:
        size, at, wide = int.from_bytes(data[11:13], "big"), 13, True
    if at + size != end:
        raise BgpError(OPEN_ERROR, 0, reason="optional parameters do not fill the message")
    out = []
    step = 3 if wide else 2
    while at < end:
        if at + step > end:
            raise BgpError(OPEN_ERROR, 0, reason="truncated optional parameter")
        kind = data[at]
        length = int.from_bytes(data[at + 1 : at + step], "big")
        at += step
        stop = at + length
        if stop > end:
            raise BgpError(OPEN_ERROR, 0, reason="optional parameter overruns the message")
        if kind != 2:
            raise BgpError(OPEN_ERROR, 4, reason=f"optional parameter {kind}")
        while at < stop:
            if at + 2 > stop or at + 2 + data[at + 1] > stop:
                raise BgpError(OPEN_ERROR, 0, reason="capability overruns its parameter")
            out.append((data[at], data[at + 2 : at + 2 + data[at + 1]]))
            at += 2 + data[at + 1]
    return out


def parse_open(data: bytes) -> Open:
    """Parse an OPEN without its header; raises BgpError (RFC 4271 section 6.2)."""
    if data[0] != 4:
        raise BgpError(OPEN_ERROR, 1, struct.pack("!H", 4), f"version {data[0]}")
    asn, hold = struct.unpack_from("!HH", data, 1)
    if hold in (1, 2):
        raise BgpError(OPEN_ERROR, 6, reason=f"{hold} s")
    if data[5:9] == b"\0\0\0\0":
        raise BgpError(OPEN_ERROR, 3, reason="0.0.0.0")
    families: set[tuple[int, int]] = set()
    forwarding: set[tuple[int, int]] = set()
    restart_families: set[tuple[int, int]] = set()
    unknown: list[int] = []
    found: dict = {}
    for code, value in _capabilities(data):
        if code == CAP_MP and len(value) == 4:
            families.add((int.from_bytes(value[:2], "big"), value[3]))
        elif code == CAP_AS4 and len(value) == 4:
            asn, found["as4"] = int.from_bytes(value, "big"), True
        elif code == CAP_REFRESH:
            found["refresh"] = True
        elif code == CAP_GR and len(value) >= 2:
            word = int.from_bytes(value[:2], "big")
            found.update(graceful=True, restart_flags=word >> 12, restart_time=word & 0xFFF)
            for at in range(2, len(value) - 3, 4):
                family = int.from_bytes(value[at : at + 2], "big"), value[at + 2]
                restart_families.add(family)
                if value[at + 3] & GR_FORWARDING:
                    forwarding.add(family)
        else:
            unknown.append(code)
    return Open(asn, hold, socket.inet_ntoa(data[5:9]), frozenset(families),
                restart_families=frozenset(restart_families),
                forwarding=frozenset(forwarding), unknown=tuple(unknown), **found)


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


def pack_refresh() -> bytes:
    """ROUTE-REFRESH for EVPN (RFC 2918 section 3)."""
    return bytes(bgp.BGPRouteRefresh(AFI_L2VPN, SAFI_EVPN).serialize())
