"""Ports that may have any MAC behind them: the node hears of each that it does not know.

A frame of such a port is looked up by its source before anything else; what is not known goes its
way, and a copy to the node, through the port's meter.  The flow of a MAC that is known only says
so; where frames to it go, :class:`~vrouter_ovs.state.LocalMac` says.
"""

from __future__ import annotations

from vrouter_ovs.cookies import cookie
from vrouter_ovs.edge import PuntReason
from vrouter_ovs.schema.flow import RETURN, Flow
from vrouter_ovs.state import KnownSource, LearningPort

TO_NODE = (
    ("set_field", "punt_reason", int(PuntReason.SOURCE)),
    ("resubmit", "punt"),
    ("set_field", "punt_reason", 0),
)


def render_learning_port(port: LearningPort) -> tuple[Flow, ...]:
    """As other ports' frames are classified, with the lookup between; and the port's own MAC."""
    tag, source = cookie(port.key), ("in_port", port.ofport)
    looked_up = (
        ("move", "in_port", "out_port"), ("resubmit", "port"), ("resubmit", "sources"),
        ("goto", "claim"),
    )  # fmt: skip
    return (
        Flow("classify", "learning", (source,), looked_up, tag),
        Flow("sources", "known", (source, ("eth_src", port.mac)), RETURN, tag),
        Flow("sources", "unknown", (source,), TO_NODE, tag),
    )


def render_known_source(known: KnownSource) -> tuple[Flow, ...]:
    match = (("in_port", known.ofport), ("eth_src", known.mac))
    return (Flow("sources", "known", match, RETURN, cookie(known.key)),)
