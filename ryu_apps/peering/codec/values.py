"""Values that a well-formed EVPN route may not have: those that name no single host or station.

Each function returns why a value is refused, "" where it is not.  Such a route would be a flow that
takes the group frames of a network, or a tunnel to nowhere.
"""

from __future__ import annotations

from ryu_apps.peering.codec.nlri import Route

_NO_HOST = dict.fromkeys(map(str, (0, 127, *range(240, 256))), "IP address of no host") | \
    dict.fromkeys(map(str, range(224, 240)), "multicast IP address")
"""By the first byte of an IPv4 address."""
_GROUP = frozenset("13579bdf")
ZERO_MAC = "00:00:00:00:00:00"


def mac_objection(mac: str) -> str:
    """Of a station's or a router's MAC: group addresses (IEEE 802, I/G bit) and zero."""
    if mac[1] in _GROUP:
        return "group MAC address"
    return "MAC address zero" if mac == ZERO_MAC else ""


def host_objection(address: str) -> str:
    """Of a host's address: unspecified (RFC 1122 section 3.2.1.3, RFC 4291 section 2.5.2), loop-
    back, multicast, limited broadcast and reserved ones, IPv4-mapped ones."""
    if ":" in address:
        if address.startswith("ff") and address.find(":") == 4:
            return "multicast IP address"
        if address in ("::", "::1") or address.startswith("::ffff:"):
            return "IP address of no host"
        return ""
    return _NO_HOST.get(address.partition(".")[0], "")


def prefix_objection(prefix: str) -> str:
    """Of what a router is asked to route to: nothing within what is no host's, nor link-local."""
    address, _, length = prefix.partition("/")
    if address in ("0.0.0.0", "::") and int(length) < 8:
        return ""  # the default route, or a part of all
    reason = host_objection(address)
    if not reason and address.startswith(("fe8", "fe9", "fea", "feb")) and address[4:5] == ":":
        return "link-local prefix"
    return reason


def route_objection(route: Route) -> str:
    """Of what stands in a route's NLRI."""
    fields = route.fields
    if fields[1]:
        # A VLAN-aware bundle (RFC 7432 section 6.3): its VLANs would become one network here.
        return "Ethernet tag"
    if route.route_type == 2:
        reason = mac_objection(fields[2])
        if not reason and fields[3]:
            reason = host_objection(fields[3])
        return reason or ("" if route.labels[0] else "label 0")
    if route.route_type == 3:
        return host_objection(fields[2])
    if route.esi and route.gateway:
        return "both ESI and gateway"  # RFC 9136 section 3.2
    if route.gateway:
        reason = host_objection(route.gateway)
        if reason:
            return reason
    return prefix_objection(fields[2])
