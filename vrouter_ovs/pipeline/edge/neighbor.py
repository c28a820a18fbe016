"""The addresses that are known, and ARP and neighbor discovery answered from them in the switch.

An address is one flow of the table ``known``, which says its MAC and whose it is.  It is asked for
two ends with the same flow: to answer who asks for it (here), and to stop who announces what is
another's (:mod:`.announce`).  All else is constant and belongs to the Vrouter.

An answer leaves by the register that says where the frame came from, while the in-port is set to
the port that has the address: Open vSwitch outputs nothing to the in-port (ovs-actions(7)), so what
that port asks about its own address ends here, without a flow of its own.
"""

from __future__ import annotations

from vrouter_ovs.addresses import ip_network, mac_int
from vrouter_ovs.cookies import cookie
from vrouter_ovs.numbers import (
    ARP_REPLY,
    ARP_REQUEST,
    ETH_ARP,
    ETH_IPV6,
    NEIGHBOR_ADVERT,
    NEIGHBOR_SOLICIT,
    PROTO_ICMPV6,
)
from vrouter_ovs.pipeline.terms import claimed_terms
from vrouter_ovs.schema.flow import DROP, Flow
from vrouter_ovs.state import Neighbor

TARGET_LINK_LAYER_ADDRESS = 2
MULTICAST = "01:00:00:00:00:00"
ANSWERED, ROUTERS = ("owner", 1, 1), ("owner", 8, 8)
# Flags of a neighbor advertisement (RFC 4861 section 4.4).
ROUTER, SOLICITED, OVERRIDE = 1 << 31, 1 << 30, 1 << 29
SOLICITATION = (
    ("eth_type", ETH_IPV6), ("ip_proto", PROTO_ICMPV6), ("icmpv6_type", NEIGHBOR_SOLICIT),
)  # fmt: skip
TO_HOLDER = (("move", "holder", "in_port"),)
TO_ASKER = (*TO_HOLDER, ("output_reg", "out_port"))
ARP_ANSWER = (
    ("move", "eth_src", "eth_dst"),
    ("move", "claimed_mac", "eth_src"),
    ("set_field", "arp_op", ARP_REPLY),
    ("move", "arp_sha", "arp_tha"),
    ("move", "arp_spa", "arp_tpa"),
    ("move", "claimed_mac", "arp_sha"),
    ("move", "claimed_ip3", "arp_spa"),
)
"""The actions that make of an ARP request its reply."""
ADVERTISED = (
    (*SOLICITATION[:2], ("icmpv6_type", NEIGHBOR_ADVERT)),
    (
        ("set_field", "nd_options_type", TARGET_LINK_LAYER_ADDRESS),
        ("move", "eth_src", "nd_tll"),
    ),
)
"""What the last step of an advertisement matches, and its actions."""
LOOK_UP = (("set_field", "owner", 0), ("resubmit", "known"))


def render_neighbor(neighbor: Neighbor) -> tuple[Flow, ...]:
    """One flow."""
    tag = cookie(neighbor.key)
    flow = known(
        neighbor.evi, neighbor.address, neighbor.mac, "neighbor", tag,
        neighbor.owner, neighbor.ofport,
    )  # fmt: skip
    return (flow,)


def known(
    evi: int, address: str, mac: str, priority: str, tag: int, owner: int, holder: int = 0
) -> Flow:
    """``address`` in ``evi`` is at ``mac``.  ``owner``: whose it is, see vrouter_ovs.state;
    ``holder``: the port that is not answered, or 0."""
    eth_type = ETH_IPV6 if ":" in address else ETH_ARP
    return Flow(
        "known",
        priority,
        (("evi", evi), ("eth_type", eth_type), *claimed_terms(ip_network(address))),
        (
            ("load", "claimed_mac", mac_int(mac)),
            ("set_field", "owner", owner),
            ("set_field", "holder", holder),
        ),
        tag,
    )


def flood_unknown_flows(evi: int, tag: int) -> list[Flow]:
    """The part of an EVI whose questions without an answer go to all."""
    # Below the answers for what is known, above the Vrouter's drops.
    arp = (("evi", evi), ("eth_type", ETH_ARP))
    solicitation = (("evi", evi), *SOLICITATION)
    # Policy lets neighbor discovery pass, and nothing that only looks like it.  What has one
    # receiver goes on as all else does.
    to_all = (("goto", "track"),)
    return [
        Flow("answer", "flooded", arp, (("goto", "bridge"),), tag),
        Flow("answer", "flooded", (*solicitation, ("eth_dst", MULTICAST, MULTICAST)), to_all, tag),
        Flow("proxy", "detection_flooded", (*solicitation, ("ipv6_src", "::")), to_all, tag),
    ]


def answer_flows(onward: tuple[tuple, ...], tag: int) -> list[Flow]:
    """The Vrouter's part.  ``onward``: the actions for what is not answered and has one
    receiver."""
    request = (("eth_type", ETH_ARP), ("arp_op", ARP_REQUEST))
    # As a host takes it (RFC 4861 section 7.1.1).
    valid = (*SOLICITATION, ("ip_ttl", 255), ("icmpv6_code", 0))
    return [
        Flow(
            "proxy",
            "question",
            request,
            (("move", "arp_tpa", "claimed_ip3"), *LOOK_UP, ("goto", "answer")),
            tag,
        ),
        Flow(
            "proxy",
            "question",
            SOLICITATION,
            (("move", "nd_target", "claimed_ip"), *LOOK_UP, ("goto", "answer")),
            tag,
        ),
        # Turned into its reply, and back where it came from.
        Flow(
            "answer",
            "known",
            (("eth_type", ETH_ARP), ANSWERED),
            (*ARP_ANSWER, *TO_ASKER),
            tag,
        ),
        Flow("answer", "router", (*valid, ROUTERS), _advertise(ROUTER), tag),
        Flow("answer", "known", (*valid, ANSWERED), _advertise(0), tag),
        # What was not answered, and all would hear, ends here; what has one receiver goes its way.
        Flow("answer", "unknown", (("eth_type", ETH_ARP),), DROP, tag),
        Flow("answer", "unknown", (*SOLICITATION, ("eth_dst", MULTICAST, MULTICAST)), DROP, tag),
        Flow("answer", "rest", (), onward, tag),
        Flow(
            "advertise",
            "rest",
            ADVERTISED[0],
            (*ADVERTISED[1], *TO_ASKER),
            tag,
        ),
    ]


def _advertise(flags: int) -> tuple[tuple, ...]:
    # The option of the solicitation becomes that of the advertisement: a switch cannot add one.
    # Without one (which only a unicast solicitation may lack) the answer has none either, as
    # RFC 4861 section 7.2.4 allows.
    return (
        ("move", "eth_src", "eth_dst"),
        ("move", "claimed_mac", "eth_src"),
        ("move", "ipv6_src", "ipv6_dst"),
        ("move", "claimed_ip", "ipv6_src"),
        ("set_field", "icmpv6_type", NEIGHBOR_ADVERT),
        ("set_field", "nd_reserved", flags | SOLICITED | OVERRIDE),
        ("goto", "advertise"),
    )
