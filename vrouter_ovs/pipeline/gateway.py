"""VRFs and gateways: how packets come to be routed, and the gateway's own addresses."""

from __future__ import annotations

from vrouter_ovs.cookies import cookie
from vrouter_ovs.edge import Why
from vrouter_ovs.flow import IN_PORT, Flow
from vrouter_ovs.pipeline.addresses import ip_match, network, vni
from vrouter_ovs.pipeline.neighbor import ROUTER, answer
from vrouter_ovs.pipeline.punt import answered
from vrouter_ovs.state import Gateway, Vrf

ECHO = {
    4: ("ipv4", (("ip_proto", 1), ("icmpv4_type", 8), ("icmpv4_code", 0)), ("icmpv4_type", 0)),
    6: ("ipv6", (("ip_proto", 58), ("icmpv6_type", 128), ("icmpv6_code", 0)), ("icmpv6_type", 129)),
}


def render_vrf(vrf: Vrf) -> tuple[Flow, ...]:
    # Above the flow of an EVI.  Another MAC misses, so it is dropped (RFC 9135 section 4.2).
    return (
        Flow(
            "classify",
            110,
            (("tun_id", vni(vrf.vrf)), ("eth_dst", vrf.router_mac)),
            (("set_field", "vrf", vrf.vrf), ("load", "from_tunnel", 1), ("goto", "route")),
            cookie(vrf.key),
        ),
    )


def render_gateway(gateway: Gateway) -> tuple[Flow, ...]:
    """One flow, and three for each address."""
    tag = cookie(gateway.key)
    evi = vni(gateway.evi)
    flows = [
        Flow(
            "bridge",
            400,
            (("evi", evi), ("eth_dst", gateway.mac)),
            (("set_field", "vrf", vni(gateway.vrf)), ("goto", "route")),
            tag,
        )
    ]
    for address in dict.fromkeys(gateway.addresses):
        net = network(address)
        version = net.version
        to_gateway = (("vrf", gateway.vrf), *ip_match("dst", address))
        if net.is_link_local:
            # Another network's gateway may have the same, as it may have the same MAC.
            to_gateway = (("evi", evi), *to_gateway)
        flows.append(answer(evi, address, gateway.mac, 300, tag, ROUTER))
        ip, request, reply = ECHO[version]
        # Every vrouter of the VRF has the gateway, so whoever asks is local: the answer leaves by
        # the port it came in, from the MAC it was sent to, which is the asker's own gateway even
        # where it asked for the address of another one.  The TTL does not matter: it is not routed.
        flows.append(
            Flow(
                "route",
                1010,
                (*to_gateway, *request, ("from_tunnel", 0)),
                (
                    *_swap("eth_src", "eth_dst"),
                    *_swap(f"{ip}_src", f"{ip}_dst"),
                    ("set_field", *reply),
                    ("set_field", "ip_ttl", 64),
                    ("output", IN_PORT),
                ),
                tag,
            )
        )
        flows.append(Flow("route", 1000, to_gateway, answered(Why.TO_GATEWAY), tag))
    return tuple(flows)


def _swap(one: str, other: str) -> tuple[tuple, ...]:
    return (("push", one), ("move", other, one), ("pop", other))
