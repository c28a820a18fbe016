"""Where a frame goes: the lookups of the EVI and of the VRF, tunnels, ports and the node."""

from __future__ import annotations

from vrouter_ovs.schema.declaration import TO_CALLER, TO_PORT, Priority, Table, names
from vrouter_ovs.schema.drops import DropReason

TABLES: tuple[Table, ...] = (
    Table(
        95,
        "bridge",
        "The MAC lookup of the EVI: a local port, a remote VTEP, the gateway (then the packet is"
        " routed), or the flood list for broadcast and multicast. Unknown unicast goes to the"
        " network's physical segment, and is dropped where there is none. Multicast DNS that the"
        " network keeps local goes on as if it came from a tunnel. What a port sends into a"
        " service chain is taken out before.",
        matches=names(
            "evi eth_dst eth_type ipv4_src ipv4_dst ipv6_src ipv6_dst from_tunnel in_port ip_proto"
            " ip_frag tcp_src tcp_dst udp_src udp_dst sctp_src sctp_dst icmpv6_type arp_op arp_tpa"
        ),
        miss=DropReason.UNKNOWN_MAC,
        priorities=(
            Priority("steered", 600, "what a port sends into a service chain"),
            Priority(
                "mdns", 500, "multicast DNS where it is not flooded", DropReason.MDNS_CONFINED
            ),
            Priority(
                "relayed_gateway_port", 430, "a router's gateway port, out of a tunnel: taken here"
            ),
            Priority(
                "gateway_port",
                420,
                "a router's gateway port, where this vrouter is a gateway of it; which one takes"
                " the frame is chosen by what is live",
            ),
            Priority("gateway", 400, "a gateway's MAC: routed"),
            Priority(
                "floating", 380, "a floating IP's MAC, and what asks for one that is here"
            ),
            Priority("port", 300, "a port's own MAC"),
            Priority("shared_mac", 250, "a MAC that passes from one port to another"),
            Priority(
                "relayed_mac", 210, "a MAC that has just moved to another VTEP, out of a tunnel"
            ),
            Priority("remote_mac", 200, "a MAC at another VTEP"),
            Priority(
                "segment_group",
                110,
                "broadcast and multicast of a network with a physical segment, where it came from"
                " elsewhere: to that as well",
            ),
            Priority("group", 100, "broadcast and multicast"),
            Priority("segment", 50, "unknown unicast of such a network, likewise: to its segment"),
            Priority(
                "unknown", 20, "any other MAC, where ports may have any behind them: flooded"
            ),
        ),
        sets=names(
            "vrf out_port tun_id vtep tun_ipv6_dst tunnel_type from_tunnel bucket instance"
        ),
        next=(
            "floating", "inbound", "route", "chain", "nexthop", "flood", "encap", "segment", "send",
            "deliver",
        ),
    ),
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
        100,
        "route",
        "Longest prefix match in the VRF; the gateways' own addresses before it. To the node"
        " goes what a router answers with an error: a TTL that is used up, no route.",
        matches=names(
            "vrf evi vlan_vid from_tunnel eth_type ipv4_src ipv4_dst ipv6_src ipv6_dst ip_ttl"
        ),
        miss=DropReason.NO_ROUTE,
        priorities=(
            Priority(
                "tagged", 1010, "frames of a VLAN, in a network that carries them",
                DropReason.TAGGED,
            ),
            Priority("gateway", 1000, "a gateway's own address"),
            Priority(
                "never_routed",
                950,
                "addresses of the link alone, groups and no address",
                DropReason.NEVER_ROUTED,
            ),
            Priority("used_up", 900, "from a local port with a TTL of 0 or 1: the node answers"),
            Priority("no_ttl", 890, "a TTL of 0 out of a tunnel", DropReason.TTL_USED_UP),
            Priority(
                "prefix",
                100,
                "a prefix, at 100 and twice its length; one more for what came from a tunnel, or is"
                " from an address with a floating IP",
                DropReason.NO_HOLDER,
                last=357,
            ),
            Priority("no_route", 50, "no prefix covers it: the node answers"),
        ),
        sets=names(
            "eth_src eth_dst tun_id vtep tun_ipv6_dst tunnel_type out_port bucket punt_reason"
            " from_tunnel ipv4_src evi claimed_ip3"
        ),
        next=(
            "floating_out", "snat", "gateway", "nexthop", "encap", "send", "arrive", "punt"
        ),
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
        105,
        "gateway",
        "A packet to an address of a gateway: a local port's echo request gets its reply, also"
        " in fragments; all else goes to the node, which refuses it.",
        matches=names(
            "from_tunnel out_port eth_type ip_frag ip_proto icmpv4_type icmpv4_code icmpv6_type"
            " icmpv6_code"
        ),
        miss="punt",
        priorities=(
            Priority("subport_later_fragment", 130, "further fragments of a subport's request"),
            Priority("subport_echo", 120, "echo requests of subports"),
            Priority("later_fragment", 110, "further fragments of a request"),
            Priority("echo", 100, "echo requests of local ports"),
            Priority("rest", 0, "all else: the node refuses it"),
        ),
        sets=names(
            "eth_src eth_dst ipv4_src ipv4_dst ipv6_src ipv6_dst icmpv4_type icmpv6_type ip_ttl"
            " punt_reason in_port"
        ),
        next=("output", "punt"),
        outputs=True,
    ),
    Table(
        107,
        "chain",
        "The instances of the services of chains, one flow each: what is steered has the service"
        " and the instance in a register, and becomes a frame to the instance's port.",
        matches=names("bucket"),
        miss=DropReason.NO_SERVICE,
        priorities=(
            Priority("instance", 110, "an instance, here or at another VTEP"),
            Priority("none", 100, "one that nobody has", DropReason.NO_SERVICE),
        ),
        sets=names("eth_dst tun_id vtep tun_ipv6_dst tunnel_type out_port"),
        next=("encap", "deliver"),
    ),
    Table(
        110,
        "nexthop",
        "The hops of an ECMP route, one flow each: the route has put the bucket of the packet's"
        " flow into a register. Where one hop takes over from another, it is the number of a live"
        " tunnel port that leads to it.",
        matches=names("vrf evi bucket eth_dst eth_type ipv4_dst ipv6_dst"),
        miss=DropReason.NO_NEXT_HOP,
        priorities=(
            Priority("mac", 400, "the VTEPs of a MAC of which one takes over from another"),
            Priority(
                "prefix", 100, "the buckets of a prefix, at 100 and twice its length", last=356
            ),
        ),
        sets=names("eth_src eth_dst tun_id vtep tun_ipv6_dst tunnel_type out_port"),
        next=("encap", "arrive"),
    ),
    Table(
        112,
        "storm",
        "What a port sends to broadcast and multicast addresses passes a meter of the port, where"
        " that is limited.",
        matches=names("in_port"),
        miss=TO_CALLER,
        priorities=(Priority("port", 100, "a port and its meter"),),
        meters=True,
    ),
    Table(
        115,
        "flood",
        "Replication to the local ports and to each remote VTEP (ingress replication). Split"
        " horizon is that send takes nothing that came from a tunnel. In a network that snoops,"
        " groups with members go to these and reports to routers; of reports the node gets a copy.",
        matches=names(
            "evi bucket from_tunnel punt_reason eth_type ipv4_dst ipv6_dst ip_proto icmpv6_type"
        ),
        miss=DropReason.NO_FLOOD_LIST,
        priorities=(
            Priority("query", 150, "a query of IGMP or MLD for all, where the network snoops"),
            Priority("report", 140, "all else of IGMP and MLD there"),
            Priority("group", 120, "a group with members that are known"),
            Priority("unregistered", 110, "any other group, where it goes to routers alone"),
            Priority("list", 100, "a flood list"),
            Priority("parts", 90, "the parts of a long one, each of which begins anew"),
        ),
        sets=names("tun_id vtep tun_ipv6_dst tunnel_type bucket out_port punt_reason"),
        next=("flood", "part", "send", "deliver", "punt"),
        outputs=True,
    ),
    Table(
        117,
        "part",
        "Replication to the members of one part of a flood list that is too long for one pass"
        " through the switch: a group has sent a copy of the frame here, which begins anew.",
        matches=names("evi bucket"),
        miss=DropReason.NO_FLOOD_LIST,
        priorities=(Priority("part", 100, "a part of a flood list"),),
        sets=names("tun_id vtep tun_ipv6_dst tunnel_type out_port"),
        next=("send", "deliver"),
    ),
    Table(
        120,
        "encap",
        "On the way to another VTEP. What came from a tunnel never enters one again. A routed"
        " packet gets its TTL and its source MAC here, and every frame for one receiver is"
        " measured.",
        matches=names("vrf from_tunnel tunnel_type eth_type"),
        miss=DropReason.NOT_IP,
        priorities=(
            Priority("from_tunnel", 1000, "split horizon", DropReason.SPLIT_HORIZON),
            Priority("typed_bridged", 110, "not routed, for another encapsulation than VXLAN"),
            Priority("bridged", 100, "frames that were not routed"),
            Priority("typed_routed", 60, "routed, for another encapsulation"),
            Priority("routed", 50, "routed packets"),
        ),
        sets=names("ip_ttl eth_src router_mac too_big"),
        next=("send",),
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
    Table(
        125,
        "send",
        "The tunnel to the VTEP. What does not fit goes to the node, which tells the sender.",
        matches=names("vtep tun_ipv6_dst tunnel_type vrf from_tunnel too_big eth_type"),
        miss=DropReason.NO_TUNNEL,
        priorities=(
            Priority("from_tunnel", 1000, "split horizon", DropReason.SPLIT_HORIZON),
            Priority(
                "too_big_bridged", 900, "IP that is too big and was not routed: the node answers"
            ),
            Priority("too_big_routed", 850, "likewise, routed"),
            Priority("too_big", 800, "other frames that are too big", DropReason.TOO_BIG),
            Priority("typed_vtep", 110, "a VTEP's tunnel of another encapsulation than VXLAN"),
            Priority(
                "no_typed_vtep", 105, "it has none of this encapsulation", DropReason.NO_TUNNEL
            ),
            Priority("vtep", 100, "a VTEP's tunnel of VXLAN"),
        ),
        sets=names("eth_src punt_reason out_port"),
        next=("path", "punt"),
        outputs=True,
    ),
    Table(
        127,
        "path",
        "To a VTEP that several underlay paths lead to: the switch has chosen a tunnel port that is"
        " live, by BFD. MPLS is put onto the packet here.",
        matches=names("vtep tun_ipv6_dst tunnel_type vrf out_port"),
        miss=DropReason.NO_TUNNEL,
        priorities=(
            Priority("typed_none_live", 120, "BFD is up on none, another encapsulation than VXLAN"),
            Priority("mpls_bridged", 118, "the chosen port of MPLS over GRE, the frame in it"),
            Priority("mpls_routed", 117, "the IP packet in it"),
            Priority("none_live", 115, "BFD is up on none: one takes all the same"),
            Priority("typed_live", 110, "the chosen port, another encapsulation than VXLAN"),
            Priority("live", 100, "the chosen port"),
        ),
        sets=names("out_port pushed_label"),
        next=("path",),
        outputs=True,
    ),
    Table(
        130,
        "arrive",
        "A routed packet is about to reach a local port. The two vrouters on its way are one"
        " router: what comes with an L3 VNI had its TTL decremented by the other one. It may go"
        " back to the port that it came from.",
        matches=names("evi eth_type ip_ttl ip_proto icmpv4_type translated"),
        miss=DropReason.NOT_IP,
        priorities=(
            Priority(
                "translated_error", 200, "an ICMP error to a floating IP: the node translates it"
            ),
            Priority("routed", 100, "its TTL was decremented where it was routed first"),
            Priority("used_up", 60, "a TTL that ends here", DropReason.TTL_USED_UP),
            Priority("first", 50, "routed here first"),
        ),
        sets=names("ip_ttl in_port punt_reason"),
        next=("deliver", "punt"),
    ),
    Table(
        135,
        "deliver",
        "A frame is about to reach a local port: which policy set has it?",
        matches=names("out_port"),
        miss="receive",
        priorities=(
            Priority("mirrored", 100, "a port that has mirrors for what it receives"),
            Priority("rest", 0, "all frames"),
        ),
        sets=names("evi policy mirrored_in"),
        next=("port", "receive"),
    ),
    Table(
        160,
        "output",
        "Delivery to a local port; a bridged frame never goes back to the port it came from. What"
        " is for a trunk's subport gets its tag, and goes to the trunk's parent.",
        matches=names("in_port out_port"),
        miss=TO_PORT,
        priorities=(
            Priority(
                "sender", 200, "a subport's frame that would go back to it", DropReason.SENDER
            ),
            Priority("subport", 100, "a subport, and its tag"),
            Priority("mirrored", 90, "a port whose mirrors get a copy of what it receives"),
            Priority("rest", 0, "all frames"),
        ),
        sets=names("in_port vlan_vid tun_id"),
        outputs=True,
    ),
    Table(
        162,
        "sources",
        "The MACs behind ports that may have any: the node gets a copy of what comes from one that"
        " it does not know.",
        matches=names("in_port eth_src"),
        miss=TO_CALLER,
        priorities=(
            Priority("known", 100, "a MAC that is known"),
            Priority("unknown", 50, "any other of such a port"),
        ),
        sets=names("punt_reason"),
        next=("punt",),
    ),
    Table(
        165,
        "punt",
        "To the node that owns this vrouter, through the port's meter: what a port asks of the"
        " network itself, what a router has to answer with an error, and a copy of what announces"
        " a shared address. The register punt_reason says which. While the node is away the"
        " packets end here too.",
        matches=names("in_port"),
        miss=DropReason.NOT_PUNTED,
        priorities=(Priority("port", 100, "a port and its meter"),),
        meters=True,
        punts=True,
    ),
    Table(
        175,
        "port",
        "What is known of a local port, asked where a frame comes from it and where one is about"
        " to reach it.",
        matches=names("out_port"),
        miss=TO_CALLER,
        priorities=(Priority("port", 100, "a port"),),
        sets=names("evi policy unsecured claimed_ip3"),
    ),
)
