"""OPEN and its capabilities (RFC 4271 section 4.2, RFC 5492), for the families of the session.

It is packed by os-ken's message library and parsed here: os-ken's parser hands each capability the
rest of the buffer instead of its own value, so a graceful restart capability swallows what follows
it, and it raises whatever ``struct`` raises on a truncated message.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from os_ken.lib.packet import bgp

from ryu_apps.control.families import DEFAULT_FAMILIES, Family
from ryu_apps.peering.codec.families import FAMILIES, GR_FORWARDING, FamilyCodec
from ryu_apps.peering.codec.messages import AS_TRANS, OPEN_ERROR, BgpError

CAP_MP, CAP_REFRESH, CAP_GR, CAP_AS4, CAP_LLGR = 1, 2, 64, 65, 71
GR_RESTARTING, GR_NOTIFICATION = 0x8, 0x4
"""Restart flags: R (RFC 4724 section 3) and N (RFC 8538 section 2)."""


@dataclass(frozen=True)
class Open:
    """What a peer's OPEN says.  ``families``: announced by multiprotocol capabilities;
    ``restart_families``: by that of graceful restart, ``forwarding`` those of them with flag F.
    ``long_lived``: family -> (seconds, flag F) of long-lived graceful restart."""

    asn: int
    hold_time: int
    router_id: str
    families: frozenset[Family] = frozenset()
    as4: bool = False
    refresh: bool = False
    graceful: bool = False
    restart_families: frozenset[Family] = frozenset()
    restart_flags: int = 0
    restart_time: int = 0
    forwarding: frozenset[Family] = frozenset()
    long_lived: Mapping[Family, tuple[int, bool]] = field(default_factory=dict)
    unknown: tuple[int, ...] = field(default=())


def pack_open(asn: int, hold_time: int, router_id: str, restart_time: int, restarting: bool,
              families: Sequence[Family] = DEFAULT_FAMILIES, long_lived_time: int = 0) -> bytes:
    """Our OPEN: ``families``, 4-byte AS, route refresh, graceful restart, and with
    ``long_lived_time`` (seconds) long-lived graceful restart of the families that have it."""
    codecs = [FAMILIES[family] for family in families]
    flags = GR_NOTIFICATION | (GR_RESTARTING if restarting else 0)
    special = dict.fromkeys(extra for codec in codecs for extra in codec.capabilities)
    return bytes(bgp.BGPOpen(
        my_as=asn if asn < 65536 else AS_TRANS, hold_time=hold_time, bgp_identifier=router_id,
        opt_param=[
            *(bgp.BGPOptParamCapabilityMultiprotocol(*family) for family in families),
            bgp.BGPOptParamCapabilityRouteRefresh(),
            bgp.BGPOptParamCapabilityFourOctetAsNumber(asn),
            bgp.BGPOptParamCapabilityGracefulRestart(
                flags, restart_time, [(*codec.family, codec.restart_flags) for codec in codecs]),
            *_long_lived(codecs, long_lived_time),
            *(bgp.BGPOptParamCapabilityUnknown(cap_code=code, cap_value=value)
              for code, value in special),
        ]).serialize())


def _long_lived(codecs: Iterable[FamilyCodec], seconds: int) -> list:
    """RFC 9494 section 3.1: AFI, SAFI, flags, and the time in three bytes, of each family."""
    value = b"".join(
        codec.wire + bytes((codec.restart_flags & GR_FORWARDING,)) + seconds.to_bytes(3, "big")
        for codec in codecs if codec.long_lived and seconds)
    return [bgp.BGPOptParamCapabilityUnknown(cap_code=CAP_LLGR, cap_value=value)] if value else []


def unsupported(families: Iterable[Family]) -> bytes:
    """The data of a NOTIFICATION 2/7: capabilities that the peer lacks (RFC 5492 section 5)."""
    return b"".join(struct.pack("!BBHBB", CAP_MP, 4, afi, 0, safi) for afi, safi in families)


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
    families: set[Family] = set()
    forwarding: set[Family] = set()
    restart_families: set[Family] = set()
    long_lived: dict[Family, tuple[int, bool]] = {}
    unknown: list[int] = []
    fields: dict = {}
    for code, value in _capabilities(data):
        if code == CAP_MP and len(value) == 4:
            families.add(Family(int.from_bytes(value[:2], "big"), value[3]))
        elif code == CAP_AS4 and len(value) == 4:
            asn, fields["as4"] = int.from_bytes(value, "big"), True
        elif code == CAP_REFRESH:
            fields["refresh"] = True
        elif code == CAP_GR and len(value) >= 2:
            word = int.from_bytes(value[:2], "big")
            fields.update(graceful=True, restart_flags=word >> 12, restart_time=word & 0xFFF)
            for at in range(2, len(value) - 3, 4):
                family = Family(int.from_bytes(value[at : at + 2], "big"), value[at + 2])
                restart_families.add(family)
                if value[at + 3] & GR_FORWARDING:
                    forwarding.add(family)
        elif code == CAP_LLGR:
            for at in range(0, len(value) - 6, 7):
                family = Family(int.from_bytes(value[at : at + 2], "big"), value[at + 2])
                long_lived[family] = (
                    int.from_bytes(value[at + 4 : at + 7], "big"),
                    bool(value[at + 3] & GR_FORWARDING))
        else:
            unknown.append(code)
    return Open(asn, hold, socket.inet_ntoa(data[5:9]), frozenset(families),
                restart_families=frozenset(restart_families),
                forwarding=frozenset(forwarding),
                # Without the other capability it says nothing (RFC 9494 section 3.1).
                long_lived=long_lived if fields.get("graceful") else {},
                unknown=tuple(unknown), **fields)
