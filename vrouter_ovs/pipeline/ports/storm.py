"""Storm control: how many frames a second a port may send to broadcast and multicast addresses.

What is for all is copied to each port of the network and to each of its VTEPs, so one guest's
frames cost the whole network.  They pass a meter of the port before anything else is asked of them:
also those that are answered at the edge, or dropped.  Unicast to a MAC that nobody has is no storm:
it is never flooded.
"""

from __future__ import annotations

from vrouter_ovs.cookies import cookie
from vrouter_ovs.pipeline.edge.neighbor import MULTICAST
from vrouter_ovs.schema.flow import Flow
from vrouter_ovs.state import StormControl
from vrouter_ovs.state.meters import storm_meter

OF_PORT = (("move", "in_port", "out_port"), ("resubmit", "port"), ("goto", "claim"))
"""What is done with a frame of a local port."""


def render_storm_control(storm: StormControl) -> tuple[Flow, ...]:
    """One flow."""
    match = (("from_tunnel", 0), ("eth_dst", MULTICAST, MULTICAST))
    actions = (("resubmit", "storm"), *OF_PORT)
    return (Flow("classify", "group_sent", match, actions, cookie(storm.key)),)


def storm_flow(ofport: int, tag: int) -> Flow:
    """A port's part."""
    return Flow("storm", "port", (("in_port", ofport),), (("meter", storm_meter(ofport)),), tag)
