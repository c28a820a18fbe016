"""IP protocols of security group rules by name and number, and when two rules say the same."""

from __future__ import annotations

import ipaddress

from ryu_apps.control.config.model import SecurityGroupRule

PROTOCOLS = {
    "ah": 51, "dccp": 33, "egp": 8, "esp": 50, "gre": 47, "icmp": 1, "icmpv6": 58, "igmp": 2,
    "ipip": 4, "ipv6-encap": 41, "ipv6-frag": 44, "ipv6-icmp": 58, "ipv6-nonxt": 59,
    "ipv6-opts": 60, "ipv6-route": 43, "ospf": 89, "pgm": 113, "rsvp": 46, "sctp": 132, "tcp": 6,
    "udp": 17, "udplite": 136, "vrrp": 112,
}
"""The names that the Networking API knows (IANA protocol numbers)."""
ICMP, ICMPV6 = 1, 58


def protocol_number(name: str, version: int) -> int:
    """The number of a protocol given by name or number; -1 for "", "any" or "0".

    ICMP means the ICMP of the IP version.  Raises ValueError for an unknown name.
    """
    if name in ("", "any"):
        return -1
    number = int(name) if name.isdigit() else PROTOCOLS.get(name.lower(), 256)
    if not 0 <= number < 256:
        raise ValueError(f"unknown IP protocol {name!r}")
    if version == 6 and number == ICMP:
        return ICMPV6
    return number or -1


def likeness(rule: SecurityGroupRule) -> tuple:
    """What a rule says, however it is written: rules alike allow the same.

    A protocol by name or number, a prefix with host bits or without, and all addresses as a prefix
    or left out.
    """
    prefix = rule.remote_ip_prefix
    if prefix:
        net = ipaddress.ip_network(prefix, strict=False)
        prefix = str(net) if net.prefixlen else ""
    return (
        rule.security_group_id, rule.direction, rule.ethertype,
        protocol_number(rule.protocol, 6 if rule.ethertype == "IPv6" else 4),
        rule.port_range_min, rule.port_range_max, rule.remote_group_id,
        rule.remote_address_group_id, prefix,
    )
