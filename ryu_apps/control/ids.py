"""Identifiers derived from configuration, never stored twice.  Pure functions."""

from __future__ import annotations

import functools
import hashlib
import ipaddress

from vrouter_ovs.addresses import link_local

__all__ = [
    "bridge_datapath_id", "host_prefix", "link_local", "route_distinguisher",
    "route_target", "router_id", "router_mac",
]  # fmt: skip


def route_distinguisher(vtep: str, index: int) -> str:
    """RD of type 1, VTEP:index (RFC 7432 section 7.9), for an IPv6 VTEP :func:`router_id`; stable
    over restarts."""
    return f"{router_id(vtep)}:{index}"


MPLS_INSTANCES = 32767
"""VPN instances with an ``rd_index`` up to here have MPLS labels."""


def mpls_route_distinguisher(vtep: str, index: int) -> str:
    """The RD of the routes with an MPLS label of an instance that has others with a VNI: a label
    of one route is of one kind (RFC 8365 section 5.1.3)."""
    return f"{router_id(vtep)}:{MPLS_INSTANCES + 1 + index}"


def evi_label(index: int) -> int:
    """The MPLS label of the EVI with this ``rd_index``, the same on every vrouter; stable over
    restarts, and above the 16 that are reserved (RFC 3032 section 2.1).  0: it has none."""
    return (1 << 16 | index) if index <= MPLS_INSTANCES else 0


def vrf_label(index: int, version: int) -> int:
    """Of a VRF, for the packets of an IP version."""
    return ((2 if version == 4 else 3) << 16 | index) if index <= MPLS_INSTANCES else 0


def route_target(asn: int, vni: int) -> str:
    """RT ASN:VNI (RFC 8365 section 5.1.2.1).  Of a 4-byte AS the low 16 bits stand in the
    RT, because a two-byte number would not hold a VNI; FRR does the same."""
    return f"{asn & 0xFFFF}:{vni}"


def any_as(target: str) -> str:
    """An automatic target (RFC 8365 section 5.1.2.1, or AS:VNI as most routers make it) with "*"
    for its AS, or "" for one that is none."""
    asn, _, number = target.rpartition(":")
    value = int(number)
    if not asn.isdigit():
        return ""
    if value >> 28 == 1 and not value >> 24 & 0xF:  # VXLAN, domain 0
        value &= 0xFFFFFF
    return f"*:{value}" if value < 1 << 24 else ""


def router_mac(vtep: str) -> str:
    """A locally administered MAC, one per VTEP: the EVPN Router's MAC (RFC 9135 section 6.1)."""
    return "02:76:" + ipaddress.IPv4Address(router_id(vtep)).packed.hex(":")


@functools.lru_cache(maxsize=16384)
def router_id(vtep: str) -> str:
    """What names a vrouter where there is room for an IPv4 address alone: that of its VTEP, and for
    an IPv6 one 28 bits of a hash in 240.0.0.0/4, where no VTEP is (RFC 1112 section 4)."""
    address = ipaddress.ip_address(vtep)
    if address.version == 4:
        return vtep
    digest = hashlib.blake2b(address.packed, digest_size=4, person=b"vnc-router-id").digest()
    return str(ipaddress.IPv4Address(0xF << 28 | int.from_bytes(digest, "big") >> 4))


def bridge_datapath_id(element: str) -> int:
    """The datapath id of a hypervisor's new bridge: by its name, so that it outlives a wiped
    database.  OVS would otherwise derive it from the ports' MACs and drop its controllers whenever
    a port with a lower MAC comes."""
    digest = hashlib.blake2b(element.encode("utf-8", "replace"), digest_size=8, person=b"vnc-dpid")
    return int.from_bytes(digest.digest(), "big") | 1


def host_prefix(ip: str) -> str:
    return f"{ip}/128" if ":" in ip else f"{ip}/32"


def mac_of_link_local(address: str) -> str:
    """The MAC that a link-local address is made from (inverse of :func:`link_local`), or ""."""
    raw = ipaddress.ip_address(address).packed
    if raw[:8] != b"\xfe\x80" + bytes(6) or raw[11:13] != b"\xff\xfe":
        return ""
    return (bytes((raw[8] ^ 2,)) + raw[9:11] + raw[13:]).hex(":")
