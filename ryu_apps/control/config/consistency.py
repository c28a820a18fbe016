"""What is wrong with a whole configuration that did not come through the API: references to what is
not there, and what must be unique and is not."""

from __future__ import annotations

import functools
import ipaddress
import typing
from collections.abc import Iterator
from typing import Any

from ryu_apps.control.config import prefix_space
from ryu_apps.control.config.config import Config
from ryu_apps.control.config.ipam import RD_INDEX_RANGE
from ryu_apps.control.config.model import (
    KINDS,
    DefaultSecurityGroupRules,
    FloatingIP,
    Network,
    NetworkSegmentRange,
    Port,
    Resource,
    Router,
    SecurityGroupRule,
    Subnet,
    SubnetPool,
    TapFlow,
    TapMirror,
    TapService,
    Trunk,
)
from ryu_apps.control.config.resources.network import NETWORK_TYPES, VLAN, VXLAN, segment_id
from ryu_apps.control.config.resources.security.default_security_group_rule import ONLY, PARENT
from ryu_apps.control.kinds import is_physical_network
from vrouter_ovs.numbers import SUBPORT_NUMBERS

VNI_RANGE = (1, (1 << 24) - 1)
LAST_VLAN = 4094


def faults(config: Config) -> Iterator[str]:
    """Each in words that name the resource."""
    for kind, table in config.tables.items():
        for item in table.values():
            name = f"{kind} {item.id}"
            try:
                for fault in _of_one(config, kind, item):
                    yield f"{name}: {fault}"
            except (TypeError, ValueError, AttributeError) as error:
                yield f"{name}: it has a value of the wrong form: {error}"
    yield from _shared(config)


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    return {
        name: hint for name, hint in typing.get_type_hints(cls).items()
        if typing.get_origin(hint) is not typing.ClassVar and not name.startswith("_")
    }


def _misfits(item: Any, where: str = "") -> Iterator[str]:
    """Fields whose values are of another type than is declared, also those of what is in them."""
    for name, hint in _hints(type(item)).items():
        value = getattr(item, name)
        declared = typing.get_origin(hint) or hint
        if type(value) is not declared:
            yield f"{where}{name} is {type(value).__name__}, not {declared.__name__}"
        elif declared is tuple:
            part = typing.get_args(hint)[0]
            for one in value:
                if type(one) is not part:
                    yield f"{where}{name} has {type(one).__name__} in it, not {part.__name__}"
                elif part is not str:
                    yield from _misfits(one, f"{where}{name}.")


def _of_one(config: Config, kind: str, item: Resource) -> Iterator[str]:
    misfits = list(_misfits(item))
    if misfits:
        yield from misfits
        return
    parent = KINDS[kind].parent
    if parent is not None:
        yield from _missing(config, parent.kind, getattr(item, parent.field))
    if isinstance(item, Port):
        yield from _port(config, item)
    elif isinstance(item, Subnet):
        yield from _subnet(config, item)
    elif isinstance(item, DefaultSecurityGroupRules):
        yield from _default_rules(config, item)
    elif isinstance(item, Network):
        yield from _network(item)
    elif isinstance(item, NetworkSegmentRange):
        yield from _segment_range(config, item)
    elif isinstance(item, Router):
        yield from _router(config, item)
    elif isinstance(item, SubnetPool):
        yield from _subnetpool(config, item)
    elif isinstance(item, FloatingIP):
        yield from _floatingip(config, item)
    elif isinstance(item, Trunk):
        yield from _trunk(config, item)
    elif isinstance(item, (TapMirror, TapService)):
        yield from _missing(config, "port", item.port_id)
    elif isinstance(item, TapFlow):
        yield from _missing(config, "port", item.source_port)
        yield from _missing(config, "tap_service", item.tap_service_id)
    elif isinstance(item, SecurityGroupRule):
        yield from _missing(config, "security_group", item.remote_group_id)
        yield from _missing(config, "address_group", item.remote_address_group_id)
    yield from _missing(config, "qos_policy", getattr(item, "qos_policy_id", ""))
    for field, (first, last) in (("vni", VNI_RANGE), ("rd_index", RD_INDEX_RANGE)):
        number: Any = getattr(item, field, first)
        if type(number) is not int or not first <= number <= last:
            yield f"{field} {number!r} is no number from {first} to {last}"


def _missing(config: Config, kind: str, id: str) -> Iterator[str]:
    """``id`` "": nothing is referred to."""
    if id and id not in config.tables[kind]:
        yield f"there is no {kind} {id}, which it names"


def _port(config: Config, port: Port) -> Iterator[str]:
    for group in port.security_groups:
        yield from _missing(config, "security_group", group)
    if port.is_router_interface or port.is_router_gateway:
        yield from _missing(config, "router", port.device_id)
    for fixed in port.fixed_ips:
        subnet = config.tables["subnet"].get(fixed.subnet_id)
        if subnet is None:
            yield from _missing(config, "subnet", fixed.subnet_id)
        elif subnet.network_id != port.network_id:
            yield f"its address {fixed.ip_address} is on a subnet of another network"
        elif ipaddress.ip_address(fixed.ip_address) not in subnet.net:
            yield f"its address {fixed.ip_address} is not in {subnet.cidr}"


def _subnet(config: Config, subnet: Subnet) -> Iterator[str]:
    net = subnet.net
    yield from _missing(config, "subnetpool", subnet.subnetpool_id)
    if subnet.segment_id not in ("", segment_id(subnet.network_id)):
        yield f"its segment {subnet.segment_id} is not that of its network"
    if str(net) != subnet.cidr:
        yield f"{subnet.cidr!r} is not how its prefix is written: {net}"
    if subnet.gateway_ip and ipaddress.ip_address(subnet.gateway_ip).version != net.version:
        yield f"its gateway {subnet.gateway_ip} is of another IP version than {subnet.cidr}"


def _default_rules(config: Config, item: DefaultSecurityGroupRules) -> Iterator[str]:
    if item.id != ONLY:
        yield f"it is not {ONLY}, and there is one"
    if len({rule.id for rule in item.rules}) < len(item.rules):
        yield "two of its rules have one id"
    for rule in item.rules:
        if rule.remote_group_id != PARENT:
            yield from _missing(config, "security_group", rule.remote_group_id)
        yield from _missing(config, "address_group", rule.remote_address_group_id)


def _segment_range(config: Config, item: NetworkSegmentRange) -> Iterator[str]:
    first, last = (1, LAST_VLAN) if item.network_type == VLAN else VNI_RANGE
    if not first <= item.minimum <= item.maximum <= last:
        yield f"{item.minimum}-{item.maximum} is no range of VNIs, or of VLANs"
    if item.network_type not in (VXLAN, VLAN) or (
        (item.network_type == VLAN) != is_physical_network(item.physical_network)
    ):
        yield f"{item.network_type} on {item.physical_network!r} has no ranges"
    if item.shared == bool(item.project_id):
        yield "it is for all projects, or for one that it names"
    for other in config.network_segment_ranges.values():
        if (
            other.id < item.id and other.minimum <= item.maximum and item.minimum <= other.maximum
            and (other.network_type, other.physical_network)
            == (item.network_type, item.physical_network)
        ):
            yield f"it has VNIs or VLANs of {other.id}"


def _network(network: Network) -> Iterator[str]:
    kind, physical, vlan = network.network_type, network.physical_network, network.vlan_id
    if kind not in NETWORK_TYPES:
        yield f"{kind!r} is no type of a network"
    elif (kind == VXLAN and (physical or vlan)) or (
        kind != VXLAN and not is_physical_network(physical)
    ) or not (1 <= vlan <= LAST_VLAN if kind == VLAN else vlan == 0):
        yield f"there is no {kind} network of VLAN {vlan} on physical network {physical!r}"


def _floatingip(config: Config, item: FloatingIP) -> Iterator[str]:
    yield from _missing(config, "network", item.floating_network_id)
    yield from _missing(config, "router", item.router_id)
    for id, address in (
        (item.floating_port_id, item.floating_ip_address), (item.port_id, item.fixed_ip_address)
    ):
        port = config.tables["port"].get(id)
        if port is None:
            yield from _missing(config, "port", id)
        elif all(fixed.ip_address != address for fixed in port.fixed_ips):
            yield f"its port {id} does not have the address {address}"
    if len({bool(item.port_id), bool(item.fixed_ip_address), bool(item.router_id)}) > 1:
        yield "it stands for half an address"


def _router(config: Config, router: Router) -> Iterator[str]:
    for gateway in router.gateways:
        port = config.tables["port"].get(gateway.port_id)
        if port is None:
            yield from _missing(config, "port", gateway.port_id)
        elif not port.is_router_gateway or port.device_id != router.id:
            yield f"its gateway {port.id} is no gateway port of this router"
    for route in router.routes:
        net, nexthop = (
            ipaddress.ip_network(route.destination), ipaddress.ip_address(route.nexthop)
        )
        if str(net) != route.destination or str(nexthop) != route.nexthop:
            yield f"{route} is not how a route is written"
        elif net.version != nexthop.version:
            yield f"its route to {net} has a next hop of another IP version: {nexthop}"


def _trunk(config: Config, trunk: Trunk) -> Iterator[str]:
    yield from _missing(config, "port", trunk.port_id)
    first, last = SUBPORT_NUMBERS
    for one in trunk.sub_ports:
        yield from _missing(config, "port", one.port_id)
        if one.port_id in config.trunks_by_port:
            yield f"its subport {one.port_id} is the parent of a trunk"
        if one.segmentation_type != VLAN or not 1 <= one.segmentation_id <= LAST_VLAN:
            yield f"its subport {one.port_id} has no VLAN"
        if not first <= one.number <= last:
            yield f"its subport {one.port_id} has the number {one.number}"
    if len({one.segmentation_id for one in trunk.sub_ports}) < len(trunk.sub_ports):
        yield "two of its subports have one VLAN"


def _subnetpool(config: Any, pool: SubnetPool) -> Iterator[str]:
    yield from _missing(config, "address_scope", pool.address_scope_id)
    space = prefix_space.of_texts(pool.prefixes)
    if prefix_space.prefixes(space, pool.ip_version) != pool.prefixes:
        yield f"its prefixes are not written as IPv{pool.ip_version} prefixes in order"
        return
    subnets = [config.subnets[id] for id in config.subnets_by_pool.get(pool.id, ())]
    before = None
    for subnet in sorted(subnets, key=lambda one: (one.ip_version, one.net)):
        if subnet.ip_version != pool.ip_version or not prefix_space.holds(space, subnet.net):
            yield f"its subnet {subnet.id} has {subnet.cidr}, which is not in it"
        elif before is not None and before.net.overlaps(subnet.net):
            yield f"its subnets {before.id} and {subnet.id} overlap: {before.cidr}, {subnet.cidr}"
        else:
            before = subnet
    others = config.subnetpools_by_scope.get(pool.address_scope_id, ())
    for other in (config.subnetpools[id] for id in others if id < pool.id):
        if other.ip_version == pool.ip_version and prefix_space.overlap(
            space, prefix_space.of_texts(other.prefixes)
        ):
            yield f"it has addresses of {other.id}, which is in its address scope too"


def _shared(config: Any) -> Iterator[str]:
    """What several have that one may have."""
    for what, index in (
        ("VNI", config.by_vni), ("rd_index", config.by_rd_index),
        ("MAC on a network", config.ports_by_mac), ("address", config.ports_by_address),
        ("VLAN of a physical network", config.networks_by_vlan),
        ("default subnet pool of an IP version", config.default_subnetpools),
        ("parent port", config.trunks_by_port), ("subport", config.trunks_by_subport),
        ("subport number", config.trunks_by_number),
    ):
        for key, members in index.items():
            if len(members) > 1:
                shown = ", ".join(str(one[-1] if type(one) is tuple else one) for one in members)
                yield f"one {what} ({' '.join(map(str, key if type(key) is tuple else (key,)))}) " \
                      f"is that of several: {shown}"
