"""IP protocols of security group rules by name and number."""

from __future__ import annotations

from vrouter_ovs.numbers import (
    PROTO_DCCP,
    PROTO_DEST_OPTIONS,
    PROTO_FRAGMENT,
    PROTO_ICMP,
    PROTO_ICMPV6,
    PROTO_IPV6,
    PROTO_NO_NEXT,
    PROTO_ROUTING,
    PROTO_SCTP,
    PROTO_TCP,
    PROTO_UDP,
    PROTO_UDPLITE,
)

PROTOCOLS = {
    "ah": 51, "dccp": PROTO_DCCP, "egp": 8, "esp": 50, "gre": 47, "icmp": PROTO_ICMP,
    "icmpv6": PROTO_ICMPV6, "igmp": 2, "ipip": 4, "ipv6-encap": PROTO_IPV6,
    "ipv6-frag": PROTO_FRAGMENT, "ipv6-icmp": PROTO_ICMPV6, "ipv6-nonxt": PROTO_NO_NEXT,
    "ipv6-opts": PROTO_DEST_OPTIONS, "ipv6-route": PROTO_ROUTING, "ospf": 89, "pgm": 113,
    "rsvp": 46, "sctp": PROTO_SCTP, "tcp": PROTO_TCP, "udp": PROTO_UDP, "udplite": PROTO_UDPLITE,
    "vrrp": 112,
}  # fmt: skip
"""The names that the Networking API knows (IANA protocol numbers)."""


def protocol_number(name: str, version: int) -> int:
    """The number of a protocol given by name or number; -1 for "", "any" or "0".

    ICMP means the ICMP of the IP version.  Raises ValueError for an unknown name.
    """
    if name in ("", "any"):
        return -1
    number = int(name) if name.isdigit() else PROTOCOLS.get(name.lower(), 256)
    if not 0 <= number < 256:
        raise ValueError(f"unknown IP protocol {name!r}")
    if version == 6 and number == PROTO_ICMP:
        return PROTO_ICMPV6
    return number or -1
