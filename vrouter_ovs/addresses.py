"""MAC and IP addresses in text, as bytes and as networks.  Pure; the frequent ones are cached.

What is not an address raises :class:`~vrouter_ovs.errors.PipelineError`, which is a ValueError.
"""

from __future__ import annotations

import ipaddress
import socket
from functools import lru_cache

from vrouter_ovs.errors import PipelineError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@lru_cache(maxsize=65536)
def mac_bytes(mac: str) -> bytes:
    """"aa:bb:cc:dd:ee:ff" as six bytes."""
    try:
        packed = bytes.fromhex(mac.replace(":", ""))
    except ValueError:
        packed = b""
    if len(packed) != 6:
        raise PipelineError(f"not a MAC address: {mac!r}")
    return packed


def mac_int(mac: str) -> int:
    """The same as an integer of 48 bits."""
    return int.from_bytes(mac_bytes(mac), "big")


def ipv4_bytes(address: str) -> bytes:
    """"10.0.0.1" as four bytes."""
    try:
        return socket.inet_pton(socket.AF_INET, address)
    except OSError:
        raise PipelineError(f"not an IPv4 address: {address!r}") from None


def ipv6_bytes(address: str) -> bytes:
    """"fd00::1" as 16 bytes."""
    try:
        return socket.inet_pton(socket.AF_INET6, address)
    except OSError:
        raise PipelineError(f"not an IPv6 address: {address!r}") from None


def ipv4_text(packed: bytes) -> str:
    """Four bytes as "10.0.0.1"."""
    return socket.inet_ntop(socket.AF_INET, packed)


def address_bytes(address: str) -> bytes:
    """An address of either family as 4 or 16 bytes."""
    return ipv6_bytes(address) if ":" in address else ipv4_bytes(address)


@lru_cache(maxsize=65536)
def ip_network(prefix: str) -> Network:
    """An address or a prefix as a network; bits behind the prefix are cleared."""
    try:
        return ipaddress.ip_network(prefix, strict=False)
    except ValueError as error:
        raise PipelineError(f"not an address or prefix: {error}") from None


def modified_eui64(mac: bytes) -> bytes:
    """The interface identifier of a MAC (6 bytes), eight bytes (RFC 4291 appendix A)."""
    return b"".join((bytes((mac[0] ^ 2,)), mac[1:3], b"\xff\xfe", mac[3:]))


def link_local_bytes(mac: bytes) -> bytes:
    """The link-local address that a MAC's owner has (RFC 4291 section 2.5.6), 16 bytes."""
    return b"\xfe\x80\0\0\0\0\0\0" + modified_eui64(mac)


@lru_cache(maxsize=65536)
def link_local(mac: str) -> str:
    """The same from text to text."""
    return str(ipaddress.IPv6Address(link_local_bytes(mac_bytes(mac))))


def multicast_mac(group: bytes) -> bytes:
    """The MAC of a group, given as 4 or 16 bytes (RFC 1112 section 6.4, RFC 2464 section 7)."""
    if len(group) == 4:
        return bytes((1, 0, 0x5E, group[1] & 0x7F)) + group[2:]
    return b"\x33\x33" + group[12:]
