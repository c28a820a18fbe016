"""Ethernet, IPv4, IPv6, UDP and ICMPv6 frames: bounds-checked parsing.

A parser takes one whole Ethernet frame (without FCS) and checks every length and checksum before
anything of it is used; what fails raises :class:`Malformed` and nothing else.  Frames come from
VMs, so they are taken to be hostile.  VLAN tags are not part of any frame here: the switch refuses
tagged frames before it punts one.

Sources: RFC 791, 768, 8200, 4443, 1071 (checksums).
"""

from __future__ import annotations

import ipaddress
from struct import Struct
from typing import NamedTuple

from vrouter_ovs.numbers import ETH_IPV4, ETH_IPV6, PROTO_ICMPV6, PROTO_UDP

MAX_FRAME = 14 + 65535
BROADCAST_MAC = b"\xff" * 6
ANY4, BROADCAST4 = bytes(4), b"\xff" * 4
ANY6 = bytes(16)
ALL_NODES = ipaddress.IPv6Address("ff02::1").packed

_ETHERNET = Struct("!6s6sH")
_IPV4 = Struct("!BBHHHBBH4s4s")
_UDP = Struct("!HHHH")
_UDP4_FRAME = Struct("!6s6sHBBHHHBBH4s4s")
_IP6_FRAME = Struct("!6s6sHIHBB16s16s")


class Malformed(ValueError):
    """The frame is not what it claims to be; ``reason`` says why, in words fit for a counter."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Answer(NamedTuple):
    """``frames`` to send out of the port that asked; ``kind`` for counters; ``reason`` in words."""

    frames: tuple[bytes, ...]
    kind: str
    reason: str


def ignored(reason: str) -> Answer:
    """No answer: a well-formed frame that is none of our business."""
    return Answer((), "ignored", reason)


class Udp(NamedTuple):
    """A UDP datagram in its frame.  Addresses are packed bytes (4 or 16)."""

    dst_mac: bytes
    src_mac: bytes
    src: bytes
    dst: bytes
    src_port: int
    dst_port: int
    payload: bytes


class Ip4(NamedTuple):
    """An IPv4 packet in its frame.  ``offset``: fragment offset in bytes; ``packet``: from the IP
    header to the end of the datagram; ``header``: its header length in bytes."""

    dst_mac: bytes
    src_mac: bytes
    src: bytes
    dst: bytes
    protocol: int
    ttl: int
    offset: int
    more: bool
    header: int
    packet: bytes


class Ip6(NamedTuple):
    """An IPv6 packet in its frame.  ``payload``: what follows the fixed header."""

    dst_mac: bytes
    src_mac: bytes
    src: bytes
    dst: bytes
    next_header: int
    hop_limit: int
    payload: bytes


def checksum(data: bytes, initial: int = 0) -> int:
    """The Internet checksum (RFC 1071) of ``data``; ``initial``: the sum of other 16-bit words.

    2^16 is 1 modulo 65535, so the one's complement sum of the words is the big-endian number
    itself modulo 65535; that takes one division instead of a loop.
    """
    total = int.from_bytes(data, "big")
    if len(data) & 1:
        total <<= 8
    total += initial
    remainder = total % 0xFFFF
    if remainder == 0 and total:
        return 0
    return 0xFFFF - remainder


def pseudo_header(src: bytes, dst: bytes, protocol: int, length: int) -> int:
    """The sum of the words of a pseudo-header (RFC 768, RFC 8200 section 8.1), for
    :func:`checksum`.  Addresses are packed."""
    return int.from_bytes(src, "big") + int.from_bytes(dst, "big") + protocol + length


def ethernet(frame: bytes) -> tuple[bytes, bytes, int]:
    """(destination MAC, source MAC, ethertype); raises Malformed."""
    if len(frame) < 14:
        raise Malformed("frame shorter than an Ethernet header")
    if len(frame) > MAX_FRAME:
        raise Malformed("frame too long")
    dst, src, kind = _ETHERNET.unpack_from(frame)
    if src[0] & 1:
        raise Malformed("group bit in the source MAC")
    return dst, src, kind


def ip4(frame: bytes) -> Ip4:
    """Parse an IPv4 packet, fragments included; raises Malformed (also for a wrong checksum)."""
    dst_mac, src_mac, kind = ethernet(frame)
    if kind != ETH_IPV4:
        raise Malformed("not IPv4")
    if len(frame) < 34:
        raise Malformed("IPv4 header cut")
    first, _, length, _, fragment, ttl, protocol, _, src, dst = _IPV4.unpack_from(frame, 14)
    header = (first & 15) * 4
    if first >> 4 != 4 or header < 20:
        raise Malformed("bad IPv4 version or header length")
    if length < header or length > len(frame) - 14:
        raise Malformed("bad IPv4 total length")
    packet = bytes(frame[14 : 14 + length])
    if checksum(packet[:header]):
        raise Malformed("bad IPv4 header checksum")
    return Ip4(dst_mac, src_mac, src, dst, protocol, ttl, (fragment & 0x1FFF) * 8,
               bool(fragment & 0x2000), header, packet)  # fmt: skip


def udp4(frame: bytes) -> Udp:
    """Parse an unfragmented UDP over IPv4 datagram; raises Malformed."""
    size = len(frame)
    if size < 42:
        raise Malformed("frame shorter than UDP over IPv4")
    if size > MAX_FRAME:
        raise Malformed("frame too long")
    (dst_mac, src_mac, kind, first, _, length, _, fragment, _, protocol, _, src, dst
     ) = _UDP4_FRAME.unpack_from(frame)  # fmt: skip
    if kind != ETH_IPV4 or protocol != PROTO_UDP or first >> 4 != 4:
        raise Malformed("not UDP over IPv4")
    if src_mac[0] & 1:
        raise Malformed("group bit in the source MAC")
    if fragment & 0x3FFF:
        raise Malformed("fragment")
    header = (first & 15) * 4
    if header < 20 or length < header + 8 or length > size - 14:
        raise Malformed("bad IPv4 lengths")
    if checksum(frame[14 : 14 + header]):
        raise Malformed("bad IPv4 header checksum")
    start = 14 + header
    src_port, dst_port, udp_length, udp_sum = _UDP.unpack_from(frame, start)
    if udp_length < 8 or udp_length > length - header:
        raise Malformed("bad UDP length")
    end = start + udp_length
    if udp_sum and checksum(frame[start:end], pseudo_header(src, dst, PROTO_UDP, udp_length)):
        raise Malformed("bad UDP checksum")
    return Udp(dst_mac, src_mac, src, dst, src_port, dst_port, bytes(frame[start + 8 : end]))


def ip6(frame: bytes) -> Ip6:
    """Parse an IPv6 packet's fixed header; raises Malformed.  No jumbograms (RFC 2675)."""
    size = len(frame)
    if size < 54:
        raise Malformed("frame shorter than an IPv6 header")
    if size > MAX_FRAME:
        raise Malformed("frame too long")
    dst_mac, src_mac, kind, first, length, next_header, hops, src, dst = _IP6_FRAME.unpack_from(
        frame
    )
    if kind != ETH_IPV6 or first >> 28 != 6:
        raise Malformed("not IPv6")
    if src_mac[0] & 1:
        raise Malformed("group bit in the source MAC")
    if src[0] == 0xFF:
        raise Malformed("multicast IPv6 source")
    if length > size - 54:
        raise Malformed("bad IPv6 payload length")
    return Ip6(dst_mac, src_mac, src, dst, next_header, hops, bytes(frame[54 : 54 + length]))


def udp6(frame: bytes) -> Udp:
    """Parse UDP over IPv6 without extension headers; raises Malformed."""
    packet = ip6(frame)
    payload = packet.payload
    if packet.next_header != PROTO_UDP:
        raise Malformed("not UDP over IPv6")
    if len(payload) < 8:
        raise Malformed("UDP header cut")
    src_port, dst_port, length, udp_sum = _UDP.unpack_from(payload)
    if length < 8 or length > len(payload):
        raise Malformed("bad UDP length")
    if not udp_sum:
        raise Malformed("no UDP checksum")  # RFC 8200 section 8.1
    datagram = payload[:length]
    if checksum(datagram, pseudo_header(packet.src, packet.dst, PROTO_UDP, length)):
        raise Malformed("bad UDP checksum")
    return Udp(packet.dst_mac, packet.src_mac, packet.src, packet.dst, src_port, dst_port,
               datagram[8:])  # fmt: skip


def icmp6(frame: bytes) -> Ip6:
    """Parse ICMPv6 without extension headers, its checksum verified; raises Malformed."""
    packet = ip6(frame)
    payload = packet.payload
    if packet.next_header != PROTO_ICMPV6:
        raise Malformed("not ICMPv6")
    if len(payload) < 8:
        raise Malformed("ICMPv6 message cut")
    if checksum(payload, pseudo_header(packet.src, packet.dst, PROTO_ICMPV6, len(payload))):
        raise Malformed("bad ICMPv6 checksum")
    return packet
