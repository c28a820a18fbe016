"""DNS: what local ports ask the network's resolver, and where multicast DNS goes.

Queries are recognised after the guard, so that nobody asks with another's address, and before
policy: like DHCP, the resolver belongs to the network, and a port that may talk to nobody still
resolves names.  Open vSwitch sees no ports in fragments, so a fragmented query is none: it goes on
to the gateway's address, where all that is not for the switch itself ends.
"""

from __future__ import annotations

from vrouter_ovs.cookies import cookie
from vrouter_ovs.edge import PuntReason
from vrouter_ovs.errors import PipelineError
from vrouter_ovs.numbers import ETH_IPV4, ETH_IPV6, PORT_DNS, PORT_MDNS, PROTO_TCP, PROTO_UDP
from vrouter_ovs.pipeline.edge.punt import to_node
from vrouter_ovs.pipeline.terms import ip_match, vni
from vrouter_ovs.schema.flow import DROP, Flow
from vrouter_ovs.state import MDNS_ANSWER, MDNS_FLOOD, MDNS_LOCAL, DnsServer

# RFC 6762 section 3.
MDNS_GROUPS = (
    (("eth_type", ETH_IPV4), ("ipv4_dst", "224.0.0.251")),
    (("eth_type", ETH_IPV6), ("ipv6_dst", "ff02::fb")),
)


def render_dns_server(server: DnsServer) -> tuple[Flow, ...]:
    """Two flows: UDP and TCP (RFC 7766 section 5)."""
    tag = cookie(server.key)
    to_server = (("evi", vni(server.evi)), *ip_match("dst", server.address))
    actions = to_node(PuntReason.DNS)
    return tuple(
        Flow("proxy", "punt", (*to_server, ("ip_proto", protocol), port), actions, tag)
        for protocol, port in (
            (PROTO_UDP, ("udp_dst", PORT_DNS)),
            (PROTO_TCP, ("tcp_dst", PORT_DNS)),
        )
    )


def multicast_dns_flows(evi: int, mode: str, tag: int) -> list[Flow]:
    """The part of an EVI: none where multicast DNS is flooded, else a few for each IP version.

    Whatever has the group as its destination is meant, so that fragments, or a frame with the
    group's address and one receiver's MAC, take no other way.  From a tunnel nothing is let in.
    """
    flows: list[Flow] = []
    if mode == MDNS_FLOOD:
        return flows
    if mode not in (MDNS_LOCAL, MDNS_ANSWER):
        raise PipelineError(f"no way for multicast DNS: {mode!r}")
    for group in MDNS_GROUPS:
        to_group = (("evi", evi), *group)
        flows.append(Flow("bridge", "mdns", (*to_group, ("from_tunnel", 1)), DROP, tag))
        if mode == MDNS_LOCAL:
            # What counts as from a tunnel goes to local ports, and into no tunnel.
            onward = (("load", "from_tunnel", 1), ("goto", "flood"))
            flows.append(Flow("bridge", "mdns", (*to_group, ("from_tunnel", 0)), onward, tag))
        else:
            query = (*to_group, ("ip_proto", PROTO_UDP), ("udp_dst", PORT_MDNS))
            flows.append(Flow("proxy", "punt", query, to_node(PuntReason.MDNS), tag))
            flows.append(Flow("proxy", "mdns_rest", to_group, DROP, tag))
    return flows
