"""Prefixes, VNIs and VTEPs of state objects as match terms and register values."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from vrouter_ovs.errors import PipelineError
from vrouter_ovs.schema.fields import ipv4_bytes, mac_bytes
from vrouter_ovs.schema.flow import IPV4, IPV6

ALL_ONES = (1 << 32) - 1


@lru_cache(maxsize=65536)
def network(prefix: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """An address or a prefix; host bits are cleared.  Raises PipelineError."""
    try:
        return ipaddress.ip_network(prefix, strict=False)
    except ValueError as error:
        raise PipelineError(f"not an address or prefix: {error}") from None


def prefix_term(field: str, net: ipaddress.IPv4Network | ipaddress.IPv6Network) -> tuple:
    """The match term, as a tuple of none or one: the whole address space matches by absence."""
    if net.prefixlen == 0:
        return ()
    address = str(net.network_address)
    if net.prefixlen == net.max_prefixlen:
        return ((field, address),)
    return ((field, address, str(net.netmask)),)


def claimed_terms(net: ipaddress.IPv4Network | ipaddress.IPv6Network) -> tuple[tuple, ...]:
    """The match terms for "the claimed address is in ``net``", by 32 bits."""
    value, mask = int(net.network_address), int(net.netmask)
    terms: list[tuple] = []
    for number in range(4 - net.max_prefixlen // 32, 4):
        shift = 32 * (3 - number)
        part, bits = value >> shift & ALL_ONES, mask >> shift & ALL_ONES
        if bits == ALL_ONES:
            terms.append((f"claimed_ip{number}", part))
        elif bits:
            terms.append((f"claimed_ip{number}", part, bits))
    return tuple(terms)


def ip_match(side: str, prefix: str) -> tuple[tuple, ...]:
    """The terms for "IP packets whose ``side`` ("src" or "dst") is in ``prefix``"."""
    net = network(prefix)
    if net.version == 4:
        return (("eth_type", IPV4), *prefix_term(f"ipv4_{side}", net))
    return (("eth_type", IPV6), *prefix_term(f"ipv6_{side}", net))


def vtep_id(vtep: str) -> int:
    """A VTEP as its register value: the IPv4 address as an integer."""
    return int.from_bytes(ipv4_bytes(vtep), "big")


def mac_int(mac: str) -> int:
    return int.from_bytes(mac_bytes(mac), "big")


def vni(value: int) -> int:
    """``value`` itself.  Zero is what a frame of a VM carries, so it names nothing."""
    if not 0 < value < 1 << 24:
        raise PipelineError(f"not a VNI: {value}")
    return value
