"""Router advertisements (RFC 4861, 4862, 8106) from the gateways to one port.

Lifetimes are long on purpose: addresses and routes of VMs must outlive a controller that is down.
What is no longer true is taken back with lifetimes of 0 (``EdgePort.withdrawn``): a default route
in the name of the router that was, as hosts know it by its link-local address.
"""

from __future__ import annotations

import ipaddress
from struct import Struct
from typing import NamedTuple

from vrouter_ovs.addresses import address_bytes, link_local_bytes, mac_bytes
from vrouter_ovs.numbers import ROUTER_ADVERT, ROUTER_SOLICIT
from vrouter_ovs.proxies.build import build_icmp6
from vrouter_ovs.proxies.domain_names import encode_or_nothing
from vrouter_ovs.proxies.memory import per_object

from ..edge import EdgePort, Item, Lease6
from .nd import options
from .packet import (
    ALL_NODES,
    ANY6,
    Answer,
    Malformed,
    icmp6,
    ignored,
)

HOP_LIMIT = 64
ROUTER_LIFETIME = 65535
"""Seconds; the largest there is (RFC 8319 section 4)."""
VALID_LIFETIME, PREFERRED_LIFETIME = 2592000, 604800
"""Seconds; the defaults of RFC 4861 section 6.2.1."""
ROUTER, ON_LINK, AUTONOMOUS, RESOLVER, DOMAIN = KINDS = (
    "router", "on-link", "autonomous", "resolver", "domain",
)  # fmt: skip
"""Kinds of items: the MAC of a default router, prefixes, an address, a DNS search domain."""
_MANAGED, _OTHER = 0x80, 0x40
_ON_LINK, _AUTONOMOUS = 0x80, 0x40
_HEADER = Struct("!BBHBBHII")
_PREFIX = Struct("!BBBBIII16s")
_ROOM = 1280 - 40
"""Bytes of a message that fits every link (RFC 8200 section 5)."""
_MOST = {ROUTER: 8, ON_LINK: 16, AUTONOMOUS: 16, RESOLVER: 32, DOMAIN: 4}
"""How many withdrawn items of a kind are advertised, the latest."""


class _Router(NamedTuple):
    """Who advertises: the MAC that it comes from; ``leases``: of its subnets."""

    mac: str
    leases: tuple[Lease6, ...]


def said(port: EdgePort) -> frozenset[Item]:
    """All that the advertisements to a port say which hosts remember."""
    found: set[Item] = set()
    for lease in port.v6:
        if not lease.ra_mode:
            continue
        if lease.router_mac and lease.gateway:
            found.add((ROUTER, lease.router_mac))
        found.add((ON_LINK, lease.prefix))
        if _is_autonomous(lease):
            found.add((AUTONOMOUS, lease.prefix))
        found.update((RESOLVER, server) for server in lease.dns if ":" in server)
    if found and port.domain:
        found.add((DOMAIN, port.domain))
    return frozenset(found)


def is_item(kind: str, value: str) -> bool:
    """Whether (kind, value) can be an item of :func:`said`."""
    try:
        if kind == ROUTER:
            return len(mac_bytes(value)) == 6
        if kind in (ON_LINK, AUTONOMOUS):
            return ipaddress.ip_network(value).version == 6
        if kind == RESOLVER:
            return ipaddress.ip_address(value).version == 6
        return kind == DOMAIN
    except ValueError:
        return False


def _is_autonomous(lease: Lease6) -> bool:
    return lease.ra_mode in ("slaac", "dhcpv6-stateless")


@per_object()
def _prepare(port: EdgePort) -> tuple[tuple[bytes, bytes], ...]:
    """(source MAC, message) of each advertisement; those that only take back come first."""
    by_router: dict[str, list[Lease6]] = {}
    for lease in port.v6:
        if lease.ra_mode:
            by_router.setdefault(lease.router_mac or port.service_mac, []).append(lease)
    gone = {kind: [value for one, value in port.withdrawn if one == kind][: _MOST[kind]]
            for kind in KINDS}  # fmt: skip
    former = [mac for mac in gone[ROUTER] if mac not in by_router]
    # Some hosts remember a resolver with the router that named it (RFC 8106 section 6.2).
    unrouted = bool(gone[RESOLVER]) or not (former or by_router)
    if any(gone.values()) and unrouted and port.service_mac not in by_router:
        former.append(port.service_mac)
    routers = [_Router(mac, ()) for mac in former]
    routers += [_Router(mac, tuple(leases)) for mac, leases in by_router.items()]
    taken_back = _taken_back(gone)
    return tuple(
        (mac_bytes(one.mac), message)
        for one in routers
        for message in _messages(port, one, taken_back)
    )


def _messages(port: EdgePort, router: _Router, taken_back: list[bytes]) -> list[bytes]:
    """What is no longer true comes before what is, and is more than one message where it must."""
    modes = {lease.ra_mode for lease in port.v6}
    flags = (_MANAGED if "dhcpv6-stateful" in modes else 0) | (
        _OTHER if "dhcpv6-stateless" in modes else 0
    )
    routed = any(lease.router_mac and lease.gateway for lease in router.leases)
    lifetime = ROUTER_LIFETIME if routed else 0
    parts = [_HEADER.pack(ROUTER_ADVERT, 0, 0, HOP_LIMIT, flags, lifetime, 0, 0)]
    parts.append(b"\x01\x01" + mac_bytes(router.mac))
    if 1280 <= port.mtu <= 65535:
        parts.append(b"\x05\x01\0\0" + port.mtu.to_bytes(4, "big"))
    head = b"".join(parts)
    parts = []
    autonomous: dict[str, bool] = {}
    for lease in router.leases:
        autonomous[lease.prefix] = autonomous.get(lease.prefix, False) or _is_autonomous(lease)
    for prefix, wants in autonomous.items():
        found = _ON_LINK | (_AUTONOMOUS if wants else 0)
        parts.append(_prefix(prefix, found, VALID_LIFETIME, PREFERRED_LIFETIME))
    servers = [server for lease in router.leases for server in lease.dns]
    parts.append(_resolvers(servers, ROUTER_LIFETIME))
    if router.leases:
        parts.append(_domain(port.domain, ROUTER_LIFETIME))
    current = b"".join(parts)
    found, message = [], head
    for option in taken_back:
        if len(message) + len(option) > _ROOM:
            found.append(message)
            message = head
        message += option
    if message != head and len(message) + len(current) > _ROOM:
        found.append(message)
        message = head
    return [*found, message + current]


def _taken_back(gone: dict[str, list[str]]) -> list[bytes]:
    """The options that say what is no longer true."""
    parts = []
    for prefix in dict.fromkeys((*gone[ON_LINK], *gone[AUTONOMOUS])):
        flags = (_ON_LINK if prefix in gone[ON_LINK] else 0) | (
            _AUTONOMOUS if prefix in gone[AUTONOMOUS] else 0
        )
        parts.append(_prefix(prefix, flags, 0, 0))
    servers = gone[RESOLVER]
    parts += [_resolvers(servers[at : at + 16], 0) for at in range(0, len(servers), 16)]
    parts += [_domain(name, 0) for name in gone[DOMAIN]]
    return parts


def _prefix(prefix: str, flags: int, valid: int, preferred: int) -> bytes:
    net = ipaddress.IPv6Network(prefix, strict=False)
    return _PREFIX.pack(3, 4, net.prefixlen, flags, valid, preferred, 0,
                        net.network_address.packed)  # fmt: skip


def _resolvers(servers: list[str], lifetime: int) -> bytes:
    packed = [address_bytes(server) for server in servers if ":" in server]
    found = list(dict.fromkeys(packed))[:16]
    if not found:
        return b""
    return bytes((25, 1 + 2 * len(found), 0, 0)) + lifetime.to_bytes(4, "big") + b"".join(found)


def _domain(name: str, lifetime: int) -> bytes:
    wire = encode_or_nothing(name)
    if not wire:
        return b""
    wire += bytes(-len(wire) % 8)
    return bytes((31, 1 + len(wire) // 8, 0, 0)) + lifetime.to_bytes(4, "big") + wire


def _frames(port: EdgePort, destination: bytes) -> tuple[bytes, ...]:
    """To the port's MAC, as prefixes and resolvers are per port."""
    mac = mac_bytes(port.mac)
    return tuple(
        build_icmp6(mac, source, link_local_bytes(source), destination, body)
        for source, body in _prepare(port)
    )


def answer(frame: bytes, port: EdgePort) -> Answer:
    """The advertisements for a router solicitation from ``port``; raises Malformed.

    kinds: "advertisement", "ignored".
    """
    packet = icmp6(frame)
    message = packet.payload
    if message[0] != ROUTER_SOLICIT:
        return ignored("not a router solicitation")
    if message[1] or packet.hop_limit != 255:
        raise Malformed("bad router solicitation")
    given = options(message, 8)
    if packet.src == ANY6 and 1 in given:
        raise Malformed("link-layer address of the unspecified address")
    if 1 in given and given[1][:6] != packet.src_mac:
        raise Malformed("source link-layer address is not the frame's source")
    if not _prepare(port):
        return ignored("no router advertisements here")
    if packet.src_mac != mac_bytes(port.mac):
        return ignored("not the port's MAC")
    destination = ALL_NODES if packet.src == ANY6 else packet.src
    return Answer(_frames(port, destination), "advertisement", "solicited")


def periodic(port: EdgePort) -> tuple[bytes, ...]:
    """The unsolicited advertisements for ``port``, to all nodes; () where nothing is said."""
    return _frames(port, ALL_NODES)
