"""The configuration model: networks, subnets, ports, routers, as frozen values, and their index.

Resources carry the Networking API's names where it has one.  Every node holds the whole
configuration in a :class:`Config`, fed from the store in revision order, so that validation,
address allocation and translation are pure functions of it.

VPN identifiers are part of the resource, allocated once at creation: ``vni`` (L2 VNI of a network,
L3 VNI of a router, RFC 8365 section 5.1) and ``rd_index`` (the number in RD = VTEP:index, 1-65535).
"""

from __future__ import annotations

import dataclasses
import ipaddress
import json
from dataclasses import dataclass
from typing import Any, NamedTuple

ROUTER_INTERFACE = "network:router_interface"
SCHEMA = 1
"""Version of the stored form; :func:`decode` upgrades older ones and refuses newer ones."""


@dataclass(frozen=True, slots=True)
class FixedIp:
    subnet_id: str
    ip_address: str


@dataclass(frozen=True, slots=True)
class AddressPair:
    ip_address: str
    mac_address: str = ""


@dataclass(frozen=True, slots=True)
class Pool:
    start: str
    end: str


@dataclass(frozen=True, slots=True)
class HostRoute:
    destination: str
    nexthop: str


class DhcpOption(NamedTuple):
    """An extra DHCP option of a port.  ``name``: a name or a number; ``ip_version``: 4 or 6."""

    ip_version: int
    name: str
    value: str


AUTO_ADDRESS_MODES = frozenset({"slaac", "dhcpv6-stateless"})


@dataclass(frozen=True, slots=True)
class Network:
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
    tags: tuple[str, ...] = ()
    revision_number: int = 0
    created_at: str = ""
    updated_at: str = ""


@dataclass(frozen=True, slots=True)
class Subnet:
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
    """``requested_host``: where the user wants it (``binding:host_id`` of a write), or ""."""

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


Resource = Network | Subnet | Port | Router
KINDS: dict[str, type] = {"network": Network, "subnet": Subnet, "port": Port, "router": Router}
_NESTED: dict[tuple[type, str], type] = {
    (Port, "fixed_ips"): FixedIp,
    (Port, "allowed_address_pairs"): AddressPair,
    (Port, "extra_dhcp_opts"): DhcpOption,
    (Subnet, "allocation_pools"): Pool,
    (Subnet, "host_routes"): HostRoute,
}
_FIELDS = {cls: {f.name for f in dataclasses.fields(cls)} for cls in KINDS.values()}


class Change(NamedTuple):
    """``resource`` None: deleted."""

    kind: str
    id: str
    resource: Resource | None


class ModelError(ValueError):
    """A stored value cannot be understood."""


def encode(resource: Resource) -> bytes:
    """The stored form: JSON with the schema number.  Inverse of :func:`decode`."""
    return json.dumps(
        {"schema": SCHEMA, **dataclasses.asdict(resource)}, separators=(",", ":")
    ).encode()


def decode(kind: str, value: bytes) -> Resource:
    """Read a stored resource.  Unknown fields (a newer node's) are ignored.

    Raises ModelError for an unknown kind, malformed JSON, a newer schema or a missing field.
    """
    cls = KINDS.get(kind)
    if cls is None:
        raise ModelError(f"unknown kind of resource {kind!r}")
    try:
        data: dict[str, Any] = json.loads(value)
        if data["schema"] > SCHEMA:
            raise ModelError(
                f"stored {kind} has schema {data['schema']}, this version reads up to {SCHEMA}"
            )
        known = {}
        for name in _FIELDS[cls] & data.keys():
            item = data[name]
            if type(item) is list:
                nested = _NESTED.get((cls, name))
                item = tuple(_nested(nested, one) for one in item) if nested else tuple(item)
            known[name] = item
        return cls(**known)
    except ModelError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"stored {kind} is malformed: {error}") from error


def _nested(cls: type, value: Any) -> Any:
    return cls(*value) if type(value) is list else cls(**value)


class Config:
    """All resources with the indexes that validation and translation need.

    Changed only through :meth:`apply`; the order of changes does not matter for the result.
    The ``*_by_*`` indexes hold ids in dicts used as ordered sets.
    """

    def __init__(self) -> None:
        self.networks: dict[str, Network] = {}
        self.subnets: dict[str, Subnet] = {}
        self.ports: dict[str, Port] = {}
        self.routers: dict[str, Router] = {}
        self.tables: dict[str, dict] = {
            "network": self.networks,
            "subnet": self.subnets,
            "port": self.ports,
            "router": self.routers,
        }
        self.subnets_by_network: dict[str, dict[str, None]] = {}
        self.ports_by_network: dict[str, dict[str, None]] = {}
        self.ports_by_device: dict[str, dict[str, None]] = {}
        self.ports_by_subnet: dict[str, dict[str, None]] = {}
        self.interfaces_by_network: dict[str, dict[str, None]] = {}
        self.interfaces_by_subnet: dict[str, dict[str, None]] = {}
        self.ports_by_address: dict[tuple[str, str], dict[str, None]] = {}
        """(subnet id, address) -> port ids; one, if every writer validated."""
        self.ports_by_mac: dict[tuple[str, str], dict[str, None]] = {}
        """(network id, MAC) -> port ids."""
        self.by_vni: dict[int, dict[tuple[str, str], None]] = {}
        """VNI -> (kind, id) of networks and routers."""
        self.by_rd_index: dict[int, dict[tuple[str, str], None]] = {}

    def get(self, kind: str, id: str) -> Resource | None:
        return self.tables[kind].get(id)

    def apply(self, change: Change) -> Resource | None:
        """Apply one change and return the resource as it was before, or None."""
        table = self.tables[change.kind]
        old = table.get(change.id)
        if old is not None:
            self._unindex(change.kind, old)
        if change.resource is None:
            table.pop(change.id, None)
        else:
            table[change.id] = change.resource
            self._index(change.kind, change.resource)
        return old

    def _entries(self, kind: str, item: Any):
        if kind in ("network", "router"):
            yield self.by_vni, item.vni, (kind, item.id)
            yield self.by_rd_index, item.rd_index, (kind, item.id)
        elif kind == "subnet":
            yield self.subnets_by_network, item.network_id, item.id
        else:
            yield self.ports_by_network, item.network_id, item.id
            yield self.ports_by_mac, (item.network_id, item.mac_address), item.id
            if item.device_id:
                yield self.ports_by_device, item.device_id, item.id
            if item.is_router_interface:
                yield self.interfaces_by_network, item.network_id, item.id
            for fixed in item.fixed_ips:
                yield self.ports_by_subnet, fixed.subnet_id, item.id
                yield self.ports_by_address, (fixed.subnet_id, fixed.ip_address), item.id
                if item.is_router_interface:
                    yield self.interfaces_by_subnet, fixed.subnet_id, item.id

    def _index(self, kind: str, item: Any) -> None:
        for index, key, value in self._entries(kind, item):
            index.setdefault(key, {})[value] = None

    def _unindex(self, kind: str, item: Any) -> None:
        for index, key, value in self._entries(kind, item):
            members = index.get(key)
            if members is not None:
                members.pop(value, None)
                if not members:
                    del index[key]
