"""Rules for ``fixed_ips`` of ports: addresses that a request names, and those that it leaves open
(Networking API v2.0, "Ports")."""

from __future__ import annotations

import ipaddress
from typing import Any

from ryu_apps.control.config import ipam
from ryu_apps.control.config.model import FixedIp, Network, Port, Subnet
from ryu_apps.control.config.rules.addresses import parse_address, parse_host
from ryu_apps.control.config.rules.addressing import ipv6_modes, service_types
from ryu_apps.control.config.rules.draft import Draft, bad_request, conflict

MAX_FIXED_IPS = 16


def automatic(draft: Draft, network: Network, mac: str, owner: str) -> tuple[FixedIp, ...]:
    """One IPv4 address, one IPv6 address, and one of each subnet with automatic addresses, as far
    as the network has such subnets for ports of the device owner ``owner``.

    Raises RuleError 409 when every subnet of a family is full, or none is for such ports.
    """
    subnets = service_types.candidates(draft.config, network.id, owner)
    if not subnets and draft.config.subnets_by_network.get(network.id):
        raise conflict(
            "IpAddressGenerationFailureNoMatchingSubnet",
            f"No valid service subnet for the given device owner, network {network.id}, service "
            f"type {owner}.",
        )
    by_version: dict[int, list[Subnet]] = {}
    for subnet in subnets:
        if not subnet.auto_address:
            by_version.setdefault(subnet.ip_version, []).append(subnet)
    found = tuple(_from_any(draft, network, by_version[key]) for key in sorted(by_version))
    return ipv6_modes.with_auto(draft, network.id, mac, found, owner)


def chosen(
    draft: Draft,
    network: Network,
    requested: list[dict[str, Any]],
    mac: str,
    owner: str,
    keep: Port | None = None,
) -> tuple[FixedIp, ...]:
    """The addresses a request asks for: by subnet, by address, or both; and those of the subnets
    with automatic addresses, unless it asks for none at all.

    ``mac``, ``owner``: MAC and device owner of the port.  ``keep``: the port itself, whose present
    addresses it may keep.  Raises RuleError.
    """
    if len(requested) > MAX_FIXED_IPS:
        raise bad_request(
            f"Exceeded maximum amount of fixed ips per port: {MAX_FIXED_IPS}.", "InvalidInput"
        )
    subnets = service_types.candidates(draft.config, network.id, owner)
    if keep is not None:
        subnets += [draft.config.subnets[fixed.subnet_id] for fixed in keep.fixed_ips]
    found: list[FixedIp | None] = []
    for item in requested:
        found.append(
            _explicit(draft, network, subnets, item, mac, keep) if item.get("ip_address") else None
        )
    taken = [item for item in found if item is not None]
    if len(set(taken)) != len(taken):
        raise bad_request("Duplicate IP address in fixed_ips: name each address once.",
                          "InvalidInput")
    present = list(keep.fixed_ips) if keep else []
    for position, item in enumerate(requested):
        if found[position] is None:
            subnet = _subnet(draft, network, subnets, item.get("subnet_id"))
            if subnet.auto_address:
                own = ipv6_modes.address(draft, subnet, mac, keep.id if keep else "")
                found[position] = own if own not in taken else None
                taken.append(own)
                continue
            kept = next(
                (one for one in present if one.subnet_id == subnet.id and one not in taken), None
            )
            new = kept or _lowest(draft, subnet, [one.ip_address for one in taken
                                                  if one.subnet_id == subnet.id])
            if new is None:
                raise _exhausted(network, [subnet])
            found[position] = new
            taken.append(new)
    result = tuple(item for item in found if item is not None)
    if not requested:
        return result
    return ipv6_modes.with_auto(draft, network.id, mac, result, owner, keep.id if keep else "")


def unchanged(port: Port, requested: list[dict[str, Any]]) -> bool:
    """Whether a request names just the addresses that a port has, by subnet, by address or
    both."""
    left = list(port.fixed_ips)
    for item in requested:
        ip = parse_address(item["ip_address"]) if item.get("ip_address") else None
        same = next(
            (one for one in left if item.get("subnet_id") in (None, one.subnet_id)
             and ip in (None, one.ip_address)), None,
        )
        if same is None:
            return False
        left.remove(same)
    return not left


def _explicit(
    draft: Draft, network: Network, subnets: list[Subnet], item: dict[str, Any], mac: str,
    keep: Port | None,
) -> FixedIp:
    address = parse_host(item["ip_address"])
    if item.get("subnet_id"):
        subnet = _subnet(draft, network, subnets, item["subnet_id"])
        if not _within(subnet, address):
            raise bad_request(
                f"IP address {address} is not a valid IP for the specified subnet {subnet.id} "
                f"({subnet.cidr}).",
                "InvalidIpForSubnet",
            )
    else:
        for subnet in subnets:
            if _within(subnet, address):
                break
        else:
            raise bad_request(
                f"IP address {address} is not a valid IP for any of the subnets on the specified "
                f"network {network.id}.",
                "InvalidIpForNetwork",
            )
    ipv6_modes.chosen_address(subnet, address, mac)
    users = [
        id for id in draft.config.ports_by_address.get((subnet.id, address), ())
        if keep is None or id != keep.id
    ]
    if users:
        raise conflict(
            "IpAddressInUse",
            f"Unable to complete operation for network {network.id}. The IP address {address} is "
            f"in use by a port ({draft.names('port', users)}); choose another, or none to get a "
            "free one.",
        )
    return FixedIp(subnet.id, address)


def _within(subnet: Subnet, address: str) -> bool:
    parsed, net = ipaddress.ip_address(address), subnet.net
    if parsed.version != net.version:
        return False
    first, last = ipam.usable_range(net)
    return first <= int(parsed) <= last


def _subnet(
    draft: Draft, network: Network, subnets: list[Subnet], subnet_id: str | None
) -> Subnet:
    if not subnet_id:
        raise bad_request("each of fixed_ips needs 'subnet_id' or 'ip_address'", "InvalidInput")
    subnet = draft.get("subnet", subnet_id)
    if subnet not in subnets:
        raise service_types.refused(network.id, subnet_id)
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
