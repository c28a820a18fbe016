"""Rules for ``service_types`` of subnets: which ports get addresses of a subnet (Networking API
v2.0, "Subnet service types")."""

from __future__ import annotations

import re

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import Subnet
from ryu_apps.control.config.rules.addresses import invalid
from ryu_apps.control.config.rules.draft import RuleError, bad_request

_OWNER = re.compile(r"[\w.-]+:.*")
"""A device owner: who it is of, as in compute:nova.  Neutron takes other words than its own too."""


def parsed(values: list[str] | None) -> tuple[str, ...]:
    """Raises RuleError 400."""
    found = tuple(values or ())
    for value in found:
        if not _OWNER.fullmatch(value):
            raise bad_request(
                f"Subnet service type {value} does not correspond to a valid device owner, such as "
                "compute:nova.",
                "InvalidSubnetServiceType",
            )
    if len(set(found)) != len(found):
        raise invalid("service_types", "Duplicate items in the list")
    return found


def serves(subnet: Subnet, device_owner: str) -> bool:
    """Whether ports of a device owner get addresses of a subnet: it names none, or this one."""
    return not subnet.service_types or device_owner in subnet.service_types


def candidates(config: Config, network_id: str, device_owner: str) -> list[Subnet]:
    """The subnets of a network that serve a device owner; first those that name it."""
    subnets = (config.subnets[id] for id in config.subnets_by_network.get(network_id, ()))
    return sorted(
        (subnet for subnet in subnets if serves(subnet, device_owner)),
        key=lambda subnet: not subnet.service_types,
    )


def refused(network_id: str, subnet_id: str) -> RuleError:
    """For a subnet that a port cannot have an address of."""
    return bad_request(
        f"Invalid input for operation: Failed to create port on network {network_id}, because "
        f"fixed_ips included invalid subnet {subnet_id}.",
        "InvalidInput",
    )
