"""Where a frame reaches local ports: replication, and the last steps to a port."""

from __future__ import annotations

from vrouter_ovs.schema.declaration import TO_CALLER, TO_PORT, Priority, Table, names
from vrouter_ovs.schema.drops import DropReason

TABLES: tuple[Table, ...] = (
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
)
