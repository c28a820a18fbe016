"""Which router a subnet is attached to, and which networks and prefixes a router has.

Pure functions of the configuration.
"""

from __future__ import annotations

from typing import NamedTuple

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import Port, Router


class Attachment(NamedTuple):
    """A subnet's way out: the router and the interface port that holds its gateway address."""

    router: Router
    interface: Port


def attachment(config: Config, subnet_id: str) -> Attachment | None:
    """The router of a subnet, or None.  A subnet has at most one; were there more (two nodes of
    different versions wrote them), the lowest id wins everywhere alike."""
    found = None
    for port_id in config.interfaces_by_subnet.get(subnet_id, ()):
        port = config.ports[port_id]
        router = config.routers.get(port.device_id)
        if router is not None and router.admin_state_up and port.admin_state_up:
            candidate = Attachment(router, port)
            if found is None or port.id < found.interface.id:
                found = candidate
    return found


def router_networks(config: Config, router_id: str) -> dict[str, None]:
    """Ids of the networks that have an interface of this router."""
    return {
        config.ports[port_id].network_id: None
        for port_id in config.ports_by_device.get(router_id, ())
        if config.ports[port_id].is_router_interface
    }


def connected(config: Config, router_id: str) -> dict[str, None]:
    """The prefixes of the subnets attached to a router."""
    prefixes = {}
    for port_id in config.ports_by_device.get(router_id, ()):
        port = config.ports[port_id]
        if port.is_router_interface and port.admin_state_up:
            for fixed in port.fixed_ips:
                subnet = config.subnets.get(fixed.subnet_id)
                if subnet is not None:
                    prefixes[subnet.cidr] = None
    return prefixes
