"""Limits of a port: what is beyond ends in meters of the switch, in both directions.

What a port sends passes them when the rules have allowed it, and before anything is looked up for
it: so they hold whatever way it goes, and nothing that is answered here counts.  What reaches a
port passes them as the last.  ARP, neighbor and listener discovery pass by, in both directions: a
port that is at its limit stays reachable.

A meter counts in one unit, and a flow passes one meter, so each direction has a table for each
unit.  A packet that a meter drops is gone for all that is still to be done with it.  So a copy of
a frame to a group passes the meters of its receiver on a way of its own, or the receivers behind it
would miss the frame: the switch takes what follows ``check_larger`` as such.
"""

from __future__ import annotations

from vrouter_ovs.cookies import cookie
from vrouter_ovs.errors import PipelineError
from vrouter_ovs.numbers import ETH_ARP, ETH_IPV4, ETH_IPV6
from vrouter_ovs.pipeline.edge.neighbor import MULTICAST
from vrouter_ovs.schema.flow import Flow
from vrouter_ovs.state.limits import NO_MARK, RECEIVED, SENT, Limits, limit_meter
from vrouter_ovs.state.meters import KILOBITS, PACKETS

APART = (("check_larger", 0, "apart"),)
TO_OUTPUT = (("goto", "output"),)
TO_GROUP = ("eth_dst", MULTICAST, MULTICAST)
MAX_MARK = 63


def render_limits(limits: Limits) -> tuple[Flow, ...]:
    """A flow for each meter, one that leads there for what the port sends and five for what reaches
    it; two for a mark."""
    if not {*limits.sent, *limits.received} <= {KILOBITS, PACKETS}:
        raise PipelineError(f"not units of meters: {limits}")
    return (*_sent(limits), *_received(limits))


def unlimited_flows(tag: int) -> list[Flow]:
    """The Vrouter's part: what has no limit goes on."""
    return [
        Flow(table, "rest", (), (("goto", then),), tag) for table, then in (
            ("mark", "bridge"), ("bits_out", "bridge"), ("packets_out", "bridge"),
            ("limited_in", "output"), ("bits_in", "output"), ("packets_in", "output"),
        )
    ]


def _sent(limits: Limits) -> list[Flow]:
    tag, port = cookie(limits.key), ("in_port", limits.ofport)
    first = {
        (KILOBITS, PACKETS): "bits_out", (KILOBITS,): "bits_out", (PACKETS,): "packets_out",
    }.get(limits.sent, "bridge")
    flows = []
    if limits.mark != NO_MARK:
        if not 0 <= limits.mark <= MAX_MARK:
            raise PipelineError(f"not a DSCP: {limits.mark}")
        # The other two bits of the byte are ECN (RFC 3168 section 5), and stay.
        actions = (("set_field", "ip_dscp", limits.mark), ("goto", first))
        flows += [
            Flow("mark", "marked", (port, ("eth_type", eth_type)), actions, tag)
            for eth_type in (ETH_IPV4, ETH_IPV6)
        ]
    if limits.sent:
        flows.append(Flow("mark", "limited", (port,), (("goto", first),), tag))
    for unit in limits.sent:
        table = _TABLES[SENT, unit]
        then = "packets_out" if unit == KILOBITS and PACKETS in limits.sent else "bridge"
        metered = (("meter", limit_meter(limits.ofport, SENT, unit)), ("goto", then))
        flows.append(Flow(table, "limited", (port,), metered, tag))
    return flows


def _received(limits: Limits) -> list[Flow]:
    if not limits.received:
        return []
    tag, port = cookie(limits.key), ("out_port", limits.ofport)
    first = ("goto", "bits_in" if KILOBITS in limits.received else "packets_in")
    to_limit = (("goto", "limited_in"),)
    flows = [
        # What passes no rules: the port has no policy set, or it is no IP.
        Flow("receive", "limited_arp", (port, ("eth_type", ETH_ARP)), TO_OUTPUT, tag),
        Flow("receive", "limited", (port, ("policy", 0)), to_limit, tag),
        Flow("receive", "limited_rest", (port,), to_limit, tag),
        Flow("limited_in", "group", (port, TO_GROUP), (*APART, first), tag),
        Flow("limited_in", "limited", (port,), (first,), tag),
    ]
    for unit in limits.received:
        both = unit == KILOBITS and PACKETS in limits.received
        metered = ("meter", limit_meter(limits.ofport, RECEIVED, unit))
        then = (("goto", "packets_in"),) if both else TO_OUTPUT
        flows.append(Flow(_TABLES[RECEIVED, unit], "limited", (port,), (metered, *then), tag))
    return flows


_TABLES = {
    (SENT, KILOBITS): "bits_out", (SENT, PACKETS): "packets_out",
    (RECEIVED, KILOBITS): "bits_in", (RECEIVED, PACKETS): "packets_in",
}
