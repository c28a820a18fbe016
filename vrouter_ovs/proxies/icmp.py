"""ICMP errors from a gateway: too big, time exceeded, unreachable, for both families.

Sources: RFC 792, 1191 (next-hop MTU), 1122 section 3.2.2 and 1812 section 4.3.2 (when none may be
sent, how much is quoted), 4443 sections 2.4 and 3.
"""

from __future__ import annotations

from vrouter_ovs.addresses import address_bytes, mac_bytes
from vrouter_ovs.numbers import (
    ECHO_REQUEST6,
    ETH_IPV4,
    ETH_IPV6,
    PROTO_DEST_OPTIONS,
    PROTO_FRAGMENT,
    PROTO_HOP_BY_HOP,
    PROTO_ICMP,
    PROTO_ICMPV6,
    PROTO_MOBILITY,
    PROTO_ROUTING,
    REDIRECT,
)
from vrouter_ovs.proxies.build import build_icmp6, build_ip4

from .packet import (
    ANY4,
    ANY6,
    BROADCAST4,
    Answer,
    Ip6,
    Malformed,
    checksum,
    ethernet,
    ignored,
    ip4,
    ip6,
)

TOO_BIG = "too-big"
TIME_EXCEEDED = "time-exceeded"
HOST_UNREACHABLE = "host-unreachable"
NET_UNREACHABLE = "net-unreachable"
ADMIN_PROHIBITED = "admin-prohibited"
PORT_UNREACHABLE = "port-unreachable"

# kind -> (type, code)
_V4 = {
    TOO_BIG: (3, 4), TIME_EXCEEDED: (11, 0), HOST_UNREACHABLE: (3, 1), NET_UNREACHABLE: (3, 0),
    ADMIN_PROHIBITED: (3, 13), PORT_UNREACHABLE: (3, 3),
}  # fmt: skip
_V6 = {
    TOO_BIG: (2, 0), TIME_EXCEEDED: (3, 0), HOST_UNREACHABLE: (1, 3), NET_UNREACHABLE: (1, 0),
    ADMIN_PROHIBITED: (1, 1), PORT_UNREACHABLE: (1, 4),
}  # fmt: skip
_MAX_V4, _MAX_V6 = 576, 1280  # of the whole error (RFC 1812 4.3.2.3, RFC 4443 2.4 c)
_V4_INFORMATIONAL = frozenset((0, 8, 9, 10, 13, 14, 15, 16, 17, 18))
_EXTENSIONS = frozenset(
    (PROTO_HOP_BY_HOP, PROTO_ROUTING, PROTO_DEST_OPTIONS, PROTO_MOBILITY)
)
_MAX_EXTENSIONS = 8


def answer(frame: bytes, gateway_mac: str, gateway_address: str, mtu: int, kind: str) -> Answer:
    """The ICMP error of ``kind`` (a constant above) about ``frame``, to its sender.

    ``gateway_address``: of the frame's family; ``mtu``: of the next hop in bytes, used by "too-big"
    alone.  "too-big" is ignored for what fits.  Raises Malformed (also for a frame that is no IP)
    and ValueError for an unknown ``kind`` or an address of the other family.
    """
    if kind not in _V4:
        raise ValueError(f"unknown kind of ICMP error: {kind}")
    ethertype = ethernet(frame)[2]
    if ethertype == ETH_IPV4:
        return _answer4(frame, gateway_mac, gateway_address, mtu, kind)
    if ethertype == ETH_IPV6:
        return _answer6(frame, gateway_mac, gateway_address, mtu, kind)
    raise Malformed("not IP")


def _answer4(frame: bytes, gateway_mac: str, gateway_address: str, mtu: int, kind: str) -> Answer:
    packet = ip4(frame)
    if packet.dst_mac[0] & 1:
        return ignored("group destination MAC")
    if packet.src == ANY4 or packet.src[0] >= 224 or packet.src[0] in (0, 127):
        return ignored("no unicast source")
    if packet.dst[0] >= 224 or packet.dst == BROADCAST4:
        return ignored("no unicast destination")
    if packet.offset:
        return ignored("not the first fragment")
    data = packet.packet
    if packet.protocol == PROTO_ICMP:
        if len(data) <= packet.header:
            raise Malformed("ICMP message cut")
        if data[packet.header] not in _V4_INFORMATIONAL:
            return ignored("about an ICMP error")
    # Sent without DF as well: a switch cannot fragment, and a sender that learns the MTU will.
    if kind == TOO_BIG and len(data) <= mtu:
        return ignored("fits")
    source = address_bytes(gateway_address)
    if len(source) != 4:
        raise ValueError("an IPv4 gateway address is needed")
    if packet.src == source:
        return ignored("from the gateway itself")
    kind_number, code = _V4[kind]
    rest = max(68, min(mtu, 65535)) if kind == TOO_BIG else 0
    tail = bytes((0, 0)) + rest.to_bytes(2, "big") + data[: _MAX_V4 - 28]
    total = checksum(bytes((kind_number, code)) + tail)
    message = bytes((kind_number, code)) + total.to_bytes(2, "big") + tail
    reply = build_ip4(packet.src_mac, mac_bytes(gateway_mac), source, packet.src, PROTO_ICMP,
                      message)  # fmt: skip
    return Answer((reply,), kind, "IPv4")


def _answer6(frame: bytes, gateway_mac: str, gateway_address: str, mtu: int, kind: str) -> Answer:
    packet = ip6(frame)
    # RFC 4443 2.4 e: only "packet too big" may be about multicast; a router between tenant
    # networks forwards none, so never.
    if packet.dst_mac[0] & 1 or packet.dst[0] == 0xFF:
        return ignored("multicast destination")
    if packet.src == ANY6 or packet.src == bytes(15) + b"\x01":
        return ignored("no unicast source")
    reason = _refused6(packet)
    if reason:
        return ignored(reason)
    size = 40 + len(packet.payload)
    if kind == TOO_BIG and size <= max(mtu, 1280):
        return ignored("fits")
    source = address_bytes(gateway_address)
    if len(source) != 16:
        raise ValueError("an IPv6 gateway address is needed")
    if packet.src == source:
        return ignored("from the gateway itself")
    kind_number, code = _V6[kind]
    rest = max(1280, min(mtu, 0xFFFFFFFF)) if kind == TOO_BIG else 0
    quoted = bytes(frame[14 : 14 + min(size, _MAX_V6 - 48)])
    message = bytes((kind_number, code, 0, 0)) + rest.to_bytes(4, "big") + quoted
    reply = build_icmp6(packet.src_mac, mac_bytes(gateway_mac), source, packet.src, message,
                        hop_limit=64)  # fmt: skip
    return Answer((reply,), kind, "IPv6")


def _refused6(packet: Ip6) -> str:
    """Why no error may be sent about this packet, or ""; walks its extension headers, bounded."""
    following, data, at = packet.next_header, packet.payload, 0
    for _ in range(_MAX_EXTENSIONS):
        if following == PROTO_ICMPV6:
            if at >= len(data):
                raise Malformed("ICMPv6 message cut")
            # Errors are the types below 128; a redirect counts as one (RFC 4443 section 2.4 e).
            return "about an ICMP error" if data[at] < ECHO_REQUEST6 or data[at] == REDIRECT else ""
        if following == PROTO_FRAGMENT:
            if at + 8 > len(data):
                raise Malformed("fragment header cut")
            if int.from_bytes(data[at + 2 : at + 4], "big") >> 3:
                return "not the first fragment"
            following, at = data[at], at + 8
        elif following in _EXTENSIONS:
            if at + 2 > len(data):
                raise Malformed("extension header cut")
            following, at = data[at], at + 8 * (1 + data[at + 1])
            if at > len(data):
                raise Malformed("extension header cut")
        else:
            return ""
    raise Malformed("too many extension headers")
