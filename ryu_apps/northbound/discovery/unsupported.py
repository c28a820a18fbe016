"""Parts of the Networking API that this version does not have, by the extension that they are of.

A client that asks for one is told so: "not found" alone would be taken for a wrong URL.
"""

from __future__ import annotations

from collections.abc import Container

_EXTENSIONS = (
    ("bgp", "bgp-speakers bgp-peers"),
    ("bgpvpn", "bgpvpn"),
    ("flavors", "flavors/*/service_profiles flavors/*/next_provider"),
    ("floating-ip-port-forwarding", "floatingips/*/port_forwardings"),
    ("floatingip-pools", "floatingip_pools"),
    ("fwaas_v2", "fwaas"),
    ("l3-conntrack-helper", "routers/*/conntrack_helpers"),
    ("l3-ndp-proxy", "ndp_proxies"),
    ("lbaasv2", "lbaas"),
    ("local_ip", "local_ips"),
    ("logging", "log"),
    ("metering", "metering"),
    ("qos", "qos"),
    ("external-gateway-multihoming", "routers/*/add_external_gateways "
     "routers/*/update_external_gateways routers/*/remove_external_gateways"),
    ("dhcp_agent_scheduler", "networks/*/dhcp-agents agents/*/dhcp-networks"),
    ("l3_agent_scheduler", "routers/*/l3-agents agents/*/l3-routers"),
    ("security-groups-default-statefulness", "security-groups-default-statefulness"),
    ("sfc", "sfc"),
    ("vpnaas", "vpn"),
)
_BY_PATH = {
    tuple(pattern.split("/")): alias for alias, paths in _EXTENSIONS for pattern in paths.split()
}


def extension_of(path: str) -> str:
    """The alias of the extension that a path below /v2.0 would be of, or ""."""
    parts = path.removesuffix(".json").strip("/").split("/")
    if parts[0] != "v2.0" or len(parts) < 2:
        return ""
    nested = (parts[1], "*", parts[3]) if len(parts) > 3 else ()
    return _BY_PATH.get(nested) or _BY_PATH.get((parts[1],), "")


def message(path: str, extensions: Container[str] = ()) -> str:
    """What a client is told of a path that there is not.  ``extensions``: those that there are, if
    only in part."""
    alias = extension_of(path)
    if alias in extensions:
        return f"This version has only a part of the extension '{alias}'; see /openapi.json."
    if alias:
        return (f"This version has no extension '{alias}'; GET /v2.0/extensions lists what it has.")
    return f"The resource {path} could not be found; see /openapi.json."
