"""Where a frame leaves the overlay: floating IPs, gateway ports, physical segments."""

from __future__ import annotations

from vrouter_ovs.schema.declaration import Priority, Table, names
from vrouter_ovs.schema.drops import DropReason

TABLES: tuple[Table, ...] = (
    Table(
        96,
        "floating",
        "What comes for a floating IP of a port here: it gets the port's own address as"
        " destination, and is delivered. ARP from outside of the vrouter is answered.",
        matches=names("evi eth_type ipv4_dst arp_op arp_tpa from_segment"),
        miss=DropReason.NOT_FLOATING,
        priorities=(
            Priority("address", 100, "a floating IP"),
            Priority("segment_question", 95, "ARP for one, from a physical segment"),
            Priority("question", 90, "ARP for one, out of a tunnel"),
        ),
        sets=names(
            "eth_src eth_dst ipv4_dst out_port translated arp_op arp_sha arp_tha arp_spa arp_tpa"
            " in_port"
        ),
        next=("segment", "arrive"),
        outputs=True,
    ),
    Table(
        98,
        "inbound",
        "Frames to a router's gateway port on an external network, at a gateway of the router:"
        " they go to a gateway that comes before this one where that is alive. Else they enter the"
        " VRF, and what is for the address that others go out with is given back the address that"
        " its connection has inside.",
        matches=names("evi eth_dst bucket eth_type ipv4_dst"),
        miss=DropReason.NAT_UNKNOWN,
        priorities=(
            Priority("elsewhere", 200, "a gateway that comes before this one is alive"),
            Priority("translated", 110, "the address that others go out with"),
            Priority("routed", 100, "all else, where nothing is translated"),
        ),
        sets=names("vrf from_tunnel from_outside router_mac tun_id vtep tun_ipv6_dst tunnel_type"),
        next=("untranslated", "route", "encap"),
    ),
    Table(
        99,
        "untranslated",
        "What has come to the address that others go out with: what belongs to a connection of"
        " theirs is routed to them. An echo request to the address itself is answered. All else may"
        " be known to another gateway of the router: each gets a copy.",
        matches=names("vrf in_port eth_type ct_state ip_proto icmpv4_type"),
        miss=DropReason.NAT_UNKNOWN,
        priorities=(
            Priority("known", 100, "of a connection from inside"),
            Priority("echo", 50, "an echo request"),
            Priority("from_gateway", 40, "from another gateway", DropReason.NAT_UNKNOWN),
            Priority("unknown", 30, "of no connection that is known here"),
        ),
        sets=names("vrf tun_id vtep tun_ipv6_dst tunnel_type"),
        next=("route", "gateway", "send"),
    ),
    Table(
        101,
        "floating_out",
        "What leaves a router by a floating IP, which is its source by now. ICMP errors go to the"
        " node, which translates what they quote.",
        matches=names("eth_type ip_proto icmpv4_type translated"),
        miss=DropReason.NOT_IP,
        priorities=(
            Priority("error", 100, "ICMP errors that the node has not seen"),
            Priority("rest", 0, "all else"),
        ),
        sets=names("punt_reason"),
        next=("external", "punt"),
    ),
    Table(
        102,
        "external",
        "The next hop on the external network of what leaves by a floating IP: a port or another"
        " floating IP of this bridge, a VTEP, or the network's physical segment.",
        matches=names("evi eth_type claimed_ip3"),
        miss=DropReason.NO_NEIGHBOR,
        priorities=(
            Priority("floating", 110, "another floating IP that is here"),
            Priority("neighbor", 100, "any other address"),
        ),
        sets=names(
            "eth_src eth_dst ipv4_dst out_port translated ip_ttl vrf tun_id vtep tun_ipv6_dst"
            " tunnel_type"
        ),
        next=("arrive", "encap", "segment"),
    ),
    Table(
        103,
        "snat",
        "Packets that leave the VRF by its gateway port on an external network: they lose their"
        " hop here, unless a vrouter before this one has taken it, and get the router's address as"
        " source where it has one for that.",
        matches=names("vrf bucket from_outside from_tunnel eth_type ipv4_src ipv4_dst ipv6_dst"),
        miss=DropReason.NO_ROUTE,
        priorities=(
            Priority(
                "elsewhere",
                500,
                "a gateway that comes before this one is alive; at 500 and twice the length of the"
                " prefix",
                last=756,
            ),
            Priority(
                "through", 300, "what came from an external network", DropReason.NOT_THROUGH
            ),
            Priority(
                "own_address",
                200,
                "from or to the router's own address: a connection that is translated into itself"
                " ends some versions of the switch",
                DropReason.NAT_OWN_ADDRESS,
            ),
            Priority("relayed", 110, "out of a tunnel"),
            Priority("out", 100, "all else"),
        ),
        sets=names(
            "evi from_tunnel ip_ttl eth_src eth_dst tun_id vtep tun_ipv6_dst tunnel_type"
        ),
        next=("outside", "encap"),
    ),
    Table(
        104,
        "outside",
        "The way of what leaves a VRF to its next hop on the external network: a port of this"
        " bridge, or a VTEP. What is to be translated has been.",
        matches=names("vrf eth_type ct_state out_port"),
        miss=DropReason.INVALID,
        priorities=(
            Priority(
                "refused",
                200,
                "what begins a connection and was not translated",
                DropReason.NAT_NO_PORT,
            ),
            Priority("tunnel", 110, "to a VTEP"),
            Priority("port", 100, "to a local port"),
        ),
        sets=names("vrf"),
        next=("encap", "arrive"),
    ),
    Table(
        122,
        "segment",
        "To the physical segment of the EVI, with the tag of its VLAN.",
        matches=names("evi"),
        miss=DropReason.NO_SEGMENT,
        priorities=(Priority("segment", 100, "a segment"),),
        sets=names("vlan_vid"),
        outputs=True,
    ),
)
