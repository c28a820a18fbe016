"""ARP and neighbor discovery answered in the switch, for gateways and for every known neighbor.

An answer leaves by the register that says where the frame came from, while the in-port is set to
the port that has the address: Open vSwitch outputs nothing to the in-port (ovs-actions(7)), so what
that port asks about its own address ends here, without a flow of its own.
"""

from __future__ import annotations

from vrouter_ovs.cookies import cookie
from vrouter_ovs.flow import ARP, IPV6, Flow
from vrouter_ovs.pipeline.base import ICMPV6, NEIGHBOR_ADVERT, NEIGHBOR_SOLICIT
from vrouter_ovs.state import Neighbor

# Flags of a neighbor advertisement (RFC 4861 section 4.4).
ROUTER, SOLICITED, OVERRIDE = 1 << 31, 1 << 30, 1 << 29


def render_neighbor(neighbor: Neighbor) -> tuple[Flow, ...]:
    """One flow."""
    tag = cookie(neighbor.key)
    flow = answer(neighbor.evi, neighbor.address, neighbor.mac, 200, tag, owner=neighbor.ofport)
    return (flow,)


def answer(
    evi: int, address: str, mac: str, priority: int, tag: int, flags: int = 0, owner: int = 0
) -> Flow:
    """Turn a request for ``address`` into its reply and send it back where it came from.

    ``flags``: what an IPv6 advertisement says besides "solicited" and "override".  ``owner``: the
    port that is not answered, or 0.
    """
    if ":" in address:
        flags |= SOLICITED | OVERRIDE
        return _advertise(evi, address, mac, priority, tag, flags, owner)
    return Flow(
        "proxy",
        priority,
        (("evi", evi), ("eth_type", ARP), ("arp_op", 1), ("arp_tpa", address)),
        (
            ("move", "eth_src", "eth_dst"),
            ("set_field", "eth_src", mac),
            ("set_field", "arp_op", 2),
            ("move", "arp_sha", "arp_tha"),
            ("move", "arp_spa", "arp_tpa"),
            ("set_field", "arp_sha", mac),
            ("set_field", "arp_spa", address),
            ("load", "in_port", owner),
            ("output_reg", "out_port"),
        ),
        tag,
    )


def _advertise(
    evi: int, address: str, mac: str, priority: int, tag: int, flags: int, owner: int
) -> Flow:
    # The option of the solicitation becomes that of the advertisement: a switch cannot add one.
    # Without one (which only a unicast solicitation may lack) the answer has none either, as
    # RFC 4861 section 7.2.4 allows.
    return Flow(
        "proxy",
        priority,
        (
            ("evi", evi),
            ("eth_type", IPV6),
            ("ip_proto", ICMPV6),
            ("ip_ttl", 255),
            ("icmpv6_type", NEIGHBOR_SOLICIT),
            ("icmpv6_code", 0),
            ("nd_target", address),
        ),
        (
            ("move", "eth_src", "eth_dst"),
            ("set_field", "eth_src", mac),
            ("move", "ipv6_src", "ipv6_dst"),
            ("set_field", "ipv6_src", address),
            ("set_field", "icmpv6_type", NEIGHBOR_ADVERT),
            ("set_field", "nd_reserved", flags),
            ("load", "in_port", owner),
            ("goto", "advertise"),
        ),
        tag,
    )
