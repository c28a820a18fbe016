"""Physical segments: frames of an EVI that come from a physical network and go to it, as they are.

What comes in counts as out of a tunnel, so nothing of it enters one or goes back; several vrouters
on one segment make no loop, as each forwards between the segment and its own ports alone.  What
goes out leaves by the table ``segment``, whose only question is the EVI: whoever has a frame to
send there sets the EVI and goes to it.
"""

from __future__ import annotations

from vrouter_ovs.addresses import ip_network, link_local
from vrouter_ovs.cookies import cookie
from vrouter_ovs.errors import PipelineError
from vrouter_ovs.numbers import (
    ARP_REQUEST,
    ETH_ARP,
    ETH_IPV4,
    ETH_IPV6,
    ETH_RARP,
    PORT_DHCP_CLIENT,
    PORT_DHCP_SERVER,
    PORT_DHCPV6_CLIENT,
    PORT_DHCPV6_SERVER,
    PROTO_ICMPV6,
    PROTO_UDP,
    ROUTER_SOLICIT,
)
from vrouter_ovs.pipeline.edge.neighbor import MULTICAST
from vrouter_ovs.pipeline.external.transparent import A_VLAN
from vrouter_ovs.pipeline.terms import vni
from vrouter_ovs.schema.flow import DROP, Flow
from vrouter_ovs.state import LocalPort, PhysicalNetwork, Segment
from vrouter_ovs.state.segments import ARP, ASK_DHCP4, ASK_DHCP6, ASK_ROUTER, DHCP4, DHCP6

TAGGED = 0x1000
"""In the field ``vlan_vid``: the frame has a tag."""
_UDP4 = (("eth_type", ETH_IPV4), ("ip_proto", PROTO_UDP))
_UDP6 = (("eth_type", ETH_IPV6), ("ip_proto", PROTO_UDP))
_ANSWERS = {
    DHCP4: (*_UDP4, ("udp_src", PORT_DHCP_SERVER), ("udp_dst", PORT_DHCP_CLIENT)),
    DHCP6: (*_UDP6, ("udp_src", PORT_DHCPV6_SERVER), ("udp_dst", PORT_DHCPV6_CLIENT)),
}


def render_physical_network(physical: PhysicalNetwork) -> tuple[Flow, ...]:
    """Two flows: what a segment's flow has looked at goes on, all else ends."""
    tag, source = cookie(physical.key), ("in_port", physical.ofport)
    return (
        Flow("classify", "from_segment", (source, ("from_segment", 1)), (("goto", "bridge"),), tag),
        Flow("classify", "other_vlan", (source,), DROP, tag),
    )


def render_segment(segment: Segment) -> tuple[Flow, ...]:
    """Four flows, one where it does not send, one where it is transparent, and one for each kind of
    server.  Raises PipelineError for what is no VID, and for a VLAN that is to carry tags."""
    if segment.vlan and segment.transparent:
        raise PipelineError("a VLAN carries no second tag")
    if not 0 <= segment.vlan < 4095:
        raise PipelineError(f"no VID of a VLAN: {segment.vlan}")
    tag, evi = cookie(segment.key), ("evi", vni(segment.evi))
    vid = segment.vlan | TAGGED if segment.vlan else 0
    # A second tag, or what a bridge never forwards, is found when the frame is looked at again.
    enter = (
        *((("pop_vlan",),) if vid else ()), ("set_field", "evi", segment.evi),
        ("load", "from_tunnel", 1), ("load", "from_segment", 1), ("resubmit", "classify"),
    )  # fmt: skip
    taken = (
        Flow(
            "classify", "segment",
            (("in_port", segment.ofport), ("vlan_vid", vid), ("from_segment", 0)), enter, tag,
        ),
        *(
            Flow(
                "receive", "served", (evi, ("from_segment", 1), *_ANSWERS[server]),
                (("goto", "output"),), tag,
            )
            for server in segment.served
        ),
    )  # fmt: skip
    if segment.transparent:
        tags = (("in_port", segment.ofport), A_VLAN, ("from_segment", 0))
        taken += (Flow("classify", "transparent", tags, (*enter[:-1], ("goto", "bridge")), tag),)
    if not segment.sends:
        return taken
    tagged = (("push_vlan",), ("set_field", "vlan_vid", vid)) if vid else ()
    inside = (evi, ("from_tunnel", 0))
    return (
        *taken,
        # To a copy: to local ports the frame goes without the tag.
        Flow(
            "bridge", "segment_group", (*inside, ("eth_dst", MULTICAST, MULTICAST)),
            (("clone", (("resubmit", "segment"),)), ("goto", "flood")), tag,
        ),
        # All MACs of local ports are known, and stand above.
        Flow("bridge", "segment", inside, (("goto", "segment"),), tag),
        Flow("segment", "segment", (evi,), (*tagged, ("output", segment.ofport)), tag),
    )  # fmt: skip


def outward_flows(port: LocalPort, tag: int) -> list[Flow]:
    """What a port sends to its network's segment beside what passes anyhow, from its own MAC and
    addresses.  Like what the node answers, it is not subject to policy: a port that may talk to
    nobody still gets its address."""
    source = (("in_port", port.ofport), ("eth_src", port.mac))
    own4, own6 = [], [link_local(port.mac)]
    for mac, address in port.allowed:
        net = ip_network(address) if address else None
        if mac == port.mac and net is not None and net.prefixlen == net.max_prefixlen:
            (own4 if net.version == 4 else own6).append(str(net.network_address))
    matches: dict[tuple, None] = {}
    if ARP in port.outward:
        arp = (("eth_type", ETH_ARP), ("arp_op", ARP_REQUEST), ("arp_sha", port.mac))
        # An announcement and a probe (RFC 5227): hosts, and switches on the way, are to hear them.
        matches |= {
            (*arp, ("arp_spa", said), ("arp_tpa", one)): None
            for one in own4 for said in (one, "0.0.0.0")
        }
        # By this a hypervisor announces a guest that has just come (QEMU, announce_self).
        matches[(("eth_type", ETH_RARP),)] = None
    if ASK_DHCP4 in port.outward:
        ask = (*_UDP4, ("udp_src", PORT_DHCP_CLIENT), ("udp_dst", PORT_DHCP_SERVER))
        matches |= {(*ask, ("ipv4_src", one)): None for one in ("0.0.0.0", *own4)}
    if ASK_DHCP6 in port.outward:
        ask = (*_UDP6, ("udp_src", PORT_DHCPV6_CLIENT), ("udp_dst", PORT_DHCPV6_SERVER))
        matches |= {(*ask, ("ipv6_src", one)): None for one in own6}
    if ASK_ROUTER in port.outward:
        ask = (
            ("eth_type", ETH_IPV6), ("ip_proto", PROTO_ICMPV6), ("icmpv6_type", ROUTER_SOLICIT),
        )  # fmt: skip
        matches |= {(*ask, ("ipv6_src", one)): None for one in ("::", *own6)}
    return [
        Flow("guard", "outward", (*source, *match), (("goto", "bridge"),), tag) for match in matches
    ]
