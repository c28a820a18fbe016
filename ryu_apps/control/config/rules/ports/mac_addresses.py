"""Rules for ``mac_address`` of ports: a MAC is given out once in a network."""

from __future__ import annotations

from ryu_apps.control.config import ipam
from ryu_apps.control.config.rules.draft import Context, Draft, bad_request, conflict
from ryu_apps.control.config.service_addresses import service_mac


def parsed(text: str) -> str:
    """A MAC in its canonical form.  Raises RuleError 400."""
    try:
        return ipam.canonical_mac(text)
    except ValueError as error:
        raise bad_request(f"Invalid input for mac_address. Reason: {error}.",
                          "HTTPBadRequest") from error


def chosen(draft: Draft, network_id: str, requested: str | None, context: Context) -> str:
    """The MAC that a request asks for, or a new one.

    Raises RuleError 400, and 409 when another port of the network has it or none is free.
    """
    if not requested:
        try:
            return ipam.new_mac(draft.config, network_id, context.mac_prefix, context.source)
        except ipam.Exhausted as error:
            raise conflict(
                "MacAddressGenerationFailure",
                f"Unable to generate unique mac on network {network_id}: {error}.",
            ) from error
    mac = parsed(requested)
    network = draft.config.networks.get(network_id)
    if network is not None and mac == service_mac(network.vni):
        raise conflict(
            "MacAddressInUse",
            f"Unable to complete operation for network {network_id}. The network itself answers "
            f"from the mac address {mac}; choose another, or none to get a free one.",
        )
    users = draft.config.ports_by_mac.get((network_id, mac))
    if users:
        raise conflict(
            "MacAddressInUse",
            f"Unable to complete operation for network {network_id}. The mac address {mac} is in "
            f"use by a port ({draft.names('port', users)}); choose another, or none to get a free "
            "one.",
        )
    return mac
