"""Floating IPs: addresses rewritten one to one, both ways, on the hypervisor of the port.

Nothing is remembered of connections: what comes for a floating IP gets the fixed address as
destination and is delivered, what a port sends beyond its router's gateway gets the floating IP as
source (RFC 3022 section 2.1, "Basic NAT").  Security groups see the inner address of the port and
the outer one of the other side.

What an ICMP error quotes is an address that the receiver does not know, in a header that the switch
cannot write (RFC 5508 section 4.2): such errors go to the node through the port's meter, which
writes it and puts them back (:mod:`vrouter_ovs.proxies.floating`).
"""

from __future__ import annotations

from vrouter_ovs.addresses import ip_network
from vrouter_ovs.cookies import cookie
from vrouter_ovs.edge import PuntReason
from vrouter_ovs.numbers import (
    ARP_REPLY,
    ARP_REQUEST,
    ETH_ARP,
    ETH_IPV4,
    PROTO_ICMP,
    TRANSLATED_ERRORS,
)
from vrouter_ovs.pipeline.edge.punt import to_node
from vrouter_ovs.pipeline.hops import tunnel_actions
from vrouter_ovs.pipeline.route import priority
from vrouter_ovs.pipeline.terms import claimed_terms, ip_match, vni
from vrouter_ovs.schema.flow import IN_PORT, Flow
from vrouter_ovs.state import ExternalNeighbor, FloatingErrors, FloatingIp

_IPV4 = ("eth_type", ETH_IPV4)


def render_floating_ip(floating: FloatingIp) -> tuple[Flow, ...]:
    """Six flows, and one for each prefix beyond."""
    tag, evi = cookie(floating.key), ("evi", vni(floating.evi))
    question = (
        ("eth_type", ETH_ARP), ("arp_op", ARP_REQUEST), ("arp_tpa", floating.address),
    )  # fmt: skip
    inward = (
        ("set_field", "ipv4_dst", floating.fixed),
        ("set_field", "eth_src", floating.gateway_mac),
        ("set_field", "eth_dst", floating.port_mac),
        ("set_field", "out_port", floating.ofport),
        ("load", "translated", 1),
        ("goto", "arrive"),
    )
    enter = (("goto", "floating"),)
    reply = _reply(floating)
    return (
        Flow("bridge", "floating", (evi, ("eth_dst", floating.mac)), enter, tag),
        # Local ports were answered before; this vrouter alone answers all others.
        Flow("bridge", "floating", (evi, ("from_tunnel", 1), *question), enter, tag),
        Flow("floating", "address", (evi, *ip_match("dst", floating.address)), inward, tag),
        Flow("floating", "question", (evi, *question), (*reply, ("output", IN_PORT)), tag),
        Flow(
            "floating", "segment_question", (evi, ("from_segment", 1), *question),
            (*reply, ("load", "in_port", 0), ("goto", "segment")), tag,
        ),
        Flow("external", "floating", (evi, _IPV4, *next_hop_terms(floating.address)), inward, tag),
        *(_outward(floating, prefix, next_hop, tag) for prefix, next_hop in floating.onward),
    )


def next_hop_terms(address: str) -> tuple[tuple, ...]:
    """The terms for packets whose next hop, in the register ``claimed_ip3``, is ``address``."""
    return claimed_terms(ip_network(address))


def _reply(floating: FloatingIp) -> tuple[tuple, ...]:
    """To whoever has asked, out of a tunnel or from a segment."""
    return (
        ("move", "eth_src", "eth_dst"),
        ("set_field", "eth_src", floating.mac),
        ("set_field", "arp_op", ARP_REPLY),
        ("move", "arp_sha", "arp_tha"),
        ("move", "arp_spa", "arp_tpa"),
        ("set_field", "arp_sha", floating.mac),
        ("set_field", "arp_spa", floating.address),
    )


def _outward(floating: FloatingIp, prefix: str, next_hop: str, tag: int) -> Flow:
    # Just above the flow of the same prefix for all others of the VRF.
    match = (
        ("vrf", vni(floating.vrf)), ("from_tunnel", 0), *ip_match("dst", prefix),
        *ip_match("src", floating.fixed)[1:],
    )  # fmt: skip
    to = (
        ("set_field", "claimed_ip3", next_hop) if next_hop
        else ("move", "ipv4_dst", "claimed_ip3")
    )
    return Flow(
        "route",
        priority(ip_network(prefix).prefixlen, True),
        match,
        (
            ("set_field", "ipv4_src", floating.address),
            ("set_field", "eth_src", floating.mac),
            ("set_field", "evi", floating.evi),
            to,
            ("goto", "floating_out"),
        ),
        tag,
    )


def render_floating_errors(errors: FloatingErrors) -> tuple[Flow, ...]:
    """The same for all floating IPs: seven flows."""
    tag = cookie(errors.key)
    punt = to_node(PuntReason.TRANSLATED_ERROR)
    flows = [Flow("floating_out", "rest", (_IPV4,), (("goto", "external"),), tag)]
    for kind in TRANSLATED_ERRORS:
        error = (_IPV4, ("ip_proto", PROTO_ICMP), ("icmpv4_type", kind))
        flows += [
            # One that the node has put back is translated already.
            Flow("floating_out", "error", (*error, ("translated", 0)), punt, tag),
            # As the port's own, whose meter it passes.
            Flow(
                "arrive", "translated_error", (*error, ("translated", 1)),
                (("move", "out_port", "in_port"), *punt), tag,
            ),
        ]
    return tuple(flows)


def render_external_neighbor(neighbor: ExternalNeighbor) -> tuple[Flow, ...]:
    """One flow."""
    match = (("evi", vni(neighbor.evi)), _IPV4, *next_hop_terms(neighbor.address))
    to = ("set_field", "eth_dst", neighbor.mac)
    if neighbor.ofport:
        onward: tuple[tuple, ...] = (
            ("set_field", "out_port", neighbor.ofport), ("goto", "arrive"),
        )  # fmt: skip
    elif neighbor.hop is not None:
        # Routed, and a frame of the external network from here on.
        onward = (
            ("dec_ttl",), ("set_field", "vrf", 0),
            *tunnel_actions(neighbor.hop.endpoint, neighbor.hop.label), ("goto", "encap"),
        )  # fmt: skip
    else:
        onward = (("dec_ttl",), ("goto", "segment"))
    return (Flow("external", "neighbor", match, (to, *onward), cookie(neighbor.key)),)
