"""Values that a well-formed route may not have: those that name no single host or station.

Each function returns why a value is refused, "" where it is not.  Such a route would be a flow that
takes the group frames of a network, or a tunnel that leads to no host.
"""

from __future__ import annotations

_NO_HOST = dict.fromkeys(map(str, (0, 127, *range(240, 256))), "IP address of no host") | \
    dict.fromkeys(map(str, range(224, 240)), "multicast IP address")
"""By the first byte of an IPv4 address."""
_GROUP = frozenset("13579bdf")
ZERO_MAC = "00:00:00:00:00:00"


def invalid_mac(mac: str) -> str:
    """Of a station's or a router's MAC: group addresses (IEEE 802, I/G bit) and zero."""
    if mac[1] in _GROUP:
        return "group MAC address"
    return "MAC address zero" if mac == ZERO_MAC else ""


def invalid_host(address: str) -> str:
    """Of a host's address: unspecified (RFC 1122 section 3.2.1.3, RFC 4291 section 2.5.2), loop-
    back, multicast, limited broadcast and reserved ones, IPv4-mapped ones."""
    if ":" in address:
        if address.startswith("ff") and address.find(":") == 4:
            return "multicast IP address"
        if address in ("::", "::1") or address.startswith("::ffff:"):
            return "IP address of no host"
        return ""
    return _NO_HOST.get(address.partition(".")[0], "")


def invalid_prefix(prefix: str) -> str:
    """Of what a router is asked to route to: nothing within what is no host's, nor link-local."""
    address, _, length = prefix.partition("/")
    if address in ("0.0.0.0", "::") and int(length) < 8:
        return ""  # the default route, or a part of all
    reason = invalid_host(address)
    if not reason and address.startswith(("fe8", "fe9", "fea", "feb")) and address[4:5] == ":":
        return "link-local prefix"
    return reason
