"""ARP answered in the switch, for gateways and for every known neighbor."""

from __future__ import annotations

from vrouter_ovs.cookies import cookie
from vrouter_ovs.flow import ARP, IN_PORT, Flow
from vrouter_ovs.state import Neighbor


def render_neighbor(neighbor: Neighbor) -> tuple[Flow, ...]:
    """One flow for an IPv4 address.

    None for an IPv6 address: its neighbor solicitation is flooded in the EVI and the owner
    answers, as on any Ethernet.
    """
    if ":" in neighbor.address:
        return ()
    tag = cookie(neighbor.key)
    return (answer(neighbor.evi, neighbor.address, neighbor.mac, 200, tag),)


def answer(evi: int, address: str, mac: str, priority: int, tag: int) -> Flow:
    """Turn the request for ``address`` into its reply and send it back where it came from."""
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
            ("output", IN_PORT),
        ),
        tag,
    )
