"""Metadata: what instances ask of the service that knows them, at its well-known addresses.

Recognised like DNS: after the guard, so that nobody asks with another's address, and before policy,
which does not apply to it.  It is the destination alone that counts, whatever MAC the frame is to:
a guest that has no route there sends it to its gateway.  All of it stands once in a vrouter, as the
addresses are the same in every network.
"""

from __future__ import annotations

from vrouter_ovs.addresses import ip_network, mac_int
from vrouter_ovs.cookies import cookie
from vrouter_ovs.edge import PuntReason
from vrouter_ovs.numbers import ETH_ARP, ETH_IPV6, PORT_HTTP, PROTO_TCP
from vrouter_ovs.pipeline.edge.punt import to_node
from vrouter_ovs.pipeline.terms import claimed_terms, ip_match
from vrouter_ovs.schema.flow import Flow
from vrouter_ovs.state import METADATA_ADDRESSES, METADATA_MAC, OWNER_NETWORK, Metadata


def render_metadata(metadata: Metadata) -> tuple[Flow, ...]:
    """Two flows for each address: what is sent there, and at which MAC it is."""
    tag = cookie(metadata.key)
    flows = []
    for address in METADATA_ADDRESSES:
        request = (*ip_match("dst", address), ("ip_proto", PROTO_TCP), ("tcp_dst", PORT_HTTP))
        flows.append(Flow("proxy", "punt", request, to_node(PuntReason.METADATA), tag))
        asked = ("eth_type", ETH_IPV6 if ":" in address else ETH_ARP)
        answer = (
            ("load", "claimed_mac", mac_int(METADATA_MAC)), ("set_field", "owner", OWNER_NETWORK),
            ("set_field", "holder", 0),
        )
        terms = claimed_terms(ip_network(address))
        flows.append(Flow("known", "everywhere", (asked, *terms), answer, tag))
    return tuple(flows)
