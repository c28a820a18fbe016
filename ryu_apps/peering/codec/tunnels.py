"""The Tunnel Encapsulation attribute (RFC 9012): which tunnels the egress of a route takes.

A TLV says more of a tunnel than an Encapsulation community does, and only what a vrouter can heed
is taken: a tunnel that ends at the next hop, at the port that its type has, with the label that
the route has.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from ryu_apps.peering.codec.nlri import pack_ip
from vrouter_ovs.encapsulation import ENCAPSULATIONS, encapsulation_name

ENCAPSULATION, EGRESS_ENDPOINT, UDP_PORT, EMBEDDED_LABEL, LABEL_STACK = 1, 6, 8, 9, 10
"""Types of sub-TLVs (RFC 9012 section 3); all others say what is no matter here."""
_ADDRESS_BYTES = {0: 0, 1: 4, 2: 16}
"""Address family of an egress endpoint -> bytes of its address; 0: the next hop (section 3.1)."""
_NAMES_VNI = 0x80
"""The flag V of VXLAN and NVGRE (sections 3.2.1 and 3.2.2)."""


class Malformed(ValueError):
    """The attribute is not made of TLVs."""


def offered(value: bytes, next_hop: str) -> tuple[frozenset[str], tuple[str, ...]]:
    """(names of the encapsulations of the tunnels that can be used to ``next_hop``, why each of the
    others cannot).  Raises Malformed, on which the attribute is discarded (section 13)."""
    found, unusable = set(), []
    for number, body in _tlvs(value):
        name = encapsulation_name(number)
        reason = _unusable(name, body, next_hop)
        if reason:
            unusable.append(f"tunnel {name}: {reason}")
        else:
            found.add(name)
    return frozenset(found), tuple(unusable)


def pack(names: tuple[str, ...]) -> bytes:
    """The attribute's value for tunnels of these encapsulations that end at the next hop."""
    endpoint = bytes((EGRESS_ENDPOINT, 6)) + bytes(6)
    return b"".join(
        struct.pack("!HH", ENCAPSULATIONS[name].tunnel_type, len(endpoint)) + endpoint
        for name in names
    )


def _tlvs(value: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(value):
        if at + 4 > len(value):
            raise Malformed(f"{len(value) - at} bytes after the last tunnel")
        number, size = struct.unpack_from("!HH", value, at)
        at += 4
        if at + size > len(value):
            raise Malformed(f"tunnel of type {number} overruns the attribute")
        yield number, value[at : at + size]
        at += size


def _sub_tlvs(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Those of a type below 128 have a length of one byte, others of two (section 2)."""
    at = 0
    while at < len(body):
        kind = body[at]
        width = 1 if kind < 128 else 2
        if at + 1 + width > len(body):
            raise ValueError("a sub-TLV has no length")
        size = int.from_bytes(body[at + 1 : at + 1 + width], "big")
        at += 1 + width
        if at + size > len(body):
            raise ValueError(f"sub-TLV {kind} overruns the tunnel")
        yield kind, body[at : at + size]
        at += size


def _unusable(name: str, body: bytes, next_hop: str) -> str:
    """Why no vrouter can use a tunnel, or "".  One that is malformed is ignored alone (section
    13)."""
    try:
        parts = list(_sub_tlvs(body))
    except ValueError as error:
        return str(error)
    endpoints = [part for kind, part in parts if kind == EGRESS_ENDPOINT]
    if len(endpoints) != 1:
        return f"{len(endpoints)} egress endpoints"
    reason = _endpoint(endpoints[0], next_hop)
    for kind, part in parts:
        reason = reason or _sub_tlv(name, kind, part)
    return reason


def _endpoint(part: bytes, next_hop: str) -> str:
    if len(part) < 6:
        return f"egress endpoint of {len(part)} bytes"
    family, address = int.from_bytes(part[4:6], "big"), part[6:]
    if _ADDRESS_BYTES.get(family) != len(address):
        return f"egress endpoint of family {family} with {len(address)} bytes"
    if address and address != pack_ip(next_hop):
        return "its egress endpoint is not the next hop"
    return ""


def _sub_tlv(name: str, kind: int, part: bytes) -> str:
    row = ENCAPSULATIONS.get(name)
    if kind == ENCAPSULATION and name in ("vxlan", "nvgre"):
        if len(part) != 12:
            return f"encapsulation sub-TLV of {len(part)} bytes"
        if part[0] & _NAMES_VNI:
            return "it has a VNI of its own, beside the route's"
    if kind == UDP_PORT:
        port = int.from_bytes(part, "big")
        if len(part) != 2 or row is None or row.ovs is None or port != row.ovs.udp_port:
            return f"at the UDP port {port}"
    if kind == LABEL_STACK and part:
        return "with labels beside the route's"
    return ""
