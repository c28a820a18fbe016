"""What the switch answers by itself: ARP and neighbor discovery."""

from __future__ import annotations

from vrouter_ovs.schema.declaration import TO_CALLER, Priority, Table, names
from vrouter_ovs.schema.drops import DropReason

TABLES: tuple[Table, ...] = (
    Table(
        60,
        "proxy",
        "The address that an ARP request or a neighbor solicitation asks for is looked up."
        " Duplicate address detection is flooded only where the network says so. DNS to the"
        " network's resolver, metadata where it is served, and multicast DNS where the node"
        " answers it, are punted before policy is asked, as DHCP is.",
        matches=names(
            "evi eth_dst eth_type arp_op ipv4_dst ipv6_src ipv6_dst ip_proto udp_dst tcp_dst"
            " icmpv6_type vlan_vid"
        ),
        miss="track",
        priorities=(
            Priority("tagged", 400, "frames of a VLAN, in a network that carries them"),
            Priority(
                "punt", 350, "DNS, metadata, and multicast DNS where the node answers it"
            ),
            Priority(
                "mdns_rest",
                340,
                "what else goes to the group of multicast DNS there",
                DropReason.MDNS_CONFINED,
            ),
            Priority(
                "detection_flooded",
                330,
                "duplicate address detection where the network floods it",
            ),
            Priority(
                "detection", 320, "duplicate address detection elsewhere", DropReason.DETECTION
            ),
            Priority("question", 200, "ARP requests and neighbor solicitations"),
            Priority("reply", 50, "ARP replies to one receiver"),
            Priority("arp", 40, "all other ARP", DropReason.ARP_ENDS),
            Priority("rest", 0, "all else"),
        ),
        sets=names("claimed_ip claimed_ip3 owner router_mac punt_reason"),
        next=("answer", "track", "bridge", "punt", "known"),
    ),
    Table(
        65,
        "answer",
        "ARP requests and neighbor solicitations are answered in the switch for gateways and"
        " known neighbors; what a port asks about an address of its own is not. What asks for an"
        " address that is not known here is flooded only where the network says so.",
        matches=names(
            "evi owner out_port eth_dst eth_type ip_proto ip_ttl icmpv6_type icmpv6_code"
        ),
        miss="track",
        priorities=(
            Priority(
                "router", 210, "a gateway's address: its advertisement says that it is a router"
            ),
            Priority("subport", 205, "an address that is known, to ARP of a subport"),
            Priority("known", 200, "an address that is known"),
            Priority(
                "flooded",
                60,
                "an address that is not known, where the network floods what asks for it",
            ),
            Priority("unknown", 40, "an address that is not known", DropReason.NOT_ANSWERED),
            Priority("rest", 0, "what has one receiver"),
        ),
        sets=names(
            "eth_src eth_dst arp_op arp_sha arp_tha arp_spa arp_tpa ipv6_src ipv6_dst icmpv6_type"
            " nd_reserved in_port router_mac"
        ),
        next=("advertise", "track", "bridge", "output"),
        outputs=True,
    ),
    Table(
        70,
        "advertise",
        "The last step of a neighbor advertisement: what only an advertisement has can be set"
        " only where a flow matches one.",
        matches=names("out_port eth_type ip_proto icmpv6_type"),
        miss=DropReason.NOT_ANSWERED,
        priorities=(
            Priority("subport", 100, "those to a subport"),
            Priority("rest", 0, "all advertisements"),
        ),
        sets=names("nd_options_type nd_tll in_port"),
        next=("output",),
        outputs=True,
    ),
    Table(
        180,
        "known",
        "The addresses of an EVI that are known: at which MAC each is, and whose. Asked for what"
        " ARP and neighbor discovery ask for, and for what a port announces beyond its own.",
        matches=names("evi eth_type claimed_ip0 claimed_ip1 claimed_ip2 claimed_ip3"),
        miss=TO_CALLER,
        priorities=(
            Priority("gateway", 300, "a gateway's address"),
            Priority("everywhere", 250, "an address of every EVI, where metadata is served"),
            Priority("neighbor", 200, "any other"),
        ),
        sets=names("claimed_mac owner holder"),
    ),
)
