"""The encapsulations of tunnels, declared once: what BGP calls them and what the switch needs.

To add one that the switch can send, give its row a :class:`OvsTunnel`; docs/architecture.md,
"Where to add", says what else there is to do.

Sources: the registry "BGP Tunnel Encapsulation Attribute Tunnel Types" (RFC 9012 section 13.2),
RFC 8365 section 5; ovs-vswitchd.conf.db(5), table Interface, "Tunnel Options".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

VXLAN, GENEVE, NVGRE, MPLS_GRE = "vxlan", "geneve", "nvgre", "mpls-in-gre"
"""VXLAN is the encapsulation where none is named (RFC 7348)."""

NATIVE = "native"
"""No tunnel: who has it takes frames of a network from the physical segment that the network is."""

ETHERNET, IP, BOTH = "ethernet", "ip", "ethernet or ip"
_ETHERNET_HEADER = 14
_IP_HEADER = {4: 20, 6: 40}
"""Version -> bytes of an IP header without options."""
IPV6_HEADER_MORE = _IP_HEADER[6] - _IP_HEADER[4]
"""By so many bytes less fits into a tunnel over IPv6."""
_UDP_HEADER = 8
_GRE_HEADER, _GRE_KEY, _MPLS_LABEL = 4, 4, 4
"""RFC 2784, RFC 2890, RFC 3032."""
_VNI_BITS, _MPLS_BITS = 24, 20


class OvsTunnel(NamedTuple):
    """How Open vSwitch sends an encapsulation.

    ``interface_type``: column ``type`` of the Interface.  ``name_prefix``: two letters that the
    names of its tunnel ports begin with, no other encapsulation's.  ``header``: bytes between the
    outer IP header and the inner packet.  ``carries``: :data:`ETHERNET` frames, :data:`IP`
    packets, or :data:`BOTH`: frames that are bridged, and of what is routed the packet alone
    (RFC 9136 section 4.4.1).  ``udp_port``: the destination port, 0 where it is not over UDP.
    ``key_shift``: how many bits of the tunnel's key stand below the label, a multiple of 8.
    """

    interface_type: str
    name_prefix: str
    header: int
    carries: str
    udp_port: int = 0
    key_shift: int = 0


class Encapsulation(NamedTuple):
    """``tunnel_type``: its number in BGP's Encapsulation extended community (RFC 9012 section 4.1).
    ``label_bits``: how wide a label of an EVPN route is with it: 24 for a VNI, 20 for an MPLS label
    (RFC 8365 section 5.1.3).  ``ovs``: None where no switch here can send it."""

    name: str
    tunnel_type: int
    label_bits: int
    ovs: OvsTunnel | None = None


ENCAPSULATIONS: dict[str, Encapsulation] = {
    row.name: row for row in (
        Encapsulation("gre", 2, _MPLS_BITS),
        Encapsulation(
            VXLAN, 8, _VNI_BITS,
            OvsTunnel("vxlan", "vx", _UDP_HEADER + 8, ETHERNET, udp_port=4789),
        ),
        # The key is the virtual subnet id and 8 bits that tell flows apart (RFC 7637 section 3.2).
        Encapsulation(
            NVGRE, 9, _VNI_BITS,
            OvsTunnel("gre", "nv", _GRE_HEADER + _GRE_KEY, ETHERNET, key_shift=8),
        ),
        Encapsulation("mpls", 10, _MPLS_BITS),
        # RFC 4023: no key, the label is pushed onto the packet.
        Encapsulation(
            MPLS_GRE, 11, _MPLS_BITS, OvsTunnel("gre", "mg", _GRE_HEADER + _MPLS_LABEL, BOTH),
        ),
        Encapsulation("vxlan-gpe", 12, _VNI_BITS),
        Encapsulation("mpls-in-udp", 13, _MPLS_BITS),
        # Without options (RFC 8926).
        Encapsulation(
            GENEVE, 19, _VNI_BITS,
            OvsTunnel("geneve", "gn", _UDP_HEADER + 8, ETHERNET, udp_port=6081),
        ),
        # A number that the registry gives nobody: others leave out what they do not know (RFC 9012
        # section 4.1).
        Encapsulation(NATIVE, 65534, _VNI_BITS),
    )
}  # fmt: skip


SENDABLE: frozenset[str] = frozenset(
    name for name, row in ENCAPSULATIONS.items() if row.ovs is not None
)
"""The encapsulations that a switch here can send."""
_BY_TUNNEL_TYPE = {row.tunnel_type: name for name, row in ENCAPSULATIONS.items()}


def tunnel_type(name: str) -> int:
    """The number of an encapsulation in BGP: of one that is not declared, the number is its name.
    Raises ValueError."""
    row = ENCAPSULATIONS.get(name)
    return row.tunnel_type if row is not None else int(name)


def encapsulation_name(number: int) -> str:
    """The reverse of :func:`tunnel_type`."""
    return _BY_TUNNEL_TYPE.get(number, str(number))


def carries_vni(name: str) -> bool:
    """Whether the label of an encapsulation is a VNI, and not one of MPLS."""
    row = ENCAPSULATIONS.get(name)
    return row is None or row.label_bits == _VNI_BITS


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """A set of encapsulations in the one form in which two that are equal are equal: by tunnel
    type.  It says nothing of what is preferred.  Raises ValueError as :func:`tunnel_type`."""
    return tuple(sorted(set(names), key=tunnel_type))


def has_mpls_labels(names: Iterable[str]) -> bool:
    """Whether the labels of a route that offers these have 20 bits (RFC 8365 section 5.1.3); where
    one of them carries VNIs, they have 24."""
    return {carries_vni(name) for name in names} == {False}


def overhead(encap: str, version: int = 4) -> int:
    """Bytes that an IP packet of a VM grows by in a tunnel of one of :data:`SENDABLE`.
    ``version``: 4 or 6, of the underlay."""
    ovs = ENCAPSULATIONS[encap].ovs
    assert ovs is not None, f"{encap} is not sent"
    inner = 0 if ovs.carries == IP else _ETHERNET_HEADER
    return _IP_HEADER[version] + ovs.header + inner
