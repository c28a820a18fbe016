"""Rules for ``allocation_pools`` and ``gateway_ip`` of subnets."""

from __future__ import annotations

import ipaddress
import itertools

from ryu_apps.control.config import ipam
from ryu_apps.control.config.model import Pool, Subnet
from ryu_apps.control.config.rules.addresses import Net, parse_host, reserved
from ryu_apps.control.config.rules.draft import Draft, bad_request, conflict


def default(net: Net, gateway: str) -> tuple[Pool, ...]:
    """All that hosts may have, but the gateway.  Raises RuleError 400 where that is nothing."""
    pools = ipam.default_pools(net, gateway)
    if not pools:
        raise bad_request(
            f"Invalid input for operation: {net} has no address for a port beside its gateway "
            f"{gateway}: set gateway_ip to null, or to an address outside.",
            "InvalidInput",
        )
    return pools


def parsed(net: Net, values: list[dict[str, str]], gateway: str) -> tuple[Pool, ...]:
    """Those that a request asks for, in order.  Raises RuleError: bounds, order, overlap, gateway
    inside."""
    first, last = ipam.usable_range(net)
    found = []
    for value in values:
        start = parse_host(value["start"], net.version, "allocation_pools")
        end = parse_host(value["end"], net.version, "allocation_pools")
        low, high = ipam.address_int(start), ipam.address_int(end)
        if low > high:
            raise bad_request(
                f"The allocation pool {start}-{end} is not valid: it ends before it starts.",
                "InvalidAllocationPool",
            )
        if low < first or high > last:
            bounds = " to ".join(ipam.address_text(one, net.version) for one in (first, last))
            raise bad_request(
                f"The allocation pool {start}-{end} spans beyond the subnet cidr {net}: use "
                f"{bounds}.",
                "OutOfBoundsAllocationPool",
            )
        found.append((low, high, Pool(start, end)))
    found.sort()
    for before, after in itertools.pairwise(found):
        if after[0] <= before[1]:
            raise conflict(
                "OverlappingAllocationPools",
                f"Found overlapping allocation pools: {before[2].start}-{before[2].end} "
                f"{after[2].start}-{after[2].end} for subnet {net}.",
            )
    pools = tuple(pool for _, _, pool in found)
    gateway_outside(net, gateway, pools)
    return pools


def gateway_outside(net: Net, gateway: str, pools: tuple[Pool, ...]) -> None:
    """Refuse a gateway within a pool.  Raises RuleError 409."""
    if not gateway or ipaddress.ip_address(gateway) not in net:
        return
    number = ipam.address_int(gateway)
    for pool in pools:
        if ipam.address_int(pool.start) <= number <= ipam.address_int(pool.end):
            raise conflict(
                "GatewayConflictWithAllocationPools",
                f"Gateway ip {gateway} conflicts with allocation pool {pool.start}-{pool.end}: "
                "change one of them.",
            )


def first(net: Net) -> str:
    """The gateway of a subnet whose request says nothing of it."""
    return ipam.address_text(ipam.usable_range(net)[0], net.version)


def gateway(net: Net, value: str | None) -> str:
    """The gateway that a request asks for, "" for none.

    It may lie outside of the subnet, then hosts are told that it is on the link (Neutron has it so,
    and IPv6 gateways are often link-local).  Raises RuleError 400.
    """
    if not value:
        return ""
    found = parse_host(value, net.version, "gateway_ip")
    if found in reserved(net):
        raise bad_request(
            f"Invalid input for operation: Gateway is not valid on subnet: {found} is the network "
            f"or broadcast address of {net}.",
            "InvalidInput",
        )
    return found


def gateway_unused(draft: Draft, subnet: Subnet, new: str) -> None:
    """Refuse to change a gateway that a router has, and to one that a port has.  Raises RuleError
    409."""
    for address in filter(None, (subnet.gateway_ip, new)):
        for port_id in draft.config.ports_by_address.get((subnet.id, address), ()):
            if address == new or draft.config.ports[port_id].is_router_interface:
                raise conflict(
                    "GatewayIpInUse",
                    f"Current gateway ip {subnet.gateway_ip or 'none'} cannot change to "
                    f"{new or 'none'}: {address} is in use by a port "
                    f"({draft.names('port', [port_id])}). Remove that port or router interface "
                    "first.",
                )
