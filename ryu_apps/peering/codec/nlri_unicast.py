"""NLRI of IPv4 and IPv6 unicast: a prefix, and nothing else (RFC 4271 section 4.3, RFC 4760 section
5, RFC 2545)."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from ryu_apps.control.families import IPV4_UNICAST, Family
from ryu_apps.peering.codec.messages import UPDATE_ERROR, BgpError
from ryu_apps.peering.codec.nlri import DecodedRoute, pack_ip, unpack_ip
from ryu_apps.peering.codec.values import invalid_prefix

ROUTE_TYPES = frozenset((0,))


def _width(family: Family) -> int:
    """Bytes of an address."""
    return 4 if family == IPV4_UNICAST else 16


def pack_route(family: Family, route_type: int, fields: tuple, labels: tuple = (), esi: str = "",
               gateway: str = "", mpls: bool = False) -> tuple[bytes, bytes]:
    """(key, NLRI), which are the same.  Raises ValueError where the prefix is none of the
    family."""
    if route_type:
        raise ValueError(f"route type {route_type}")
    (prefix,) = fields
    network, _, length = prefix.partition("/")
    address, bits = pack_ip(network), int(length)
    if len(address) != _width(family) or not 0 <= bits <= len(address) * 8:
        raise ValueError(f"{prefix!r} is no prefix of {family}")
    packed = bytes((bits,)) + address[: (bits + 7) // 8]
    return packed, packed


def unpack_routes(family: Family, data: bytes, mpls: bool = False) -> Iterator[DecodedRoute]:
    """The prefixes of an NLRI field; what stands behind their length is taken for zero.

    Raises BgpError where the field cannot be delimited (RFC 7606 section 5.3).
    """
    width = _width(family)
    at, end = 0, len(data)
    while at < end:
        bits = data[at]
        size = (bits + 7) // 8
        if size > width or bits > width * 8 or at + 1 + size > end:
            raise BgpError(UPDATE_ERROR, 10, reason=f"a prefix of {bits} bits in {family}")
        spare = size * 8 - bits
        value = int.from_bytes(data[at + 1 : at + 1 + size], "big") >> spare << spare
        network = value.to_bytes(size, "big")
        at += 1 + size
        yield DecodedRoute(
            bytes((bits,)) + network, 0,
            (f"{unpack_ip(network + bytes(width - size))}/{bits}",), (), "", "")


def invalid_route(route: DecodedRoute) -> str:
    """Why nobody can route to a prefix, or ""."""
    return invalid_prefix(route.fields[0])


def pack_next_hop(family: Family, next_hop: bytes) -> bytes:
    """The next hop as MP_REACH_NLRI or NEXT_HOP has it; ValueError for one of the other version."""
    if len(next_hop) != _width(family):
        raise ValueError(f"a next hop of {len(next_hop)} bytes for {family}")
    return next_hop


def unpack_next_hop(family: Family, data: bytes) -> bytes:
    """A global address, or a global and a link-local one (RFC 2545 section 3).  A speaker that has
    no global address on the link sends the link-local one in its place, or zero before it."""
    width = _width(family)
    if len(data) != width and (width, len(data)) != (16, 32):
        raise ValueError(f"next hop of {len(data)} bytes")
    if len(data) == 32 and (not any(data[:16]) or data[:16] == data[16:]):
        return data[16:]
    return data


def row(family: Family) -> dict:
    """What :class:`~ryu_apps.peering.codec.families.FamilyCodec` asks of the family's NLRI."""
    return {
        "family": family, "route_types": ROUTE_TYPES,
        "pack": functools.partial(pack_route, family),
        "unpack": functools.partial(unpack_routes, family),
        "invalid": invalid_route,
        "pack_next_hop": functools.partial(pack_next_hop, family),
        "unpack_next_hop": functools.partial(unpack_next_hop, family),
    }
