"""Prefixes, VNIs and VTEPs of state objects as terms of a match and values of registers."""

from __future__ import annotations

from vrouter_ovs.addresses import Network, ip_network, ipv4_bytes, ipv6_bytes
from vrouter_ovs.errors import PipelineError
from vrouter_ovs.numbers import ETH_IPV4, ETH_IPV6
from vrouter_ovs.state import BITS, EGRESS, INGRESS, MAX_PAGE

ALL_ONES = (1 << 32) - 1


def prefix_term(field: str, net: Network) -> tuple:
    """The match term, as a tuple of none or one: the whole address space matches by absence."""
    if net.prefixlen == 0:
        return ()
    address = str(net.network_address)
    if net.prefixlen == net.max_prefixlen:
        return ((field, address),)
    return ((field, address, str(net.netmask)),)


def claimed_terms(net: Network) -> tuple[tuple, ...]:
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
    net = ip_network(prefix)
    if net.version == 4:
        return (("eth_type", ETH_IPV4), *prefix_term(f"ipv4_{side}", net))
    return (("eth_type", ETH_IPV6), *prefix_term(f"ipv6_{side}", net))


IPV6_VTEP = 0xFFFFFFFF
"""The register ``vtep`` of an IPv6 underlay; no IPv4 VTEP has this address."""


def vtep_terms(vtep: str) -> tuple[tuple, ...]:
    """What a packet for a VTEP is marked with, as (field, value): its IPv4 address in a register,
    or its IPv6 address in the field of the switch that has room for one.  Raises PipelineError
    for what is no address."""
    if ":" in vtep:
        ipv6_bytes(vtep)
        return (("vtep", IPV6_VTEP), ("tun_ipv6_dst", vtep))
    return (("vtep", int.from_bytes(ipv4_bytes(vtep), "big")),)


def vni(value: int) -> int:
    """``value`` itself.  Zero is what a frame of a VM carries, so it names nothing."""
    if not 0 < value < 1 << 24:
        raise PipelineError(f"not a VNI: {value}")
    return value


def page_value(page: int, direction: str, stateful: bool) -> int:
    """The value of the register ``page`` with which the members of a page are looked up: each
    direction, and sets without tracking, look at other fields of a packet."""
    if not 0 < page <= MAX_PAGE:
        raise PipelineError(f"not a page: {page}")
    if direction not in (EGRESS, INGRESS):
        raise PipelineError(f"not a direction: {direction!r}")
    return page << 2 | (direction == INGRESS) << 1 | (not stateful)


def bit_mask(bits: tuple[int, ...]) -> int:
    """The value of the register ``member_of`` with these bits set."""
    found = 0
    for bit in bits:
        if not 0 <= bit < BITS:
            raise PipelineError(f"not a bit of a page: {bit}")
        found |= 1 << bit
    return found


def bit_term(bit: int) -> tuple:
    """The match term for "this bit of ``member_of`` is set", in the part of the register that has
    it."""
    part = bit_mask((bit,)) >> bit // 32 * 32
    return (f"member_of{3 - bit // 32}", part, part)
