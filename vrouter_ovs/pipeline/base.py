"""The Vrouter: flows that stand once in every vrouter."""

from __future__ import annotations

from vrouter_ovs.cookies import cookie
from vrouter_ovs.flow import ARP, IN_PORT, IPV4, IPV6, Flow
from vrouter_ovs.pipeline.addresses import mac_int
from vrouter_ovs.state import Vrouter

MULTICAST = "01:00:00:00:00:00"
ICMPV6 = 58
NEIGHBOR_SOLICIT, NEIGHBOR_ADVERT, ROUTER_ADVERT, REDIRECT = 135, 136, 134, 137
TARGET_LINK_LAYER_ADDRESS = 2
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
    icmpv6 = (("eth_type", IPV6), ("ip_proto", ICMPV6))
    # Every frame of a local port passes the proxy and only those can be sent to another VTEP, so
    # that is where a packet learns the MAC that a routed packet leaves with.
    onward = (("load", "router_mac", mac_int(vrouter.router_mac)), ("goto", "bridge"))
    flows = [
        # VLAN tags mean nothing here, in either direction (RFC 7348 section 6.1).
        Flow("classify", 1000, (("vlan_vid", 0x1000, 0x1000),), (), tag),
        # IEEE 802.1D table 7-10: never forwarded by a bridge.
        Flow(
            "classify", 1000, (("eth_dst", "01:80:c2:00:00:00", "ff:ff:ff:ff:ff:f0"),), (), tag
        ),
        Flow("classify", 1000, (("eth_src", MULTICAST, MULTICAST),), (), tag),
        # A port's own guard flows stand above these two: neighbor discovery that is not its own.
        Flow("guard", 110, (*icmpv6, ("icmpv6_type", NEIGHBOR_SOLICIT)), (), tag),
        Flow("guard", 110, (*icmpv6, ("icmpv6_type", NEIGHBOR_ADVERT)), (), tag),
        # No port is a router to the others (RFC 6105).
        Flow("guard", 130, (*icmpv6, ("icmpv6_type", ROUTER_ADVERT)), (), tag),
        Flow("guard", 130, (*icmpv6, ("icmpv6_type", REDIRECT)), (), tag),
        # An ARP reply to one receiver passes; whatever other ARP was not answered ends here.
        Flow(
            "proxy",
            50,
            (("eth_type", ARP), ("arp_op", 2), ("eth_dst", "00:00:00:00:00:00", MULTICAST)),
            (("goto", "bridge"),),
            tag,
        ),
        Flow("proxy", 40, (("eth_type", ARP),), (), tag),
        Flow("proxy", 0, (), onward, tag),
        # Nor any solicitation that all would hear; one to a single receiver goes its way.
        Flow(
            "proxy",
            40,
            (
                *icmpv6, ("icmpv6_type", NEIGHBOR_SOLICIT), ("eth_dst", MULTICAST, MULTICAST),
            ),
            (),
            tag,
        ),
        # Duplicate address detection asks for the asker's own address, which the switch knows: an
        # answer would say that it is taken (RFC 4862 section 5.4.3).  Addresses are given out once,
        # so silence is the right answer; who hears it while checking the same address, gives it up.
        Flow(
            "proxy",
            320,
            (*icmpv6, ("icmpv6_type", NEIGHBOR_SOLICIT), ("ipv6_src", "::")),
            (),
            tag,
        ),
        Flow(
            "advertise",
            0,
            (*icmpv6, ("icmpv6_type", NEIGHBOR_ADVERT)),
            (
                ("set_field", "nd_options_type", TARGET_LINK_LAYER_ADDRESS),
                ("move", "eth_src", "nd_tll"),
                ("output", IN_PORT),
            ),
            tag,
        ),
        Flow("bridge", 100, (("eth_dst", MULTICAST, MULTICAST),), (("goto", "flood"),), tag),
        Flow("encap", 1000, (("from_tunnel", 1),), (), tag),
        Flow("output", 0, (), (("output_reg", "out_port"),), tag),
    ]
    flows += [
        Flow("route", 950, (("eth_type", IPV6), (field, *prefix)), (), tag)
        for field, *prefix in NEVER_ROUTED
    ]
    # dec_ttl alone would send these to the controller.
    flows += [
        Flow("route", 900, (("eth_type", eth_type), ("ip_ttl", ttl)), (), tag)
        for eth_type in (IPV4, IPV6)
        for ttl in (0, 1)
    ]
    return tuple(flows)
