"""Policy sets on both sides of a packet's way: what asks for rules, and the rules."""

from __future__ import annotations

from vrouter_ovs.schema.declaration import TO_CALLER, TO_PORT, Priority, Table, names
from vrouter_ovs.schema.drops import DropReason

_PEER = names(
    "page eth_type ipv4_src ipv4_dst ipv6_src ipv6_dst ct_state ct_nw_src ct_nw_dst ct_ipv6_src"
    " ct_ipv6_dst"
)
_PREFIX = Priority("prefix", 100, "the other side's prefix, at 100 and its length", last=228)

TABLES: tuple[Table, ...] = (
    Table(
        75,
        "track",
        "IP packets of a port with a stateful policy set are looked up in the port's zone of"
        " connections. Neighbor and multicast listener discovery are not subject to policy.",
        matches=names("policy eth_type ip_proto ip_ttl icmpv6_type"),
        miss="mark",
        priorities=(
            Priority("discovery", 200, "neighbor discovery and listener reports of this link"),
            Priority("untracked", 100, "a policy set whose rules look at each packet alone"),
            Priority("no_set", 50, "a port without a policy set"),
            Priority("tracked", 10, "IP with any other set"),
            Priority("rest", 0, "what is not IP"),
        ),
        next=("policy_out", "bridge", "mark"),
    ),
    Table(
        80,
        "policy_out",
        "The sender's rules are asked: for egress, or for ingress where the packet is a reply. A"
        " connection is judged by its first direction whichever way the packet goes, so it ends"
        " in both with the rule that allowed it.",
        matches=names("eth_type ip_frag ct_state"),
        miss="permit_out",
        priorities=(
            Priority("invalid", 300, "what connection tracking refuses", DropReason.INVALID),
            Priority(
                "later_fragment", 200, "fragments without ports, to be put together once more"
            ),
            Priority("reply", 100, "packets against the connection's first direction"),
            Priority("rest", 0, "packets in that direction"),
        ),
        sets=names("permit inbound"),
        next=("permit_out", "whole_out", "membership"),
    ),
    Table(
        85,
        "permit_out",
        "What the sender's rules allow goes on, a new connection is entered into the zone; the"
        " rest is dropped.",
        matches=names("permit eth_type ip_frag ct_state"),
        miss=DropReason.NOT_ALLOWED_OUT,
        priorities=(
            Priority("new_fragment", 310, "allowed: what begins a connection in fragments"),
            Priority("fragment", 300, "allowed: other fragments"),
            Priority("new", 200, "allowed: what begins a connection"),
            Priority("allowed", 100, "all else that is allowed"),
        ),
        next=("whole_out", "mark", "connect"),
    ),
    Table(
        90,
        "whole_out",
        "What began a connection, and fragments of a packet that was allowed, after their second"
        " reassembly. What never became whole, as its first fragment was not allowed, is dropped.",
        matches=names("ct_state"),
        miss=DropReason.INCOMPLETE,
        priorities=(Priority("valid", 100, "what connection tracking put together"),),
        next=("mark",),
    ),
    Table(
        140,
        "receive",
        "IP packets to a port with a stateful policy set are looked up in the port's zone of"
        " connections. Neighbor and multicast listener discovery are not subject to policy. What"
        " has no set to pass leaves here: to flood a frame takes few tables for each port.",
        matches=names(
            "evi policy from_segment out_port eth_type ip_proto ip_ttl udp_src udp_dst icmpv6_type"
            " mirrored_in"
        ),
        miss=TO_PORT,
        priorities=(
            Priority(
                "unknown", 300, "the table port does not know the port", DropReason.UNKNOWN_PORT
            ),
            Priority("served", 210, "what DHCP servers of the network's physical segment answer"),
            Priority("subport_discovery", 205, "the next to a subport"),
            Priority("mirrored_discovery", 202, "the next to a port that is mirrored"),
            Priority("discovery", 200, "neighbor discovery and listener reports of this link"),
            Priority("untracked", 100, "a policy set whose rules look at each packet alone"),
            Priority("limited_arp", 66, "ARP to a port with a limit"),
            Priority("limited", 65, "a port without a policy set, but with a limit"),
            Priority("subport_no_set", 60, "a subport without a policy set"),
            Priority("mirrored_no_set", 55, "a port without a policy set that is mirrored"),
            Priority("no_set", 50, "a port without a policy set"),
            Priority("tracked", 10, "IP with any other set"),
            Priority("limited_rest", 7, "what is not IP to a port with a limit"),
            Priority("subport_rest", 5, "what is not IP, to a subport"),
            Priority("mirrored_rest", 3, "what is not IP, to a port that is mirrored"),
            Priority("rest", 0, "what is not IP"),
        ),
        next=("policy_in", "limited_in", "output"),
        outputs=True,
    ),
    Table(
        145,
        "policy_in",
        "The receiver's rules are asked: for ingress, or for egress where the packet is a reply.",
        matches=names("eth_type ip_frag ct_state"),
        miss="permit_in",
        priorities=(
            Priority("invalid", 300, "what connection tracking refuses", DropReason.INVALID),
            Priority(
                "later_fragment", 200, "fragments without ports, to be put together once more"
            ),
            Priority("reply", 100, "packets against the connection's first direction"),
            Priority("rest", 0, "packets in that direction"),
        ),
        sets=names("permit inbound"),
        next=("permit_in", "whole_in", "membership"),
    ),
    Table(
        150,
        "permit_in",
        "What the receiver's rules allow goes out, a new connection is entered into the zone;"
        " the rest is dropped.",
        matches=names("permit eth_type ip_frag ct_state ip_proto out_port"),
        miss=DropReason.NOT_ALLOWED_IN,
        priorities=(
            Priority("new_fragment", 310, "allowed: what begins a connection in fragments"),
            Priority("fragment", 300, "allowed: other fragments"),
            Priority("new", 200, "allowed: what begins a connection"),
            Priority("allowed", 100, "all else that is allowed"),
            Priority("arrived", 50, "TCP that a port which has just come may have brought along"),
        ),
        sets=names("seen_flags"),
        next=("midstream", "whole_in", "limited_in", "connect"),
    ),
    Table(
        152,
        "midstream",
        "TCP segments to a port that has come from another vrouter, which no rule lets in: those"
        " that begin nothing reach it, as it may know their connection. They enter nothing into"
        " its zone; its answers are held against the rules.",
        matches=names("out_port seen_flags"),
        miss=DropReason.NOT_ALLOWED_IN,
        priorities=(Priority("goes_on", 100, "no SYN, but an ACK"),),
        next=("limited_in",),
    ),
    Table(
        155,
        "whole_in",
        "What began a connection, and fragments of a packet that was allowed, as in whole_out.",
        matches=names("ct_state"),
        miss=DropReason.INCOMPLETE,
        priorities=(Priority("valid", 100, "what connection tracking put together"),),
        next=("limited_in",),
    ),
    Table(
        170,
        "connect",
        "What begins a connection passes a meter of the port in whose zone it is entered.",
        matches=names("out_port"),
        miss=TO_CALLER,
        priorities=(Priority("port", 100, "a port and its meter"),),
        meters=True,
    ),
    Table(
        182,
        "membership",
        "The pages of groups that a policy set's rules ask for: for each in turn the other side is"
        " looked up and the rules are asked. A set whose rules name no group goes on at once.",
        matches=names("policy"),
        miss="policy",
        priorities=(
            Priority("set", 100, "a policy set and a direction with rules that name groups"),
            Priority("rest", 0, "no group is asked for"),
        ),
        sets=names("page member_of"),
        next=("peer_prefix", "peer_address", "peer_mac", "policy"),
    ),
    Table(
        184,
        "peer_prefix",
        "The groups of a page that a prefix of the other side is a member of.",
        matches=_PEER,
        miss=TO_CALLER,
        priorities=(_PREFIX,),
        sets=names("member_of"),
    ),
    # 185 was the table peer of an earlier version, whose flows may still stand there.
    Table(
        186,
        "peer_address",
        "The groups of a page that the other side is a member of, by the address that it has in"
        " the connection.",
        matches=_PEER,
        miss=TO_CALLER,
        priorities=(Priority("address", 100, "the other side's address"),),
        sets=names("member_of"),
    ),
    Table(
        188,
        "peer_mac",
        "The groups of a page that the other side is a member of, by a prefix that covers much and"
        " the MAC that sends in its name.",
        matches=_PEER | names("evi eth_src eth_dst"),
        miss=TO_CALLER,
        priorities=(_PREFIX,),
        sets=names("member_of"),
    ),
    Table(
        190,
        "policy",
        "The rules of all policy sets, shared by the ports that have the set and by both sides"
        " of a packet's way. A rule says yes; the last flow of a set counts what none allowed.",
        matches=names(
            "policy page member_of0 member_of1 member_of2 member_of3 permit eth_type ipv4_src"
            " ipv4_dst ipv6_src ipv6_dst ip_frag ip_proto tcp_dst udp_dst sctp_dst icmpv4_type"
            " icmpv4_code icmpv6_type icmpv6_code ct_state ct_nw_src ct_nw_dst ct_ipv6_src"
            " ct_ipv6_dst ct_nw_proto ct_tp_src ct_tp_dst"
        ),
        miss=TO_CALLER,
        priorities=(
            Priority("permitted", 200, "allowed already, by the groups of a page before"),
            Priority("rule_with_prefix", 101, "a rule with a prefix of the other side"),
            Priority("rule", 100, "any other rule"),
            Priority("other_page", 2, "there is another page to ask for before it is denied"),
            Priority(
                "deny",
                1,
                "no rule allows it: it is counted here, and ends in the table that asked",
            ),
        ),
        sets=names("permit"),
    ),
)
