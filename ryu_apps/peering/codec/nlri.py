"""What the NLRI of all families share: a decoded route, distinguishers, addresses, labels."""

from __future__ import annotations

import socket
from functools import lru_cache
from typing import NamedTuple


class DecodedRoute(NamedTuple):
    """One decoded NLRI.  ``fields``: those of the family's class in
    :mod:`ryu_apps.control.routes` without ``nlri_type``, as a tuple.  ``key``: the same of
    all announcements and withdrawals of a route, and within its family of no other."""

    key: bytes
    route_type: int
    fields: tuple
    labels: tuple[int, ...]
    esi: str
    gateway: str


@lru_cache(maxsize=65536)
def pack_rd(rd: str) -> bytes:
    """Route distinguisher to 8 bytes (RFC 4364 section 4.2); ValueError where it is none.

    "ASN:N" is type 0 where the ASN has 16 bits, else type 2; "ASNL:N" is type 2 always.
    """
    admin, _, number = rd.rpartition(":")
    try:
        if "." in admin:
            return b"\x00\x01" + socket.inet_aton(admin) + int(number).to_bytes(2, "big")
        asn = int(admin.rstrip("L"))
        if asn < 65536 and not admin.endswith("L"):
            return b"\x00\x00" + asn.to_bytes(2, "big") + int(number).to_bytes(4, "big")
        return b"\x00\x02" + asn.to_bytes(4, "big") + int(number).to_bytes(2, "big")
    except (ValueError, OverflowError, OSError) as error:
        raise ValueError(f"{rd!r} is no route distinguisher") from error


@lru_cache(maxsize=65536)
def unpack_rd(data: bytes) -> str:
    """8 bytes to "A.B.C.D:N", "ASN:N" or, for a type 2 whose ASN has 16 bits, "ASNL:N"; "" where
    the type is unknown."""
    kind = int.from_bytes(data[:2], "big")
    if kind == 0:
        return f"{int.from_bytes(data[2:4], 'big')}:{int.from_bytes(data[4:], 'big')}"
    if kind == 1:
        return f"{socket.inet_ntoa(data[2:6])}:{int.from_bytes(data[6:], 'big')}"
    if kind == 2:
        asn = int.from_bytes(data[2:6], "big")
        return f"{asn}{'L' if asn < 65536 else ''}:{int.from_bytes(data[6:], 'big')}"
    return ""


def pack_ip(address: str) -> bytes:
    """4 or 16 bytes; ValueError where it is no address."""
    try:
        return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
    except OSError as error:
        raise ValueError(f"{address!r} is no IP address") from error


def unpack_ip(data: bytes) -> str:
    if len(data) == 4:
        return socket.inet_ntoa(data)
    return socket.inet_ntop(socket.AF_INET6, data)


def pack_label(value: int, mpls: bool) -> bytes:
    """A 24 bit VNI (RFC 8365 section 5.1.3), or with ``mpls`` a label of 20 bits with the bottom of
    stack bit (RFC 8277 section 2.2); OverflowError where it does not fit."""
    return (value << 4 | 1 if mpls else value).to_bytes(3, "big")


def unpack_label(data: bytes, mpls: bool) -> int:
    """Three bytes to a VNI, or with ``mpls`` to the label in its high 20 bits."""
    value = int.from_bytes(data, "big")
    return value >> 4 if mpls else value
