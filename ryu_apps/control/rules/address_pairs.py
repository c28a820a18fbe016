"""Rules for ``allowed_address_pairs`` of ports (Networking API v2.0, extension
allowed-address-pairs)."""

from __future__ import annotations

import ipaddress
from typing import Any

from ryu_apps.control.model import AddressPair
from ryu_apps.control.rules import mac_addresses
from ryu_apps.control.rules.draft import RuleError, bad_request, conflict

MAX_ADDRESS_PAIRS = 10


def checked(values: list[dict[str, Any]] | None, security: bool) -> tuple[AddressPair, ...]:
    """The pairs of a request in their stored form; ``security``: of the port.

    Raises RuleError 400 for what is no pair, and 409 for pairs without port security.
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
        found.append(AddressPair(text, mac_addresses.parsed(mac) if mac else ""))
    if len(set(found)) != len(found):
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
