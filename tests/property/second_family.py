"""A second address family, for tests alone: engine and RIB speak it while it is registered.

Its SAFI is of IANA's range for private use.  Its routes have a distinguisher and a number, its
next hops eight bytes before the address as those of VPN-IPv4 (RFC 4364 section 4.3.2).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from ryu_apps.control.families import Family
from ryu_apps.control.routes import NLRI_CLASSES
from ryu_apps.peering.codec.families import FAMILIES, FamilyCodec
from ryu_apps.peering.codec.messages import UPDATE_ERROR, BgpError
from ryu_apps.peering.codec.nlri import DecodedRoute, pack_label, pack_rd, unpack_label, unpack_rd

NUMBERS = Family(25, 250)


class Number(NamedTuple):
    rd: str
    etag: int
    nlri_type: str = "25/250/0"

    family = NUMBERS
    route_type = 0


SIZE = 15


def pack(route_type: int, fields: tuple, labels: tuple = (), esi: str = "", gateway: str = "",
         mpls: bool = False) -> tuple[bytes, bytes]:
    if route_type or len(labels) != 1:
        raise ValueError("no such route")
    rd, number = fields
    key = pack_rd(rd) + number.to_bytes(4, "big") + bytes(3)
    return key, key[:-3] + pack_label(labels[0], mpls)


def unpack(data: bytes, mpls: bool) -> Iterator[DecodedRoute | None]:
    if len(data) % SIZE:
        raise BgpError(UPDATE_ERROR, 9)
    for at in range(0, len(data), SIZE):
        one = data[at : at + SIZE]
        rd = unpack_rd(one[:8])
        yield DecodedRoute(one[:12] + bytes(3), 0, (rd, int.from_bytes(one[8:12], "big")),
                           (unpack_label(one[12:], mpls),), "", "") if rd else None


def unpack_next_hop(data: bytes) -> bytes:
    if len(data) not in (12, 24) or any(data[:8]):
        raise ValueError(f"next hop of {len(data)} bytes")
    return data[8:]


CODEC = FamilyCodec(
    NUMBERS, frozenset((0,)), pack, unpack, lambda route: "",
    pack_next_hop=lambda address: bytes(8) + address, unpack_next_hop=unpack_next_hop,
    default_encaps=("mpls-in-gre",), restart_flags=0, capabilities=((99, b"numbers"),),
)


@contextmanager
def second_family() -> Iterator[None]:
    """The family is registered while this lasts."""
    FAMILIES[NUMBERS], NLRI_CLASSES[NUMBERS, 0] = CODEC, Number
    try:
        yield
    finally:
        del FAMILIES[NUMBERS], NLRI_CLASSES[NUMBERS, 0]
