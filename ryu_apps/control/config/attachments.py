"""Which router a subnet is attached to, and which networks, prefixes and routes a router has.

Pure functions of the configuration.
"""

from __future__ import annotations

import ipaddress
from typing import NamedTuple

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import Port, Router
from vrouter_ovs.addresses import ip_network


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


def router_interfaces(config: Config, router_id: str) -> list[Port]:
    """The ports of a router."""
    ports = (config.ports[id] for id in config.ports_by_device.get(router_id, ()))
    return [port for port in ports if port.is_router_interface]


def gateway_ports(config: Config, router: Router) -> list[Port]:
    """The ports of a router on external networks, in the order of its gateways."""
    ports = (config.ports.get(gateway.port_id) for gateway in router.gateways)
    return [port for port in ports if port is not None]


def router_networks(config: Config, router_id: str) -> dict[str, None]:
    """Ids of the networks that have an interface of this router."""
    return {port.network_id: None for port in router_interfaces(config, router_id)}


def connected(config: Config, router_id: str) -> dict[str, None]:
    """The prefixes of the subnets attached to a router."""
    prefixes = {}
    for port in router_interfaces(config, router_id):
        if port.admin_state_up:
            for fixed in port.fixed_ips:
                subnet = config.subnets.get(fixed.subnet_id)
                if subnet is not None:
                    prefixes[subnet.cidr] = None
    return prefixes


def beyond(config: Config, router: Router, network_id: str) -> dict[str, str]:
    """Prefix -> next hop of what a router reaches by its gateway on an external network, IPv4 as
    floating IPs are; "": on that link itself.

    The subnets there, what routes of the router lead to by them, and all else by the gateway of the
    subnet that the router has its address on.
    """
    subnets = [config.subnets[id] for id in config.subnets_by_network.get(network_id, ())]
    link = {subnet.cidr: "" for subnet in subnets if subnet.ip_version == 4}
    own = [
        subnet
        for port in gateway_ports(config, router)
        if port.network_id == network_id and port.admin_state_up
        for fixed in port.fixed_ips
        if (subnet := config.subnets.get(fixed.subnet_id)) is not None and subnet.ip_version == 4
    ]
    if not own:
        return {}
    found = {"0.0.0.0/0": own[0].gateway_ip} if own[0].gateway_ip else {}
    nets = [ip_network(cidr) for cidr in link]
    # Of several next hops it is the highest one.
    for route in sorted(router.routes, key=lambda one: (one.destination, one.nexthop)):
        address = ipaddress.ip_address(route.nexthop)
        if any(address in net for net in nets):
            found[route.destination] = route.nexthop
    return found | link


def static_routes(config: Config, router_id: str) -> dict[str, tuple[str, ...]]:
    """Destination -> next hops of a router's extra routes, as far as these are on subnets that it
    is attached to now."""
    router = config.routers.get(router_id)
    if router is None or not router.routes:
        return {}
    nets = [ip_network(prefix) for prefix in connected(config, router_id)]
    found: dict[str, tuple[str, ...]] = {}
    for route in sorted(router.routes, key=lambda one: (one.destination, one.nexthop)):
        address = ipaddress.ip_address(route.nexthop)
        if any(address in net for net in nets):
            found[route.destination] = (*found.get(route.destination, ()), route.nexthop)
    return found
