"""Rules for subnets (Networking API v2.0, "Subnets")."""

from __future__ import annotations

import ipaddress
from typing import Any

from ryu_apps.control.config import ipam
from ryu_apps.control.config.model import HostRoute, Subnet
from ryu_apps.control.config.rules import segments
from ryu_apps.control.config.rules.addresses import Net, parse_address, parse_host
from ryu_apps.control.config.rules.addressing import (
    ipv6_modes,
    pools,
    prefix_allocation,
    service_types,
)
from ryu_apps.control.config.rules.draft import (
    Context,
    Draft,
    RuleError,
    bad_request,
    check_revision,
    common,
    conflict,
    plain,
)
from ryu_apps.control.config.rules.networks import check_mtu
from ryu_apps.control.config.rules.routing import external_gateways


def create(draft: Draft, body: dict[str, Any], context: Context) -> Subnet:
    network = draft.get("network", body["network_id"])
    project = _project(body, network, context)
    net, pool = prefix_allocation.choose(draft, network.id, body, project)
    _refuse_overlap(draft, network.id, net)
    segment = segments.of_subnet(draft, network.id, body.get("segment_id"))
    segments.all_or_none(draft.config, network.id, segment)
    modes = ipv6_modes.modes(body, net.version, net.prefixlen, body.get("enable_dhcp", True))
    gateway = pools.gateway(net, body["gateway_ip"]) if "gateway_ip" in body else pools.first(net)
    check_mtu(network.id, network.mtu, [net.version])
    ranges = body.get("allocation_pools")
    dhcp = body.get("enable_dhcp", True)
    subnet = draft.put(
        "subnet",
        Subnet(
            network_id=network.id,
            cidr=str(net),
            gateway_ip=gateway,
            enable_dhcp=dhcp,
            allocation_pools=(
                pools.default(net, gateway)
                if ranges is None
                else pools.parsed(net, ranges, gateway)
            ),
            dns_nameservers=_nameservers(body.get("dns_nameservers")),
            host_routes=_host_routes(net.version, body.get("host_routes")),
            service_types=service_types.parsed(body.get("service_types")),
            subnetpool_id=pool.id if pool is not None else "",
            segment_id=segment,
            **modes,
            **{**common(body, context), "project_id": project},
        ),
    )
    external_gateways.subnet_created(draft, subnet)
    draft.touch("network", network.id, context)
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
    if "service_types" in body:
        fields["service_types"] = service_types.parsed(body["service_types"])
    if "segment_id" in body:
        fields["segment_id"] = segments.of_subnet(
            draft, old.network_id, body["segment_id"], old.segment_id
        )
    gateway = old.gateway_ip
    if "gateway_ip" in body:
        gateway = pools.gateway(net, body["gateway_ip"])
        if gateway != old.gateway_ip:
            pools.gateway_unused(draft, old, gateway)
            fields["gateway_ip"] = gateway
    if body.get("allocation_pools") is not None:
        fields["allocation_pools"] = pools.parsed(net, body["allocation_pools"], gateway)
    elif "gateway_ip" in fields:
        if old.allocation_pools == ipam.default_pools(net, old.gateway_ip):
            fields["allocation_pools"] = pools.default(net, gateway)
        else:
            pools.gateway_outside(net, gateway, old.allocation_pools)
    new = draft.replace("subnet", old, context, **fields)
    if new is not old:
        draft.touch("network", old.network_id, context)
    return new


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
    draft.touch("network", old.network_id, context)


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
        if nexthop not in ("0.0.0.0", "::"):  # There is none: on the link (RFC 3442).
            parse_host(nexthop, version, "host_routes")
        found.append(HostRoute(str(net), nexthop))
    if len(set(found)) != len(found):
        raise bad_request("Invalid input for host_routes. Reason: duplicate route.",
                          "HTTPBadRequest")
    return tuple(found)


def _project(body: dict[str, Any], network: Any, context: Context) -> str:
    return body.get("project_id") or body.get("tenant_id") or context.project_id or (
        network.project_id
    )
