"""Identifiers derived from configuration, never stored twice.  Pure functions."""

from __future__ import annotations

import ipaddress
from functools import lru_cache


def route_distinguisher(vtep: str, index: int) -> str:
    """RD of type 1, VTEP:index (RFC 7432 section 7.9); stable over restarts."""
    return f"{vtep}:{index}"


def route_target(asn: int, vni: int) -> str:
    """RT ASN:VNI (RFC 8365 section 5.1.2.1).  Of a 4-byte AS the low 16 bits stand in the
    RT, because a two-byte number would not hold a VNI; FRR does the same."""
    return f"{asn & 0xFFFF}:{vni}"


def router_mac(vtep: str) -> str:
    """A locally administered MAC, one per VTEP: the EVPN Router's MAC (RFC 9135 section 6.1)."""
    return "02:76:" + ipaddress.IPv4Address(vtep).packed.hex(":")


def modified_eui64(mac: str) -> bytes:
    """The interface identifier of a MAC, eight bytes (RFC 4291 appendix A)."""
    raw = bytes.fromhex(mac.replace(":", ""))
    return bytes((raw[0] ^ 2,)) + raw[1:3] + b"\xff\xfe" + raw[3:]


@lru_cache(maxsize=65536)
def link_local(mac: str) -> str:
    """The link-local address that a MAC's owner has (RFC 4291 section 2.5.6)."""
    return str(ipaddress.IPv6Address(b"\xfe\x80" + bytes(6) + modified_eui64(mac)))


def host_prefix(ip: str) -> str:
    return f"{ip}/128" if ":" in ip else f"{ip}/32"


def mac_of_link_local(address: str) -> str:
    """The MAC that a link-local address is made from (inverse of :func:`link_local`), or ""."""
    raw = ipaddress.ip_address(address).packed
    if raw[:8] != b"\xfe\x80" + bytes(6) or raw[11:13] != b"\xff\xfe":
        return ""
    return (bytes((raw[8] ^ 2,)) + raw[9:11] + raw[13:]).hex(":")
