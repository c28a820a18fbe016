"""Router advertisements (RFC 4861, 4862, 8106) from the gateway to one port.

Lifetimes are long on purpose: addresses and routes of VMs must outlive a controller that is down.
A removed gateway is announced by a new advertisement with the router lifetime 0.
"""

from __future__ import annotations

import ipaddress
from struct import Struct

from ..edge import EdgePort
from .names import encode_or_nothing
from .nd import options
from .packet import (
    ALL_NODES,
    ANY6,
    Answer,
    Malformed,
    address_bytes,
    build_icmp6,
    icmp6,
    ignored,
    link_local,
    mac_bytes,
    per_object,
)

SOLICITATION, ADVERTISEMENT = 133, 134
HOP_LIMIT = 64
ROUTER_LIFETIME = 65535
"""Seconds; the largest there is (RFC 8319 section 4)."""
VALID_LIFETIME, PREFERRED_LIFETIME = 2592000, 604800
"""Seconds; the defaults of RFC 4861 section 6.2.1."""
_MANAGED, _OTHER = 0x80, 0x40
_ON_LINK, _AUTONOMOUS = 0x80, 0x40
_HEADER = Struct("!BBHBBHII")
_PREFIX = Struct("!BBBBIII16s")


@per_object()
def _prepare(port: EdgePort) -> tuple[bytes, bytes, bytes, bytes] | None:
    """(port's MAC, source MAC, source address, message), or None where nothing is advertised."""
    leases = [lease for lease in port.v6 if lease.ra_mode]
    if not leases:
        return None
    modes = {lease.ra_mode for lease in leases}
    flags = (_MANAGED if "dhcpv6-stateful" in modes else 0) | (
        _OTHER if "dhcpv6-stateless" in modes else 0
    )
    source = mac_bytes(port.gateway_mac or port.service_mac)
    routed = bool(port.gateway_mac) and any(lease.gateway for lease in leases)
    lifetime = ROUTER_LIFETIME if routed else 0
    parts = [_HEADER.pack(ADVERTISEMENT, 0, 0, HOP_LIMIT, flags, lifetime, 0, 0)]
    parts.append(b"\x01\x01" + source)
    if 1280 <= port.mtu <= 65535:
        parts.append(b"\x05\x01\0\0" + port.mtu.to_bytes(4, "big"))
    autonomous: dict[ipaddress.IPv6Network, bool] = {}
    for lease in leases:
        prefix = ipaddress.IPv6Network(lease.prefix, strict=False)
        wants = lease.ra_mode in ("slaac", "dhcpv6-stateless")
        autonomous[prefix] = autonomous.get(prefix, False) or wants
    for prefix, wants in autonomous.items():
        parts.append(
            _PREFIX.pack(3, 4, prefix.prefixlen, _ON_LINK | (_AUTONOMOUS if wants else 0),
                         VALID_LIFETIME, PREFERRED_LIFETIME, 0, prefix.network_address.packed)
        )  # fmt: skip
    resolvers = [address_bytes(server) for lease in leases for server in lease.dns]
    servers = list(dict.fromkeys(packed for packed in resolvers if len(packed) == 16))[:16]
    time = ROUTER_LIFETIME.to_bytes(4, "big")
    if servers:
        parts.append(bytes((25, 1 + 2 * len(servers), 0, 0)) + time + b"".join(servers))
    names = encode_or_nothing(port.domain)
    if names:
        names += bytes(-len(names) % 8)
        parts.append(bytes((31, 1 + len(names) // 8, 0, 0)) + time + names)
    return mac_bytes(port.mac), source, link_local(source), b"".join(parts)


def answer(frame: bytes, port: EdgePort) -> Answer:
    """The advertisement for a router solicitation from ``port``; raises Malformed.

    kinds: "advertisement", "ignored".
    """
    packet = icmp6(frame)
    message = packet.payload
    if message[0] != SOLICITATION:
        return ignored("not a router solicitation")
    if message[1] or packet.hop_limit != 255:
        raise Malformed("bad router solicitation")
    given = options(message, 8)
    if packet.src == ANY6 and 1 in given:
        raise Malformed("link-layer address of the unspecified address")
    if 1 in given and given[1][:6] != packet.src_mac:
        raise Malformed("source link-layer address is not the frame's source")
    prepared = _prepare(port)
    if prepared is None:
        return ignored("no router advertisements here")
    mac, source_mac, source, body = prepared
    if packet.src_mac != mac:
        return ignored("not the port's MAC")
    destination = ALL_NODES if packet.src == ANY6 else packet.src
    reply = build_icmp6(mac, source_mac, source, destination, body)
    return Answer((reply,), "advertisement", "solicited")


def periodic(port: EdgePort) -> bytes | None:
    """The unsolicited advertisement for ``port``, or None where nothing is advertised.

    To all nodes, in a frame to the port's MAC: prefixes and resolvers are per port.
    """
    prepared = _prepare(port)
    if prepared is None:
        return None
    mac, source_mac, source, body = prepared
    return build_icmp6(mac, source_mac, source, ALL_NODES, body)
