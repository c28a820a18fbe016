"""The guard's constant flows: what no port with port security may send, whatever its addresses.

A filter that looks for router advertisements and servers' messages is evaded by hiding them behind
extension headers or in fragments (RFC 7113 section 2, RFC 7610 section 3).  Open vSwitch skips the
extension headers that it knows and matches what follows; what it cannot read it leaves at zero:

- ``ip_proto`` is 0 where the chain of headers ends before its last header, 44 in later fragments;
- a type of ICMPv6, or both ports of UDP, are 0 where the packet ends before them;
- ``nd_target`` is ``::`` where neighbor discovery has another code than 0, or an option twice.

So all of it is refused, unless it is a later fragment, of which nobody can make anything without
the first (RFC 7112 section 5).  The channel sets the switch to match the ports and types of first
fragments (:func:`vrouter_ovs.wire.openflow.set_config`); as it is made, it takes them for zero.
"""

from __future__ import annotations

from vrouter_ovs.numbers import (
    ETH_IPV4,
    ETH_IPV6,
    NEIGHBOR_ADVERT,
    NEIGHBOR_SOLICIT,
    PORT_DHCP_CLIENT,
    PORT_DHCPV6_CLIENT,
    PROTO_HIP,
    PROTO_HOP_BY_HOP,
    PROTO_ICMPV6,
    PROTO_MOBILITY,
    PROTO_NO_NEXT,
    PROTO_SHIM6,
    PROTO_TEST1,
    PROTO_TEST2,
    PROTO_UDP,
    REDIRECT,
    ROUTER_ADVERT,
)
from vrouter_ovs.schema.flow import DROP, Flow

ANY_FRAGMENT = 1
NOT_SKIPPED = (
    PROTO_NO_NEXT, PROTO_MOBILITY, PROTO_HIP, PROTO_SHIM6, PROTO_TEST1, PROTO_TEST2,
)  # fmt: skip
"""Next headers after which more of the chain may follow that the switch does not read: mobility,
host identity, shim6 and two for experiments (RFC 7045 section 4).  After "no next header" nothing
follows that counts (RFC 8200 section 4.7), so nobody misses it."""


def forbidden_flows(tag: int) -> list[Flow]:
    """The Vrouter's part.  It stands above a port's own flows, and below those that let a port
    without port security pass."""
    ipv6 = ("eth_type", ETH_IPV6)
    icmpv6, udp6 = (ipv6, ("ip_proto", PROTO_ICMPV6)), (ipv6, ("ip_proto", PROTO_UDP))
    matches: list[tuple] = [
        # No port is a router to the others (RFC 6105), nor a DHCP server (RFC 7610), whatever port
        # it sends from.
        (*icmpv6, ("icmpv6_type", ROUTER_ADVERT)),
        (*icmpv6, ("icmpv6_type", REDIRECT)),
        (("eth_type", ETH_IPV4), ("ip_proto", PROTO_UDP), ("udp_dst", PORT_DHCP_CLIENT)),
        (*udp6, ("udp_dst", PORT_DHCPV6_CLIENT)),
        # What no packet comes from (RFC 1122 section 3.2.1.3, RFC 4291 sections 2.5.3 and 2.7),
        # though a prefix of the port may cover it.
        (("eth_type", ETH_IPV4), ("ipv4_src", "224.0.0.0", "224.0.0.0")),
        (("eth_type", ETH_IPV4), ("ipv4_src", "127.0.0.0", "255.0.0.0")),
        (ipv6, ("ipv6_src", "ff00::", "ff00::")),
        (ipv6, ("ipv6_src", "::1")),
        # What cannot be read.
        (ipv6, ("ip_proto", PROTO_HOP_BY_HOP)),
        *((ipv6, ("ip_proto", number)) for number in NOT_SKIPPED),
        (*icmpv6, ("icmpv6_type", 0)),
        (*udp6, ("udp_src", 0), ("udp_dst", 0)),
    ]
    for kind in (NEIGHBOR_SOLICIT, NEIGHBOR_ADVERT):
        matches += [
            (*icmpv6, ("icmpv6_type", kind), ("nd_target", "::")),
            # Nobody takes neighbor discovery in fragments (RFC 6980 section 5); its options may be
            # in a later one.
            (ipv6, ("ip_frag", ANY_FRAGMENT, ANY_FRAGMENT), *icmpv6[1:], ("icmpv6_type", kind)),
        ]
    return [Flow("guard", "forbidden", match, DROP, tag) for match in matches]
