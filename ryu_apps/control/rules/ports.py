"""Rules for ports (Networking API v2.0, "Ports", with the port binding, port security, allowed
address pairs, security group, DNS integration and extra DHCP option extensions)."""

from __future__ import annotations

import dataclasses
import ipaddress
from typing import Any

from ryu_apps.control import ipam
from ryu_apps.control.model import AddressPair, FixedIp, Network, Port, Subnet
from ryu_apps.control.rules import dhcp_options, dns, ipv6_modes, security_groups
from ryu_apps.control.rules.draft import (
    Context,
    Draft,
    bad_request,
    check_revision,
    common,
    conflict,
    plain,
    profile,
)
from ryu_apps.control.rules.subnets import parse_address

MAX_FIXED_IPS = 16
MAX_ADDRESS_PAIRS = 10


def create(draft: Draft, body: dict[str, Any], context: Context) -> Port:
    network = draft.get("network", body["network_id"])
    owner = body.get("device_owner") or ""
    _owner_allowed(owner)
    mac = _mac(draft, network.id, body.get("mac_address"), context)
    security = body.get("port_security_enabled")
    security = network.port_security_enabled if security is None else security
    fields = common(body, context)
    fields["project_id"] = fields["project_id"] or network.project_id
    wanted = body.get("fixed_ips")
    if wanted is None:
        addresses = automatic(draft, network, mac)
    else:
        addresses = fixed(draft, network, wanted, mac)
    groups = body.get("security_groups") or ()
    if groups and not security:
        raise _security_required()
    if "security_groups" in body:
        groups = security_groups.of_port(draft, groups, context)
    elif security:
        groups = (security_groups.default_group(draft, fields["project_id"], context),)
    port = draft.put(
        "port",
        Port(
            network_id=network.id,
            mac_address=mac,
            admin_state_up=body.get("admin_state_up", True),
            fixed_ips=addresses,
            device_id=body.get("device_id") or "",
            device_owner=owner,
            requested_host=body.get("requested_host") or "",
            binding_profile=profile(body.get("binding_profile")),
            port_security_enabled=security,
            allowed_address_pairs=_pairs(body.get("allowed_address_pairs"), security),
            security_groups=groups,
            dns_name=dns.dns_name(body.get("dns_name")),
            dns_domain=dns.dns_domain(body.get("dns_domain")),
            extra_dhcp_opts=dhcp_options.merged((), body.get("extra_dhcp_opts")),
            **fields,
        ),
    )
    dns.whole_name(port, network)
    return port


def update(draft: Draft, id: str, body: dict[str, Any], context: Context) -> Port:
    old = draft.get("port", id)
    if old.is_router_interface:
        _interface_untouched(old, body)
    elif body.get("device_owner", old.device_owner) != old.device_owner:
        _owner_allowed(body["device_owner"] or "")
    fields = plain(
        body, "name", "description", "admin_state_up", "device_id", "device_owner",
        "requested_host",
    )
    if body.get("mac_address") is not None:
        mac = _parse_mac(body["mac_address"])
        if mac != old.mac_address:
            fields["mac_address"] = _mac(draft, old.network_id, mac, context)
            fields["fixed_ips"] = ipv6_modes.follow_mac(draft.config, old, mac)
    if body.get("fixed_ips") is not None and not old.is_router_interface:
        network = draft.get("network", old.network_id)
        mac = fields.get("mac_address", old.mac_address)
        fields["fixed_ips"] = fixed(draft, network, body["fixed_ips"], mac, keep=old)
    if "binding_profile" in body:
        fields["binding_profile"] = profile(body["binding_profile"])
    security = body.get("port_security_enabled")
    security = old.port_security_enabled if security is None else security
    fields["port_security_enabled"] = security
    if "allowed_address_pairs" in body:
        fields["allowed_address_pairs"] = _pairs(body["allowed_address_pairs"], security)
    elif old.allowed_address_pairs and not security:
        _pairs([dataclasses.asdict(pair) for pair in old.allowed_address_pairs], security)
    fields |= _groups(draft, old, body, security, context)
    for name, read in (("dns_name", dns.dns_name), ("dns_domain", dns.dns_domain)):
        if name in body:
            fields[name] = read(body[name])
    if body.get("extra_dhcp_opts"):
        options = dhcp_options.merged(old.extra_dhcp_opts, body["extra_dhcp_opts"])
        fields["extra_dhcp_opts"] = options
    port = draft.replace("port", old, context, **fields)
    if "dns_name" in body or "dns_domain" in body:
        dns.whole_name(port, draft.get("network", old.network_id))
    return port


def _groups(
    draft: Draft, old: Port, body: dict[str, Any], security: bool, context: Context
) -> dict[str, Any]:
    """The fields about security groups that an update changes."""
    if "security_groups" in body:
        wanted = body["security_groups"] or ()
        if wanted and not security:
            raise _security_required()
        groups = security_groups.of_port(draft, wanted, context, old.security_groups)
        return {"security_groups": groups, "unfiltered": False}
    if old.security_groups and not security:
        raise conflict(
            "PortSecurityPortHasSecurityGroup",
            "Port has security group associated. Cannot disable port security or IP address until "
            "security group is removed: send 'security_groups': [] as well.",
        )
    return {"unfiltered": False} if security != old.port_security_enabled else {}


def _security_required() -> Exception:
    return bad_request(
        "Port security must be enabled and port must have an IP address in order to use security "
        "groups.",
        "PortSecurityAndIPRequiredForSecurityGroups",
    )


def delete(draft: Draft, id: str, context: Context) -> None:
    old = draft.get("port", id)
    check_revision("port", old, context)
    if old.is_router_interface:
        raise conflict(
            "ServicePortInUse",
            f"Port {id} cannot be deleted directly via the port API: it is the interface of "
            f"router {old.device_id}; use remove_router_interface.",
        )
    draft.delete("port", id)


def automatic(draft: Draft, network: Network, mac: str) -> tuple[FixedIp, ...]:
    """One IPv4 address, one IPv6 address, and one of each subnet with automatic addresses, as far
    as the network has such subnets.

    Raises RuleError 409 when every subnet of a family is full.
    """
    by_version: dict[int, list[Subnet]] = {}
    for subnet_id in draft.config.subnets_by_network.get(network.id, ()):
        subnet = draft.config.subnets[subnet_id]
        if not subnet.auto_address:
            by_version.setdefault(subnet.ip_version, []).append(subnet)
    found = tuple(_from_any(draft, network, by_version[key]) for key in sorted(by_version))
    return ipv6_modes.with_auto(draft.config, network.id, mac, found)


def fixed(
    draft: Draft,
    network: Network,
    wanted: list[dict[str, Any]],
    mac: str,
    keep: Port | None = None,
) -> tuple[FixedIp, ...]:
    """The addresses a request asks for: by subnet, by address, or both; and those of the subnets
    with automatic addresses, unless it asks for none at all.

    ``mac``: the port's.  ``keep``: the port itself, whose present addresses it may keep.  Raises
    RuleError.
    """
    if len(wanted) > MAX_FIXED_IPS:
        raise bad_request(
            f"Exceeded maximum amount of fixed ips per port: {MAX_FIXED_IPS}.", "InvalidInput"
        )
    found: list[FixedIp | None] = []
    for item in wanted:
        found.append(_explicit(draft, network, item, mac, keep) if item.get("ip_address") else None)
    chosen = [item for item in found if item is not None]
    if len(set(chosen)) != len(chosen):
        raise bad_request("Duplicate IP address in fixed_ips: name each address once.",
                          "InvalidInput")
    present = list(keep.fixed_ips) if keep else []
    for position, item in enumerate(wanted):
        if found[position] is None:
            subnet = _subnet(draft, network, item.get("subnet_id"))
            if subnet.auto_address:
                own = ipv6_modes.address(draft.config, subnet, mac, keep.id if keep else "")
                found[position] = own if own not in chosen else None
                chosen.append(own)
                continue
            kept = next(
                (one for one in present if one.subnet_id == subnet.id and one not in chosen), None
            )
            new = kept or _lowest(draft, subnet, [one.ip_address for one in chosen
                                                  if one.subnet_id == subnet.id])
            if new is None:
                raise _exhausted(network, [subnet])
            found[position] = new
            chosen.append(new)
    result = tuple(item for item in found if item is not None)
    if not wanted:
        return result
    return ipv6_modes.with_auto(
        draft.config, network.id, mac, result, keep.id if keep else ""
    )


def _explicit(
    draft: Draft, network: Network, item: dict[str, Any], mac: str, keep: Port | None
) -> FixedIp:
    address = parse_address(item["ip_address"])
    if item.get("subnet_id"):
        subnet = _subnet(draft, network, item["subnet_id"])
        if not _within(subnet, address):
            raise bad_request(
                f"IP address {address} is not a valid IP for the specified subnet {subnet.id} "
                f"({subnet.cidr}).",
                "InvalidIpForSubnet",
            )
    else:
        for subnet_id in draft.config.subnets_by_network.get(network.id, ()):
            subnet = draft.config.subnets[subnet_id]
            if _within(subnet, address):
                break
        else:
            raise bad_request(
                f"IP address {address} is not a valid IP for any of the subnets on the specified "
                f"network {network.id}.",
                "InvalidIpForNetwork",
            )
    ipv6_modes.chosen_address(subnet, address, mac)
    users = draft.config.ports_by_address.get((subnet.id, address), ())
    for port_id in users:
        if keep is None or port_id != keep.id:
            raise conflict(
                "IpAddressInUse",
                f"Unable to complete operation for network {network.id}. The IP address {address} "
                f"is in use by port {port_id}; choose another, or none to get a free one.",
            )
    return FixedIp(subnet.id, address)


def _within(subnet: Subnet, address: str) -> bool:
    parsed, net = ipaddress.ip_address(address), subnet.net
    if parsed.version != net.version:
        return False
    first, last = ipam.usable_range(net)
    return first <= int(parsed) <= last


def _subnet(draft: Draft, network: Network, subnet_id: str | None) -> Subnet:
    if not subnet_id:
        raise bad_request("each of fixed_ips needs 'subnet_id' or 'ip_address'", "InvalidInput")
    subnet = draft.get("subnet", subnet_id)
    if subnet.network_id != network.id:
        raise bad_request(
            f"Invalid input for operation: Failed to create port on network {network.id}, because "
            f"fixed_ips included invalid subnet {subnet_id}.",
            "InvalidInput",
        )
    return subnet


def _lowest(draft: Draft, subnet: Subnet, extra: list[str]) -> FixedIp | None:
    try:
        return FixedIp(subnet.id, ipam.lowest_address(draft.config, subnet, extra))
    except ipam.Exhausted:
        return None


def _from_any(draft: Draft, network: Network, subnets: list[Subnet]) -> FixedIp:
    for subnet in subnets:
        found = _lowest(draft, subnet, [])
        if found is not None:
            return found
    raise _exhausted(network, subnets)


def _exhausted(network: Network, subnets: list[Subnet]) -> Exception:
    names = ", ".join(f"{subnet.cidr} ({subnet.id})" for subnet in subnets)
    return conflict(
        "IpAddressGenerationFailure",
        f"No more IP addresses available on network {network.id}: the allocation pools of {names} "
        "are used up. Delete unused ports, widen the pools, or add a subnet.",
    )


def _parse_mac(text: str) -> str:
    try:
        return ipam.canonical_mac(text)
    except ValueError as error:
        raise bad_request(f"Invalid input for mac_address. Reason: {error}.",
                          "HTTPBadRequest") from error


def _mac(draft: Draft, network_id: str, wanted: str | None, context: Context) -> str:
    if not wanted:
        try:
            return ipam.new_mac(draft.config, network_id, context.mac_prefix, context.source)
        except ipam.Exhausted as error:
            raise conflict(
                "MacAddressGenerationFailure",
                f"Unable to generate unique mac on network {network_id}: {error}.",
            ) from error
    mac = _parse_mac(wanted)
    users = draft.config.ports_by_mac.get((network_id, mac))
    if users:
        raise conflict(
            "MacAddressInUse",
            f"Unable to complete operation for network {network_id}. The mac address {mac} is in "
            f"use by port {next(iter(users))}; choose another, or none to get a free one.",
        )
    return mac


def _owner_allowed(owner: str) -> None:
    if owner.startswith("network:"):
        raise bad_request(
            f"device_owner '{owner}' is reserved for the system's own ports. For a router "
            "interface use add_router_interface.",
            "InvalidInput",
        )


def _interface_untouched(old: Port, body: dict[str, Any]) -> None:
    present = {
        "device_id": old.device_id,
        "device_owner": old.device_owner,
        "mac_address": old.mac_address,
        "fixed_ips": [dataclasses.asdict(item) for item in old.fixed_ips],
    }
    for name, value in present.items():
        if name in body and body[name] is not None and body[name] != value:
            raise conflict(
                "ServicePortInUse",
                f"Port {old.id} is the interface of router {old.device_id}: '{name}' cannot be "
                "changed; remove the interface and add another.",
            )


def _pairs(values: list[dict[str, Any]] | None, security: bool) -> tuple[AddressPair, ...]:
    if not values:
        return ()
    if not security:
        raise conflict(
            "AddressPairAndPortSecurityRequired",
            "Port Security must be enabled in order to have allowed address pairs on a port.",
        )
    if len(values) > MAX_ADDRESS_PAIRS:
        raise bad_request(
            "The number of allowed address pair exceeds the maximum "
            f"{MAX_ADDRESS_PAIRS}.", "AllowedAddressPairExhausted",
        )
    found = []
    for value in values:
        try:
            net = ipaddress.ip_network(value["ip_address"])
        except ValueError as error:
            raise bad_request(
                f"Invalid input for allowed_address_pairs. Reason: {error}.", "HTTPBadRequest"
            ) from error
        text = str(net) if "/" in value["ip_address"] else str(net.network_address)
        mac = value.get("mac_address")
        found.append(AddressPair(text, _parse_mac(mac) if mac else ""))
    if len(set(found)) != len(found):
        raise bad_request(
            "Request contains duplicate address pair: name each once.",
            "DuplicateAddressPairInRequest",
        )
    return tuple(found)
