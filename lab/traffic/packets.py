"""Ethernet frames by hand, also such as no kernel sends: forged, tagged, in fragments, behind
extension headers.

MACs, and IPv4 and IPv6 addresses, are texts; payloads and frames are bytes.
"""

from __future__ import annotations

import ipaddress
import itertools
import socket
import struct

IPV4, ARP, RARP, IPV6 = 0x0800, 0x0806, 0x8035, 0x86DD
DOT1Q, DOT1AD, OLD_QINQ = 0x8100, 0x88A8, 0x9100
ICMP, IGMP, UDP, ICMPV6 = 1, 2, 17, 58
HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, NO_NEXT, DESTINATION = 0, 43, 44, 51, 59, 60
BROADCAST = "ff:ff:ff:ff:ff:ff"
ALL_NODES, ALL_NODES_MAC = "ff02::1", "33:33:00:00:00:01"
ROUTER_SOLICIT, ROUTER_ADVERT, SOLICIT, ADVERT, REDIRECT = 133, 134, 135, 136, 137
SOURCE_LINK, TARGET_LINK = 1, 2


def mac_bytes(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))


def ip_bytes(address: str) -> bytes:
    return ipaddress.ip_address(address).packed


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total >> 16) + (total & 0xFFFF)
    return total ^ 0xFFFF


# ---------------------------------------------------------------- Ethernet


def ethernet(source: str, target: str, kind: int, payload: bytes, pad: bytes = b"") -> bytes:
    """``pad``: bytes behind the packet, which a switch carries along and nobody reads."""
    return mac_bytes(target) + mac_bytes(source) + struct.pack("!H", kind) + payload + pad


def tagged(frame: bytes, *tags: tuple[int, int]) -> bytes:
    """With (TPID, TCI) tags between the addresses and the type, the outer first (IEEE 802.1Q)."""
    return frame[:12] + b"".join(struct.pack("!HH", *tag) for tag in tags) + frame[12:]


def snap(frame: bytes) -> bytes:
    """The same packet in an IEEE 802.3 frame with LLC and SNAP headers (RFC 1042)."""
    packet = b"\xaa\xaa\x03\0\0\0" + frame[12:]
    return frame[:12] + struct.pack("!H", len(packet)) + packet


def arp(
    operation: int, sha: str, spa: str, tha: str, tpa: str, hardware: int = 1, length: int = 6
) -> bytes:
    """An ARP packet (RFC 826)."""
    head = struct.pack("!HHBBH", hardware, IPV4, length, 4, operation)
    return head + mac_bytes(sha) + ip_bytes(spa) + mac_bytes(tha) + ip_bytes(tpa)


# ---------------------------------------------------------------- IP


def ipv4(
    source: str, target: str, protocol: int, payload: bytes, ident: int = 1, offset: int = 0,
    more: bool = False, options: bytes = b"", ttl: int = 64,
) -> bytes:  # fmt: skip
    """``offset`` in bytes, a multiple of eight; ``options``: a multiple of four."""
    words = 5 + len(options) // 4
    head = struct.pack(
        "!BBHHHBBH4s4s", 0x40 | words, 0, words * 4 + len(payload), ident,
        more << 13 | offset >> 3, ttl, protocol, 0, ip_bytes(source), ip_bytes(target),
    ) + options  # fmt: skip
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def fragments4(
    source: str, target: str, protocol: int, payload: bytes, *cuts: int, ident: int = 1
) -> list[bytes]:
    """``payload`` cut at these offsets."""
    places = [0, *cuts, len(payload)]
    return [
        ipv4(source, target, protocol, payload[begin:end], ident, begin, end < len(payload))
        for begin, end in itertools.pairwise(places)
    ]


def ipv6(source: str, target: str, following: int, payload: bytes, limit: int = 64) -> bytes:
    return (
        struct.pack("!IHBB", 6 << 28, len(payload), following, limit)
        + ip_bytes(source) + ip_bytes(target) + payload
    )  # fmt: skip


def extension(kind: int, following: int, size: int = 8) -> bytes:
    """An extension header of ``size`` bytes that says nothing (RFC 8200 section 4)."""
    if kind == AUTHENTICATION:
        return struct.pack("!BBHII", following, size // 4 - 2, 0, 1, 1) + bytes(size - 12)
    if kind == ROUTING:
        return struct.pack("!BBBB", following, size // 8 - 1, 4, 0) + bytes(size - 4)
    return struct.pack("!BBBB", following, size // 8 - 1, 1, size - 4) + bytes(size - 4)


def chain(kinds: tuple[int, ...], last: int, payload: bytes) -> tuple[int, bytes]:
    """(the first next header, extension headers of these kinds and then ``payload``)."""
    for kind in reversed(kinds):
        size = 16 if kind == AUTHENTICATION else 8
        head = fragment(last, 0, False) if kind == FRAGMENT else extension(kind, last, size)
        last, payload = kind, head + payload
    return last, payload


def fragment(following: int, offset: int, more: bool, ident: int = 1) -> bytes:
    """A fragment header (RFC 8200 section 4.5)."""
    return struct.pack("!BBHI", following, 0, offset | more, ident)


def fragments6(
    source: str, target: str, following: int, payload: bytes, *cuts: int, ident: int = 1,
    limit: int = 64,
) -> list[bytes]:  # fmt: skip
    """``payload`` (from the header ``following`` on) cut at these offsets."""
    places = [0, *cuts, len(payload)]
    return [
        ipv6(source, target, FRAGMENT,
             fragment(following, begin, end < len(payload), ident) + payload[begin:end], limit)
        for begin, end in itertools.pairwise(places)
    ]


# ---------------------------------------------------------------- above IP


def _pseudo(source: str, target: str, protocol: int, size: int) -> bytes:
    if ":" in source:
        return ip_bytes(source) + ip_bytes(target) + struct.pack("!II", size, protocol)
    return ip_bytes(source) + ip_bytes(target) + struct.pack("!HH", protocol, size)


def udp(source: str, target: str, sport: int, dport: int, data: bytes) -> bytes:
    """A UDP datagram with its checksum, for IPv4 or IPv6 addresses."""
    size = 8 + len(data)
    head = struct.pack("!HHHH", sport, dport, size, 0)
    total = checksum(_pseudo(source, target, UDP, size) + head + data) or 0xFFFF
    return head[:6] + struct.pack("!H", total) + data


def icmpv6(source: str, target: str, kind: int, body: bytes, code: int = 0) -> bytes:
    """An ICMPv6 message with its checksum; ``body``: what follows the checksum."""
    message = struct.pack("!BBH", kind, code, 0) + body
    total = checksum(_pseudo(source, target, ICMPV6, len(message)) + message)
    return message[:2] + struct.pack("!H", total) + message[4:]


def link_option(kind: int, mac: str) -> bytes:
    """A source or target link-layer address option (RFC 4861 section 4.6.1)."""
    return struct.pack("!BB", kind, 1) + mac_bytes(mac)


def neighbor(target: str, *options: bytes, flags: int = 0) -> bytes:
    """The body of a neighbor solicitation or advertisement (RFC 4861 sections 4.3 and 4.4)."""
    return struct.pack("!I", flags << 29) + ip_bytes(target) + b"".join(options)


def router_advertisement(prefix: str) -> bytes:
    """The body of one with a lifetime and an autonomous prefix: it would turn a network's
    traffic."""
    information = b"\x03\x04\x40\xc0" + struct.pack("!III", 3600, 3600, 0) + ip_bytes(prefix)
    return struct.pack("!BBHII", 64, 0, 1800, 0, 0) + information


def redirect(target: str, destination: str) -> bytes:
    """The body of an ICMPv6 redirect (RFC 4861 section 4.5)."""
    return bytes(4) + ip_bytes(target) + ip_bytes(destination)


def bootp(operation: int, kind: int, mac: str, data: bytes = b"") -> bytes:
    """A DHCPv4 message: operation 1 or 2, message type ``kind``; ``data`` behind the options."""
    head = struct.pack("!BBBBI", operation, 1, 6, 0, 0x1234567)
    head = head.ljust(28, b"\0") + mac_bytes(mac)
    return head.ljust(236, b"\0") + b"\x63\x82\x53\x63" + bytes((53, 1, kind, 255)) + data


def multicast_mac(group: str) -> str:
    """The MAC of an IPv4 (RFC 1112) or IPv6 (RFC 2464 section 7) multicast group."""
    raw = ip_bytes(group)
    if len(raw) == 4:
        return bytes((1, 0, 0x5E, raw[1] & 127, raw[2], raw[3])).hex(":")
    return (b"\x33\x33" + raw[12:]).hex(":")


def igmp(kind: int, group: str) -> bytes:
    """An IGMPv2 message (RFC 2236 section 2)."""
    message = struct.pack("!BBH", kind, 0, 0) + socket.inet_aton(group)
    return message[:2] + struct.pack("!H", checksum(message)) + message[4:]
