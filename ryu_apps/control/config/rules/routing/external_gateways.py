"""Rules for ``external_gateway_info`` of routers: this version has no external networks."""

from __future__ import annotations

from typing import Any

from ryu_apps.control.config.rules.draft import Draft, bad_request


def refuse(draft: Draft, body: dict[str, Any]) -> None:
    """Refuse an external gateway, but not that there is none.  Raises RuleError 404, 400."""
    info = body.get("external_gateway_info") or {}
    network_id = info.get("network_id")
    if network_id:
        network = draft.get("network", network_id)
        raise bad_request(
            f"Bad router request: Network {network.id} is not an external network; this version "
            "has none yet, and routers lead nowhere but to their interfaces and to what BGP peers "
            "announce (vpn:import_targets)."
        )
    if info.get("external_fixed_ips"):
        raise bad_request(
            "Bad router request: external_fixed_ips need the network_id of an external network, "
            "and this version has none yet."
        )
