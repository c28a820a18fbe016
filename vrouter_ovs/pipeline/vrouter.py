"""The Vrouter: flows that stand once in every vrouter."""

from __future__ import annotations

from vrouter_ovs.addresses import mac_int
from vrouter_ovs.cookies import cookie
from vrouter_ovs.numbers import (
    ARP_REPLY,
    ETH_ARP,
    ETH_IPV4,
    ETH_IPV6,
    ETH_PROVIDER_VLAN,
    ETH_VLAN,
    LISTENER_DONE,
    LISTENER_QUERY,
    LISTENER_REPORT,
    LISTENER_REPORT2,
    NEIGHBOR_ADVERT,
    NEIGHBOR_SOLICIT,
    PROTO_ICMPV6,
    ROUTER_ADVERT,
    ROUTER_SOLICIT,
)
from vrouter_ovs.pipeline.announce import announced
from vrouter_ovs.pipeline.connect import COUNTED
from vrouter_ovs.pipeline.echo import at_gateways
from vrouter_ovs.pipeline.guard import refused
from vrouter_ovs.pipeline.neighbor import (
    MULTICAST,
    SOLICITATION,
    answers,
)
from vrouter_ovs.pipeline.policy import (
    ANY_FRAGMENT,
    INVALID,
    LATER_FRAGMENT,
    NEW,
    REPLY,
    TRACKED,
    VALID,
)
from vrouter_ovs.pipeline.punt import recognised
from vrouter_ovs.pipeline.ttl_and_mtu import routed
from vrouter_ovs.schema.flow import Flow
from vrouter_ovs.state import Vrouter

UNTAG = (("pop_vlan",), ("resubmit", "classify"))
VLAN_TAGS = (ETH_VLAN, ETH_PROVIDER_VLAN)
NO_MAC = "00:00:00:00:00:00"
MULTICAST_LISTENER = (LISTENER_QUERY, LISTENER_REPORT, LISTENER_DONE, LISTENER_REPORT2)
LINK_LOCAL = ("fe80::", "ffc0::")
# RFC 4291 sections 2.5.2, 2.5.6 and 2.7: a router forwards nothing from or to these.
NEVER_ROUTED = (
    ("ipv6_dst", *LINK_LOCAL),
    ("ipv6_src", *LINK_LOCAL),
    ("ipv6_dst", "ff00::", "ff00::"),
    ("ipv6_src", "::"),
)


def render_vrouter(vrouter: Vrouter) -> tuple[Flow, ...]:
    tag = cookie(vrouter.key)
    # Every frame of a local port passes the proxy and only those can be sent to another VTEP, so
    # that is where a packet learns the MAC that a routed packet leaves with.
    onward = (("load", "router_mac", mac_int(vrouter.router_mac)), ("goto", "track"))
    flows = [
        # A tag without a VID is a priority, and the frame is untagged (IEEE 802.1Q section 6.9).
        Flow("classify", 1100, (("vlan_vid", 0x1000),), UNTAG, tag),
        # VLANs mean nothing here, in either direction (RFC 7348 section 6.1).
        Flow("classify", 1000, (("vlan_vid", 0x1000, 0x1000),), (), tag),
        # The second tag of a frame, where the switch reads one alone (vlan-limit of
        # ovs-vswitchd.conf.db(5)).
        *(Flow("classify", 1000, (("eth_type", kind),), (), tag) for kind in VLAN_TAGS),
        # IEEE 802.1D table 7-10: never forwarded by a bridge.
        Flow(
            "classify", 1000, (("eth_dst", "01:80:c2:00:00:00", "ff:ff:ff:ff:ff:f0"),), (), tag
        ),
        Flow("classify", 1000, (("eth_src", MULTICAST, MULTICAST),), (), tag),
        Flow(
            "classify",
            0,
            (),
            (("move", "in_port", "out_port"), ("resubmit", "port"), ("goto", "claim")),
            tag,
        ),
        *_claims(tag),
        Flow("guard", 200, (("unsecured", 1),), (("goto", "proxy"),), tag),
        *announced(tag),
        *refused(tag),
        *recognised(tag),
        *answers(onward, tag),
        # An ARP reply to one receiver passes; whatever other ARP was not answered ends here.
        Flow(
            "proxy",
            50,
            (("eth_type", ETH_ARP), ("arp_op", ARP_REPLY), ("eth_dst", NO_MAC, MULTICAST)),
            (("goto", "bridge"),),
            tag,
        ),
        Flow("proxy", 40, (("eth_type", ETH_ARP),), (), tag),
        Flow("proxy", 0, (), onward, tag),
        # Duplicate address detection asks for the asker's own address, which the switch knows: an
        # answer would say that it is taken (RFC 4862 section 5.4.3).  Addresses are given out once,
        # so silence is the right answer; who hears it while checking the same address, gives it up.
        Flow("proxy", 320, (*SOLICITATION, ("ipv6_src", "::")), (), tag),
        Flow("bridge", 100, (("eth_dst", MULTICAST, MULTICAST),), (("goto", "flood"),), tag),
        Flow("output", 0, (), (("output_reg", "out_port"),), tag),
    ]
    flows += _policy(tag)
    flows += [
        Flow("route", 950, (("eth_type", ETH_IPV6), (field, *prefix)), (), tag)
        for field, *prefix in NEVER_ROUTED
    ]
    return (*flows, *at_gateways(tag), *routed(vrouter, tag))


def _claims(tag: int) -> list[Flow]:
    """What a frame of each kind claims, and what it may say of itself where that is said twice."""

    def claims(height: int, match: tuple, *said: tuple[str, str]) -> Flow:
        moves = tuple(("move", *pair) for pair in said)
        return Flow("claim", height, match, (*moves, ("goto", "guard")), tag)

    ipv6, arp = ("eth_type", ETH_IPV6), ("eth_type", ETH_ARP)
    solicitation, advertisement = (
        (ipv6, ("ip_proto", PROTO_ICMPV6), ("icmpv6_type", kind))
        for kind in (NEIGHBOR_SOLICIT, NEIGHBOR_ADVERT)
    )
    of_frame, of_target = ("eth_src", "claimed_mac"), ("nd_target", "claimed_ip")
    # Who asks says where it is itself.
    of_asker = ("ipv6_src", "claimed_ip")
    # Duplicate address detection: from "::", without the option (RFC 4862 section 5.4.2), and for
    # its own addresses: whoever is just checking the same one would give it up.
    detection = (*solicitation, ("ipv6_src", "::"), ("nd_sll", NO_MAC))
    return [
        Flow("claim", 200, (("evi", 0),), (), tag),
        claims(100, (("unsecured", 1),)),
        claims(40, detection, of_frame, of_target),
        # The link-layer option may be left out (RFC 4861 sections 4.3 and 4.4), never be another's.
        claims(30, (*solicitation, ("nd_sll", NO_MAC)), of_frame, of_asker),
        claims(30, (*advertisement, ("nd_tll", NO_MAC)), of_frame, of_target),
        claims(20, solicitation, ("nd_sll", "claimed_mac"), of_asker),
        claims(20, advertisement, ("nd_tll", "claimed_mac"), of_target),
        claims(10, (ipv6,), of_frame),
        # The ARP probe of RFC 5227 section 2.1.1 has no sender address yet: what the table port
        # knows of the port stands.
        claims(20, (arp, ("arp_spa", "0.0.0.0"))),
        claims(10, (arp,), ("arp_spa", "claimed_ip3")),
        claims(0, ()),
        Flow("guard", 120, detection, (("goto", "target"),), tag),
        # A port's own flows stand above these two.
        Flow("target", 100, detection, (), tag),
        Flow("target", 100, advertisement, (), tag),
        Flow("target", 0, (), (("goto", "proxy"),), tag),
    ]


def _policy(tag: int) -> list[Flow]:
    """What all policy sets have in common; a set's own flows are in :mod:`.policy`."""
    flows = []
    for table, then, zone, ask in (
        ("track", ("goto", "bridge"), "in_port", "policy_out"),
        ("receive", ("output_reg", "out_port"), "out_port", "policy_in"),
    ):
        flows.append(Flow(table, 0, (), (then,), tag))
        flows.append(Flow(table, 50, (("policy", 0),), (then,), tag))
        # Also for a set that is not known yet, or not any more: it has no rule that allows.
        flows += [
            Flow(table, 10, (("eth_type", eth_type),), (("ct", zone, ask),), tag)
            for eth_type in (ETH_IPV4, ETH_IPV6)
        ]
        # As OpenStack has it: IPv6 does not work without.  Only what is of this link: neighbor
        # discovery with the hop limit 255 (RFC 4861), listener reports with 1 (RFC 2710, 3810).
        discovery = (ROUTER_SOLICIT, ROUTER_ADVERT, NEIGHBOR_SOLICIT, NEIGHBOR_ADVERT)
        for limit, kinds in ((255, discovery), (1, MULTICAST_LISTENER)):
            for kind in kinds:
                match = (
                    ("eth_type", ETH_IPV6), ("ip_proto", PROTO_ICMPV6), ("ip_ttl", limit),
                    ("icmpv6_type", kind),
                )  # fmt: skip
                flows.append(Flow(table, 200, match, (then,), tag))
    flows += _ask_and_permit("policy_out", "permit_out", "whole_out", "in_port", "bridge", 0, tag)
    flows += _ask_and_permit("policy_in", "permit_in", "whole_in", "out_port", "output", 1, tag)
    # The whole register: what the sender's set left in it ends here.
    asked = (("set_field", "policy", 0), ("resubmit", "port"), ("goto", "receive"))
    flows.append(Flow("deliver", 0, (), asked, tag))
    flows.append(Flow("peer", 0, (), (("set_field", "peer", 0), ("goto", "policy")), tag))
    return flows


def _ask_and_permit(
    ask: str, permit: str, whole: str, zone: str, then: str, inbound: int, tag: int
) -> list[Flow]:
    """The tables of one side.  ``inbound``: the rules that a connection's first direction is held
    against here; a reply belongs to a connection that went the other way."""
    invalid, tracked = ("ct_state", INVALID, INVALID), ("ct_state", TRACKED, TRACKED)
    allowed = ("permit", 1)
    flows = [
        Flow(ask, 300, (invalid,), (), tag),
        # The userspace datapath lets fragments that waited too long out with whatever packet is
        # tracked next, as they came in, with no state.  So nothing leaves behind a commit without
        # being looked at again.
        Flow(whole, 100, (VALID,), (("goto", then),), tag),
        Flow(permit, 100, (allowed,), (("goto", then),), tag),
    ]
    for height, match, direction in (
        (100, (("ct_state", REPLY, REPLY),), 1 - inbound),
        (0, (), inbound),
    ):
        rules = (
            ("set_field", "permit", 0),
            ("load", "inbound", direction),
            ("resubmit", "peer"),
            ("goto", permit),
        )
        flows.append(Flow(ask, height, match, rules, tag))
    for eth_type in (("eth_type", ETH_IPV4), ("eth_type", ETH_IPV6)):
        later = ("ip_frag", LATER_FRAGMENT, LATER_FRAGMENT)
        fragment = ("ip_frag", ANY_FRAGMENT, ANY_FRAGMENT)
        together = (("ct_commit", zone, whole),)
        new = ("ct_state", NEW, NEW)
        flows += (
            Flow(ask, 200, (eth_type, tracked, later), together, tag),
            Flow(permit, 310, (eth_type, new, fragment, allowed), (COUNTED, *together), tag),
            Flow(permit, 300, (eth_type, tracked, fragment, allowed), together, tag),
            Flow(permit, 200, (eth_type, new, allowed), (COUNTED, *together), tag),
        )
    return flows
