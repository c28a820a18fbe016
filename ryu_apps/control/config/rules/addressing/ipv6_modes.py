"""Rules for ``ipv6_ra_mode`` and ``ipv6_address_mode`` of subnets, and the addresses that ports
make themselves (Networking API v2.0, "Subnets"; RFC 4862).

On an *automatic* subnet (mode slaac or dhcpv6-stateless) the address of a port follows from its
MAC.  Every port of the network has it, also ports older than the subnet; nobody chooses it.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.ipam import eui64_address
from ryu_apps.control.config.model import FixedIp, Port, Subnet
from ryu_apps.control.config.rules.addressing.service_types import serves
from ryu_apps.control.config.rules.draft import Context, Draft, RuleError, bad_request, conflict

MODES = ("slaac", "dhcpv6-stateful", "dhcpv6-stateless")
MAX_AUTO_SUBNETS = 8
"""Automatic subnets of one network: each port has an address of every one."""


def modes(body: dict[str, Any], version: int, prefix_length: int, dhcp: bool) -> dict[str, str]:
    """The two fields for a new subnet.  Raises RuleError 400 for what Neutron refuses as well."""
    found = {name: body.get(name) or "" for name in ("ipv6_ra_mode", "ipv6_address_mode")}
    for name, value in found.items():
        if value and version == 4:
            raise _invalid(f"{name} is not valid when ip_version is 4")
        if value and value not in MODES:
            raise bad_request(
                f"Invalid input for {name}. Reason: '{value}' is not in {list(MODES)}.",
                "HTTPBadRequest",
            )
    ra_mode, address_mode = found.values()
    if (ra_mode or address_mode) and not dhcp:
        raise _invalid(
            "ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False"
        )
    if ra_mode and address_mode and ra_mode != address_mode:
        raise _invalid(
            f"ipv6_ra_mode set to '{ra_mode}' with ipv6_address_mode set to '{address_mode}' is "
            "not valid. If both attributes are set, they must be the same value"
        )
    if prefix_length != 64 and not {ra_mode, address_mode}.isdisjoint(MODES[::2]):
        raise _invalid(
            "the cidr does not suit the IPv6 address mode: addresses are made of the MAC (EUI-64), "
            "which requires the prefix to be /64"
        )
    return found


def keeps_dhcp(subnet: Subnet, enable_dhcp: bool) -> None:
    """Raises RuleError 400 when DHCP is turned off under a mode that needs it."""
    if not enable_dhcp and (subnet.ipv6_ra_mode or subnet.ipv6_address_mode):
        raise _invalid("Cannot disable enable_dhcp with ipv6 attributes set")


# ---------------------------------------------------------------- addresses of ports


def auto_subnets(config: Config, network_id: str) -> list[Subnet]:
    found = (config.subnets[id] for id in config.subnets_by_network.get(network_id, ()))
    return [subnet for subnet in found if subnet.auto_address]


def address(draft: Draft, subnet: Subnet, mac: str, port_id: str = "") -> FixedIp:
    """The address that the owner of ``mac`` has on an automatic subnet.

    ``port_id``: the port itself, if it exists.  Raises RuleError 409 when another has it.
    """
    ip = eui64_address(subnet.cidr, mac)
    users = [id for id in draft.config.ports_by_address.get((subnet.id, ip), ()) if id != port_id]
    if users or ip == subnet.gateway_ip:
        user = f"a port ({draft.names('port', users)})" if users else "the gateway"
        raise conflict(
            "IpAddressInUse",
            f"Unable to complete operation for network {subnet.network_id}. The IP address {ip}, "
            f"which follows from the MAC {mac} on subnet {subnet.id}, is in use by {user}; choose "
            "another MAC.",
        )
    return FixedIp(subnet.id, ip)


def with_auto(
    draft: Draft, network_id: str, mac: str, chosen: tuple[FixedIp, ...], owner: str,
    port_id: str = "",
) -> tuple[FixedIp, ...]:
    """``chosen`` and an address of every automatic subnet that is not in it and serves ports of the
    device owner ``owner``."""
    present = {fixed.subnet_id for fixed in chosen}
    return chosen + tuple(
        address(draft, subnet, mac, port_id)
        for subnet in auto_subnets(draft.config, network_id)
        if subnet.id not in present and serves(subnet, owner)
    )


def follow_mac(draft: Draft, port: Port, mac: str) -> tuple[FixedIp, ...]:
    """The addresses of a port whose MAC changes to ``mac``."""
    subnets = draft.config.subnets
    return tuple(
        address(draft, subnets[fixed.subnet_id], mac, port.id)
        if subnets[fixed.subnet_id].auto_address
        else fixed
        for fixed in port.fixed_ips
    )


def chosen_address(subnet: Subnet, ip: str, mac: str) -> None:
    """Refuse an explicit address on an automatic subnet; naming the one that follows is no choice.
    Raises RuleError 400."""
    if subnet.auto_address and ip != eui64_address(subnet.cidr, mac):
        raise RuleError(
            400,
            "AllocationOnAutoAddressSubnet",
            f"IPv6 address {ip} can not be directly assigned to a port on subnet {subnet.id} as "
            "the subnet is configured for automatic addresses.",
        )


def subnet_created(draft: Draft, subnet: Subnet, context: Context) -> None:
    """Give every port of the network that a new automatic subnet serves its address there."""
    if not subnet.auto_address:
        return
    config = draft.config
    if len(auto_subnets(config, subnet.network_id)) > MAX_AUTO_SUBNETS:
        raise conflict(
            "SubnetQuotaExceeded",
            f"Network {subnet.network_id} has {MAX_AUTO_SUBNETS} subnets with automatic addresses; "
            "it cannot have more.",
        )
    for port_id in list(config.ports_by_network.get(subnet.network_id, ())):
        port = config.ports[port_id]
        if not port.is_system and serves(subnet, port.device_owner):
            own = address(draft, subnet, port.mac_address)
            _replace(draft, port, (*port.fixed_ips, own), context)


def subnet_freed(draft: Draft, subnet: Subnet, context: Context) -> None:
    """Take the automatic addresses of a subnet from its ports; what else holds one, stays."""
    if not subnet.auto_address:
        return
    config = draft.config
    users = [config.ports[id] for id in config.ports_by_subnet.get(subnet.id, ())]
    if any(port.is_system for port in users):
        return
    for port in users:
        rest = tuple(fixed for fixed in port.fixed_ips if fixed.subnet_id != subnet.id)
        _replace(draft, port, rest, context)


def _replace(draft: Draft, port: Port, fixed_ips: tuple[FixedIp, ...], context: Context) -> None:
    # Not what the client's If-Match is about.
    draft.put(
        "port",
        dataclasses.replace(
            port,
            fixed_ips=fixed_ips,
            revision_number=port.revision_number + 1,
            updated_at=context.now,
        ),
    )


def _invalid(reason: str) -> RuleError:
    return bad_request(f"Invalid input for operation: {reason}.", "InvalidInput")
