"""Connections that a port brings along to another vrouter.

The connections of a port are tracked where it is; where it comes to, none is known.  Its first
packets there begin them anew, and are held against the rules as what they look like.  So a
connection goes on as soon as one comes that a rule allows in its own direction: of one that the
guest began, the guest's.  But a guest that only receives sends nothing until something arrives.
So TCP segments that no rule lets in reach a port that has just come, where they begin nothing (no
SYN, but an ACK): the guest answers what it knows, which the rules for what it sends have to allow,
and the rest with a reset (RFC 9293 section 3.10.7.1).  They enter nothing into the port's zone.
"""

from __future__ import annotations

from vrouter_ovs.cookies import cookie
from vrouter_ovs.numbers import ETH_IPV4, ETH_IPV6, PROTO_TCP
from vrouter_ovs.pipeline.security.policy import NEW
from vrouter_ovs.schema.flow import Flow
from vrouter_ovs.state import Arrived

SYN, ACK = 0x002, 0x010


def render_arrived(arrived: Arrived) -> tuple[Flow, ...]:
    """One flow for each family, and one for both."""
    tag, port = cookie(arrived.key), ("out_port", arrived.ofport)
    look = (("move", "tcp_flags", "seen_flags"), ("goto", "midstream"))
    new_tcp = (("ip_frag", 0), ("ip_proto", PROTO_TCP), ("ct_state", NEW, NEW))
    goes_on = (port, ("seen_flags", ACK, ACK | SYN))
    return (
        *(
            Flow("permit_in", "arrived", (port, ("eth_type", eth_type), *new_tcp), look, tag)
            for eth_type in (ETH_IPV4, ETH_IPV6)
        ),
        Flow("midstream", "goes_on", goes_on, (("goto", "limited_in"),), tag),
    )
