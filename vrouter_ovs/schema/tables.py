"""The declared pipeline: what each table may match, set, and where it may send a packet.

How to add a table:

1. Add a :class:`~vrouter_ovs.schema.declaration.Table` to ``TABLES`` at its place.  Its id is that
   place; nothing else names a number, and Open vSwitch gets the name for ``ovs-ofctl --names
   dump-flows``.
2. Write it into the ``next`` of the tables that send packets to it.  A table sends to later tables
   only, which is what OpenFlow's goto allows and what makes a loop impossible.
3. Render its flows in a file of ``vrouter_ovs/pipeline/``, from the object they belong to, and list
   that function in ``vrouter_ovs/pipeline/__init__.py``.  A flow which belongs to no single object
   belongs to the Vrouter.
4. A new register goes into :mod:`vrouter_ovs.schema.registers`, a new packet field into
   :mod:`vrouter_ovs.schema.fields`; a new action needs its bytes in ``wire.py``, its words in
   ``describe.py``, and what a table must declare for it in ``checks.py``.
5. ``python -m vrouter_ovs.document`` writes docs/pipeline.md anew.

A flow that matches, sets or reaches what its table did not declare is refused with PipelineError
(:mod:`vrouter_ovs.schema.checks`).  A miss with no table named drops.
"""

from __future__ import annotations

from vrouter_ovs.schema.declaration import Table, check_order


def _fields(text: str) -> frozenset[str]:
    return frozenset(text.split())


TABLES: tuple[Table, ...] = (
    Table(
        "classify",
        "Where a frame belongs: a port's frame is in that port's EVI; a tunnel's VNI names an EVI,"
        " or with this vrouter's Router's MAC a VRF. A tag that is but a"
        " priority is taken off; frames of a VLAN, malformed and link-local ones end here.",
        _fields("tun_id eth_src eth_dst eth_type vlan_vid"),
        _fields("evi vrf from_tunnel out_port vlan_vid"),
        ("classify", "claim", "port", "bridge", "route"),
    ),
    Table(
        "claim",
        "The MAC and the address that a frame claims to have, which ARP and neighbor discovery say"
        " in several ways, are written to where the guard looks for them. Frames of unknown ports"
        " end here.",
        _fields("evi unsecured eth_type ip_proto icmpv6_type ipv6_src arp_spa nd_sll nd_tll"),
        _fields("claimed_mac claimed_ip claimed_ip3"),
        ("guard",),
        miss="guard",
    ),
    Table(
        "guard",
        "Anti-spoof: a port sends from its own MAC and addresses only, in Ethernet, IP, ARP and"
        " neighbor discovery. What is not allowed here is dropped. What the node answers (DHCP,"
        " DHCPv6, router solicitations) is recognised before that: it never leaves the hypervisor."
        " What announces an address that is not the port's own is looked at in announce."
        " Nobody is a router or a DHCP server, also not behind IPv6 extension headers or in"
        " fragments; what the switch cannot read to its end is dropped.",
        _fields(
            "in_port unsecured eth_src eth_type ipv4_src ipv6_src ip_frag ip_proto udp_src udp_dst"
            " arp_op arp_spa arp_tpa arp_sha icmpv6_type nd_target nd_sll claimed_mac claimed_ip3"
        ),
        _fields("tell"),
        ("target", "announce", "proxy", "punt", "known"),
    ),
    Table(
        "target",
        "Anti-spoof, second part: IPv6 passes, but for advertisements and duplicate address"
        " detection, which are about the port's own addresses only.",
        _fields(
            "in_port eth_src eth_type ip_proto icmpv6_type ipv6_src nd_sll claimed_mac claimed_ip0"
            " claimed_ip1 claimed_ip2 claimed_ip3"
        ),
        _fields("tell"),
        ("announce", "proxy", "known"),
    ),
    Table(
        "announce",
        "What announces an address that a pair allows, or that comes from a port without port"
        " security: it ends here where the address is a gateway's or the network's own, and where"
        " it is the fixed address of a port that is bound. Else it passes, and the node gets a copy"
        " of what announces an address that other ports may have.",
        _fields("owner unsecured tell"),
        _fields("why"),
        ("proxy", "bridge", "punt"),
        miss="proxy",
    ),
    Table(
        "proxy",
        "The address that an ARP request or a neighbor solicitation asks for is looked up."
        " Duplicate address detection is flooded only where the network says so. DNS to the"
        " network's resolver, and multicast DNS where the node answers it, is punted before policy"
        " is asked, as DHCP is.",
        _fields(
            "evi eth_dst eth_type arp_op ipv4_dst ipv6_src ipv6_dst ip_proto udp_dst tcp_dst"
            " icmpv6_type"
        ),
        _fields("claimed_ip claimed_ip3 owner router_mac why"),
        ("answer", "track", "bridge", "punt", "known"),
        miss="track",
    ),
    Table(
        "answer",
        "ARP requests and neighbor solicitations are answered in the switch for gateways and known"
        " neighbors; what a port asks about an address of its own is not. What asks for an address"
        " that is not known here is flooded only where the network says so.",
        _fields("evi owner eth_dst eth_type ip_proto ip_ttl icmpv6_type icmpv6_code"),
        _fields(
            "eth_src eth_dst arp_op arp_sha arp_tha arp_spa arp_tpa ipv6_src ipv6_dst icmpv6_type"
            " nd_reserved in_port router_mac"
        ),
        ("advertise", "track", "bridge"),
        outputs=True,
    ),
    Table(
        "advertise",
        "The last step of a neighbor advertisement: what only an advertisement has can be set only"
        " where a flow matches one.",
        _fields("eth_type ip_proto icmpv6_type"),
        _fields("nd_options_type nd_tll in_port"),
        outputs=True,
    ),
    Table(
        "track",
        "IP packets of a port with a stateful policy set are looked up in the port's zone of"
        " connections. Neighbor and multicast listener discovery are not subject to policy.",
        _fields("policy eth_type ip_proto ip_ttl icmpv6_type"),
        next=("policy_out", "bridge"),
        miss="bridge",
    ),
    Table(
        "policy_out",
        "The sender's rules are asked: for egress, or for ingress where the packet is a reply. A"
        " connection is judged by its first direction whichever way the packet goes, so it ends in"
        " both with the rule that allowed it.",
        _fields("eth_type ip_frag ct_state"),
        _fields("permit inbound"),
        ("permit_out", "whole_out", "peer"),
        miss="permit_out",
    ),
    Table(
        "permit_out",
        "What the sender's rules allow goes on, a new connection is entered into the zone; the rest"
        " is dropped.",
        _fields("permit eth_type ip_frag ct_state"),
        next=("whole_out", "bridge", "connect"),
    ),
    Table(
        "whole_out",
        "What began a connection, and fragments of a packet that was allowed, after their second"
        " reassembly. What never became whole, as its first fragment was not allowed, is dropped.",
        _fields("ct_state"),
        next=("bridge",),
    ),
    Table(
        "bridge",
        "The MAC lookup of the EVI: a local port, a remote VTEP, the gateway (then the packet is"
        " routed), or the flood list for broadcast and multicast. Unknown unicast is dropped."
        " Multicast DNS that the network keeps local goes on as if it came from a tunnel.",
        _fields("evi eth_dst eth_type ipv4_dst ipv6_dst from_tunnel"),
        _fields("vrf out_port tun_id vtep from_tunnel"),
        ("route", "flood", "encap", "deliver"),
    ),
    Table(
        "route",
        "Longest prefix match in the VRF; the gateways' own addresses before it. To the node goes"
        " what a router answers with an error: a TTL that is used up, no route.",
        _fields("vrf evi from_tunnel eth_type ipv4_dst ipv6_src ipv6_dst ip_ttl"),
        _fields("eth_src eth_dst tun_id vtep out_port bucket why"),
        ("gateway", "nexthop", "encap", "arrive", "punt"),
    ),
    Table(
        "gateway",
        "A packet to an address of a gateway: a local port's echo request gets its reply, also in"
        " fragments; all else goes to the node, which refuses it.",
        _fields(
            "from_tunnel eth_type ip_frag ip_proto icmpv4_type icmpv4_code icmpv6_type icmpv6_code"
        ),
        _fields(
            "eth_src eth_dst ipv4_src ipv4_dst ipv6_src ipv6_dst icmpv4_type icmpv6_type ip_ttl"
            " why"
        ),
        ("punt",),
        outputs=True,
    ),
    Table(
        "nexthop",
        "The hops of an ECMP route, one flow each: the route has put the bucket of the packet's"
        " flow into a register.",
        _fields("vrf bucket eth_type ipv4_dst ipv6_dst"),
        _fields("eth_src eth_dst tun_id vtep out_port"),
        ("encap", "arrive"),
    ),
    Table(
        "flood",
        "Replication to the local ports and to each remote VTEP (ingress replication). Split"
        " horizon is that send takes nothing that came from a tunnel.",
        _fields("evi bucket"),
        _fields("tun_id vtep bucket out_port"),
        ("flood", "send", "deliver"),
    ),
    Table(
        "encap",
        "On the way to another VTEP. What came from a tunnel never enters one again. A routed"
        " packet gets its TTL and its source MAC here, and every frame for one receiver is"
        " measured.",
        _fields("vrf from_tunnel eth_type"),
        _fields("ip_ttl eth_src router_mac too_big"),
        ("send",),
    ),
    Table(
        "send",
        "The tunnel to the VTEP. What does not fit goes to the node, which tells the sender.",
        _fields("vtep vrf from_tunnel too_big eth_type"),
        _fields("eth_src why"),
        ("punt",),
        outputs=True,
    ),
    Table(
        "arrive",
        "A routed packet is about to reach a local port. The two vrouters on its way are one"
        " router: what comes with an L3 VNI had its TTL decremented by the other one. It may go"
        " back to the port that it came from.",
        _fields("evi eth_type ip_ttl"),
        _fields("ip_ttl in_port"),
        ("deliver",),
    ),
    Table(
        "deliver",
        "A frame is about to reach a local port: which policy set has it?",
        frozenset(),
        _fields("policy"),
        ("port", "receive"),
    ),
    Table(
        "receive",
        "IP packets to a port with a stateful policy set are looked up in the port's zone of"
        " connections. Neighbor and multicast listener discovery are not subject to policy. What"
        " has no set to pass leaves here: to flood a frame takes few tables for each port.",
        _fields("policy eth_type ip_proto ip_ttl icmpv6_type"),
        next=("policy_in",),
        outputs=True,
    ),
    Table(
        "policy_in",
        "The receiver's rules are asked: for ingress, or for egress where the packet is a reply.",
        _fields("eth_type ip_frag ct_state"),
        _fields("permit inbound"),
        ("permit_in", "whole_in", "peer"),
        miss="permit_in",
    ),
    Table(
        "permit_in",
        "What the receiver's rules allow goes out, a new connection is entered into the zone; the"
        " rest is dropped.",
        _fields("permit eth_type ip_frag ct_state"),
        next=("whole_in", "output", "connect"),
    ),
    Table(
        "whole_in",
        "What began a connection, and fragments of a packet that was allowed, as in whole_out.",
        _fields("ct_state"),
        next=("output",),
    ),
    Table(
        "output",
        "Delivery to a local port; a bridged frame never goes back to the port it came from.",
        frozenset(),
        outputs=True,
    ),
    Table(
        "punt",
        "To the node that owns this vrouter, through the port's meter: what a port asks of the"
        " network itself, what a router has to answer with an error, and a copy of what announces"
        " a shared address. The register why says which. While the node is away the packets end"
        " here too.",
        _fields("in_port"),
        meters=True,
        punts=True,
    ),
    Table(
        "connect",
        "What begins a connection passes a meter of the port in whose zone it is entered.",
        _fields("out_port"),
        meters=True,
    ),
    Table(
        "port",
        "What is known of a local port, asked where a frame comes from it and where one is about to"
        " reach it.",
        _fields("out_port"),
        _fields("evi policy unsecured claimed_ip3"),
    ),
    Table(
        "known",
        "The addresses of an EVI that are known: at which MAC each is, and whose. Asked for what"
        " ARP and neighbor discovery ask for, and for what a port announces beyond its own.",
        _fields("evi eth_type claimed_ip0 claimed_ip1 claimed_ip2 claimed_ip3"),
        _fields("claimed_mac owner holder"),
    ),
    Table(
        "peer",
        "The policy set of the other side, by the address it has in the connection; with a prefix"
        " that covers much by its MAC as well.",
        _fields(
            "policy evi eth_src eth_dst eth_type ipv4_src ipv4_dst ipv6_src ipv6_dst ct_state"
            " ct_nw_src ct_nw_dst ct_ipv6_src ct_ipv6_dst"
        ),
        _fields("peer"),
        ("policy",),
        miss="policy",
    ),
    Table(
        "policy",
        "The rules of all policy sets, shared by the ports that have the set and by both sides of a"
        " packet's way. A rule says yes; the last flow of a set counts what none allowed.",
        _fields(
            "policy peer eth_type ipv4_src ipv4_dst ipv6_src ipv6_dst ip_frag ip_proto tcp_dst"
            " udp_dst sctp_dst icmpv4_type icmpv4_code icmpv6_type icmpv6_code ct_state ct_nw_src"
            " ct_nw_dst ct_ipv6_src ct_ipv6_dst ct_nw_proto ct_tp_src ct_tp_dst"
        ),
        _fields("permit"),
    ),
)

BY_NAME: dict[str, Table] = {table.name: table for table in TABLES}
TABLE_IDS: dict[str, int] = {table.name: number for number, table in enumerate(TABLES)}
TABLE_NAMES: dict[int, str] = {number: table.name for number, table in enumerate(TABLES)}

check_order(TABLES)
