"""What a frame is, whose it is, and whether its port may send it."""

from __future__ import annotations

from vrouter_ovs.schema.declaration import Priority, Table, names
from vrouter_ovs.schema.drops import DropReason

TABLES: tuple[Table, ...] = (
    Table(
        0,
        "classify",
        "Where a frame belongs: a port's frame is in that port's EVI; a tunnel's VNI names an"
        " EVI, or with this vrouter's Router's MAC a VRF; a physical network's VLAN names an EVI. A"
        " tag that is but a priority, or says which subport of a trunk a frame is from, is taken"
        " off; frames of any other VLAN, malformed and link-local ones end here.",
        matches=names(
            "in_port from_tunnel from_segment tunnel_type tun_id mpls_label eth_src eth_dst"
            " eth_type vlan_vid mirrored_out"
        ),
        miss="claim",
        priorities=(
            Priority(
                "mirrored",
                1220,
                "a port whose mirrors get a copy of what it sends; then the frame is looked at"
                " again",
            ),
            Priority(
                "watched",
                1210,
                "a port that may come here sends: its guest runs here, and the node is told",
            ),
            Priority(
                "standby", 1200, "all else of a port that is at another vrouter", DropReason.STANDBY
            ),
            Priority(
                "subport",
                1150,
                "a tag that a subport has: it is taken off, and the frame looked at again as that"
                " port's",
            ),
            Priority(
                "priority_tag",
                1100,
                "a tag without a VLAN is taken off, and the frame looked at again",
            ),
            Priority(
                "segment",
                1050,
                "a VLAN of a physical network, or its untagged frames: the tag is taken off, and"
                " the frame looked at again",
            ),
            Priority(
                "transparent",
                1040,
                "frames of a VLAN in a network that carries them as they are",
            ),
            Priority(
                "never_forwarded",
                1000,
                "frames of a VLAN, of the link alone, or from a group",
                DropReason.NEVER_FORWARDED,
            ),
            Priority(
                "nvgre",
                120,
                "a tunnel of NVGRE: the VNI is taken out of the key, and the frame looked at again",
            ),
            Priority("mpls", 118, "a tunnel of MPLS over GRE: the frame is looked at again"),
            Priority("from_segment", 117, "what came from a network's segment"),
            Priority(
                "other_vlan",
                116,
                "all else of a physical network",
                DropReason.OTHER_VLAN,
            ),
            Priority("label", 115, "the MPLS label of an EVI, or of a VRF and an IP version"),
            Priority("tapped", 112, "a copy for a port here, from a mirror at another vrouter"),
            Priority("vrf", 110, "an L3 VNI with this vrouter's Router's MAC"),
            Priority("evi", 100, "an L2 VNI"),
            Priority("group_sent", 50, "what local ports send to groups, where that is limited"),
            Priority("learning", 10, "frames of a port that may have any MAC behind it"),
            Priority("rest", 0, "frames of local ports"),
        ),
        sets=names(
            "evi vrf from_tunnel from_segment tunnel_type in_port out_port vlan_vid punt_reason"
            " tun_label"
            " tun_above_label mirrored_out tun_id"
        ),
        next=("classify", "claim", "storm", "port", "bridge", "route", "punt", "sources"),
        outputs=True,
    ),
    Table(
        40,
        "claim",
        "The MAC and the address that a frame claims to have, which ARP and neighbor discovery"
        " say in several ways, are written to where the guard looks for them. Frames of unknown"
        " ports end here.",
        matches=names("evi unsecured eth_type ip_proto icmpv6_type ipv6_src arp_spa nd_sll nd_tll"),
        miss="guard",
        priorities=(
            Priority(
                "unknown_port",
                200,
                "frames of a port that is in no EVI",
                DropReason.UNKNOWN_PORT,
            ),
            Priority(
                "unsecured_claim",
                110,
                "ARP and neighbor discovery of a port without port security",
            ),
            Priority("unsecured", 100, "all else of such a port"),
            Priority("detection", 40, "duplicate address detection"),
            Priority("without_option", 30, "neighbor discovery without a link-layer address"),
            Priority("neighbor_or_probe", 20, "neighbor discovery with one; ARP probes"),
            Priority("ip_or_arp", 10, "all else of IPv6 and ARP"),
            Priority("rest", 0, "all other frames"),
        ),
        sets=names("claimed_mac claimed_ip claimed_ip3"),
        next=("guard",),
    ),
    Table(
        45,
        "guard",
        "Anti-spoof: a port sends from its own MAC and addresses only, in Ethernet, IP, ARP and"
        " neighbor discovery. What is not allowed here is dropped. What the node answers (DHCP,"
        " DHCPv6, router solicitations) is recognised before that: it never leaves the"
        " hypervisor. What announces an address that is not the port's own is looked at in"
        " announce. Nobody is a router or a DHCP server, also not behind IPv6 extension headers"
        " or in fragments; what the switch cannot read to its end is dropped.",
        matches=names(
            "evi vlan_vid in_port unsecured eth_src eth_type ipv4_src ipv6_src ip_frag ip_proto"
            " udp_src udp_dst arp_op arp_spa arp_tpa arp_sha icmpv6_type nd_target nd_sll"
            " claimed_mac claimed_ip3"
        ),
        miss=DropReason.SPOOFED,
        priorities=(
            Priority(
                "tagged_unsecured",
                330,
                "frames of a VLAN, of a port without port security, in a network that carries them",
            ),
            Priority(
                "tagged",
                325,
                "what asks DHCP servers or routers in a VLAN, of a port with port security",
                DropReason.SPOOFED,
            ),
            Priority(
                "outward",
                310,
                "what goes to the network's physical segment and would end here, or be answered"
                " here, else",
            ),
            Priority("punt", 300, "what the node answers"),
            Priority(
                "unsecured_unreadable",
                220,
                "neighbor discovery that the switch cannot read, of a port without port security",
                DropReason.FORBIDDEN,
            ),
            Priority("unsecured_claim", 210, "what announces an address, of such a port"),
            Priority("unsecured", 200, "all else of such a port"),
            Priority(
                "forbidden",
                130,
                "what no port may send, whatever its addresses",
                DropReason.FORBIDDEN,
            ),
            Priority("detection", 120, "duplicate address detection"),
            Priority("own", 100, "what a port sends from its own MACs and addresses"),
            Priority("announcement", 96, "an ARP announcement of a shared address, for all"),
            Priority("pair", 95, "ARP of what an allowed address pair adds"),
        ),
        sets=names("notify"),
        next=("target", "announce", "proxy", "track", "bridge", "punt", "known"),
    ),
    Table(
        50,
        "target",
        "Anti-spoof, second part: IPv6 passes, but for advertisements and duplicate address"
        " detection, which are about the port's own addresses only.",
        matches=names(
            "in_port eth_src eth_type ip_proto icmpv6_type ipv6_src nd_sll claimed_mac claimed_ip0"
            " claimed_ip1 claimed_ip2 claimed_ip3"
        ),
        miss="proxy",
        priorities=(
            Priority("own", 200, "neighbor discovery of a port's own addresses"),
            Priority("advertisement", 195, "an advertisement of a shared address"),
            Priority("pair", 190, "neighbor discovery of what an allowed address pair adds"),
            Priority(
                "foreign",
                100,
                "advertisements and duplicate address detection of anything else",
                DropReason.SPOOFED_TARGET,
            ),
            Priority("rest", 0, "all other IPv6"),
        ),
        sets=names("notify"),
        next=("announce", "proxy", "known"),
    ),
    Table(
        55,
        "announce",
        "What announces an address that a pair allows, or that comes from a port without port"
        " security: it ends here where the address is a gateway's or the network's own, and where"
        " it is the fixed address of a port that is bound. Else it passes, and the node gets a"
        " copy of what announces an address that other ports may have.",
        matches=names("owner unsecured notify"),
        miss="proxy",
        priorities=(
            Priority(
                "owned", 200, "the address is known to be another's", DropReason.ADDRESS_OWNED
            ),
            Priority("shared", 100, "the node gets a copy of what announces a shared address"),
            Priority("rest", 0, "all else passes"),
        ),
        sets=names("punt_reason"),
        next=("proxy", "bridge", "punt"),
    ),
)
