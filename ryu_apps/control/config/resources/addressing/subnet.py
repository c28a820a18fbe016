"""Subnets."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from ryu_apps.control.config.resources.access import SYSTEM, Access, Parent, owner
from ryu_apps.control.config.resources.kind import Kind, by_field
from ryu_apps.control.config.resources.resource import Resource

AUTO_ADDRESS_MODES = frozenset({"slaac", "dhcpv6-stateless"})
"""IPv6 modes of a subnet where the address of a port follows from its MAC."""


@dataclass(frozen=True, slots=True)
class Pool:
    """A range of a subnet that addresses are given out from, both ends included."""

    start: str
    end: str


@dataclass(frozen=True, slots=True)
class HostRoute:
    """A route that DHCP tells the hosts of a subnet."""

    destination: str
    nexthop: str


@dataclass(frozen=True, slots=True)
class Subnet(Resource):
    """A prefix of a network.  ``gateway_ip`` "": it has none.  ``subnetpool_id``: the pool that its
    prefix was given out of, or "".  ``service_types``: the device owners of the ports that get
    addresses of it; none named are all.  ``segment_id``: its network's segment, where somebody said
    so, or ""."""

    network_id: str
    cidr: str
    name: str = ""
    gateway_ip: str = ""
    enable_dhcp: bool = True
    allocation_pools: tuple[Pool, ...] = ()
    dns_nameservers: tuple[str, ...] = ()
    host_routes: tuple[HostRoute, ...] = ()
    ipv6_ra_mode: str = ""
    ipv6_address_mode: str = ""
    subnetpool_id: str = ""
    service_types: tuple[str, ...] = ()
    segment_id: str = ""

    @property
    def ip_version(self) -> int:
        return 6 if ":" in self.cidr else 4

    @property
    def auto_address(self) -> bool:
        """Ports have the EUI-64 address of their MAC here, and no other."""
        return (
            self.ipv6_address_mode in AUTO_ADDRESS_MODES or self.ipv6_ra_mode in AUTO_ADDRESS_MODES
        )

    @property
    def net(self) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
        return ipaddress.ip_network(self.cidr)


_NETWORK = Parent("network", "network_id")

SUBNET = Kind(
    "subnet",
    Subnet,
    Access(
        read=(owner, _NETWORK.owner, _NETWORK.shared, _NETWORK.external),
        create=(_NETWORK.owner,),
        update=(owner, _NETWORK.owner),
        delete=(owner, _NETWORK.owner),
        attributes={"segment_id": SYSTEM},
    ),
    parent=_NETWORK,
    indexes=(
        by_field("subnets_by_network", "network_id"),
        by_field("subnets_by_pool", "subnetpool_id"),
    ),
    quota=100,
)
