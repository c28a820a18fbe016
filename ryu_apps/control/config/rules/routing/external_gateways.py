"""Rules for the gateways of routers on external networks (Networking API v2.0, "Routers", with the
external network and gateway mode extensions).

A gateway is a port with ``device_owner`` "network:router_gateway", which belongs to no project, and
an entry of the router that names it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from ryu_apps.control.config import ipam
from ryu_apps.control.config.attachments import router_interfaces
from ryu_apps.control.config.model import (
    ROUTER_GATEWAY,
    ExternalGateway,
    FixedIp,
    Network,
    Port,
    Router,
    Subnet,
)
from ryu_apps.control.config.rules.draft import (
    Context,
    Draft,
    RuleError,
    bad_request,
    common,
    conflict,
)
from ryu_apps.control.config.rules.ports import fixed_ips
from ryu_apps.control.config.rules.routing import extra_routes


def configure(draft: Draft, router: Router, body: dict[str, Any], context: Context) -> Router:
    """Let a router have the gateway that ``external_gateway_info`` of a request asks for, if it
    says anything of that.  Raises RuleError."""
    if "external_gateway_info" not in body:
        return router
    info = body["external_gateway_info"] or {}
    if not info.get("network_id"):
        if info.get("external_fixed_ips"):
            raise _bad("external_fixed_ips need the network_id of an external network.")
        return _replaced(draft, router, router.gateways[1:], context)
    network = _external(draft, info["network_id"])
    first = router.gateways[0] if router.gateways else None
    snat = info.get("enable_snat")
    snat = True if snat is None else snat
    if first is not None and draft.config.ports[first.port_id].network_id == network.id:
        _readdress(draft, router, draft.config.ports[first.port_id], info, context)
        gateway = dataclasses.replace(first, enable_snat=snat)
    else:
        port = _port(draft, router, network, info, context)
        gateway = ExternalGateway(port.id, snat)
    return _replaced(draft, router, (gateway, *router.gateways[1:]), context)


def clear(draft: Draft, router: Router) -> None:
    """The router goes, and its gateways with it.  Raises RuleError 409 while floating IPs need
    them."""
    for gateway in router.gateways:
        _removable(draft, router, gateway, ())
        draft.delete("port", gateway.port_id)


def refuse_overlap(draft: Draft, router: Router, subnets: Iterable[Subnet]) -> None:
    """Raises RuleError 400 where new subnets of a router overlap with those outside of it."""
    outside = [
        subnet for gateway in router.gateways
        for subnet in _subnets(draft, draft.config.ports[gateway.port_id].network_id)
    ]
    _apart(draft, subnets, outside)


def subnet_created(draft: Draft, subnet: Subnet) -> None:
    """Raises RuleError 400 where a new subnet of an external network overlaps with one of a router
    that has a gateway there."""
    for port_id in draft.config.gateways_by_network.get(subnet.network_id, ()):
        router_id = draft.config.ports[port_id].device_id
        _apart(draft, [subnet], _attached(draft, router_id))


def _replaced(
    draft: Draft, router: Router, gateways: tuple[ExternalGateway, ...], context: Context
) -> Router:
    kept = {one.port_id for one in gateways}
    for gone in router.gateways:
        if gone.port_id not in kept:
            _removable(draft, router, gone, gateways)
            draft.delete("port", gone.port_id)
    # The client's If-Match was for the router as it found it.
    new = draft.replace("router", router, dataclasses.replace(context, if_match=None),
                        gateways=gateways)
    extra_routes.reachable(draft, new)
    return new


def _external(draft: Draft, network_id: str) -> Network:
    network = draft.get("network", network_id)
    if not network.external:
        raise _bad(f"Network {network.id} is not an external network")
    return network


def _port(
    draft: Draft, router: Router, network: Network, info: dict[str, Any], context: Context
) -> Port:
    """A new gateway port, with the addresses that a request asks for or with free ones."""
    _apart(draft, _subnets(draft, network.id), _attached(draft, router.id))
    try:
        mac = ipam.new_mac(draft.config, network.id, context.mac_prefix, context.source)
    except ipam.Exhausted as error:
        raise conflict("MacAddressGenerationFailure", f"{error}.") from error
    requested = info.get("external_fixed_ips")
    addresses = (
        _chosen(draft, network, requested, mac) if requested
        else fixed_ips.automatic(draft, network, mac, ROUTER_GATEWAY)
    )
    return draft.put("port", Port(
        network_id=network.id,
        mac_address=mac,
        fixed_ips=addresses,
        device_id=router.id,
        device_owner=ROUTER_GATEWAY,
        port_security_enabled=False,
        **{**common({}, context), "project_id": ""},
    ))


def _readdress(
    draft: Draft, router: Router, port: Port, info: dict[str, Any], context: Context
) -> None:
    """The addresses of a gateway that stays where it is: as a request names them, if it does."""
    requested = info.get("external_fixed_ips")
    if not requested or fixed_ips.unchanged(port, requested):
        return
    network = draft.config.networks[port.network_id]
    addresses = _chosen(draft, network, requested, port.mac_address, port)
    draft.put("port", dataclasses.replace(
        port, fixed_ips=addresses, revision_number=port.revision_number + 1,
        updated_at=context.now))


def _chosen(
    draft: Draft, network: Network, requested: list[dict[str, Any]], mac: str,
    keep: Port | None = None,
) -> tuple[FixedIp, ...]:
    for item in requested:
        address = item.get("ip_address")
        if address and any(one.gateway_ip == address for one in _subnets(draft, network.id)):
            raise _bad(f"External IP {address} is the same as the gateway IP")
    return fixed_ips.chosen(draft, network, requested, mac, ROUTER_GATEWAY, keep)


def _removable(
    draft: Draft, router: Router, gateway: ExternalGateway, left: tuple[ExternalGateway, ...]
) -> None:
    """Raises RuleError 409 where floating IPs are reached by a gateway, and by none of those that
    are left."""
    ports = draft.config.ports
    network_id = ports[gateway.port_id].network_id
    if any(ports[one.port_id].network_id == network_id for one in left):
        return
    for id in draft.config.floatingips_by_router.get(router.id, ()):
        if draft.config.floatingips[id].floating_network_id == network_id:
            raise conflict(
                "RouterExternalGatewayInUseByFloatingIp",
                f"Gateway cannot be updated for router {router.id}, since a gateway to external "
                f"network {network_id} is required by one or more floating IPs.",
            )


def _subnets(draft: Draft, network_id: str) -> list[Subnet]:
    config = draft.config
    return [config.subnets[id] for id in config.subnets_by_network.get(network_id, ())]


def _attached(draft: Draft, router_id: str) -> list[Subnet]:
    return [
        draft.config.subnets[fixed.subnet_id]
        for port in router_interfaces(draft.config, router_id)
        for fixed in port.fixed_ips
    ]


def _apart(draft: Draft, new: Iterable[Subnet], present: list[Subnet]) -> None:
    for subnet in new:
        for other in present:
            if other.ip_version == subnet.ip_version and other.net.overlaps(subnet.net):
                raise _bad(
                    f"Cidr {subnet.cidr} of subnet {subnet.id} overlaps with cidr {other.cidr} of "
                    f"subnet {draft.names('subnet', [other.id])}"
                )


def _bad(message: str) -> RuleError:
    return bad_request(f"Bad router request: {message.rstrip('.')}.")
