"""Rules for subnets (Networking API v2.0, "Subnets")."""

from __future__ import annotations

import ipaddress
import itertools
from typing import Any

from ryu_apps.control import ipam
from ryu_apps.control.model import HostRoute, Pool, Subnet
from ryu_apps.control.rules import ipv6_modes
from ryu_apps.control.rules.draft import (
    Context,
    Draft,
    RuleError,
    bad_request,
    check_revision,
    common,
    conflict,
    plain,
)

Net = ipaddress.IPv4Network | ipaddress.IPv6Network


def create(draft: Draft, body: dict[str, Any], context: Context) -> Subnet:
    network = draft.get("network", body["network_id"])
    net = parse_cidr(body.get("cidr"))
    if body.get("ip_version") not in (None, net.version):
        raise bad_request(
            f"ip_version {body['ip_version']} does not match the cidr {net}", "InvalidInput"
        )
    _refuse_overlap(draft, network.id, net)
    gateway = _gateway(net, body["gateway_ip"]) if "gateway_ip" in body else _first(net)
    pools = body.get("allocation_pools")
    dhcp = body.get("enable_dhcp", True)
    subnet = draft.put(
        "subnet",
        Subnet(
            network_id=network.id,
            cidr=str(net),
            gateway_ip=gateway,
            enable_dhcp=dhcp,
            allocation_pools=(
                ipam.default_pools(net, gateway)
                if pools is None
                else parse_pools(net, pools, gateway)
            ),
            dns_nameservers=_nameservers(body.get("dns_nameservers")),
            host_routes=_host_routes(net.version, body.get("host_routes")),
            **ipv6_modes.modes(body, net.version, net.prefixlen, dhcp),
            **{**common(body, context), "project_id": _project(body, network, context)},
        ),
    )
    ipv6_modes.subnet_created(draft, subnet, context)
    return subnet


def update(draft: Draft, id: str, body: dict[str, Any], context: Context) -> Subnet:
    old = draft.get("subnet", id)
    net = old.net
    fields = plain(body, "name", "description", "enable_dhcp")
    ipv6_modes.keeps_dhcp(old, fields.get("enable_dhcp", True))
    if "dns_nameservers" in body:
        fields["dns_nameservers"] = _nameservers(body["dns_nameservers"])
    if "host_routes" in body:
        fields["host_routes"] = _host_routes(net.version, body["host_routes"])
    gateway = old.gateway_ip
    if "gateway_ip" in body:
        gateway = _gateway(net, body["gateway_ip"])
        if gateway != old.gateway_ip:
            _gateway_unused(draft, old, gateway)
            fields["gateway_ip"] = gateway
    if body.get("allocation_pools") is not None:
        fields["allocation_pools"] = parse_pools(net, body["allocation_pools"], gateway)
    elif "gateway_ip" in fields:
        if old.allocation_pools == ipam.default_pools(net, old.gateway_ip):
            fields["allocation_pools"] = ipam.default_pools(net, gateway)
        else:
            _gateway_outside(gateway, old.allocation_pools)
    return draft.replace("subnet", old, context, **fields)


def delete(draft: Draft, id: str, context: Context) -> None:
    old = draft.get("subnet", id)
    check_revision("subnet", old, context)
    ipv6_modes.subnet_freed(draft, old, context)
    ports = draft.config.ports_by_subnet.get(id)
    if ports:
        raise conflict(
            "SubnetInUse",
            f"Unable to complete operation on subnet {id}: One or more ports have an IP "
            f"allocation from this subnet: {draft.names('port', ports)}. Delete them first (router "
            "interfaces with remove_router_interface).",
        )
    draft.delete("subnet", id)


def parse_cidr(text: str | None) -> Net:
    """Canonical network of a ``cidr``.  Raises RuleError 400; host bits must be zero."""
    if not text:
        raise bad_request("a subnet needs a 'cidr', such as 10.0.0.0/24", "InvalidInput")
    try:
        net = ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise bad_request(
            f"Invalid input for cidr. Reason: '{text}' is not a valid IP subnet ({error}).",
            "HTTPBadRequest",
        ) from error
    address, slash, length = text.partition("/")
    if not slash or not length.isdigit() or ipaddress.ip_address(address) != net.network_address:
        raise bad_request(
            f"Invalid input for cidr. Reason: '{text}' isn't a recognized IP subnet cidr, '{net}' "
            "is recommended.",
            "HTTPBadRequest",
        )
    if net.is_multicast or net.is_loopback or net.is_link_local or net.prefixlen == 0:
        raise bad_request(
            f"Invalid input for cidr. Reason: '{net}' cannot be the subnet of a network.",
            "HTTPBadRequest",
        )
    return net


def parse_address(text: str, version: int | None = None, what: str = "ip_address") -> str:
    """Canonical text of an address.  Raises RuleError 400."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError as error:
        raise bad_request(
            f"Invalid input for {what}. Reason: '{text}' is not a valid IP address.",
            "HTTPBadRequest",
        ) from error
    if (version is not None and address.version != version) or getattr(address, "scope_id", None):
        raise bad_request(
            f"Invalid input for {what}. Reason: '{text}' is not an IPv{version} address.",
            "HTTPBadRequest",
        )
    return str(address)


def parse_pools(net: Net, values: list[dict[str, str]], gateway: str) -> tuple[Pool, ...]:
    """Allocation pools of a subnet, in order.  Raises RuleError: bounds, order, overlap, gateway
    inside."""
    first, last = ipam.usable_range(net)
    found = []
    for value in values:
        start = parse_address(value["start"], net.version, "allocation_pools")
        end = parse_address(value["end"], net.version, "allocation_pools")
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
    _gateway_outside(gateway, pools)
    return pools


def _gateway_outside(gateway: str, pools: tuple[Pool, ...]) -> None:
    if not gateway:
        return
    number = ipam.address_int(gateway)
    for pool in pools:
        if ipam.address_int(pool.start) <= number <= ipam.address_int(pool.end):
            raise conflict(
                "GatewayConflictWithAllocationPools",
                f"Gateway ip {gateway} conflicts with allocation pool {pool.start}-{pool.end}: "
                "change one of them.",
            )


def _first(net: Net) -> str:
    return ipam.address_text(ipam.usable_range(net)[0], net.version)


def _gateway(net: Net, value: str | None) -> str:
    if not value:
        return ""
    gateway = parse_address(value, None, "gateway_ip")
    first, last = ipam.usable_range(net)
    if (":" in gateway) != (net.version == 6) or not first <= ipam.address_int(gateway) <= last:
        raise bad_request(
            f"Invalid input for operation: Gateway is not valid on subnet: {gateway} must be one "
            f"of {ipam.address_text(first, net.version)} to "
            f"{ipam.address_text(last, net.version)} of {net}.",
            "InvalidInput",
        )
    return gateway


def _gateway_unused(draft: Draft, subnet: Subnet, new: str) -> None:
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


def _refuse_overlap(draft: Draft, network_id: str, net: Net) -> None:
    for other_id in draft.config.subnets_by_network.get(network_id, ()):
        other = draft.config.subnets[other_id]
        if other.ip_version == net.version and other.net.overlaps(net):
            raise bad_request(
                f"Invalid input for operation: Requested subnet with cidr: {net} for network: "
                f"{network_id} overlaps with another subnet: {other.cidr} ({other_id}).",
                "InvalidInput",
            )


def _nameservers(values: list[str] | None) -> tuple[str, ...]:
    found = tuple(parse_address(value, None, "dns_nameservers") for value in values or ())
    if len(set(found)) != len(found):
        raise bad_request("Invalid input for dns_nameservers. Reason: duplicate address.",
                          "HTTPBadRequest")
    return found


def _host_routes(version: int, values: list[dict[str, str]] | None) -> tuple[HostRoute, ...]:
    found = []
    for value in values or ():
        try:
            net = ipaddress.ip_network(value["destination"])
        except ValueError as error:
            raise bad_request(
                f"Invalid input for host_routes. Reason: {error}.", "HTTPBadRequest"
            ) from error
        if net.version != version:
            raise RuleError(400, "InvalidInput",
                            f"host route {net} is not an IPv{version} prefix like its subnet")
        nexthop = parse_address(value["nexthop"], version, "host_routes")
        found.append(HostRoute(str(net), nexthop))
    if len(set(found)) != len(found):
        raise bad_request("Invalid input for host_routes. Reason: duplicate route.",
                          "HTTPBadRequest")
    return tuple(found)


def _project(body: dict[str, Any], network: Any, context: Context) -> str:
    return body.get("project_id") or body.get("tenant_id") or context.project_id or (
        network.project_id
    )
