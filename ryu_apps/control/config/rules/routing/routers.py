"""Rules for routers and their interfaces (Networking API v2.0, "Routers").

A router's interfaces are ports with ``device_owner`` "network:router_interface".  A subnet is
attached to at most one router: its gateway is one anycast address on every vrouter.
"""

from __future__ import annotations

import dataclasses
import ipaddress
from typing import Any

from ryu_apps.control.config import access, ipam
from ryu_apps.control.config.attachments import router_interfaces
from ryu_apps.control.config.model import ROUTER_INTERFACE, FixedIp, Port, Router, Subnet
from ryu_apps.control.config.rules import provider
from ryu_apps.control.config.rules.access.authority import may
from ryu_apps.control.config.rules.addressing import address_scopes, service_types
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
from ryu_apps.control.config.rules.networks import identifiers, targets
from ryu_apps.control.config.rules.placement import flavor, zone_hints
from ryu_apps.control.config.rules.ports import trunks
from ryu_apps.control.config.rules.routing import external_gateways, extra_routes, floatingips


def create(draft: Draft, body: dict[str, Any], context: Context) -> Router:
    vni, rd_index = identifiers(draft, None, context)
    router = draft.put(
        "router",
        Router(
            vni=vni,
            rd_index=rd_index,
            admin_state_up=body.get("admin_state_up", True),
            import_targets=targets(body.get("import_targets")),
            export_targets=targets(body.get("export_targets")),
            availability_zone_hints=zone_hints(body.get("availability_zone_hints")),
            flavor_id=flavor(body.get("flavor_id")),
            **common(body, context),
        ),
    )
    return external_gateways.configure(draft, router, body, context)


def update(draft: Draft, id: str, body: dict[str, Any], context: Context) -> Router:
    old = draft.get("router", id)
    check_revision("router", old, context)
    router = external_gateways.configure(draft, old, body, context)
    fields = plain(body, "name", "description", "admin_state_up")
    for name in ("import_targets", "export_targets"):
        if name in body:
            fields[name] = targets(body[name])
    if "routes" in body:
        fields["routes"] = extra_routes.parsed(draft, router, body["routes"] or [])
    # Whether it is the revision that the client saw was asked above.
    return draft.replace("router", router, dataclasses.replace(context, if_match=None), **fields)


def delete(draft: Draft, id: str, context: Context) -> None:
    old = draft.get("router", id)
    check_revision("router", old, context)
    ports = router_interfaces(draft.config, id)
    if ports:
        raise conflict(
            "RouterInUse",
            f"Router {id} still has ports: {draft.names('port', [port.id for port in ports])}. "
            "Remove its interfaces first with remove_router_interface.",
        )
    external_gateways.clear(draft, old)
    draft.delete("router", id)


def add_interface(draft: Draft, id: str, body: dict[str, Any], context: Context) -> dict[str, Any]:
    """Attach a subnet (``subnet_id``: a port with the subnet's gateway address is made) or a port
    (``port_id``: it becomes the interface).  Returns the API's answer."""
    router = draft.get("router", id)
    check_revision("router", router, context)
    subnet_id, port_id = body.get("subnet_id"), body.get("port_id")
    if bool(subnet_id) == bool(port_id):
        raise bad_request(
            "Bad router request: exactly one of subnet_id and port_id must be given."
        )
    if port_id:
        may(draft, "port", port_id, "update")
        return _add_port(draft, router, draft.get("port", port_id), context)
    subnet = draft.get("subnet", subnet_id)
    if not subnet.gateway_ip:
        raise bad_request(
            f"Bad router request: Subnet for router interface must have a gateway IP; set "
            f"gateway_ip of subnet {subnet.id}, or give a port_id."
        )
    if not service_types.serves(subnet, ROUTER_INTERFACE):
        raise service_types.refused(subnet.network_id, subnet.id)
    _attachable(draft, router, [subnet])
    _on_link(subnet)
    users = draft.config.ports_by_address.get((subnet.id, subnet.gateway_ip))
    if users:
        raise conflict(
            "IpAddressInUse",
            f"Unable to complete operation for network {subnet.network_id}. The gateway address "
            f"{subnet.gateway_ip} is in use by a port ({draft.names('port', users)}); delete that "
            "port, or add it as the interface by port_id.",
        )
    shared = _ipv6_interface(draft, router, subnet)
    if shared is not None:
        addresses = (*shared.fixed_ips, FixedIp(subnet.id, subnet.gateway_ip))
        draft.touch("router", id, context)
        return _answer(router, _with_addresses(draft, shared, addresses, context), subnet.id)
    fields = common({}, context)
    fields["project_id"] = router.project_id
    try:
        mac = ipam.new_mac(draft.config, subnet.network_id, context.mac_prefix, context.source)
    except ipam.Exhausted as error:
        raise conflict("MacAddressGenerationFailure", f"{error}.") from error
    port = Port(
        network_id=subnet.network_id,
        mac_address=mac,
        fixed_ips=(FixedIp(subnet.id, subnet.gateway_ip),),
        device_id=router.id,
        device_owner=ROUTER_INTERFACE,
        port_security_enabled=False,
        **fields,
    )
    draft.put("port", port)
    draft.touch("router", id, context)
    return _answer(router, port, subnet.id)


def remove_interface(
    draft: Draft, id: str, body: dict[str, Any], context: Context
) -> dict[str, Any]:
    """Detach by ``subnet_id``, ``port_id``, or both (then they must belong together); the
    interface's port is deleted.  Returns the API's answer."""
    router = draft.get("router", id)
    check_revision("router", router, context)
    subnet_id, port_id = body.get("subnet_id"), body.get("port_id")
    if not subnet_id and not port_id:
        raise bad_request("Bad router request: subnet_id or port_id must be given.")
    if port_id:
        port = draft.config.ports.get(port_id)
        if port is None or not port.is_router_interface or port.device_id != id:
            raise RuleError(
                404,
                "RouterInterfaceNotFound",
                f"Router {id} does not have an interface with id {port_id}.",
            )
        if subnet_id and all(item.subnet_id != subnet_id for item in port.fixed_ips):
            raise conflict(
                "SubnetMismatchForPort",
                f"Subnet on port {port_id} does not match the requested subnet {subnet_id}.",
            )
    else:
        draft.get("subnet", subnet_id)
        users = draft.config.interfaces_by_subnet.get(subnet_id, ())
        port = next(
            (draft.config.ports[user] for user in users
             if draft.config.ports[user].device_id == id),
            None,
        )
        if port is None:
            raise RuleError(
                404,
                "RouterInterfaceNotFoundForSubnet",
                f"Router {id} has no interface on subnet {subnet_id}.",
            )
    rest = () if port_id else tuple(
        item for item in port.fixed_ips if item.subnet_id != subnet_id
    )
    gone = tuple(one for one in port.fixed_ips if one not in rest)
    extra_routes.detachable(router, [draft.config.subnets[one.subnet_id] for one in gone])
    floatingips.detachable(draft, router, gone)
    if rest:
        _with_addresses(draft, port, rest, context)
    else:
        draft.delete("port", port.id)
    draft.touch("router", id, context)
    return _answer(router, port, subnet_id or port.fixed_ips[0].subnet_id)


def _on_link(subnet: Subnet) -> None:
    """A router can have the gateway's address only where that lies in the subnet."""
    if ipaddress.ip_address(subnet.gateway_ip) not in subnet.net:
        raise bad_request(
            f"IP address {subnet.gateway_ip} is not a valid IP for the specified subnet: the "
            f"gateway of {subnet.id} is outside of {subnet.cidr}, and so another system's. To "
            "attach a router nevertheless, give a port_id.",
            "InvalidIpForSubnet",
        )


def _ipv6_interface(draft: Draft, router: Router, subnet: Subnet) -> Port | None:
    """The interface that an IPv6 subnet joins: all of a network share one port, as hosts see one
    router (its link-local address) that announces several prefixes."""
    for port in router_interfaces(draft.config, router.id):
        if port.network_id == subnet.network_id and subnet.ip_version == 6:
            subnets = [draft.config.subnets[item.subnet_id] for item in port.fixed_ips]
            if all(one.ip_version == 6 for one in subnets):
                return port
    return None


def _with_addresses(
    draft: Draft, port: Port, fixed_ips: tuple[FixedIp, ...], context: Context
) -> Port:
    return draft.put(
        "port",
        dataclasses.replace(
            port,
            fixed_ips=fixed_ips,
            revision_number=port.revision_number + 1,
            updated_at=context.now,
        ),
    )


def _add_port(draft: Draft, router: Router, port: Port, context: Context) -> dict[str, Any]:
    if port.device_id or port.device_owner:
        raise conflict(
            "PortInUse",
            f"Unable to complete operation on port {port.id} for network {port.network_id}. Port "
            f"already has an attached device {port.device_id or port.device_owner}.",
        )
    trunks.untouched(draft, port.id)
    if not port.fixed_ips:
        raise bad_request(
            f"Bad router request: Port {port.id} must have an IP address to be a router interface."
        )
    if port.allowed_address_pairs:
        raise conflict(
            "AddressPairAndPortSecurityRequired",
            f"Port {port.id} has allowed address pairs; a router interface cannot have any.",
        )
    subnets = [draft.config.subnets[item.subnet_id] for item in port.fixed_ips]
    if len({subnet.id for subnet in subnets}) != len(subnets):
        raise bad_request(
            f"Bad router request: Port {port.id} has two addresses of one subnet; leave one."
        )
    _attachable(draft, router, subnets)
    port = draft.put(
        "port",
        dataclasses.replace(
            port,
            device_id=router.id,
            device_owner=ROUTER_INTERFACE,
            port_security_enabled=False,
            security_groups=(),
            revision_number=port.revision_number + 1,
            updated_at=context.now,
        ),
    )
    draft.touch("router", router.id, context)
    return _answer(router, port, subnets[0].id)


def _attachable(draft: Draft, router: Router, subnets: list[Subnet]) -> None:
    """Refuse what a router cannot take: a subnet that is not the client's, one with a router, or
    overlapping ones."""
    for subnet in subnets:
        network = draft.config.networks[subnet.network_id]
        if network.physical_network:
            raise provider.no_router(network.id, network.physical_network)
        # A subnet has one router, and that is everybody's gateway: not anybody's on a shared one.
        if not access.allowed(draft.config, draft.who, "subnet", "update", subnet):
            raise bad_request(
                f"Bad router request: Cannot add interface to router because subnet {subnet.id} "
                "is not owned by project making the request."
            )
        for port_id in draft.config.interfaces_by_subnet.get(subnet.id, ()):
            other = draft.config.ports[port_id].device_id
            if other == router.id:
                raise bad_request(
                    f"Bad router request: Router already has a port on subnet {subnet.id}."
                )
            raise conflict(
                "SubnetInUse",
                f"Subnet {subnet.id} is attached to a router ({draft.names('router', [other])}); a "
                "subnet has at most one router. Remove that interface first.",
            )
    present = [
        draft.config.subnets[item.subnet_id]
        for port in router_interfaces(draft.config, router.id)
        for item in port.fixed_ips
    ]
    address_scopes.within_router(draft, [*present, *subnets])
    external_gateways.refuse_overlap(draft, router, subnets)
    for subnet in subnets:
        for other in present:
            if other.ip_version == subnet.ip_version and other.net.overlaps(subnet.net):
                raise bad_request(
                    f"Bad router request: Cidr {subnet.cidr} of subnet {subnet.id} overlaps with "
                    f"that of a subnet of the router ({draft.names('subnet', [other.id])})."
                )


def _answer(router: Router, port: Port, subnet_id: str) -> dict[str, Any]:
    return {
        "id": router.id,
        "tenant_id": router.project_id,
        "project_id": router.project_id,
        "port_id": port.id,
        "network_id": port.network_id,
        "subnet_id": subnet_id,
        "subnet_ids": [item.subnet_id for item in port.fixed_ips],
        "tags": list(router.tags),
    }
