"""Frames of UDP, ICMPv6 and IP around payloads, with their checksums; addresses are packed bytes.

Sources: RFC 791, 768, 8200, 4443, 1071 (checksums).
"""

from __future__ import annotations

from struct import Struct

from vrouter_ovs.numbers import ETH_IPV4, ETH_IPV6, PROTO_ICMPV6, PROTO_UDP
from vrouter_ovs.proxies.packet import checksum, pseudo_header

_IPV4 = Struct("!BBHHHBBH4s4s")
_IPV6 = Struct("!IHBB16s16s")
_UDP = Struct("!HHHH")
_ETH_IPV4, _ETH_IPV6 = ETH_IPV4.to_bytes(2, "big"), ETH_IPV6.to_bytes(2, "big")


def build_ip4(
    dst_mac: bytes, src_mac: bytes, src: bytes, dst: bytes, protocol: int, payload: bytes,
    ttl: int = 64,
) -> bytes:  # fmt: skip
    """An IPv4 frame with DF set: nothing the edge sends is larger than the port's MTU."""
    length = 20 + len(payload)
    header = _IPV4.pack(0x45, 0, length, 0, 0x4000, ttl, protocol, 0, src, dst)
    total = checksum(header)
    return b"".join((
        dst_mac, src_mac, _ETH_IPV4, header[:10], total.to_bytes(2, "big"), header[12:], payload
    ))  # fmt: skip


def _udp(src: bytes, dst: bytes, src_port: int, dst_port: int, payload: bytes) -> bytes:
    length = 8 + len(payload)
    pseudo = pseudo_header(src, dst, PROTO_UDP, length) + src_port + dst_port + length
    total = checksum(payload, pseudo) or 0xFFFF  # zero would mean "none" (RFC 768)
    return _UDP.pack(src_port, dst_port, length, total) + payload


def build_udp4(
    dst_mac: bytes, src_mac: bytes, src: bytes, dst: bytes, src_port: int, dst_port: int,
    payload: bytes, ttl: int = 64,
) -> bytes:  # fmt: skip
    """A UDP over IPv4 frame.  Addresses are packed."""
    datagram = _udp(src, dst, src_port, dst_port, payload)
    return build_ip4(dst_mac, src_mac, src, dst, PROTO_UDP, datagram, ttl)


def build_ip6(
    dst_mac: bytes, src_mac: bytes, src: bytes, dst: bytes, next_header: int, payload: bytes,
    hop_limit: int = 64,
) -> bytes:  # fmt: skip
    """An IPv6 frame around a finished payload."""
    header = _IPV6.pack(0x60000000, len(payload), next_header, hop_limit, src, dst)
    return b"".join((dst_mac, src_mac, _ETH_IPV6, header, payload))


def build_udp6(
    dst_mac: bytes, src_mac: bytes, src: bytes, dst: bytes, src_port: int, dst_port: int,
    payload: bytes, hop_limit: int = 64,
) -> bytes:  # fmt: skip
    """A UDP over IPv6 frame.  Addresses are packed."""
    datagram = _udp(src, dst, src_port, dst_port, payload)
    return build_ip6(dst_mac, src_mac, src, dst, PROTO_UDP, datagram, hop_limit)


def build_icmp6(
    dst_mac: bytes, src_mac: bytes, src: bytes, dst: bytes, message: bytes, hop_limit: int = 255
) -> bytes:
    """An ICMPv6 frame; ``message`` has zeros where its checksum belongs (bytes 2 and 3)."""
    total = checksum(message, pseudo_header(src, dst, PROTO_ICMPV6, len(message)))
    full = b"".join((message[:2], total.to_bytes(2, "big"), message[4:]))
    return build_ip6(dst_mac, src_mac, src, dst, PROTO_ICMPV6, full, hop_limit)
