"""Path attributes to bytes and back, with the error handling of RFC 7606.

Packed attributes leave out MP_REACH_NLRI, which :mod:`ryu_apps.peering.codec.update` builds around
the NLRI, and come in one form per kind of session (:class:`SessionParameters`).
"""

from __future__ import annotations

import socket
import struct
from typing import NamedTuple

from ryu_apps.control.families import DEFAULT_FAMILIES, Family
from ryu_apps.control.routes import LLGR_STALE, NO_LLGR, Attributes
from ryu_apps.peering.codec import tunnels
from ryu_apps.peering.codec.messages import AS_TRANS, UPDATE_ERROR, BgpError
from ryu_apps.peering.codec.nlri import pack_ip, unpack_ip
from ryu_apps.peering.codec.values import invalid_host, invalid_mac
from vrouter_ovs.encapsulation import (
    VXLAN,
    encapsulation_name,
    has_mpls_labels,
    in_order,
    tunnel_type,
)

ORIGIN, AS_PATH, NEXT_HOP, MED, LOCAL_PREF, ATOMIC, AGGREGATOR, COMMUNITIES = range(1, 9)
ORIGINATOR_ID, CLUSTER_LIST, MP_REACH, MP_UNREACH, EXT_COMMUNITIES = 9, 10, 14, 15, 16
AS4_PATH, AS4_AGGREGATOR, PMSI, TUNNEL_ENCAPSULATION = 17, 18, 22, 23

OPTIONAL, TRANSITIVE, EXTENDED = 0x80, 0x40, 0x10
_FLAGS = {ORIGIN: 0x40, AS_PATH: 0x40, NEXT_HOP: 0x40, MED: 0x80, LOCAL_PREF: 0x40, ATOMIC: 0x40,
          AGGREGATOR: 0xC0, COMMUNITIES: 0xC0, ORIGINATOR_ID: 0x80, CLUSTER_LIST: 0x80,
          MP_REACH: 0x80, MP_UNREACH: 0x80, EXT_COMMUNITIES: 0xC0, AS4_PATH: 0xC0,
          AS4_AGGREGATOR: 0xC0, PMSI: 0xC0, TUNNEL_ENCAPSULATION: 0xC0}
INGRESS_REPLICATION = 6
_WELL_KNOWN = {0xFFFF0006: LLGR_STALE, 0xFFFF0007: NO_LLGR}
"""Communities that something is made of."""


class SessionParameters(NamedTuple):
    """What a session's encoding and judgement depend on.  ``router_id`` is our own, and our
    cluster id.  ``first_as``: what the paths of an external peer must begin with, 0: anything.
    ``families``: those that both sides announced."""

    local_as: int
    router_id: str
    ebgp: bool
    as4: bool
    first_as: int = 0
    families: tuple[Family, ...] = DEFAULT_FAMILIES


class Parsed(NamedTuple):
    """``attrs`` is None where the routes are treated as withdrawn.  ``notes``: what was wrong, as
    (counter, text).  ``pmsi``: VNI of the ingress replication tunnel, or None.  ``loop``: the path
    led through here already."""

    attrs: tuple | None
    pmsi: int | None
    notes: tuple[tuple[str, str], ...]
    mpls: bool
    loop: bool = False


def _attribute(kind: int, value: bytes) -> bytes:
    if len(value) > 255:
        return struct.pack("!BBH", _FLAGS[kind] | EXTENDED, kind, len(value)) + value
    return bytes((_FLAGS[kind], kind, len(value))) + value


def _segments(path: tuple[int, ...], form: str) -> bytes:
    out = b""
    for at in range(0, len(path), 255):
        part = path[at : at + 255]
        out += struct.pack(f"!BB{len(part)}{form}", 2, len(part), *part)
    return out


def pack_target(text: str) -> bytes:
    """A route target to its community (RFC 4360, RFC 5668); ValueError where it is none."""
    admin, _, number = text.rpartition(":")
    try:
        if "." in admin:
            return b"\x01\x02" + socket.inet_aton(admin) + int(number).to_bytes(2, "big")
        asn = int(admin)
        if asn < 65536:
            return b"\x00\x02" + asn.to_bytes(2, "big") + int(number).to_bytes(4, "big")
        return b"\x02\x02" + asn.to_bytes(4, "big") + int(number).to_bytes(2, "big")
    except (ValueError, OverflowError, OSError) as error:
        raise ValueError(f"{text!r} is no route target") from error


def _communities(attrs: Attributes) -> bytes:
    out = [pack_target(text) for text in attrs.rts]
    out += [struct.pack("!HIH", 0x030C, 0, tunnel_type(name)) for name in attrs.encaps]
    if attrs.router_mac:
        out.append(b"\x06\x03" + bytes.fromhex(attrs.router_mac.replace(":", "")))
    if attrs.mobility or attrs.sticky:
        out.append(struct.pack("!BBBBI", 6, 0, 1 if attrs.sticky else 0, 0, attrs.mobility))
    if any(len(part) != 8 for part in out):
        raise ValueError(f"{attrs.router_mac!r} is no MAC address")
    return b"".join(out)


def pack_attributes(attrs: Attributes, pmsi: tuple[int, str] | None, session: SessionParameters
                    ) -> tuple[bytes, bytes]:
    """(next hop, attributes) for ``session``.  ``pmsi``: (VNI, tunnel address) for type 3.

    On an external session our AS is put before the path and LOCAL_PREF is left out; the next hop
    stays the VTEP everywhere (RFC 8365 section 6).  Raises ValueError on what cannot be packed.
    """
    out = [_attribute(ORIGIN, bytes((attrs.origin,)))]
    path = (session.local_as, *attrs.as_path) if session.ebgp else tuple(attrs.as_path)
    if session.as4:
        out.append(_attribute(AS_PATH, _segments(path, "I")))
    else:
        short = tuple(asn if asn < 65536 else AS_TRANS for asn in path)
        out.append(_attribute(AS_PATH, _segments(short, "H")))
    if attrs.med >= 0:
        out.append(_attribute(MED, attrs.med.to_bytes(4, "big")))
    if not session.ebgp:
        out.append(_attribute(LOCAL_PREF, attrs.local_pref.to_bytes(4, "big")))
        if attrs.originator_id:
            out.append(_attribute(ORIGINATOR_ID, pack_ip(attrs.originator_id)))
        if attrs.cluster_list:
            out.append(_attribute(CLUSTER_LIST, b"".join(map(pack_ip, attrs.cluster_list))))
    communities = _communities(attrs)
    if communities:
        out.append(_attribute(EXT_COMMUNITIES, communities))
    if not session.as4 and path != short:
        out.append(_attribute(AS4_PATH, _segments(path, "I")))
    if pmsi is not None:
        vni, address = pmsi
        label = vni << 4 if has_mpls_labels(attrs.encaps) else vni
        out.append(_attribute(PMSI, b"\x00\x06" + label.to_bytes(3, "big") + pack_ip(address)))
    return pack_ip(attrs.next_hop), b"".join(out)


class _Withdraw(Exception):
    """An attribute is malformed in a way that RFC 7606 answers by treat-as-withdraw."""


def _need(condition: bool, reason: str) -> None:
    if not condition:
        raise _Withdraw(reason)


def _parse_path(value: bytes, width: int) -> tuple[int, ...]:
    out: tuple[int, ...] = ()
    at, end = 0, len(value)
    while at < end:
        _need(at + 2 <= end, "AS_PATH: a single byte remains")
        kind, count = value[at], value[at + 1]
        stop = at + 2 + count * width
        _need(kind in (1, 2), f"AS_PATH: segment type {kind}")
        _need(count > 0, "AS_PATH: empty segment")
        _need(stop <= end, "AS_PATH: segment overruns")
        out += struct.unpack(f"!{count}{'I' if width == 4 else 'H'}", value[at + 2 : stop])
        at = stop
    return out


def _parse_communities(value: bytes, attributes: dict) -> None:
    targets, encaps = set(), set()
    for at in range(0, len(value), 8):
        kind, sub = value[at], value[at + 1]
        if sub == 2 and kind == 0:
            targets.add("{}:{}".format(*struct.unpack_from("!HI", value, at + 2)))
        elif sub == 2 and kind == 2:
            targets.add("{}:{}".format(*struct.unpack_from("!IH", value, at + 2)))
        elif sub == 2 and kind == 1:
            targets.add(f"{socket.inet_ntoa(value[at + 2 : at + 6])}:"
                        f"{int.from_bytes(value[at + 6 : at + 8], 'big')}")
        elif kind == 3 and sub == 0x0C:
            encaps.add(encapsulation_name(int.from_bytes(value[at + 6 : at + 8], "big")))
        elif kind == 6 and sub == 3:
            mac = value[at + 2 : at + 8].hex(":")
            reason = invalid_mac(mac)
            _need(not reason, f"Router's MAC {mac}: {reason}")
            attributes["router_mac"] = mac
        elif kind == 6 and sub == 0:
            attributes["sticky"] = bool(value[at + 2] & 1)
            attributes["mobility"] = int.from_bytes(value[at + 4 : at + 8], "big")
    attributes["rts"] = tuple(sorted(targets))
    if encaps:
        attributes["encaps"] = in_order(encaps)


def _parse_pmsi(value: bytes) -> tuple[int, bytes] | None:
    """(tunnel type, label) (RFC 6514 section 5)."""
    _need(len(value) >= 5, f"PMSI_TUNNEL of {len(value)} bytes")
    if value[1] == INGRESS_REPLICATION:
        _need(len(value) in (9, 21), f"PMSI_TUNNEL: ingress replication with {len(value)} bytes")
    return value[1], value[2:5]


def _parse_attribute(kind: int, value: bytes, session: SessionParameters, attributes: dict) -> str:
    """Take one attribute into ``attributes``; returns why it is discarded, or ""."""
    size = len(value)
    if kind == ORIGIN:
        _need(size == 1 and value[0] <= 2, f"ORIGIN {value[:4].hex()}")
        attributes["origin"] = value[0]
    elif kind == AS_PATH:
        attributes["as_path"] = _parse_path(value, 4 if session.as4 else 2)
    elif kind == NEXT_HOP:
        _need(size == 4, f"NEXT_HOP of {size} bytes")
    elif kind == MED:
        _need(size == 4, f"MED of {size} bytes")
        attributes["med"] = int.from_bytes(value, "big")
    elif kind in (LOCAL_PREF, ORIGINATOR_ID, CLUSTER_LIST) and session.ebgp:
        return f"attribute {kind} from an external peer"
    elif kind == LOCAL_PREF:
        _need(size == 4, f"LOCAL_PREF of {size} bytes")
        attributes["local_pref"] = int.from_bytes(value, "big")
    elif kind == ORIGINATOR_ID:
        _need(size == 4, f"ORIGINATOR_ID of {size} bytes")
        attributes["originator_id"] = socket.inet_ntoa(value)
    elif kind == CLUSTER_LIST:
        _need(size > 0 and size % 4 == 0, f"CLUSTER_LIST of {size} bytes")
        attributes["cluster_list"] = tuple(
            socket.inet_ntoa(value[at : at + 4]) for at in range(0, size, 4))
    elif kind == EXT_COMMUNITIES:
        _need(size > 0 and size % 8 == 0, f"EXTENDED_COMMUNITIES of {size} bytes")
        _parse_communities(value, attributes)
    elif kind == COMMUNITIES:
        _need(size > 0 and size % 4 == 0, f"COMMUNITIES of {size} bytes")
        found = {_WELL_KNOWN.get(number) for (number,) in struct.iter_unpack("!I", value)}
        attributes["communities"] = tuple(sorted(found - {None}))
    elif kind == 32:
        _need(size > 0 and size % 12 == 0, f"LARGE_COMMUNITY of {size} bytes")
    elif kind == PMSI:
        attributes["pmsi"] = _parse_pmsi(value)
    elif kind == TUNNEL_ENCAPSULATION:
        attributes["tunnels"] = value
    elif kind == ATOMIC and size != 0:
        return f"ATOMIC_AGGREGATE of {size} bytes"
    elif kind == AGGREGATOR:
        if size != (8 if session.as4 else 6):
            return f"AGGREGATOR of {size} bytes"
        if not any(value[:-4]):
            return "AGGREGATOR: AS 0 (RFC 7607 section 2)"
    elif kind == AS4_PATH:
        if session.as4:
            return "AS4_PATH between speakers of 4-byte AS numbers"
        try:
            attributes["as4_path"] = _parse_path(value, 4)
        except _Withdraw as error:
            return f"AS4_PATH: {error}"
    return ""


def _take_tunnels(attributes: dict) -> list[tuple[str, str]]:
    """Have ``attributes`` say what the tunnels of a Tunnel Encapsulation attribute are, beside
    those of communities, which are tunnels without anything more (RFC 9012 section 4.1)."""
    value = attributes.pop("tunnels", None)
    if value is None:
        return []
    try:
        found, unusable = tunnels.offered(value, attributes["next_hop"])
    except tunnels.Malformed as error:
        return [("attributes_discarded", f"TUNNEL_ENCAPSULATION: {error}")]
    attributes["encaps"] = in_order({*found, *attributes.get("encaps", ())})
    return [("tunnels_unusable", text) for text in unusable]


def _invalid_as_path(as_path: tuple[int, ...], session: SessionParameters) -> str:
    """Why routes with this AS_PATH are treated as withdrawn, or ""."""
    if 0 in as_path:
        return "AS_PATH: AS 0 (RFC 7607 section 2)"
    if session.first_as and as_path[:1] != (session.first_as,):
        return f"AS_PATH does not begin with AS {session.first_as} (RFC 4271 section 6.3)"
    return ""


def _next_hop(data: bytes, attributes: dict) -> None:
    """``data``: the bytes of an address, or of a global and a link-local one."""
    text = unpack_ip(data[:16])
    reason = invalid_host(text)
    _need(not reason, f"next hop {text}: {reason}")
    attributes["next_hop"] = text
    if len(data) == 32:
        attributes["link_local"] = unpack_ip(data[16:])


def parse_attributes(raw: list[tuple[int, int, bytes]], next_hop: bytes, session: SessionParameters,
                     encaps: tuple[str, ...] = (VXLAN,)) -> Parsed:
    """Judge and decode the attributes beside MP_REACH/MP_UNREACH.

    ``raw``: (flags, type, value) in order; ``next_hop``: of the routes, as their family's row of
    :data:`~ryu_apps.peering.codec.families.FAMILIES` unpacks it, b"" where there are none;
    ``encaps``: what the next hop takes where no Encapsulation community says it.
    Raises BgpError for the errors that still end a session: an unrecognized well-known attribute
    (RFC 4271 section 6.3).
    """
    attributes: dict = {}
    notes: list[tuple[str, str]] = []
    seen: set[int] = set()
    broken = False
    for flags, kind, value in raw:
        if kind in seen:
            notes.append(("attributes_discarded", f"attribute {kind} appears twice"))
            continue
        seen.add(kind)
        known = _FLAGS.get(kind)
        if known is None and not flags & OPTIONAL:
            raise BgpError(UPDATE_ERROR, 2, bytes((flags, kind, len(value) & 255)) + value,
                           f"attribute {kind}")
        try:
            _need(known is None or flags & 0xC0 == known, f"attribute {kind}: flags {flags:#x}")
            discarded = _parse_attribute(kind, value, session, attributes)
            if discarded:
                notes.append(("attributes_discarded", discarded))
        except _Withdraw as error:
            broken = True
            notes.append(("treated_as_withdraw", str(error)))
    if next_hop and not broken:
        try:
            _next_hop(next_hop, attributes)
            for kind, name in ((ORIGIN, "origin"), (AS_PATH, "as_path")):
                _need(name in attributes, f"attribute {kind} is missing")
        except _Withdraw as error:
            broken = True
            notes.append(("treated_as_withdraw", str(error)))
    if broken or not next_hop:
        return Parsed(None, None, tuple(notes), False)
    older, newer = attributes["as_path"], attributes.pop("as4_path", ())
    if newer and len(newer) <= len(older):  # RFC 6793 section 4.2.3
        attributes["as_path"] = older[: len(older) - len(newer)] + newer
    wrong = _invalid_as_path(attributes["as_path"], session)
    if wrong:
        return Parsed(None, None, (*notes, ("treated_as_withdraw", wrong)), False)
    notes += _take_tunnels(attributes)
    pmsi = attributes.pop("pmsi", None)
    attributes.setdefault("rts", ())
    attributes.setdefault("encaps", encaps)
    attrs = Attributes(**attributes)
    if session.local_as in attrs.as_path or attrs.originator_id == session.router_id \
            or session.router_id in attrs.cluster_list:
        return Parsed(None, None, tuple(notes), False, loop=True)
    mpls = has_mpls_labels(attrs.encaps)
    vni = None
    if pmsi is not None and pmsi[0] == INGRESS_REPLICATION:
        vni = int.from_bytes(pmsi[1], "big") >> (4 if mpls else 0)
    return Parsed(tuple(attrs), vni, tuple(notes), mpls)
