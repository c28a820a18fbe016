"""Where a frame goes: the lookups of the EVI and of the VRF, services, tunnels and the node."""

from __future__ import annotations

from vrouter_ovs.schema.declaration import TO_CALLER, Priority, Table, names
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
