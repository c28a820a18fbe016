"""Who a client counts for, where what one may have is bounded."""

from __future__ import annotations

import ipaddress


def source_of(address: str) -> str:
    """What a client counts for: its IPv4 address, or its /64, which is a host's to choose from
    (RFC 4291 section 2.5.1)."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is None:
            return str(ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))
        return str(parsed.ipv4_mapped)
    return str(parsed)
