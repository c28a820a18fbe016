"""The resources of the configuration: networks, ports, routers, security groups, as frozen values.

They carry the Networking API's names where it has one.  Every node holds all of them in a
:class:`~ryu_apps.control.config.config.Config`; :mod:`ryu_apps.control.config.stored` is how the
store has them.

VPN identifiers are part of the resource, allocated once at creation: ``vni`` (L2 VNI of a network,
L3 VNI of a router, RFC 8365 section 5.1) and ``rd_index`` (the number in RD = VTEP:index, 1-65535).
"""

from __future__ import annotations

import dataclasses
import ipaddress
from dataclasses import dataclass
from typing import NamedTuple

ROUTER_INTERFACE = "network:router_interface"
"""The device_owner of a router's interfaces."""
AUTO_ADDRESS_MODES = frozenset({"slaac", "dhcpv6-stateless"})
"""IPv6 modes of a subnet where the address of a port follows from its MAC."""


@dataclass(frozen=True, slots=True)
class FixedIp:
    """An address of a port on one of its network's subnets."""

    subnet_id: str
    ip_address: str


@dataclass(frozen=True, slots=True)
class AddressPair:
    """An address or a prefix that a port may use besides its own; ``mac_address`` "": its MAC."""

    ip_address: str
    mac_address: str = ""


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


class DhcpOption(NamedTuple):
    """An extra DHCP option of a port.  ``name``: a name or a number; ``ip_version``: 4 or 6."""

    ip_version: int
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Network:
    """A MAC-VRF.  ``flood_unknown``: what asks for an unknown address is flooded.  ``mdns``: what
    becomes of multicast DNS, one of the ``MDNS_`` values of :mod:`vrouter_ovs.state`."""

    id: str
    vni: int
    rd_index: int
    name: str = ""
    project_id: str = ""
    description: str = ""
    admin_state_up: bool = True
    shared: bool = False
    mtu: int = 1450
    port_security_enabled: bool = True
    import_targets: tuple[str, ...] = ()
    export_targets: tuple[str, ...] = ()
    dns_domain: str = ""
    flood_unknown: bool = False
    mdns: str = "flood"
    tags: tuple[str, ...] = ()
    revision_number: int = 0
    created_at: str = ""
    updated_at: str = ""


@dataclass(frozen=True, slots=True)
class Subnet:
    """A prefix of a network.  ``gateway_ip`` "": it has none."""

    id: str
    network_id: str
    cidr: str
    name: str = ""
    project_id: str = ""
    description: str = ""
    gateway_ip: str = ""
    enable_dhcp: bool = True
    allocation_pools: tuple[Pool, ...] = ()
    dns_nameservers: tuple[str, ...] = ()
    host_routes: tuple[HostRoute, ...] = ()
    ipv6_ra_mode: str = ""
    ipv6_address_mode: str = ""
    tags: tuple[str, ...] = ()
    revision_number: int = 0
    created_at: str = ""
    updated_at: str = ""

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


@dataclass(frozen=True, slots=True)
class Port:
    """``requested_host``: where the user wants it (``binding:host_id`` of a write), or "".

    ``unfiltered``: it was stored before there were security groups and has not been given any
    since, so it goes on as it was.  Without that mark, a port with port security and no group may
    send and receive nothing.
    """

    id: str
    network_id: str
    mac_address: str
    name: str = ""
    project_id: str = ""
    description: str = ""
    admin_state_up: bool = True
    fixed_ips: tuple[FixedIp, ...] = ()
    device_id: str = ""
    device_owner: str = ""
    requested_host: str = ""
    binding_profile: str = "{}"
    port_security_enabled: bool = True
    allowed_address_pairs: tuple[AddressPair, ...] = ()
    security_groups: tuple[str, ...] = ()
    unfiltered: bool = False
    dns_name: str = ""
    dns_domain: str = ""
    extra_dhcp_opts: tuple[DhcpOption, ...] = ()
    tags: tuple[str, ...] = ()
    revision_number: int = 0
    created_at: str = ""
    updated_at: str = ""

    @property
    def is_router_interface(self) -> bool:
        return self.device_owner == ROUTER_INTERFACE


@dataclass(frozen=True, slots=True)
class Router:
    """An IP-VRF.  Its interfaces are the ports with device_id = this id."""

    id: str
    vni: int
    rd_index: int
    name: str = ""
    project_id: str = ""
    description: str = ""
    admin_state_up: bool = True
    import_targets: tuple[str, ...] = ()
    export_targets: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    revision_number: int = 0
    created_at: str = ""
    updated_at: str = ""


@dataclass(frozen=True, slots=True)
class SecurityGroup:
    """What the ports that carry it may send and receive.  ``stateful``: connections are tracked."""

    id: str
    name: str = ""
    project_id: str = ""
    description: str = ""
    stateful: bool = True
    shared: bool = False
    tags: tuple[str, ...] = ()
    revision_number: int = 0
    created_at: str = ""
    updated_at: str = ""


@dataclass(frozen=True, slots=True)
class SecurityGroupRule:
    """One thing that a group allows.

    ``direction``: "ingress" or "egress", seen from the port.  ``ethertype``: "IPv4" or "IPv6".
    ``protocol``: a name or a number as text, "" for any.  The port range is -1, -1 for any; for
    ICMP it is type and code.  At most one of the three remotes is set.
    """

    id: str
    security_group_id: str
    direction: str
    ethertype: str = "IPv4"
    protocol: str = ""
    port_range_min: int = -1
    port_range_max: int = -1
    remote_ip_prefix: str = ""
    remote_group_id: str = ""
    remote_address_group_id: str = ""
    project_id: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    revision_number: int = 0
    created_at: str = ""
    updated_at: str = ""


@dataclass(frozen=True, slots=True)
class AddressGroup:
    """A named list of prefixes, for rules."""

    id: str
    name: str = ""
    project_id: str = ""
    description: str = ""
    addresses: tuple[str, ...] = ()
    shared: bool = False
    tags: tuple[str, ...] = ()
    revision_number: int = 0
    created_at: str = ""
    updated_at: str = ""


Resource = Network | Subnet | Port | Router | SecurityGroup | SecurityGroupRule | AddressGroup
KINDS: dict[str, type] = {
    "network": Network,
    "subnet": Subnet,
    "port": Port,
    "router": Router,
    "security_group": SecurityGroup,
    "security_group_rule": SecurityGroupRule,
    "address_group": AddressGroup,
}


def normalized(prefix: str) -> str:
    """A prefix with its host bits cleared; "" for none.  Raises ValueError."""
    return str(ipaddress.ip_network(prefix, strict=False)) if prefix else ""


_SHOWN = ("name", "description", "tags", "revision_number", "created_at", "updated_at")


def means_the_same(old: Resource | None, new: Resource | None) -> bool:
    """Whether the two differ at most in what is only shown to clients."""
    if old is None or new is None or type(old) is not type(new):
        return old is new
    return old == new or old == dataclasses.replace(
        new, **{name: getattr(old, name) for name in _SHOWN if hasattr(old, name)}
    )


class Change(NamedTuple):
    """One resource as it is from now on; ``resource`` None: deleted."""

    kind: str
    id: str
    resource: Resource | None
