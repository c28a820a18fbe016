"""Punts: what a port asks of the network itself goes to the node, through a meter.

The flows that recognise such packets are constant and belong to the Vrouter; a port adds one flow.
They stand in the guard above everything else, also above what lets a port without port security
pass: whoever asks has no address yet, and the question must not leave the hypervisor.
"""

from __future__ import annotations

from vrouter_ovs.edge import PuntReason
from vrouter_ovs.numbers import (
    ETH_IPV4,
    ETH_IPV6,
    PORT_DHCP_CLIENT,
    PORT_DHCP_SERVER,
    PORT_DHCPV6_CLIENT,
    PORT_DHCPV6_SERVER,
    PROTO_ICMPV6,
    PROTO_UDP,
    ROUTER_SOLICIT,
)
from vrouter_ovs.schema.flow import Flow
from vrouter_ovs.state.meters import meter_id


def punt_flows(tag: int) -> list[Flow]:
    """The Vrouter's part: which packets of local ports are punted."""
    to_punt = (("goto", "punt"),)
    udp4 = (("eth_type", ETH_IPV4), ("ip_proto", PROTO_UDP))
    udp6 = (("eth_type", ETH_IPV6), ("ip_proto", PROTO_UDP))
    solicitation = (
        ("eth_type", ETH_IPV6), ("ip_proto", PROTO_ICMPV6), ("icmpv6_type", ROUTER_SOLICIT),
    )  # fmt: skip

    def ports(source: int, target: int) -> tuple[tuple, ...]:
        return ("udp_src", source), ("udp_dst", target)

    return [
        Flow("guard", "punt", match, to_punt, tag)
        for match in (
            (*udp4, *ports(PORT_DHCP_CLIENT, PORT_DHCP_SERVER)),
            (*udp6, *ports(PORT_DHCPV6_CLIENT, PORT_DHCPV6_SERVER)),
            solicitation,
        )
    ]


def to_node(reason: PuntReason) -> tuple[tuple, ...]:
    """The actions for a packet that the node answers."""
    return (("set_field", "punt_reason", int(reason)), ("goto", "punt"))


def punt_flow(ofport: int, tag: int) -> Flow:
    """A port's part."""
    to_node = (("meter", meter_id(ofport)), ("controller",))
    return Flow("punt", "port", (("in_port", ofport),), to_node, tag)
