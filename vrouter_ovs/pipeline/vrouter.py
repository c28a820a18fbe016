"""The Vrouter: flows that stand once in every vrouter."""

from __future__ import annotations

from vrouter_ovs.addresses import mac_int
from vrouter_ovs.cookies import cookie
from vrouter_ovs.encapsulation import MPLS_GRE
from vrouter_ovs.numbers import (
    ARP_REPLY,
    ETH_ARP,
    ETH_IPV4,
    ETH_IPV6,
    ETH_PROVIDER_VLAN,
    ETH_VLAN,
    NEIGHBOR_ADVERT,
    NEIGHBOR_SOLICIT,
    PROTO_ICMPV6,
)
from vrouter_ovs.pipeline.edge.echo import echo_flows
from vrouter_ovs.pipeline.edge.neighbor import MULTICAST, SOLICITATION, answer_flows
from vrouter_ovs.pipeline.edge.punt import punt_flows
from vrouter_ovs.pipeline.ports.announce import announcement_flows
from vrouter_ovs.pipeline.ports.connect import COUNTED
from vrouter_ovs.pipeline.ports.guard import forbidden_flows
from vrouter_ovs.pipeline.ports.limits import unlimited_flows
from vrouter_ovs.pipeline.ports.storm import OF_PORT
from vrouter_ovs.pipeline.security.policy import (
    ANY_FRAGMENT,
    INVALID,
    LATER_FRAGMENT,
    NEW,
    REPLY,
    TRACKED,
    VALID,
    discovery_matches,
)
from vrouter_ovs.pipeline.ttl_and_mtu import ttl_and_mtu_flows
from vrouter_ovs.pipeline.tunnel import mpls_flows
from vrouter_ovs.schema.flow import DROP, RETURN, Flow
from vrouter_ovs.state import Vrouter

TO_PORT = ("output_reg", "out_port")
UNTAG = (("pop_vlan",), ("resubmit", "classify"))
VLAN_TAGS = (ETH_VLAN, ETH_PROVIDER_VLAN)
NO_MAC = "00:00:00:00:00:00"
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
        Flow("classify", "priority_tag", (("vlan_vid", 0x1000),), UNTAG, tag),
        # VLANs mean nothing here, in either direction (RFC 7348 section 6.1).
        Flow("classify", "never_forwarded", (("vlan_vid", 0x1000, 0x1000),), DROP, tag),
        # The second tag of a frame, where the switch reads one alone (vlan-limit of
        # ovs-vswitchd.conf.db(5)).
        *(
            Flow("classify", "never_forwarded", (("eth_type", kind),), DROP, tag)
            for kind in VLAN_TAGS
        ),
        # IEEE 802.1D table 7-10: never forwarded by a bridge.
        Flow(
            "classify", "never_forwarded",
            (("eth_dst", "01:80:c2:00:00:00", "ff:ff:ff:ff:ff:f0"),), DROP, tag,
        ),
        Flow("classify", "never_forwarded", (("eth_src", MULTICAST, MULTICAST),), DROP, tag),
        Flow(
            "classify",
            "rest",
            (),
            OF_PORT,
            tag,
        ),
        *_claims(tag),
        Flow("guard", "unsecured", (("unsecured", 1),), (("goto", "proxy"),), tag),
        *announcement_flows(tag),
        *forbidden_flows(tag),
        *punt_flows(tag),
        *answer_flows(onward, tag),
        # An ARP reply to one receiver passes; whatever other ARP was not answered ends here.
        Flow(
            "proxy",
            "reply",
            (("eth_type", ETH_ARP), ("arp_op", ARP_REPLY), ("eth_dst", NO_MAC, MULTICAST)),
            (("goto", "bridge"),),
            tag,
        ),
        Flow("proxy", "arp", (("eth_type", ETH_ARP),), DROP, tag),
        Flow("proxy", "rest", (), onward, tag),
        # Duplicate address detection asks for the asker's own address, which the switch knows: an
        # answer would say that it is taken (RFC 4862 section 5.4.3).  Addresses are given out once,
        # so silence is the right answer; who hears it while checking the same address, gives it up.
        Flow("proxy", "detection", (*SOLICITATION, ("ipv6_src", "::")), DROP, tag),
        Flow("bridge", "group", (("eth_dst", MULTICAST, MULTICAST),), (("goto", "flood"),), tag),
        Flow("output", "rest", (), (("output_reg", "out_port"),), tag),
    ]
    flows += _policy(tag)
    flows += unlimited_flows(tag)
    flows += [
        Flow("route", "never_routed", (("eth_type", ETH_IPV6), (field, *prefix)), DROP, tag)
        for field, *prefix in NEVER_ROUTED
    ]
    if any(encap == MPLS_GRE for encap, _ in vrouter.mtus):
        flows += mpls_flows(tag)
    return (*flows, *echo_flows(tag), *ttl_and_mtu_flows(vrouter, tag))


def _claims(tag: int) -> list[Flow]:
    """What a frame of each kind claims, and what it may say of itself where that is said twice."""

    def claims(priority: str, match: tuple, *said: tuple[str, str]) -> Flow:
        moves = tuple(("move", *pair) for pair in said)
        return Flow("claim", priority, match, (*moves, ("goto", "guard")), tag)

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
        Flow("claim", "unknown_port", (("evi", 0),), DROP, tag),
        claims("unsecured", (("unsecured", 1),)),
        claims("detection", detection, of_frame, of_target),
        # The link-layer option may be left out (RFC 4861 sections 4.3 and 4.4), never be another's.
        claims("without_option", (*solicitation, ("nd_sll", NO_MAC)), of_frame, of_asker),
        claims("without_option", (*advertisement, ("nd_tll", NO_MAC)), of_frame, of_target),
        claims("neighbor_or_probe", solicitation, ("nd_sll", "claimed_mac"), of_asker),
        claims("neighbor_or_probe", advertisement, ("nd_tll", "claimed_mac"), of_target),
        claims("ip_or_arp", (ipv6,), of_frame),
        # The ARP probe of RFC 5227 section 2.1.1 has no sender address yet: what the table port
        # knows of the port stands.
        claims("neighbor_or_probe", (arp, ("arp_spa", "0.0.0.0"))),
        claims("ip_or_arp", (arp,), ("arp_spa", "claimed_ip3")),
        claims("rest", ()),
        Flow("guard", "detection", detection, (("goto", "target"),), tag),
        # A port's own flows stand above these two.
        Flow("target", "foreign", detection, DROP, tag),
        Flow("target", "foreign", advertisement, DROP, tag),
        Flow("target", "rest", (), (("goto", "proxy"),), tag),
    ]


def _policy(tag: int) -> list[Flow]:
    """What all policy sets have in common; a set's own flows are in :mod:`.policy`."""
    flows = []
    for table, then, passed, zone, ask in (
        ("track", ("goto", "mark"), ("goto", "bridge"), "in_port", "policy_out"),
        ("receive", TO_PORT, TO_PORT, "out_port", "policy_in"),
    ):
        flows.append(Flow(table, "rest", (), (then,), tag))
        flows.append(Flow(table, "no_set", (("policy", 0),), (then,), tag))
        # Also for a set that is not known yet, or not any more: it has no rule that allows.
        flows += [
            Flow(table, "tracked", (("eth_type", eth_type),), (("ct", zone, ask),), tag)
            for eth_type in (ETH_IPV4, ETH_IPV6)
        ]
        flows += (Flow(table, "discovery", match, (passed,), tag) for match in discovery_matches())
    flows += _ask_and_permit("policy_out", "permit_out", "whole_out", "in_port", "mark", 0, tag)
    flows += _ask_and_permit("policy_in", "permit_in", "whole_in", "out_port", "limited_in", 1, tag)
    # Nothing reaches a port whose flow in the table port somebody deleted: it would look like one
    # without a policy set.  Where it is known the EVI is the port's own again.
    flows.append(Flow("receive", "unknown", (("evi", 0),), DROP, tag))
    # The whole register: what the sender's set left in it ends here.
    asked = (
        ("set_field", "evi", 0), ("set_field", "policy", 0), ("resubmit", "port"),
        ("goto", "receive"),
    )  # fmt: skip
    flows.append(Flow("deliver", "rest", (), asked, tag))
    no_page = (("set_field", "page", 0), ("goto", "policy"))
    flows.append(Flow("membership", "rest", (), no_page, tag))
    flows.append(Flow("policy", "permitted", (("permit", 1),), RETURN, tag))
    return flows


def _ask_and_permit(
    ask: str, permit: str, whole: str, zone: str, then: str, inbound: int, tag: int
) -> list[Flow]:
    """The tables of one side.  ``inbound``: the rules that a connection's first direction is held
    against here; a reply belongs to a connection that went the other way."""
    invalid, tracked = ("ct_state", INVALID, INVALID), ("ct_state", TRACKED, TRACKED)
    allowed = ("permit", 1)
    flows = [
        Flow(ask, "invalid", (invalid,), DROP, tag),
        # The userspace datapath lets fragments that waited too long out with whatever packet is
        # tracked next, as they came in, with no state.  So nothing leaves behind a commit without
        # being looked at again.
        Flow(whole, "valid", (VALID,), (("goto", then),), tag),
        Flow(permit, "allowed", (allowed,), (("goto", then),), tag),
    ]
    for priority, match, direction in (
        ("reply", (("ct_state", REPLY, REPLY),), 1 - inbound),
        ("rest", (), inbound),
    ):
        rules = (
            ("set_field", "permit", 0),
            ("load", "inbound", direction),
            ("resubmit", "membership"),
            ("goto", permit),
        )
        flows.append(Flow(ask, priority, match, rules, tag))
    for eth_type in (("eth_type", ETH_IPV4), ("eth_type", ETH_IPV6)):
        later = ("ip_frag", LATER_FRAGMENT, LATER_FRAGMENT)
        fragment = ("ip_frag", ANY_FRAGMENT, ANY_FRAGMENT)
        together = (("ct_commit", zone, whole),)
        new = ("ct_state", NEW, NEW)
        flows += (
            Flow(ask, "later_fragment", (eth_type, tracked, later), together, tag),
            Flow(
                permit, "new_fragment", (eth_type, new, fragment, allowed),
                (COUNTED, *together), tag,
            ),
            Flow(permit, "fragment", (eth_type, tracked, fragment, allowed), together, tag),
            Flow(permit, "new", (eth_type, new, allowed), (COUNTED, *together), tag),
        )  # fmt: skip
    return flows
