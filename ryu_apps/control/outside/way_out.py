"""The way out of a router, as the configuration has it.  Pure."""

from __future__ import annotations

from typing import NamedTuple

from ryu_apps.control.config.attachments import gateway_ports
from ryu_apps.control.config.config import Config
from ryu_apps.control.vpn.instance import Lookup
from vrouter_ovs.state import FIRST_NAT_ZONE, LAST_NAT_ZONE

DEFAULTS = {4: "0.0.0.0/0", 6: "::/0"}
LAST_ZONE_INDEX = LAST_NAT_ZONE - FIRST_NAT_ZONE


class WayOut(NamedTuple):
    """Of the router ``router_id``, whose VRF is ``vrf``, by its port ``mac`` on the external
    network ``evi``.  ``addresses``: its own there; ``snat``: the one that what goes out gets as
    source, "" where it keeps its own; ``zone``: of the connections of that.  ``next_hops``:
    (default route, address of the next router).  ``gateways``: system-ids of the hypervisors that
    are gateways, in the order of preference."""

    router_id: str
    vrf: int
    evi: int
    mac: str
    addresses: tuple[str, ...]
    snat: str
    zone: int
    next_hops: tuple[tuple[str, str], ...]
    gateways: tuple[str, ...] = ()

    def next_hop(self, prefix: str) -> str:
        """The address of the next router for a default route, or ""."""
        return dict(self.next_hops).get(prefix, "")

    def lookups(self) -> list[Lookup]:
        """What is resolved otherwise than where there is no way out."""
        return [
            *(("prefix", self.vrf, prefix) for prefix, _ in self.next_hops),
            *(("ip", self.evi, address) for address in self.addresses),
            ("mac", self.evi, self.mac),
            ("outside", self.vrf, ""),
        ]


def zone_of(rd_index: int) -> int:
    """The zone of connections of the router with this ``rd_index``, which no other router has, and
    no port; 0: there is none for it."""
    return FIRST_NAT_ZONE | rd_index if rd_index <= LAST_ZONE_INDEX else 0


def way_out(config: Config, router_id: str) -> WayOut | None:
    """The first gateway of a router, without its gateways' hypervisors; None where it has none."""
    router = config.routers.get(router_id)
    if router is None or not router.admin_state_up or not router.gateways:
        return None
    ports = gateway_ports(config, router)
    if not ports or ports[0].id != router.gateways[0].port_id or not ports[0].admin_state_up:
        return None
    port = ports[0]
    network = config.networks.get(port.network_id)
    if network is None or not network.external:
        return None
    addresses = tuple(fixed.ip_address for fixed in port.fixed_ips)
    ipv4 = [address for address in addresses if ":" not in address]
    zone = zone_of(router.rd_index) if router.gateways[0].enable_snat and ipv4 else 0
    next_hops: dict[str, str] = {}
    for fixed in port.fixed_ips:
        subnet = config.subnets.get(fixed.subnet_id)
        if subnet is not None and subnet.gateway_ip:
            next_hops.setdefault(DEFAULTS[6 if ":" in subnet.cidr else 4], subnet.gateway_ip)
    if router.gateways[0].enable_snat and not zone:
        # Nobody outside knows a way back to the addresses inside.
        next_hops.pop(DEFAULTS[4], None)
    return WayOut(
        router_id, router.vni, network.vni, port.mac_address, addresses, ipv4[0] if zone else "",
        zone, tuple(next_hops.items()),
    )
