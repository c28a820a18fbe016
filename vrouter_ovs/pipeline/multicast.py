"""IGMP and MLD snooping (RFC 4541): the flows of the table flood that an EVI has where it snoops.

The switch cannot tell one IGMP message from another.  A general query goes to 224.0.0.1 (RFC 2236
section 9, RFC 3376 section 4.1.12) and to all ports; all else goes to routers alone, since a host
that hears another's report of version 1 or 2 keeps its own back, and its port would be forgotten
(RFC 4541 section 2.1.1).  A query for one group of a router at a port looks like such a report: the
node passes it on to the members.

Of what local ports send the node gets a copy, through the port's meter, and what has been looked at
is told by ``punt_reason``, which no packet has that comes to be flooded.
"""

from __future__ import annotations

from vrouter_ovs.addresses import ipv4_text
from vrouter_ovs.cookies import cookie
from vrouter_ovs.edge import PuntReason
from vrouter_ovs.numbers import (
    ETH_IPV4,
    ETH_IPV6,
    LISTENER_DONE,
    LISTENER_QUERY,
    LISTENER_REPORT,
    LISTENER_REPORT2,
    PROTO_ICMPV6,
    PROTO_IGMP,
)
from vrouter_ovs.pipeline.flood import REMOTES, port_actions
from vrouter_ovs.pipeline.terms import ip_match, vni
from vrouter_ovs.schema.flow import Flow
from vrouter_ovs.state import MulticastGroup, Snooping

ROUTERS = 1 << 18
"""The value of the register ``bucket`` for what goes to multicast routers."""
ALL_SYSTEMS = "224.0.0.1"
LISTENERS = (LISTENER_REPORT, LISTENER_DONE, LISTENER_REPORT2)
SEEN = ("set_field", "punt_reason", int(PuntReason.LISTENER))
TO_NODE = (SEEN, ("resubmit", "punt"))
TO_ALL = (("resubmit", "flood"),)
TO_ROUTERS = (("set_field", "bucket", ROUTERS), ("resubmit", "flood"))
TO_REMOTES = (("set_field", "bucket", REMOTES), ("resubmit", "flood"))
# Every group but those of the link: in 224.0.0.0/4 with one of the 20 bits that are 0 in
# 224.0.0.0/24 (RFC 5771 section 4), in ff00::/8 with a scope above 2 (RFC 4291 section 2.7).
BEYOND_LINK = (
    *(
        (("eth_type", ETH_IPV4), ("ipv4_dst", *(
            ipv4_text((first | 1 << bit).to_bytes(4, "big")) for first in (0xE0000000, 0xF0000000)
        )))
        for bit in range(8, 28)
    ),
    *(
        (("eth_type", ETH_IPV6), ("ipv6_dst", f"ff{scope:02x}::", f"ff{mask:02x}::"))
        for scope, mask in ((8, 8), (4, 12), (3, 15))
    ),
)  # fmt: skip


def render_snooping(snooping: Snooping) -> tuple[Flow, ...]:
    tag, evi = cookie(snooping.key), ("evi", vni(snooping.evi))
    fresh = (evi, ("bucket", 0), ("punt_reason", 0))
    igmp = (("eth_type", ETH_IPV4), ("ip_proto", PROTO_IGMP))
    mld = (("eth_type", ETH_IPV6), ("ip_proto", PROTO_ICMPV6))
    flows = []
    for from_tunnel, seen in ((0, TO_NODE), (1, (SEEN,))):
        match = (*fresh, ("from_tunnel", from_tunnel))
        for what, then, *messages in (
            ("query", TO_ALL, (*igmp, ("ipv4_dst", ALL_SYSTEMS)),
             (*mld, ("icmpv6_type", LISTENER_QUERY))),
            ("report", TO_ROUTERS, igmp, *((*mld, ("icmpv6_type", one)) for one in LISTENERS)),
        ):  # fmt: skip
            flows += [
                Flow("flood", what, (*match, *message), (*seen, *then), tag)
                for message in messages
            ]
    routers = (*port_actions(snooping.routers), *TO_REMOTES)
    flows.append(Flow("flood", "list", (evi, ("bucket", ROUTERS)), routers, tag))
    if not snooping.flood_unregistered:
        flows += [
            Flow("flood", "unregistered", (evi, ("bucket", 0), *group), TO_ROUTERS, tag)
            for group in BEYOND_LINK
        ]
    return tuple(flows)


def render_multicast_group(group: MulticastGroup) -> tuple[Flow, ...]:
    match = (("evi", vni(group.evi)), ("bucket", 0), *ip_match("dst", group.group))
    actions = (*port_actions(group.ports), *TO_REMOTES)
    return (Flow("flood", "group", match, actions, cookie(group.key)),)
