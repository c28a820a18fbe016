"""Which address scope a subnet and a network are in: pure functions of the configuration."""

from __future__ import annotations

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import Subnet


def subnet_scope(config: Config, subnet: Subnet) -> str:
    """The id of the address scope of the pool that a subnet is of, or ""."""
    pool = config.subnetpools.get(subnet.subnetpool_id)
    return pool.address_scope_id if pool is not None else ""


def network_scope(config: Config, network_id: str, version: int) -> str:
    """The id of the address scope that a network's subnets of an IP version share, or ""."""
    for subnet_id in config.subnets_by_network.get(network_id, ()):
        subnet = config.subnets[subnet_id]
        if subnet.ip_version == version and (found := subnet_scope(config, subnet)):
            return found
    return ""
