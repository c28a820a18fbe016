"""Networks that carry frames of VLANs as they are: nothing is asked, answered or routed in a VLAN.

The switch matches what is behind a tag as it does without one, so the guard and the rules of
security groups hold for it; a port with port security sends from its own addresses in every VLAN.
Out of a tunnel of NVGRE, whose key is not the VNI alone, no frame of a VLAN is let in.
"""

from __future__ import annotations

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
from vrouter_ovs.pipeline.terms import vni
from vrouter_ovs.schema.flow import DROP, Flow

A_VLAN = ("vlan_vid", 0x1000, 0x1000)
"""Frames with a tag; one without a VID is off by then."""
_ASKING = (
    (("eth_type", ETH_IPV4), ("ip_proto", PROTO_UDP), ("udp_src", PORT_DHCP_CLIENT),
     ("udp_dst", PORT_DHCP_SERVER)),
    (("eth_type", ETH_IPV6), ("ip_proto", PROTO_UDP), ("udp_src", PORT_DHCPV6_CLIENT),
     ("udp_dst", PORT_DHCPV6_SERVER)),
    (("eth_type", ETH_IPV6), ("ip_proto", PROTO_ICMPV6), ("icmpv6_type", ROUTER_SOLICIT)),
)  # fmt: skip


def transparent_flows(evi: int, tag: int) -> list[Flow]:
    """The part of an EVI."""
    tagged = (("evi", evi), A_VLAN)
    return [
        Flow(
            "classify", "transparent", (("tun_id", vni(evi)), A_VLAN),
            (("set_field", "evi", evi), ("load", "from_tunnel", 1), ("goto", "bridge")), tag,
        ),
        Flow("guard", "tagged_unsecured", (*tagged, ("unsecured", 1)), (("goto", "track"),), tag),
        *(Flow("guard", "tagged", (*tagged, *asking), DROP, tag) for asking in _ASKING),
        Flow("proxy", "tagged", tagged, (("goto", "track"),), tag),
        Flow("route", "tagged", tagged, DROP, tag),
    ]


def tagged_flow(ofport: int, tag: int) -> Flow:
    """A port's part: as for its other frames."""
    return Flow(
        "classify", "transparent", (("in_port", ofport), A_VLAN),
        (("move", "in_port", "out_port"), ("resubmit", "port"), ("goto", "claim")), tag,
    )
