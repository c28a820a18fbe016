"""Who may announce what: an address that is somebody's own is announced by its owner alone.

Whoever hears an announcement believes it: ARP of either operation (RFC 826), a neighbor
advertisement, and a solicitation by its sender's link-layer address (RFC 4861 sections 7.2.3 and
7.2.5).  A port's own addresses pass in the guard.  What an allowed address pair adds to them, and
all of a port without port security, is looked up here: see :mod:`.neighbor`.  These flows belong to
the Vrouter.

Of ports without port security the addresses of gateways and of the network itself are protected, of
all others also those that ports have: a port's fixed address is not known of the port here, and
one without port security must be able to announce its own.
"""

from __future__ import annotations

from vrouter_ovs.edge import PuntReason
from vrouter_ovs.numbers import ETH_ARP, ETH_IPV6, NEIGHBOR_ADVERT, NEIGHBOR_SOLICIT, PROTO_ICMPV6
from vrouter_ovs.schema.flow import DROP, Flow

NOT_BY_PAIRS, BY_NOBODY = ("owner", 2, 2), ("owner", 4, 4)
NOTIFY_NODE, NOTIFY_ALL = 1, 2
SEEN = (
    ("set_field", "punt_reason", int(PuntReason.SEEN)),
    ("resubmit", "punt"),
    ("set_field", "punt_reason", 0),
)
CHECK = (("resubmit", "known"), ("goto", "announce"))


def check_owner(notify: int = 0) -> tuple[tuple, ...]:
    """The actions of the guard for what announces an address that is not the port's own.

    ``notify``: 0, or :data:`NOTIFY_NODE` where the node learns from it, or :data:`NOTIFY_ALL` where
    it is also for all and no question to answer.
    """
    return (("load", "notify", notify), *CHECK) if notify else CHECK


def announcement_flows(tag: int) -> list[Flow]:
    """The Vrouter's part."""
    unsecured = ("unsecured", 1)
    advertisement, solicitation = (
        (("eth_type", ETH_IPV6), ("ip_proto", PROTO_ICMPV6), ("icmpv6_type", kind))
        for kind in (NEIGHBOR_ADVERT, NEIGHBOR_SOLICIT)
    )
    flows = [
        Flow("announce", "owned", (BY_NOBODY,), DROP, tag),
        Flow("announce", "owned", (NOT_BY_PAIRS, ("unsecured", 0)), DROP, tag),
        Flow("announce", "shared", (("notify", NOTIFY_NODE),), (*SEEN, ("goto", "proxy")), tag),
        Flow("announce", "shared", (("notify", NOTIFY_ALL),), (*SEEN, ("goto", "bridge")), tag),
        Flow("announce", "rest", (), (("goto", "proxy"),), tag),
    ]
    for match, said in (
        ((("eth_type", ETH_ARP),), ("arp_spa", "claimed_ip3")),
        (advertisement, ("nd_target", "claimed_ip")),
        (solicitation, ("ipv6_src", "claimed_ip")),
    ):
        to_guard = (("move", *said), ("goto", "guard"))
        flows.append(Flow("claim", "unsecured_claim", (unsecured, *match), to_guard, tag))
        flows.append(Flow("guard", "unsecured_claim", (unsecured, *match), CHECK, tag))
    # What the switch cannot read to its end (see :mod:`.guard`) may announce anything.
    flows += [
        Flow("guard", "unsecured_unreadable", (unsecured, *match, ("nd_target", "::")), DROP, tag)
        for match in (advertisement, solicitation)
    ]
    return flows
