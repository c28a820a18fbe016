"""What is the same for all packets on their way out: TTL, size, and the errors of a router.

The two vrouters that a routed packet passes are one distributed router: it loses one hop, at the
first, which also is the one that answers when there is none left (RFC 1812 section 5.3.1, RFC 8200
section 3).  What comes with an L3 VNI has lost it; it can enter no tunnel again, so it needs no TTL
to end.

A frame's size is checked where it is about to enter a tunnel, and there alone: the switch tests it
for each packet anew, while all else is decided once for each flow of the datapath.  Group frames
are not measured, see :mod:`.flood`.
"""

from __future__ import annotations

from vrouter_ovs.edge import PuntReason
from vrouter_ovs.numbers import ETH_IPV4, ETH_IPV6
from vrouter_ovs.pipeline.edge.punt import to_node
from vrouter_ovs.pipeline.hops import type_match
from vrouter_ovs.schema.flow import DROP, Flow
from vrouter_ovs.state import Vrouter

ETHERNET = 14
"""Bytes before the IP packet: the switch counts them, but no VLAN tag (ovs-actions(7))."""
BACK = (("load", "in_port", 0),)
"""Open vSwitch outputs nothing to the in-port (ovs-actions(7)); a router does (RFC 1812 section
5.2.1), where a port has addresses of two networks, or is itself a router of one."""


def ttl_and_mtu_flows(vrouter: Vrouter, tag: int) -> list[Flow]:
    """The Vrouter's part."""
    too_big = ("too_big", 1)
    measures = [
        (
            type_match(encap),
            (("check_larger", mtu + ETHERNET, "too_big"), ("goto", "send")),
        )
        for encap, mtu in vrouter.mtus
    ]
    flows = [
        Flow("encap", "from_tunnel", (("from_tunnel", 1),), DROP, tag),
        *(
            Flow(
                "encap", "typed_bridged" if typed else "bridged", (("vrf", 0), *typed),
                measure, tag,
            )
            for typed, measure in measures
        ),
        Flow("send", "from_tunnel", (("from_tunnel", 1),), DROP, tag),
        Flow("send", "too_big", (too_big,), DROP, tag),
        *(Flow("send", "no_typed_vtep", typed, DROP, tag) for typed, _ in measures if typed),
        # With an L3 VNI, hence in no EVI.  Who sends to the gateway with an L2 VNI has not routed.
        Flow("arrive", "routed", (("evi", 0),), (("goto", "deliver"),), tag),
    ]
    for family in (("eth_type", ETH_IPV4), ("eth_type", ETH_IPV6)):
        # Measured in its last form: whoever follows a trace then sees what leaves.  The sender's
        # MAC waits for an error in the register; the stack only serves to exchange the two, since
        # most versions of the switch lose what is on it while they measure.
        leave = (
            ("push", "eth_src"), ("move", "router_mac", "eth_src"), ("pop", "router_mac"),
            ("dec_ttl",),
        )  # fmt: skip
        local, used_up = ("from_tunnel", 0), to_node(PuntReason.TIME_EXCEEDED)
        error = to_node(PuntReason.TOO_BIG)
        flows += [
            # dec_ttl alone would send these to any controller (also the one in arrive).
            Flow("route", "used_up", (family, ("ip_ttl", 0), local), used_up, tag),
            Flow("route", "used_up", (family, ("ip_ttl", 1), local), used_up, tag),
            Flow("route", "no_ttl", (family, ("ip_ttl", 0)), DROP, tag),
            Flow("route", "no_route", (family, local), to_node(PuntReason.UNREACHABLE), tag),
            *(
                Flow(
                    "encap", "typed_routed" if typed else "routed", (family, *typed),
                    (*leave, *measure), tag,
                )
                for typed, measure in measures
            ),
            Flow("send", "too_big_bridged", (too_big, family, ("vrf", 0)), error, tag),
            Flow(
                "send", "too_big_routed", (too_big, family),
                (("move", "router_mac", "eth_src"), *error), tag,
            ),
            Flow("arrive", "used_up", (family, ("ip_ttl", 1)), DROP, tag),
            Flow("arrive", "first", (family,), (("dec_ttl",), *BACK, ("goto", "deliver")), tag),
        ]
    return flows
