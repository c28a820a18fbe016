"""Protocol numbers, each once: EtherTypes, IP protocols, ICMP types, ports (IANA registries).

The names follow one pattern, so that the field a number belongs to shows where it stands:
``ETH_`` for EtherTypes, ``PROTO_`` for IP protocols, ``PORT_`` for ports of UDP and TCP.
"""

from __future__ import annotations

ETH_IPV4, ETH_ARP, ETH_IPV6 = 0x0800, 0x0806, 0x86DD
ETH_RARP = 0x8035
ETH_VLAN, ETH_PROVIDER_VLAN, ETH_MPLS = 0x8100, 0x88A8, 0x8847
"""The tags of IEEE 802.1Q and 802.1ad."""

PROTO_HOP_BY_HOP, PROTO_ROUTING, PROTO_FRAGMENT = 0, 43, 44
PROTO_NO_NEXT, PROTO_DEST_OPTIONS = 59, 60
PROTO_MOBILITY, PROTO_HIP, PROTO_SHIM6, PROTO_TEST1, PROTO_TEST2 = 135, 139, 140, 253, 254
"""Extension headers of IPv6 (RFC 7045 section 4)."""
PROTO_ICMP, PROTO_IGMP, PROTO_TCP, PROTO_UDP, PROTO_DCCP = 1, 2, 6, 17, 33
PROTO_IPV6, PROTO_ICMPV6, PROTO_SCTP, PROTO_UDPLITE = 41, 58, 132, 136

ECHO_REPLY, ECHO_REQUEST = 0, 8
TRANSLATED_ERRORS = UNREACHABLE, TIME_EXCEEDED, PARAMETER_PROBLEM = 3, 11, 12
"""ICMP errors, which quote the packet that they are about (RFC 792); what else quotes one, source
quench and redirects, no router sends or forwards (RFC 6633, RFC 1812 section 5.2.7.2)."""
"""Types of ICMP (RFC 792)."""
ECHO_REQUEST6, ECHO_REPLY6 = 128, 129
"""Types of ICMPv6 (RFC 4443); those below 128 are errors."""
LISTENER_QUERY, LISTENER_REPORT, LISTENER_DONE, LISTENER_REPORT2 = 130, 131, 132, 143
"""Multicast listener discovery (RFC 2710; 3810 for version 2)."""
ROUTER_SOLICIT, ROUTER_ADVERT, NEIGHBOR_SOLICIT, NEIGHBOR_ADVERT, REDIRECT = range(133, 138)
"""Neighbor discovery (RFC 4861 section 4)."""

ARP_REQUEST, ARP_REPLY = 1, 2
"""Operations of ARP (RFC 826)."""

PORT_DNS, PORT_MDNS = 53, 5353
PORT_HTTP = 80
PORT_DHCP_SERVER, PORT_DHCP_CLIENT = 67, 68
PORT_DHCPV6_CLIENT, PORT_DHCPV6_SERVER = 546, 547

SUBPORT_NUMBERS = (0xC000, 0xFEFF)
"""What a trunk's subports have for numbers of OpenFlow ports.  ovs-vswitchd gives interfaces those
below 0x8000 and leaves the others, up to OFPP_MAX, to controllers (alloc_ofp_port); so a number is
a port's alone in whatever has 16 bits for it: the field in_port, and zones of connections."""
