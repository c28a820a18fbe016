"""Networks that are one segment with what is on a physical network: who serves them.  Pure."""

from __future__ import annotations

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import Network
from vrouter_ovs.state.segments import ARP, ASK_DHCP4, ASK_DHCP6, ASK_ROUTER, DHCP4, DHCP6


def served_outside(config: Config, network: Network) -> tuple[str, ...]:
    """Of :data:`~vrouter_ovs.state.segments.SERVERS`, those that the segment is left to.

    The node answers for an IP version where a subnet of it says so (``enable_dhcp``, for IPv6 with
    a mode); where none does, servers on the segment are heard, and routers there."""
    if not network.physical_network:
        return ()
    subnets = [config.subnets[id] for id in config.subnets_by_network.get(network.id, ())]
    here = {
        subnet.ip_version for subnet in subnets if subnet.enable_dhcp and (
            subnet.ip_version == 4 or subnet.ipv6_ra_mode or subnet.ipv6_address_mode
        )
    }
    return tuple(
        server for version, server in ((4, DHCP4), (6, DHCP6)) if version not in here
    )


def outward(config: Config, network: Network) -> tuple[str, ...]:
    """What a port of a network sends to its segment beside what passes anyhow: of
    :data:`~vrouter_ovs.state.segments.OUTWARD`."""
    if not network.physical_network:
        return ()
    outside = served_outside(config, network)
    asked = {DHCP4: (ASK_DHCP4,), DHCP6: (ASK_DHCP6, ASK_ROUTER)}
    return (ARP, *(one for server in outside for one in asked[server]))
