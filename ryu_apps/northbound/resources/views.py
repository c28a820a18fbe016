"""How resources look in the API.

A view function takes the resource and what :data:`EXTRAS` looked up for it, and returns every
attribute; lists are never null.  What only the running node knows (:data:`STATE_KEYS` of ports)
is added by :func:`add_states`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.dns_names import assignments
from ryu_apps.control.config.model import (
    AddressGroup,
    Network,
    Port,
    Resource,
    Router,
    SecurityGroup,
    SecurityGroupRule,
    Subnet,
    normalized,
)
from ryu_apps.control.config.rules.security_groups import DEFAULT
from ryu_apps.northbound.base import DOWN, PortState

STATE_KEYS = frozenset({"status", "binding:host_id", "binding:vif_type"})
"""Attributes of ports that depend on the node's state."""


def _tail(item: Resource) -> dict[str, Any]:
    return {
        "description": item.description,
        "project_id": item.project_id,
        "tenant_id": item.project_id,
        "tags": list(item.tags),
        "revision_number": item.revision_number,
        "created_at": item.created_at,
        "updated_at": item.updated_at,
    }


def network(item: Network, subnets: list[str]) -> dict[str, Any]:
    return {
        "id": item.id,
        "name": item.name,
        "status": "ACTIVE" if item.admin_state_up else "DOWN",
        "admin_state_up": item.admin_state_up,
        "subnets": subnets,
        "shared": item.shared,
        "mtu": item.mtu,
        "port_security_enabled": item.port_security_enabled,
        "router:external": False,
        "is_default": False,
        "provider:network_type": "vxlan",
        "provider:physical_network": None,
        "provider:segmentation_id": item.vni,
        "availability_zone_hints": [],
        "availability_zones": [],
        "vpn:rd_index": item.rd_index,
        "vpn:import_targets": list(item.import_targets),
        "vpn:export_targets": list(item.export_targets),
        "vpn:flood_unknown": item.flood_unknown,
        "vpn:mdns": item.mdns,
        "dns_domain": item.dns_domain,
        **_tail(item),
    }


def subnet(item: Subnet, shared: bool) -> dict[str, Any]:
    return {
        "id": item.id,
        "name": item.name,
        "network_id": item.network_id,
        "ip_version": item.ip_version,
        "cidr": item.cidr,
        "gateway_ip": item.gateway_ip or None,
        "enable_dhcp": item.enable_dhcp,
        "allocation_pools": [
            {"start": pool.start, "end": pool.end} for pool in item.allocation_pools
        ],
        "dns_nameservers": list(item.dns_nameservers),
        "host_routes": [
            {"destination": route.destination, "nexthop": route.nexthop}
            for route in item.host_routes
        ],
        "ipv6_address_mode": item.ipv6_address_mode or None,
        "ipv6_ra_mode": item.ipv6_ra_mode or None,
        "subnetpool_id": None,
        "segment_id": None,
        "service_types": [],
        "shared": shared,
        **_tail(item),
    }


def port(item: Port, network_domain: str) -> dict[str, Any]:
    return {
        "id": item.id,
        "name": item.name,
        "network_id": item.network_id,
        "status": "DOWN",
        "admin_state_up": item.admin_state_up,
        "mac_address": item.mac_address,
        "fixed_ips": [
            {"subnet_id": fixed.subnet_id, "ip_address": fixed.ip_address}
            for fixed in item.fixed_ips
        ],
        "device_id": item.device_id,
        "device_owner": item.device_owner,
        "binding:host_id": item.requested_host,
        "binding:profile": {} if item.binding_profile == "{}" else json.loads(item.binding_profile),
        "binding:vnic_type": "normal",
        "binding:vif_type": "unbound",
        "binding:vif_details": {},
        "port_security_enabled": item.port_security_enabled,
        "allowed_address_pairs": [
            {"ip_address": pair.ip_address, "mac_address": pair.mac_address or item.mac_address}
            for pair in item.allowed_address_pairs
        ],
        "security_groups": list(item.security_groups),
        "extra_dhcp_opts": [
            {"opt_name": name, "opt_value": value, "ip_version": version}
            for version, name, value in item.extra_dhcp_opts
        ],
        "dns_name": item.dns_name,
        "dns_domain": item.dns_domain,
        "dns_assignment": [
            {"ip_address": one.ip_address, "hostname": one.hostname, "fqdn": one.fqdn}
            for one in assignments(item, network_domain)
        ],
        **_tail(item),
    }


def router(item: Router, _extra: Any) -> dict[str, Any]:
    return {
        "id": item.id,
        "name": item.name,
        "status": "ACTIVE" if item.admin_state_up else "DOWN",
        "admin_state_up": item.admin_state_up,
        "distributed": True,
        "ha": False,
        "external_gateway_info": None,
        "routes": [],
        "availability_zone_hints": [],
        "availability_zones": [],
        "vpn:vni": item.vni,
        "vpn:rd_index": item.rd_index,
        "vpn:import_targets": list(item.import_targets),
        "vpn:export_targets": list(item.export_targets),
        **_tail(item),
    }


def security_group(item: SecurityGroup, rules: list[SecurityGroupRule]) -> dict[str, Any]:
    in_default = item.name == DEFAULT
    return {
        "id": item.id,
        "name": item.name,
        "stateful": item.stateful,
        "shared": item.shared,
        "security_group_rules": [security_group_rule(rule, in_default) for rule in rules],
        **_tail(item),
    }


def security_group_rule(item: SecurityGroupRule, in_default: bool) -> dict[str, Any]:
    return {
        "id": item.id,
        "security_group_id": item.security_group_id,
        "direction": item.direction,
        "ethertype": item.ethertype,
        "protocol": item.protocol or None,
        "port_range_min": None if item.port_range_min < 0 else item.port_range_min,
        "port_range_max": None if item.port_range_max < 0 else item.port_range_max,
        "remote_ip_prefix": item.remote_ip_prefix or None,
        "normalized_cidr": normalized(item.remote_ip_prefix) or None,
        "remote_group_id": item.remote_group_id or None,
        "remote_address_group_id": item.remote_address_group_id or None,
        "belongs_to_default_sg": in_default,
        **_tail(item),
    }


def address_group(item: AddressGroup, _extra: Any) -> dict[str, Any]:
    return {
        "id": item.id,
        "name": item.name,
        "addresses": list(item.addresses),
        "shared": item.shared,
        **_tail(item),
    }


def rules_of(config: Config, item: SecurityGroup) -> list[SecurityGroupRule]:
    rules = config.security_group_rules
    return [rules[id] for id in config.rules_by_group.get(item.id, ())]


def in_default_group(config: Config, item: SecurityGroupRule) -> bool:
    group = config.security_groups.get(item.security_group_id)
    return group is not None and group.name == DEFAULT


def is_shared(config: Config, item: Subnet) -> bool:
    """Whether a subnet's network is."""
    network = config.networks.get(item.network_id)
    return network is not None and network.shared


def subnets_of(config: Config, item: Network) -> list[str]:
    return sorted(config.subnets_by_network.get(item.id, ()))


def domain_of(config: Config, item: Port) -> str:
    """The DNS domain of a port's network."""
    network = config.networks.get(item.network_id)
    return network.dns_domain if network is not None else ""


def add_states(views: Iterable[dict[str, Any]], states: dict[str, PortState]) -> None:
    """Put what is true now into the views of ports: status, and the host where it is bound.

    An interface of a router lives on every vrouter: it is ACTIVE as soon as it is configured.
    """
    for view in views:
        if view["device_owner"] == "network:router_interface":
            view["status"] = "ACTIVE" if view["admin_state_up"] else "DOWN"
            view["binding:vif_type"] = "distributed"
            continue
        state = states.get(view["id"], DOWN)
        view["status"] = state.status
        if state.host:
            view["binding:host_id"] = state.host
            view["binding:vif_type"] = "ovs"
