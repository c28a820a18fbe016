"""VRFs and gateways: how packets come to be routed, and the gateway's own addresses."""

from __future__ import annotations

from vrouter_ovs.addresses import ip_network
from vrouter_ovs.cookies import cookie
from vrouter_ovs.numbers import ETH_IPV4, ETH_IPV6
from vrouter_ovs.pipeline.edge.neighbor import known
from vrouter_ovs.pipeline.hops import ARRIVED, labelled
from vrouter_ovs.pipeline.terms import ip_match, vni
from vrouter_ovs.schema.flow import Flow
from vrouter_ovs.state import OWNER_ROUTER, Gateway, Vrf


def render_vrf(vrf: Vrf) -> tuple[Flow, ...]:
    # Above the flow of an EVI.  Another MAC misses, so it is dropped (RFC 9135 section 4.2).
    return (
        Flow(
            "classify",
            "vrf",
            (("tun_id", vni(vrf.vrf)), ("eth_dst", vrf.router_mac)),
            (("set_field", "vrf", vrf.vrf), ("load", "from_tunnel", 1), ("goto", "route")),
            cookie(vrf.key),
        ),
        *(
            Flow(
                "classify", "label", labelled(label),
                (
                    ("pop_mpls", eth_type), ARRIVED, ("set_field", "vrf", vrf.vrf),
                    ("goto", "route"),
                ),
                cookie(vrf.key),
            )
            for label, eth_type in zip(vrf.labels, (ETH_IPV4, ETH_IPV6), strict=False)
        ),
    )


def render_gateway(gateway: Gateway) -> tuple[Flow, ...]:
    """One flow, and two for each address."""
    tag = cookie(gateway.key)
    evi = vni(gateway.evi)
    flows = [
        Flow(
            "bridge",
            "gateway",
            (("evi", evi), ("eth_dst", gateway.mac)),
            (("set_field", "vrf", vni(gateway.vrf)), ("goto", "route")),
            tag,
        )
    ]
    for address in dict.fromkeys(gateway.addresses):
        to_gateway = (("vrf", gateway.vrf), *ip_match("dst", address))
        if ip_network(address).is_link_local:
            # Another network's gateway may have the same, as it may have the same MAC.
            to_gateway = (("evi", evi), *to_gateway)
        flows.append(known(evi, address, gateway.mac, "gateway", tag, OWNER_ROUTER))
        flows.append(Flow("route", "gateway", to_gateway, (("goto", "gateway"),), tag))
    return tuple(flows)
