"""Which routes a DHCPv4 client is told of (RFC 3442, RFC 2132 section 3.5).

Clients install what they are told in its order, and drop what they cannot: a next hop that is not
on the link, a second route to the same place.  So there is one route to each destination, a next
hop outside of the subnet gets a route on the link first, and the default comes last.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Container

from vrouter_ovs.edge import Lease4

DEFAULT = "0.0.0.0/0"
METADATA = "169.254.169.254/32"
ON_LINK = "0.0.0.0"
"""The next hop of a route to what is on the link itself (RFC 3442, "Local Subnet Routes")."""


def default_gateway(lease: Lease4, own: Container[str]) -> str:
    """Where the default route goes to; "": the client has none.

    The subnet's gateway, else the next hop of its host route to 0.0.0.0/0, as Neutron has it.  Who
    is that next hop itself is told of none.  ``own``: all addresses of the port.
    """
    gateway = lease.gateway or next(
        (next_hop for prefix, next_hop in lease.routes if prefix == DEFAULT), ""
    )
    return "" if gateway in own else gateway


def classless(lease: Lease4, gateway: str, own: Container[str]) -> list[tuple[str, str]]:
    """The routes of option 121; empty where the router option says it all.

    ``gateway``: of the default route, or "".
    """
    net = ipaddress.IPv4Network(f"{lease.address}/{lease.prefix_length}", strict=False)
    found: dict[str, str] = {}
    for prefix, next_hop in lease.routes:
        if prefix != DEFAULT and next_hop not in own:
            found.setdefault(prefix, next_hop)
    if lease.metadata:  # by the server's address, which is on the link
        found.setdefault(METADATA, lease.server)
    local = [prefix for prefix, next_hop in found.items() if next_hop == ON_LINK]
    reached = [net, *map(ipaddress.IPv4Network, local)]
    for address in dict.fromkeys((lease.server, gateway, *found.values())):
        if address in ("", ON_LINK):
            continue
        if not any(ipaddress.IPv4Address(address) in each for each in reached):
            local.append(f"{address}/32")
    if not found and not local and gateway != ON_LINK:
        return []
    routes = [(prefix, ON_LINK) for prefix in local]
    routes += [(prefix, hop) for prefix, hop in found.items() if hop != ON_LINK]
    # A client that takes option 121 must ignore option 3, so both say the default.
    return routes + ([(DEFAULT, gateway)] if gateway else [])
