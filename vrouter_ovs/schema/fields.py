"""Packet fields: OXM headers, widths, and values to bytes and back.

Headers are those that Open vSwitch 3.1 itself writes in an OpenFlow 1.4 flow-stats reply
(ovs-fields(7)): the standard OXM class where one exists, Nicira's otherwise; but within Nicira's
own actions (move, load, push, pop) Nicira's where one exists.  ``order`` is the place of a field in
the match of such a reply (``nx_put_raw`` in lib/nx-match.c); a match encoded in that order reads
back byte for byte.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from vrouter_ovs.addresses import ipv4_bytes, ipv4_text, ipv6_bytes, mac_bytes
from vrouter_ovs.errors import PipelineError

OPENFLOW_BASIC = 0x8000
NXM_1 = 0x0001
ERICSSON = 0x1000


@dataclass(frozen=True, slots=True)
class Field:
    """``width`` in bytes; ``kind``: "int", "mac", "ipv4" or "ipv6"; ``offset`` and ``bits`` name a
    part of the field (a register's slice), else the whole of it."""

    name: str
    oxm_class: int
    number: int
    width: int
    order: int
    kind: str = "int"
    offset: int = 0
    bits: int = 0

    @property
    def nbits(self) -> int:
        return self.bits or self.width * 8

    @property
    def whole(self) -> bool:
        return not self.bits

    @property
    def header(self) -> int:
        """The 32-bit OXM header without a mask."""
        return self.oxm_class << 16 | self.number << 9 | self.width

    @property
    def nicira_header(self) -> int:
        """The header that Nicira's own actions use."""
        nxm_class, number = _NXM.get(self.name, (self.oxm_class, self.number))
        return nxm_class << 16 | number << 9 | self.width


_DECLARED = (
    # name, OXM field number, width, kind; in the order of a flow-stats reply
    ("in_port", 0, 4, "int"),
    ("eth_dst", 3, 6, "mac"),
    ("eth_src", 4, 6, "mac"),
    ("eth_type", 5, 2, "int"),
    ("vlan_vid", 6, 2, "int"),
    ("mpls_label", 34, 4, "int"),
    ("ipv4_src", 11, 4, "ipv4"),
    ("ipv4_dst", 12, 4, "ipv4"),
    ("ipv6_src", 26, 16, "ipv6"),
    ("ipv6_dst", 27, 16, "ipv6"),
    ("ip_frag", -26, 1, "int"),
    ("ip_dscp", 8, 1, "int"),
    ("ip_ttl", -29, 1, "int"),
    ("ip_proto", 10, 1, "int"),
    ("tcp_src", 13, 2, "int"),
    ("tcp_dst", 14, 2, "int"),
    ("udp_src", 15, 2, "int"),
    ("udp_dst", 16, 2, "int"),
    ("sctp_src", 17, 2, "int"),
    ("sctp_dst", 18, 2, "int"),
    ("icmpv4_type", 19, 1, "int"),
    ("icmpv4_code", 20, 1, "int"),
    ("icmpv6_type", 29, 1, "int"),
    ("icmpv6_code", 30, 1, "int"),
    ("nd_target", 31, 16, "ipv6"),
    ("nd_sll", 32, 6, "mac"),
    ("nd_tll", 33, 6, "mac"),
    ("arp_op", 21, 2, "int"),
    ("arp_spa", 22, 4, "ipv4"),
    ("arp_tpa", 23, 4, "ipv4"),
    ("arp_sha", 24, 6, "mac"),
    ("arp_tha", 25, 6, "mac"),
    ("tun_id", 38, 8, "int"),
)

# Bits of ct_state (ovs-fields(7), "Conntrack Fields").
CT_STATES = {
    "new": 0x01, "est": 0x02, "rel": 0x04, "rpl": 0x08, "inv": 0x10, "trk": 0x20,
    "snat": 0x40, "dnat": 0x80,
}  # fmt: skip

PACKET_FIELDS: dict[str, Field] = {
    name: Field(name, OPENFLOW_BASIC if number >= 0 else NXM_1, abs(number), width, order, kind)
    for order, (name, number, width, kind) in enumerate(_DECLARED)
}
# Fields that have an older Nicira header beside the OXM one: (class, number).
_NXM: dict[str, tuple[int, int]] = {
    "eth_dst": (0, 1),
    "eth_src": (0, 2),
    "ipv4_src": (0, 7),
    "ipv4_dst": (0, 8),
    "arp_op": (0, 15),
    "arp_spa": (0, 16),
    "arp_tpa": (0, 17),
    "tun_id": (NXM_1, 16),
    "arp_sha": (NXM_1, 17),
    "arp_tha": (NXM_1, 18),
    "ipv6_src": (NXM_1, 19),
    "ipv6_dst": (NXM_1, 20),
    "nd_target": (NXM_1, 23),
    "nd_sll": (NXM_1, 24),
    "nd_tll": (NXM_1, 25),
}
_HEXADECIMAL = frozenset(
    ("eth_type", "vlan_vid", "nd_reserved", "claimed_ip0", "claimed_ip1", "claimed_ip2")
)
REGISTER_ORDER = 100
CT_ORDER = 150
METADATA_ORDER = 200

# What connection tracking says of a packet: its state, and the original direction's addresses,
# protocol and ports (of ICMP the type and the code) of the connection that it belongs to.
PACKET_FIELDS |= {
    name: Field(name, NXM_1, number, width, CT_ORDER + order, kind)
    for order, (name, number, width, kind) in enumerate(
        (
            ("ct_state", 105, 4, "int"),
            ("ct_nw_src", 120, 4, "ipv4"),
            ("ct_nw_dst", 121, 4, "ipv4"),
            ("ct_ipv6_src", 122, 16, "ipv6"),
            ("ct_ipv6_dst", 123, 16, "ipv6"),
            ("ct_nw_proto", 119, 1, "int"),
            ("ct_tp_src", 124, 2, "int"),
            ("ct_tp_dst", 125, 2, "int"),
        )
    )
}

# Read alone, into a register: a match on it has another header.
PACKET_FIELDS["tcp_flags"] = Field("tcp_flags", NXM_1, 34, 2, 92, "int", 0, 12)

# In the place of a tunnel's own header: where a packet is to go, of an IPv6 underlay.  A tunnel
# port with a remote_ip (ovs-vswitchd.conf.db(5)) sends there whatever this says.
PACKET_FIELDS["tun_ipv6_dst"] = Field("tun_ipv6_dst", NXM_1, 110, 16, 92, "ipv6")

# Parts of a tunnel's key, moved and loaded alone: the label where flows look for it, and where
# NVGRE has it (RFC 7637 section 3.2).
PACKET_FIELDS |= {
    name: Field(name, NXM_1, 16, 8, 93 + order, "int", offset, bits)
    for order, (name, offset, bits) in enumerate(
        (("tun_label", 0, 24), ("tun_above_label", 24, 8), ("tun_vsid", 8, 24),
         ("tun_mpls_label", 0, 20))
    )
}
# As it is moved: 20 bits, which a match has without a mask.
PACKET_FIELDS["pushed_label"] = Field("pushed_label", OPENFLOW_BASIC, 34, 4, 97, "int", 0, 20)

# The flags of a neighbor advertisement and the type of its option.
PACKET_FIELDS |= {
    "nd_reserved": Field("nd_reserved", ERICSSON, 1, 4, 90),
    "nd_options_type": Field("nd_options_type", ERICSSON, 2, 1, 91),
}


def pack_value(field: Field, value: int | str) -> bytes:
    """A value of ``field`` as bytes of its full width, an integer shifted to its slice."""
    if isinstance(value, int):
        if value < 0 or value >> field.nbits:
            raise PipelineError(f"{field.name}: {value} does not fit into {field.nbits} bits")
        return (value << field.offset).to_bytes(field.width, "big")
    if field.kind == "mac":
        return mac_bytes(value)
    if field.kind == "ipv4":
        return ipv4_bytes(value)
    if field.kind == "ipv6":
        return ipv6_bytes(value)
    raise PipelineError(f"{field.name} takes an integer, not {value!r}")


def format_value(field: Field, raw: bytes) -> str:
    """Bytes of a whole field as text, the way ovs-ofctl(8) writes them."""
    if field.kind == "mac":
        return raw.hex(":")
    if field.kind == "ipv4":
        return ipv4_text(raw)
    if field.kind == "ipv6":
        return str(ipaddress.IPv6Address(raw))
    value = int.from_bytes(raw, "big")
    return hex(value) if field.name in _HEXADECIMAL else str(value)
