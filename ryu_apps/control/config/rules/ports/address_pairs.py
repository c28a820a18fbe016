"""Rules for ``allowed_address_pairs`` of ports (Networking API v2.0, extension
allowed-address-pairs)."""

from __future__ import annotations

import ipaddress
from typing import Any

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import AddressPair, Network
from ryu_apps.control.config.rules.addresses import invalid, not_a_host, reserved
from ryu_apps.control.config.rules.draft import RuleError, bad_request, conflict
from ryu_apps.control.config.rules.ports import mac_addresses

MAX_ADDRESS_PAIRS = 10


def checked(
    config: Config, network: Network, values: list[dict[str, Any]] | None, security: bool, mac: str
) -> tuple[AddressPair, ...]:
    """The pairs of a request in their stored form; ``security`` and ``mac``: of the port.

    Raises RuleError 400 for what is no pair, or an address that no host can have (RFC 1122 section
    3.2.1.3), and 409 for pairs without port security.
    """
    if not values:
        return ()
    if not security:
        raise security_required()
    if len(values) > MAX_ADDRESS_PAIRS:
        raise bad_request(
            "The number of allowed address pair exceeds the maximum "
            f"{MAX_ADDRESS_PAIRS}.", "AllowedAddressPairExhausted",
        )
    found, seen = [], set()
    subnets = [config.subnets[id] for id in config.subnets_by_network.get(network.id, ())]
    for value in values:
        try:
            net = ipaddress.ip_network(value["ip_address"], strict=False)
        except ValueError as error:
            raise invalid("allowed_address_pairs", str(error)) from error
        text = str(net) if "/" in value["ip_address"] else str(net.network_address)
        why = not_a_host(net)
        if net.num_addresses == 1 and any(
            str(net.network_address) in reserved(subnet.net) for subnet in subnets
        ):
            why = "the network or broadcast address of a subnet"
        if why or "%" in text:
            raise invalid("allowed_address_pairs", f"'{text}' is {why or 'with a zone'}")
        own = mac_addresses.parsed(value["mac_address"]) if value.get("mac_address") else ""
        found.append(AddressPair(text, own))
        seen.add((net, own or mac))
    if len(seen) != len(found):
        raise bad_request(
            "Request contains duplicate address pair: name each once.",
            "DuplicateAddressPairInRequest",
        )
    return tuple(found)


def security_required() -> RuleError:
    """The refusal of pairs on a port without port security."""
    return conflict(
        "AddressPairAndPortSecurityRequired",
        "Port Security must be enabled in order to have allowed address pairs on a port.",
    )
