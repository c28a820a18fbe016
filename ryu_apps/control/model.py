"""The configuration model: networks, ports, routers, security groups, as frozen values, indexed.

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
SCHEMA = 2
"""Version of the stored form; :func:`decode` upgrades older ones and refuses newer ones.

2: ports have security groups.
"""


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
    mdns: str = "flood"
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
_NESTED: dict[tuple[type, str], type] = {
    (Port, "fixed_ips"): FixedIp,
    (Port, "allowed_address_pairs"): AddressPair,
    (Port, "extra_dhcp_opts"): DhcpOption,
    (Subnet, "allocation_pools"): Pool,
    (Subnet, "host_routes"): HostRoute,
}
_NAMES = {
    cls: tuple(field.name for field in dataclasses.fields(cls))
    for cls in (*KINDS.values(), *_NESTED.values()) if dataclasses.is_dataclass(cls)
}
_FIELDS = {cls: {f.name for f in dataclasses.fields(cls)} for cls in KINDS.values()}


def normalized(prefix: str) -> str:
    """A prefix with its host bits cleared; "" for none.  Raises ValueError."""
    return str(ipaddress.ip_network(prefix, strict=False)) if prefix else ""


def likeness(rule: SecurityGroupRule) -> tuple:
    """All that a rule says but for its protocol, which can be written in several ways."""
    return (
        rule.security_group_id, rule.direction, rule.ethertype, rule.port_range_min,
        rule.port_range_max, rule.remote_group_id, rule.remote_address_group_id,
        normalized(rule.remote_ip_prefix),
    )


class Change(NamedTuple):
    """``resource`` None: deleted."""

    kind: str
    id: str
    resource: Resource | None


class ModelError(ValueError):
    """A stored value cannot be understood."""


def encode(resource: Resource) -> bytes:
    """The stored form: JSON with the schema number.  Inverse of :func:`decode`.

    The number is the oldest that means the same, so that a node that was not upgraded yet
    understands what it can, and never takes a filtered port for an open one.
    """
    schema = SCHEMA if type(resource) is Port else 1
    return _dumps({"schema": schema, **_plain(resource)}).encode()


def _plain(value: Any) -> dict[str, Any]:
    """A dataclass's fields; those within it are asked for one by one as JSON is written."""
    return {name: getattr(value, name) for name in _NAMES[type(value)]}


_dumps = json.JSONEncoder(separators=(",", ":"), default=_plain).encode


def _upgrade(kind: str, data: dict[str, Any]) -> None:
    if data["schema"] < 2 and kind == "port" and not data.get("security_groups"):
        data["unfiltered"] = True


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
        _upgrade(kind, data)
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
        self.security_groups: dict[str, SecurityGroup] = {}
        self.security_group_rules: dict[str, SecurityGroupRule] = {}
        self.address_groups: dict[str, AddressGroup] = {}
        self.tables: dict[str, dict] = {
            "network": self.networks,
            "subnet": self.subnets,
            "port": self.ports,
            "router": self.routers,
            "security_group": self.security_groups,
            "security_group_rule": self.security_group_rules,
            "address_group": self.address_groups,
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

        self.ports_by_group: dict[str, dict[str, None]] = {}
        self.rules_by_group: dict[str, dict[str, None]] = {}
        self.rules_by_remote_group: dict[str, dict[str, None]] = {}
        self.rules_by_address_group: dict[str, dict[str, None]] = {}
        self.rules_alike: dict[tuple, dict[str, None]] = {}
        """:func:`likeness` of a rule -> rule ids; rules with the same meaning are found there."""
        self.groups_by_name: dict[tuple[str, str], dict[str, None]] = {}
        """(project id, name) -> security group ids; finds the default group."""

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
        elif kind == "security_group":
            yield self.groups_by_name, (item.project_id, item.name), item.id
        elif kind == "security_group_rule":
            yield self.rules_by_group, item.security_group_id, item.id
            yield self.rules_alike, likeness(item), item.id
            if item.remote_group_id:
                yield self.rules_by_remote_group, item.remote_group_id, item.id
            if item.remote_address_group_id:
                yield self.rules_by_address_group, item.remote_address_group_id, item.id
        elif kind == "port":
            yield self.ports_by_network, item.network_id, item.id
            yield self.ports_by_mac, (item.network_id, item.mac_address), item.id
            for group in item.security_groups:
                yield self.ports_by_group, group, item.id
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
