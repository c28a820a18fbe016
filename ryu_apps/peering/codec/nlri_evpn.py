"""EVPN NLRI (RFC 7432 section 7, RFC 9136 section 3), packed and parsed without objects.

A route travels inside the engine as plain values: its type, the fields of its
:mod:`ryu_apps.control.routes` NLRI as a tuple, its labels, ESI and gateway.  Its *key* is its
encoding with ESI and labels zero, which is what MP_UNREACH_NLRI carries.
"""

from __future__ import annotations

from collections.abc import Iterator

from ryu_apps.peering.codec.messages import UPDATE_ERROR, BgpError
from ryu_apps.peering.codec.nlri import (
    DecodedRoute,
    pack_ip,
    pack_label,
    pack_rd,
    unpack_ip,
    unpack_label,
    unpack_rd,
)
from ryu_apps.peering.codec.values import invalid_host, invalid_mac, invalid_prefix

MAC_IP, IMET, IP_PREFIX = 2, 3, 5
ROUTE_TYPES = frozenset((MAC_IP, IMET, IP_PREFIX))
_ZERO_ESI = bytes(10)
_ZERO3 = bytes(3)


def pack_route(route_type: int, fields: tuple, labels: tuple = (), esi: str = "",
               gateway: str = "", mpls: bool = False) -> tuple[bytes, bytes]:
    """(key, NLRI).  Raises ValueError or OverflowError where a field does not fit."""
    if route_type == MAC_IP:
        rd, etag, mac, ip = fields
        mac_bytes = bytes.fromhex(mac.replace(":", ""))
        if len(mac_bytes) != 6:
            raise ValueError(f"{mac!r} is no MAC address")
        address = pack_ip(ip) if ip else b""
        head = pack_rd(rd)
        tail = b"%b\x30%b%c%b" % (etag.to_bytes(4, "big"), mac_bytes, len(address) * 8, address)
        size = 21 + len(tail)
        key = b"\x02%c%b%b%b%b" % (size, head, _ZERO_ESI, tail, _ZERO3)
        packed = b"".join([pack_label(value, mpls) for value in labels])
        if len(packed) not in (3, 6):
            raise ValueError(f"a MAC/IP route has one or two labels, not {len(labels)}")
        return key, b"\x02%c%b%b%b%b" % (size - 3 + len(packed), head,
                                        bytes.fromhex(esi) if esi else _ZERO_ESI, tail, packed)
    if route_type == IMET:
        rd, etag, ip = fields
        address = pack_ip(ip)
        key = b"\x03%c%b%b%c%b" % (13 + len(address), pack_rd(rd), etag.to_bytes(4, "big"),
                                   len(address) * 8, address)
        return key, key
    if route_type == IP_PREFIX:
        rd, etag, prefix = fields
        network, _, length = prefix.partition("/")
        address, bits = pack_ip(network), int(length)
        if bits > len(address) * 8:
            raise ValueError(f"{prefix!r} is no prefix")
        hop = pack_ip(gateway) if gateway else bytes(len(address))
        if len(hop) != len(address):
            raise ValueError(f"gateway {gateway!r} is of another family than {prefix!r}")
        head = pack_rd(rd)
        tail = b"%b%c%b" % (etag.to_bytes(4, "big"), bits, address)
        size = 21 + len(tail) + len(hop)
        key = b"\x05%c%b%b%b%b%b" % (size, head, _ZERO_ESI, tail, bytes(len(hop)), _ZERO3)
        return key, b"\x05%c%b%b%b%b%b" % (
            size, head, bytes.fromhex(esi) if esi else _ZERO_ESI, tail, hop,
            pack_label(labels[0] if labels else 0, mpls))
    raise ValueError(f"route type {route_type}")


def _mac_ip(value: bytes, mpls: bool) -> DecodedRoute | None:
    size = len(value)
    if size < 33 or value[22] != 48:
        raise BgpError(UPDATE_ERROR, 9, reason=f"MAC/IP route of {size} bytes")
    bits = value[29]
    end = 30 + bits // 8
    if bits not in (0, 32, 128) or size not in (end + 3, end + 6):
        raise BgpError(UPDATE_ERROR, 9, reason=f"MAC/IP route of {size} bytes, IP of {bits} bits")
    rd = unpack_rd(value[:8])
    if not rd:
        return None
    labels = (unpack_label(value[end : end + 3], mpls),)
    if size == end + 6:
        labels += (unpack_label(value[end + 3 :], mpls),)
    esi = value[8:18]
    return DecodedRoute(b"\x02" + value[:8] + value[18:end], 2,
                        (rd, int.from_bytes(value[18:22], "big"), value[23:29].hex(":"),
                         unpack_ip(value[30:end]) if bits else ""),
                        labels, "" if esi == _ZERO_ESI else esi.hex(), "")


def _imet(value: bytes) -> DecodedRoute | None:
    size = len(value)
    if size < 17 or value[12] not in (32, 128) or size != 13 + value[12] // 8:
        raise BgpError(UPDATE_ERROR, 9, reason=f"inclusive multicast route of {size} bytes")
    rd = unpack_rd(value[:8])
    if not rd:
        return None
    return DecodedRoute(b"\x03" + value, 3,
                        (rd, int.from_bytes(value[8:12], "big"), unpack_ip(value[13:])), (), "", "")


def _prefix(value: bytes, mpls: bool) -> DecodedRoute | None:
    """RFC 9136 section 3.1: other lengths than 34 and 58 are treat-as-withdraw, and since there is
    no route to name that way, skipped."""
    size = len(value)
    if size not in (34, 58):
        return None
    width = 4 if size == 34 else 16
    bits, rd = value[22], unpack_rd(value[:8])
    if bits > width * 8 or not rd:
        return None
    spare = width * 8 - bits
    network = (int.from_bytes(value[23 : 23 + width], "big") >> spare << spare).to_bytes(
        width, "big")
    hop, esi = value[23 + width : 23 + 2 * width], value[8:18]
    return DecodedRoute(b"\x05" + value[:8] + value[18:23] + network, 5,
                        (rd, int.from_bytes(value[18:22], "big"), f"{unpack_ip(network)}/{bits}"),
                        (unpack_label(value[-3:], mpls),), "" if esi == _ZERO_ESI else esi.hex(),
                        unpack_ip(hop) if any(hop) else "")


def unpack_routes(data: bytes, mpls: bool = False) -> Iterator[DecodedRoute | None]:
    """The routes of an NLRI field; None stands for one that is of no use here: another route type
    (RFC 7606 section 5.4), an unknown RD type, a type 5 route that cannot be.

    Raises BgpError where the field cannot be delimited, or a type 2 or 3 route contradicts its own
    length (RFC 7606 section 5.3: syntactically incorrect, the session is reset).
    """
    at, end = 0, len(data)
    while at < end:
        if at + 2 > end or at + 2 + data[at + 1] > end:
            raise BgpError(UPDATE_ERROR, 9, reason="NLRI overruns its attribute")
        route_type = data[at]
        stop = at + 2 + data[at + 1]
        value = data[at + 2 : stop]
        at = stop
        if route_type == MAC_IP:
            yield _mac_ip(value, mpls)
        elif route_type == IMET:
            yield _imet(value)
        elif route_type == IP_PREFIX:
            yield _prefix(value, mpls)
        else:
            yield None


def invalid_route(route: DecodedRoute) -> str:
    """Why the values in a route's NLRI cannot be right, or ""."""
    fields = route.fields
    if fields[1]:
        # A VLAN-aware bundle (RFC 7432 section 6.3): its VLANs would become one network here.
        return "Ethernet tag"
    if route.route_type == MAC_IP:
        reason = invalid_mac(fields[2])
        if not reason and fields[3]:
            reason = invalid_host(fields[3])
        return reason or ("" if route.labels[0] else "label 0")
    if route.route_type == IMET:
        return invalid_host(fields[2])
    if route.esi and route.gateway:
        return "both ESI and gateway"  # RFC 9136 section 3.2
    if route.gateway:
        reason = invalid_host(route.gateway)
        if reason:
            return reason
    return invalid_prefix(fields[2])


def p_tunnel(fields: tuple, labels: tuple) -> tuple[int, str]:
    """A type 3 route's ingress replication tunnel: (VNI, originating router) (RFC 7432 11.2)."""
    return labels[0], fields[2]


def unpack_next_hop(data: bytes) -> bytes:
    """An IPv4 or IPv6 address (RFC 7432 section 7.1 and following)."""
    if len(data) not in (4, 16):
        raise ValueError(f"next hop of {len(data)} bytes")
    return data
