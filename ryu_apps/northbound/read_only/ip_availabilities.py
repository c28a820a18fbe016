"""``/v2.0/network-ip-availabilities``: of each network and subnet how many addresses there are to
give out, and how many ports have."""

from __future__ import annotations

from typing import Any

from ryu_apps.control.config import ipam
from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import Network, Subnet
from ryu_apps.identity.defaults import NETWORK_IP_AVAILABILITY
from ryu_apps.northbound.environment import Environment
from ryu_apps.northbound.http.call import Call
from ryu_apps.northbound.http.errors import ApiError
from ryu_apps.northbound.listing.attributes import INTEGER, STRING, as_integer, objects
from ryu_apps.northbound.read_only.collection import ReadOnly, View


def _items(environment: Environment, call: Call, filters: dict[str, set[str]]) -> list[View]:
    if not call.authority.regardless(NETWORK_IP_AVAILABILITY):
        return []
    versions = _versions(filters.pop("ip_version", None))
    ids = filters.get("network_id")

    def find(config: Config) -> list[View]:
        networks = config.networks
        wanted = networks if ids is None else [id for id in ids if id in networks]
        found = [_network(config, networks[id], versions) for id in wanted]
        return [one for one in found if versions is None or one["subnet_ip_availability"]]

    return environment.configuration.read(find)


def _versions(texts: set[str] | None) -> set[int] | None:
    """Raises ApiError 400."""
    try:
        return None if texts is None else {as_integer(text) for text in texts}
    except ValueError as error:
        raise ApiError(
            400, "InvalidInput", f"Invalid input for operation: ip_version: {error}."
        ) from error


def _network(config: Config, network: Network, versions: set[int] | None) -> View:
    subnets = [config.subnets[id] for id in sorted(config.subnets_by_network.get(network.id, ()))]
    parts = [
        _subnet(config, one) for one in subnets if versions is None or one.ip_version in versions
    ]
    return {
        "network_id": network.id,
        "network_name": network.name,
        "project_id": network.project_id,
        "tenant_id": network.project_id,
        "total_ips": sum(part["total_ips"] for part in parts),
        "used_ips": sum(part["used_ips"] for part in parts),
        "subnet_ip_availability": parts,
    }


def _subnet(config: Any, subnet: Subnet) -> View:
    """As Neutron counts: of all addresses that ports have, also those outside of the pools; and
    without pools, all that the prefix has."""
    total = sum(
        ipam.address_int(pool.end) - ipam.address_int(pool.start) + 1
        for pool in subnet.allocation_pools
    )
    used = sum(
        fixed.subnet_id == subnet.id
        for port_id in config.ports_by_subnet.get(subnet.id, ())
        for fixed in config.ports[port_id].fixed_ips
    )
    return {
        "subnet_id": subnet.id,
        "subnet_name": subnet.name,
        "ip_version": subnet.ip_version,
        "cidr": subnet.cidr,
        "total_ips": total or subnet.net.num_addresses,
        "used_ips": used,
    }


IP_AVAILABILITIES = ReadOnly(
    path="network-ip-availabilities",
    name="network_ip_availability",
    plural="network_ip_availabilities",
    title="NetworkIpAvailability",
    words="addresses of networks that are free and used",
    items=_items,
    attributes={
        "network_id": STRING, "network_name": STRING, "project_id": STRING, "tenant_id": STRING,
        "total_ips": INTEGER, "used_ips": INTEGER,
        "subnet_ip_availability": objects(subnet_id=str, cidr=str), "ip_version": INTEGER,
    },
    key="network_id",
    filter_only=frozenset({"ip_version"}),
    extensions={
        "network-ip-availability": (
            "Network IP Availability", "How many addresses of a network are used"),
    },
)
