"""Subports: a port whose frames another one, its trunk's parent, carries in a VLAN.

A subport is a port like any other, under a number that no OpenFlow port has
(:data:`~vrouter_ovs.numbers.SUBPORT_NUMBERS`).  Where its frames come in, the tag is taken off and
that number becomes the in-port, which all later tables match and by which its connections are
tracked; so whatever holds for a port holds for it, and the node hears of it under that number.
Where a frame leaves for such a number, the switch would output nothing: the last table puts the tag
on and gives a copy to the parent, and the registers of who sends to several are as they were.

What other tables output by themselves goes to that table, where it is for a subport.  These flows
belong to :class:`~vrouter_ovs.state.Trunks`, which only vrouters with subports have.  In the
register of the port that a frame is for, a subport's number alone has the bit ``SUBPORT_BIT``.
"""

from __future__ import annotations

from vrouter_ovs.cookies import cookie
from vrouter_ovs.errors import PipelineError
from vrouter_ovs.numbers import ETH_ARP, SUBPORT_NUMBERS
from vrouter_ovs.pipeline.edge.echo import echo_replies
from vrouter_ovs.pipeline.edge.neighbor import ADVERTISED, ANSWERED, ARP_ANSWER, TO_HOLDER
from vrouter_ovs.pipeline.security.policy import discovery_matches
from vrouter_ovs.pipeline.ttl_and_mtu import BACK
from vrouter_ovs.schema.flow import DROP, Flow
from vrouter_ovs.state import LocalPort, Trunks

SUBPORT_BIT = 0x8000
TAGGED = 0x1000
"""In the field vlan_vid: there is a tag (OpenFlow 1.4.0 section 7.2.3.8)."""
FOR_SUBPORT = ("out_port", SUBPORT_BIT, SUBPORT_BIT)
OUTPUT = (("goto", "output"),)


def subport_flows(port: LocalPort, tag: int) -> tuple[Flow, ...]:
    """What a subport has besides what all ports have.  Raises PipelineError for a number that is
    an OpenFlow port's, or no VLAN."""
    first, last = SUBPORT_NUMBERS
    if not first <= port.ofport <= last:
        raise PipelineError(f"not a subport's number: {port.ofport}")
    if not 0 < port.vlan < 0xFFF or not 0 < port.parent < SUBPORT_BIT:
        raise PipelineError(f"no subport: VLAN {port.vlan} of OpenFlow port {port.parent}")
    vid, to = TAGGED | port.vlan, ("out_port", port.ofport)
    tagged = (
        ("push_vlan",), ("set_field", "vlan_vid", vid),
        # The parent may be where the frame has come from.
        *BACK, ("output", port.parent),
    )  # fmt: skip
    return (
        Flow(
            "classify", "subport", (("in_port", port.parent), ("vlan_vid", vid)),
            (("pop_vlan",), ("load", "in_port", port.ofport), ("resubmit", "classify")), tag,
        ),
        Flow("output", "subport", (to,), (("clone", tagged),), tag),
        # As the switch does it for ports by itself.
        Flow("output", "sender", (("in_port", port.ofport), to), DROP, tag),
    )  # fmt: skip


def render_trunks(trunks: Trunks) -> tuple[Flow, ...]:
    """The same for all subports: what leaves in other tables than the last."""
    tag = cookie(trunks.key)
    flows = [
        Flow(
            "answer", "subport", (("eth_type", ETH_ARP), ANSWERED, FOR_SUBPORT),
            (*ARP_ANSWER, *TO_HOLDER, *OUTPUT), tag,
        ),
        Flow(
            "advertise", "subport", (*ADVERTISED[0], FOR_SUBPORT),
            (*ADVERTISED[1], *TO_HOLDER, *OUTPUT), tag,
        ),
        Flow("receive", "subport_rest", (FOR_SUBPORT,), OUTPUT, tag),
        Flow("receive", "subport_no_set", (("policy", 0), FOR_SUBPORT), OUTPUT, tag),
    ]
    flows += (
        Flow("receive", "subport_discovery", (*match, FOR_SUBPORT), OUTPUT, tag)
        for match in discovery_matches()
    )
    flows += (
        Flow("gateway", f"subport_{priority}", (*match, FOR_SUBPORT), (*turn, *BACK, *OUTPUT), tag)
        for priority, match, turn in echo_replies()
    )
    return tuple(flows)
