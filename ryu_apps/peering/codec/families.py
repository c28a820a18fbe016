"""The address families that the engine speaks: a row and an NLRI codec for each (RFC 4760).

What sessions, UPDATEs and the Adj-RIB-Out ask of a family stands in its row, so nothing else in
this package knows which families there are.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from ryu_apps.control.families import EVPN, IPV4_UNICAST, IPV6_UNICAST, Family
from ryu_apps.peering.codec import nlri_evpn, nlri_unicast
from ryu_apps.peering.codec.messages import HEADER, MARKER, UPDATE
from ryu_apps.peering.codec.nlri import DecodedRoute
from vrouter_ovs.encapsulation import VXLAN

GR_FORWARDING = 0x80
"""Flag F of a family in the graceful restart capability (RFC 4724 section 3)."""
_MP_UNREACH = 15


def _no_tunnel(fields: tuple, labels: tuple) -> tuple[int, str]:
    raise ValueError("no route of this family names a P-tunnel")


def _plain(next_hop: bytes) -> bytes:
    return next_hop


@dataclass(frozen=True, eq=False)
class FamilyCodec:
    """One family's bytes.

    ``pack(route type, fields, labels, esi, gateway, mpls)``: (key, NLRI); raises one of
    :data:`~ryu_apps.peering.codec.messages.UNPACKABLE`.  A family without route types has type 0.
    ``unpack(NLRI field, mpls)``: its routes, None for one that is of no use; raises BgpError where
    the session must end.  ``invalid(route)``: why a route whose values cannot be is refused, or
    "".  With ``mpls`` labels have 20 bits.

    ``p_tunnel_types``: route types whose label stands in PMSI_TUNNEL (RFC 6514 section 5);
    ``p_tunnel(fields, labels)``: (label, address) of it.  ``pack_next_hop``, ``unpack_next_hop``:
    from and to the 4 or 16 bytes of an address, from also to 32 of a global and a link-local one;
    both raise ValueError.  ``own_fields``: its routes and next hop stand in the UPDATE's own fields
    (RFC 4271 section 4.3), and in MP_REACH_NLRI only where a peer has put them there.

    ``default_encaps``: what a next hop takes where no Encapsulation community says it (RFC 8365
    section 5.1.3 leaves it to the configuration for EVPN).
    ``restart_flags``: in our graceful restart capability; ``long_lived``: whether peers may keep
    our routes for longer (RFC 9494).  ``capabilities``: (code, value) of those
    that it needs besides multiprotocol and graceful restart.  ``end_of_rib``: the message that ends
    the initial table (RFC 4724 section 2).
    """

    family: Family
    route_types: frozenset[int]
    pack: Callable[..., tuple[bytes, bytes]]
    unpack: Callable[[bytes, bool], Iterator[DecodedRoute | None]]
    invalid: Callable[[DecodedRoute], str]
    p_tunnel_types: frozenset[int] = frozenset()
    p_tunnel: Callable[[tuple, tuple], tuple[int, str]] = _no_tunnel
    pack_next_hop: Callable[[bytes], bytes] = _plain
    unpack_next_hop: Callable[[bytes], bytes] = _plain
    own_fields: bool = False
    default_encaps: tuple[str, ...] = (VXLAN,)
    restart_flags: int = GR_FORWARDING
    long_lived: bool = False
    capabilities: tuple[tuple[int, bytes], ...] = ()
    wire: bytes = field(init=False)
    """AFI and SAFI as MP_REACH_NLRI and MP_UNREACH_NLRI have them."""
    end_of_rib: bytes = field(init=False)

    def __post_init__(self) -> None:
        wire = family_bytes(self.family)
        object.__setattr__(self, "wire", wire)
        attributes = b"" if self.own_fields else bytes((0x80, _MP_UNREACH, 3)) + wire
        object.__setattr__(self, "end_of_rib", MARKER + struct.pack(
            "!HBHH", HEADER + 4 + len(attributes), UPDATE, 0, len(attributes)) + attributes)


def family_bytes(family: Family) -> bytes:
    """AFI (2 bytes) and SAFI."""
    return struct.pack("!HB", *family)


def _table(*codecs: FamilyCodec) -> dict[Family, FamilyCodec]:
    return {codec.family: codec for codec in codecs}


FAMILIES: Mapping[Family, FamilyCodec] = _table(
    FamilyCodec(
        EVPN, nlri_evpn.ROUTE_TYPES, nlri_evpn.pack_route, nlri_evpn.unpack_routes,
        nlri_evpn.invalid_route,
        p_tunnel_types=frozenset((nlri_evpn.IMET,)), p_tunnel=nlri_evpn.p_tunnel,
        unpack_next_hop=nlri_evpn.unpack_next_hop, long_lived=True,
    ),
    # Nothing is forwarded by these routes and none is announced: no forwarding state is kept.
    FamilyCodec(
        **nlri_unicast.row(IPV4_UNICAST), own_fields=True, default_encaps=(), restart_flags=0),
    FamilyCodec(**nlri_unicast.row(IPV6_UNICAST), default_encaps=(), restart_flags=0),
)  # fmt: skip


def family_named(name: str) -> Family:
    """The family of a name as ``str(Family)`` has it; ValueError for one that is not spoken."""
    for family in FAMILIES:
        if str(family) == name:
            return family
    raise ValueError(f"{name!r} is none of {', '.join(map(str, FAMILIES))}")
