"""Rules for floating IPs (Networking API v2.0, "Floating IPs").

The address of a floating IP is that of a port of its own on the external network, with
``device_owner`` "network:floatingip", which belongs to no project.
"""

from __future__ import annotations

import dataclasses
import ipaddress
from typing import Any, NamedTuple

from ryu_apps.control.config import ipam
from ryu_apps.control.config.attachments import gateway_ports
from ryu_apps.control.config.model import FLOATING_IP, FixedIp, FloatingIP, Network, Port, Router
from ryu_apps.control.config.rules import dns
from ryu_apps.control.config.rules.addressing import service_types
from ryu_apps.control.config.rules.draft import (
    Context,
    Draft,
    RuleError,
    bad_request,
    check_revision,
    conflict,
    plain,
    standard,
)
from ryu_apps.control.config.rules.ports import fixed_ips


class _Target(NamedTuple):
    """What a floating IP stands for: the three fields of it."""

    port_id: str = ""
    fixed_ip_address: str = ""
    router_id: str = ""


def create(draft: Draft, body: dict[str, Any], context: Context) -> FloatingIP:
    """A new floating IP: what the request leaves out is chosen for it.  Raises RuleError."""
    network = draft.get("network", body["floating_network_id"])
    if not network.external:
        raise _bad(f"Network {network.id} is not a valid external network")
    fields = standard(body, context)
    port = _port(draft, network, body, fields["id"], context)
    address = port.fixed_ips[0].ip_address
    target = _target(draft, network.id, fields["project_id"], address, body)
    return draft.put("floatingip", FloatingIP(
        floating_network_id=network.id,
        floating_ip_address=address,
        floating_port_id=port.id,
        dns_name=dns.dns_name(body.get("dns_name")),
        dns_domain=dns.dns_domain(body.get("dns_domain")),
        **target._asdict(),
        **fields,
    ))


def update(draft: Draft, id: str, body: dict[str, Any], context: Context) -> FloatingIP:
    """What it stands for, which stays where the request does not name a port; ``port_id`` null:
    nothing."""
    old = draft.get("floatingip", id)
    fields = plain(body, "description")
    if body.get("fixed_ip_address") and not body.get("port_id"):
        raise _port_missing()
    if "port_id" in body:
        target = _target(
            draft, old.floating_network_id, old.project_id, old.floating_ip_address, body, id
        )
        fields |= target._asdict()
    return draft.replace("floatingip", old, context, **fields)


def delete(draft: Draft, id: str, context: Context) -> None:
    old = draft.get("floatingip", id)
    check_revision("floatingip", old, context)
    draft.delete("floatingip", id)
    draft.delete("port", old.floating_port_id)


def port_changed(draft: Draft, old: Port, new: Port | None, context: Context) -> None:
    """A port went, or changed its addresses: floating IPs of an address that it has no more stand
    for nothing.  ``new`` None: it is deleted."""
    left = {fixed.ip_address for fixed in new.fixed_ips} if new is not None else set()
    for id in list(draft.config.floatingips_by_port.get(old.id, ())):
        item = draft.config.floatingips[id]
        if item.fixed_ip_address not in left:
            draft.put("floatingip", dataclasses.replace(
                item, **_Target()._asdict(), revision_number=item.revision_number + 1,
                updated_at=context.now))


def detachable(draft: Draft, router: Router, fixed: tuple[FixedIp, ...]) -> None:
    """Refuse to take a router from subnets that have ports with floating IPs of its.  Raises
    RuleError 409."""
    config = draft.config
    for one in fixed:
        net = config.subnets[one.subnet_id]
        for id in config.floatingips_by_router.get(router.id, ()):
            item = config.floatingips[id]
            if any(
                address.subnet_id == net.id and address.ip_address == item.fixed_ip_address
                for address in config.ports[item.port_id].fixed_ips
            ):
                raise conflict(
                    "RouterInterfaceInUseByFloatingIP",
                    f"Router interface for subnet {net.id} on router {router.id} cannot be "
                    "deleted, as it is required by one or more floating IPs.",
                )


def _port(
    draft: Draft, network: Network, body: dict[str, Any], id: str, context: Context
) -> Port:
    """The port that holds the address: the one that is asked for, or a free one."""
    config = draft.config
    subnets = [
        one for one in service_types.candidates(config, network.id, FLOATING_IP)
        if one.ip_version == 4
    ]
    if not any(
        config.subnets[one].ip_version == 4
        for one in config.subnets_by_network.get(network.id, ())
    ):
        raise _bad(f"Network {network.id} does not contain any IPv4 subnet")
    try:
        mac = ipam.new_mac(config, network.id, context.mac_prefix, context.source)
    except ipam.Exhausted as error:
        raise conflict("MacAddressGenerationFailure", f"{error}.") from error
    asked = {
        name: value for name, value in (
            ("subnet_id", body.get("subnet_id")),
            ("ip_address", body.get("floating_ip_address")),
        ) if value
    }
    if asked:
        requested = [asked]
        if _version(asked.get("ip_address", "0.0.0.0")) != 4:
            raise _bad("a floating IP is an IPv4 address")
        found = fixed_ips.chosen(draft, network, requested, mac, FLOATING_IP)
        found = tuple(
            one for one in found if config.subnets[one.subnet_id].ip_version == 4
        )
    else:
        found = _free(draft, subnets)
    if not found:
        raise bad_request(
            f"Unable to find any IP address on external network {network.id}.",
            "ExternalIpAddressExhausted",
        )
    return draft.put("port", Port(
        network_id=network.id,
        mac_address=mac,
        fixed_ips=found,
        device_id=id,
        device_owner=FLOATING_IP,
        port_security_enabled=False,
        **{**standard({}, context), "project_id": ""},
    ))


def _free(draft: Draft, subnets: list[Any]) -> tuple[FixedIp, ...]:
    for subnet in subnets:
        try:
            return (FixedIp(subnet.id, ipam.lowest_address(draft.config, subnet)),)
        except ipam.Exhausted:
            continue
    return ()


def _target(
    draft: Draft, network_id: str, project_id: str, address: str, body: dict[str, Any],
    id: str = "",
) -> _Target:
    """What a request wants a floating IP to stand for.  Raises RuleError 400, 404, 409."""
    if not body.get("port_id"):
        if body.get("fixed_ip_address"):
            raise _port_missing()
        return _Target()
    config = draft.config
    port = draft.get("port", body["port_id"])
    if port.project_id != project_id and not draft.who.admin:
        raise _bad(
            f"Port {port.id} is associated with a different tenant than Floating IP "
            f"{id or address} and therefore cannot be bound"
        )
    fixed = _fixed(port, body.get("fixed_ip_address"))
    router = _router(draft, fixed.subnet_id, network_id)
    if router is None:
        raise RuleError(
            404, "ExternalGatewayForFloatingIPNotFound",
            f"External network {network_id} is not reachable from subnet {fixed.subnet_id}.  "
            f"Therefore, cannot associate Port {port.id} with a Floating IP.",
        )
    for other_id in config.floatingips_by_port.get(port.id, ()):
        other = config.floatingips[other_id]
        if other_id != id and other.fixed_ip_address == fixed.ip_address and (
            other.floating_network_id == network_id
        ):
            raise conflict(
                "FloatingIPPortAlreadyAssociated",
                f"Cannot associate floating IP {address} ({id}) with port {port.id} using fixed IP "
                f"{fixed.ip_address}, as that fixed IP already has a floating IP on external "
                f"network {network_id}.",
            )
    return _Target(port.id, fixed.ip_address, router.id)


def _fixed(port: Port, wanted: str | None) -> FixedIp:
    """The address of a port that a floating IP is to stand for."""
    if port.is_system:
        raise _bad(f"port {port.id} is the system's own ({port.device_owner})")
    if wanted:
        if _version(wanted) != 4:
            raise _bad(
                f"Cannot process floating IP association with {wanted}, since that is not an IPv4 "
                "address"
            )
        found = next((one for one in port.fixed_ips if one.ip_address == wanted), None)
        if found is None:
            raise _bad(f"Port {port.id} does not have fixed ip {wanted}")
        return found
    addresses = [one for one in port.fixed_ips if _version(one.ip_address) == 4]
    if not addresses:
        raise _bad(
            f"Cannot add floating IP to port {port.id} that has no fixed IPv4 addresses"
        )
    if len(addresses) > 1:
        raise _bad(
            f"Port {port.id} has multiple fixed IPv4 addresses.  Must provide a specific IPv4 "
            "address when assigning a floating IP"
        )
    return addresses[0]


def _router(draft: Draft, subnet_id: str, network_id: str) -> Router | None:
    """The router of a subnet that has a gateway on an external network."""
    config = draft.config
    for port_id in config.interfaces_by_subnet.get(subnet_id, ()):
        router = config.routers.get(config.ports[port_id].device_id)
        if router is not None and any(
            port.network_id == network_id for port in gateway_ports(config, router)
        ):
            return router
    return None


def _version(address: str) -> int:
    try:
        return ipaddress.ip_address(address).version
    except ValueError as error:
        raise _bad(f"'{address}' is not a valid IP address") from error


def _port_missing() -> RuleError:
    return _bad("fixed_ip_address cannot be specified without a port_id")


def _bad(message: str) -> RuleError:
    return bad_request(f"Bad floatingip request: {message}.")
