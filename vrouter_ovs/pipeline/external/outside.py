"""Gateway ports: what leaves a VRF for an external network, and what comes back.

The translation is connection tracking's own, in a zone of the router, by ``ct(commit,nat(src))``
in one pass for each packet.  What it asks of the pipeline, as tried on Open vSwitch 3.1.0's
userspace datapath (``python -m bench snat``):

- A connection whose translation is the same as the original ends ovs-vswitchd up to 3.1.2, 3.2.2,
  3.0.4 and 2.17.7: "assertion conn->conn_type == CT_CONN_TYPE_DEFAULT failed in
  conn_update_state()".  It is what a guest asks for that sends from the router's own address, as
  one without port security may: nothing from or to that address reaches the translation.
- Where no port is left, the packet comes out as what began a connection, with its own address: what
  was not translated goes no further, and is counted.
- A segment that is out of its window is not valid, and translated all the same: whether it passes
  is for the two ends, and for the security groups of the one inside.
- A connection that was begun elsewhere is entered in its midst, and keeps its port if nobody has
  it: so most connections outlive the gateway that they began at.
- Of ICMP no identifier is chosen anew: of two that ask the same host with the same identifier the
  second is refused as long as the first is known, half a minute after its last answer.
"""

from __future__ import annotations

from vrouter_ovs.addresses import mac_int
from vrouter_ovs.cookies import cookie
from vrouter_ovs.errors import PipelineError
from vrouter_ovs.numbers import ECHO_REQUEST, ETH_IPV4, ETH_IPV6, PROTO_ICMP
from vrouter_ovs.pipeline.edge.neighbor import known
from vrouter_ovs.pipeline.hops import first_live, hop_actions, tunnel_actions
from vrouter_ovs.pipeline.security.policy import NEW, TRACKED
from vrouter_ovs.pipeline.terms import ip_match, vni
from vrouter_ovs.schema.fields import CT_STATES
from vrouter_ovs.schema.flow import DROP, NO_PORT, Flow
from vrouter_ovs.state import FIRST_NAT_ZONE, LAST_NAT_ZONE, OWNER_ROUTER, GatewayPort, NatRefusals

SNAT, DNAT = CT_STATES["snat"], CT_STATES["dnat"]
FAMILIES = (ETH_IPV4, ETH_IPV6)


def render_gateway_port(port: GatewayPort) -> tuple[Flow, ...]:
    """A score of flows, two more for each address, a few for each other gateway.  Raises
    PipelineError for a zone that is a port's, or an address to translate to that is no IPv4 one."""
    if port.snat and (not FIRST_NAT_ZONE <= port.zone <= LAST_NAT_ZONE or ":" in port.snat):
        raise PipelineError(f"no source translation: {port.snat} in zone {port.zone}")
    tag = cookie(port.key)
    return (*_taken(port, tag), *_inbound(port, tag), *_outbound(port, tag), *_leaving(port, tag))


def render_nat_refusals(refusals: NatRefusals) -> tuple[Flow, ...]:
    """One flow."""
    match = (
        ("vrf", vni(refusals.vrf)), ("eth_type", ETH_IPV4), ("ct_state", NEW, NEW | SNAT),
    )  # fmt: skip
    return (Flow("outside", "refused", match, DROP, cookie(refusals.key)),)


def _taken(port: GatewayPort, tag: int) -> list[Flow]:
    """The addresses and the MAC."""
    evi = vni(port.evi)
    to_mac = (("evi", evi), ("eth_dst", port.mac))
    flows = []
    for address in port.addresses:
        flows.append(known(evi, address, port.mac, "gateway", tag, OWNER_ROUTER))
        to_gateway = (("vrf", vni(port.vrf)), *ip_match("dst", address))
        flows.append(Flow("route", "gateway", to_gateway, (("goto", "gateway"),), tag))
    enter = (("goto", "inbound"),)
    if not port.before:
        return [*flows, Flow("bridge", "gateway_port", to_mac, enter, tag)]
    hops = [one.hop for one in port.before]
    choose, chosen = first_live(hops, [one.ofports for one in port.before])
    relayed = (*to_mac, ("from_tunnel", 1))
    return [
        *flows,
        Flow("bridge", "gateway_port", to_mac, (*choose, *enter), tag),
        Flow("bridge", "relayed_gateway_port", relayed, enter, tag),
        *(
            Flow("inbound", "elsewhere", (*to_mac, ("bucket", number)), hop_actions(hop), tag)
            for number, hop in chosen if number != NO_PORT
        ),
    ]


def _inbound(port: GatewayPort, tag: int) -> list[Flow]:
    # A gateway routes from one VPN instance to another, so what a tunnel brought may enter one.
    enter = (
        ("set_field", "vrf", port.vrf), ("load", "from_tunnel", 0), ("load", "from_outside", 1),
        ("load", "router_mac", mac_int(port.router_mac)),
    )  # fmt: skip
    to_mac = (("evi", port.evi), ("eth_dst", port.mac))
    flows = [
        Flow(
            "inbound", "routed", (*to_mac, ("eth_type", family)),
            (*enter, ("goto", "route")), tag,
        )
        for family in FAMILIES if family == ETH_IPV6 or not port.snat
    ]  # fmt: skip
    if port.snat:
        vrf, family = ("vrf", port.vrf), ("eth_type", ETH_IPV4)
        back = (*enter, ("ct_nat", port.zone, "untranslated"))
        known_state = ("ct_state", TRACKED | DNAT, TRACKED | DNAT)
        echo = (vrf, family, ("ip_proto", PROTO_ICMP), ("icmpv4_type", ECHO_REQUEST))
        flows += [
            Flow("inbound", "translated", (*to_mac, *ip_match("dst", port.snat)), back, tag),
            Flow("untranslated", "known", (vrf, family, known_state), (("goto", "route"),), tag),
            Flow("untranslated", "echo", echo, (("goto", "gateway"),), tag),
            *_unknown(port, vrf, tag),
        ]
    return flows


def _unknown(port: GatewayPort, vrf: tuple, tag: int) -> list[Flow]:
    """What belongs to no connection that is known here may belong to one of another gateway's,
    which each gets a copy for, and sends to none."""
    others = (*port.before, *port.after)
    if not others:
        return []
    to_all: list[tuple] = [("set_field", "vrf", 0)]
    for one in others:
        to_all += (*tunnel_actions(one.hop.endpoint, one.hop.label, True), ("resubmit", "send"))
    return [
        *(
            Flow("untranslated", "from_gateway", (vrf, ("in_port", number)), DROP, tag)
            for one in others for number in one.ofports
        ),
        Flow("untranslated", "unknown", (vrf,), tuple(to_all), tag),
    ]


def _outbound(port: GatewayPort, tag: int) -> list[Flow]:
    vrf = ("vrf", port.vrf)
    flows = [Flow("snat", "through", (vrf, ("from_outside", 1)), DROP, tag)]
    if port.snat:
        flows += [
            Flow("snat", "own_address", (vrf, *ip_match(side, port.snat)), DROP, tag)
            for side in ("src", "dst")
        ]
    for family in FAMILIES:
        onward = ("goto", "outside")
        if family == ETH_IPV4 and port.snat:
            onward = ("ct_snat", port.zone, port.snat, "outside")
        match = (vrf, ("eth_type", family))
        # In no EVI any more: a port that it is for, or the tunnel, takes no hop of it again.
        here = (("dec_ttl",), ("set_field", "evi", 0), onward)
        there = (("load", "from_tunnel", 0), ("set_field", "evi", 0), onward)
        flows += [
            Flow("snat", "out", match, here, tag),
            Flow("snat", "relayed", (*match, ("from_tunnel", 1)), there, tag),
        ]
    return flows


def _leaving(port: GatewayPort, tag: int) -> list[Flow]:
    flows = []
    for family in FAMILIES:
        match: tuple[tuple, ...] = (("vrf", port.vrf), ("eth_type", family))
        if family == ETH_IPV4 and port.snat:
            match = (*match, ("ct_state", TRACKED | SNAT, TRACKED | SNAT))
        bridged = ("set_field", "vrf", 0)
        flows += [
            Flow("outside", "port", match, (("goto", "arrive"),), tag),
            Flow("outside", "tunnel", (*match, ("out_port", 0)), (bridged, ("goto", "encap")), tag),
        ]
    return flows
