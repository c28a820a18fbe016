"""DNS at the edge: names of a network's own ports, and which queries to pass on to a resolver.

:func:`answer` decides on one query; a name outside the network's own zones becomes a query ready to
be sent to a resolver, whose response :func:`~vrouter_ovs.proxies.dns.relay.finish` turns into the
client's.  The caller does the sending, with an unpredictable id
(:func:`~vrouter_ovs.proxies.dns.relay.with_id`) and port (RFC 5452).  UDP and TCP alike: these
functions see DNS messages, :func:`query_of` and :func:`reply_frame` the frames of UDP.

Sources: RFC 1034, 1035, 2308 (negative answers), 6303 and 6761 (what is not passed on), 6891
(EDNS), 8482 (ANY), 9619 (one question).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Container, Mapping
from dataclasses import dataclass
from functools import lru_cache

import dns.exception
import dns.name
import dns.rcode
import dns.rdataclass

from vrouter_ovs.numbers import ETH_IPV4, PORT_DNS
from vrouter_ovs.proxies.build import build_udp4, build_udp6
from vrouter_ovs.proxies.dns.message import (
    RD,
    Query,
    Reply,
    bare_reply,
    rdata,
    read_query,
    reply_to,
    soa_data,
)
from vrouter_ovs.proxies.dns.relay import outgoing
from vrouter_ovs.proxies.dns.special_names import Zones, block_of, switched_off, zone_of
from vrouter_ovs.proxies.packet import (
    Malformed,
    Udp,
    ethernet,
    udp4,
    udp6,
)

MAX_QUERY = 1024
_MAX_RECORDS = 64
_A, _PTR, _SOA, _AAAA, _DS = 1, 12, 6, 28, 43
_NXDOMAIN = 3
# Whole-zone and wildcard types, and those that mean something in a message only.
_REFUSED_TYPES = frozenset((0, 41, *range(128, 256)))
_RDATA_OF = {4: "A", 6: "AAAA"}


@dataclass(frozen=True, slots=True)
class DnsView:
    """What one network's ports may see.

    ``domain``: its DNS domain without the last dot, or "".  ``names``: host name (relative to the
    domain, lower case; or a whole name, where a port has a domain of its own) -> addresses.
    ``pointers``: address -> whole name.  ``prefixes``: the network's subnets: an address of these
    without a pointer does not exist.  ``ttl``: seconds.  ``forward``: pass other names on.
    ``forward_zones``: of the zones that are kept from the resolvers, those that are not.
    ``parents``: host names above existing ones ("b" where "a.b" is a port): these exist, without
    records (RFC 8020 section 2).  The mappings may change between two calls.
    """

    domain: str
    names: Mapping[str, tuple[str, ...]]
    pointers: Mapping[str, str]
    prefixes: tuple[str, ...] = ()
    ttl: int = 60
    forward: bool = True
    parents: Container[str] = frozenset()
    forward_zones: Zones = frozenset()


def answer(query: bytes, view: DnsView, udp: bool = True) -> Reply:
    """The reply to one DNS message of a client.  Raises Malformed for what must not be answered
    at all: too short or long, or itself a response."""
    if len(query) < 12:
        raise Malformed("DNS header cut")
    if len(query) > MAX_QUERY:
        raise Malformed("DNS query too long")
    if query[2] & 0x80:
        raise Malformed("a DNS response")
    if query[2] & 0x78:
        return bare_reply(query, dns.rcode.NOTIMP, "notimp", "not a query")
    try:
        message = read_query(query, udp)
    except Malformed as error:
        return bare_reply(query, dns.rcode.FORMERR, "formerr", error.reason)
    question = message.question
    if message.edns > 0:
        return reply_to(message, "badvers", dns.rcode.BADVERS)
    if question.rdclass != dns.rdataclass.IN or question.rdtype in _REFUSED_TYPES:
        return reply_to(message, "refused", dns.rcode.REFUSED)
    local = _local(message, view)
    if local is not None:
        return local
    if not view.forward or not message.flags & RD:
        return reply_to(message, "refused", dns.rcode.REFUSED)
    return Reply("forward", outgoing(message), question, "outside the network")


@lru_cache(maxsize=1024)
def _zone(domain: str) -> dns.name.Name | None:
    try:
        return dns.name.from_text(domain.lower()) if domain.strip(".") else None
    except dns.exception.DNSException:
        return None


def _local(message: Query, view: DnsView) -> Reply | None:
    """The authoritative answer, or None for a name outside the network's zones."""
    name, question = message.name, message.question
    text = name.canonicalize().to_text(omit_final_dot=True)
    zone = _zone(view.domain)
    inside = zone is not None and name.is_subdomain(zone)
    host = text[: -len(view.domain.strip(".")) - 1] if inside else ""
    # A host name alone has addresses here; it may be a top-level domain's too, so all else that is
    # asked of it is for those who know that.
    bare = len(name) == 2 and not inside
    if bare and question.rdtype not in (_A, _AAAA) and not zone_of((name.labels[0].lower(),)):
        return None
    addresses = view.names.get(text)
    if addresses is None and inside:
        addresses = view.names.get(host)
    # The zone is the end of the name that was asked for, so its SOA's owner points there.
    owner = len(question.name) - len(_wire(zone)) + 12 if inside else 12
    if addresses is not None:
        family = {_A: 4, _AAAA: 6}.get(question.rdtype)
        found = [each for each in addresses if (6 if ":" in each else 4) == family]
        if found:
            data = [rdata(_RDATA_OF[family], each) for each in found[:_MAX_RECORDS]]
            return reply_to(message, "answer", 0, data, ttl=view.ttl)
        return reply_to(message, "nodata", 0, ttl=view.ttl, soa=owner)
    if inside:
        if name == zone and question.rdtype == _SOA:
            return reply_to(message, "answer", 0, [soa_data(view.ttl)], ttl=view.ttl)
        if name == zone or host in view.parents:
            return reply_to(message, "nodata", 0, ttl=view.ttl, soa=owner)
        return reply_to(message, "nxdomain", _NXDOMAIN, ttl=view.ttl, soa=owner)
    labels = tuple(label.lower() for label in name.labels[:-1])
    kept = 0 if switched_off(labels, view.forward_zones) else zone_of(labels)
    if question.rdtype == _DS and kept == len(labels) > 1 and view.forward:
        # What a zone's parent has, and validators ask for (RFC 4035 section 3.1.4.1, RFC 8375
        # section 4); it says no more of who asks than that the zone is in use.
        return None
    reverse = _reverse(message, view, labels, kept)
    if reverse is not None:
        return reverse
    if kept:
        owner = len(question.name) - sum(map(len, labels[-kept:])) - kept + 11
        if kept == len(labels) > 1:
            return reply_to(message, "nodata", 0, ttl=view.ttl, soa=owner)
        return reply_to(message, "nxdomain", _NXDOMAIN, ttl=view.ttl, soa=owner)
    if bare and question.rdtype in (_A, _AAAA):
        # It means nothing to the rest of the world, but "no such name" would deny all names of a
        # top-level domain as well (RFC 8020 section 2), which queries of this form ask for (RFC
        # 9156 section 2.3).
        return reply_to(message, "nodata", 0, authority=False)
    return None


@lru_cache(maxsize=1024)
def _wire(zone: dns.name.Name) -> bytes:
    return zone.to_wire() or b""


@lru_cache(maxsize=1024)
def _networks(prefixes: tuple[str, ...]) -> tuple[tuple[int, int, int], ...]:
    found = []
    for prefix in prefixes:
        network = ipaddress.ip_network(prefix, strict=False)
        found.append((network.version, int(network.network_address), int(network.netmask)))
    return tuple(found)


def _reverse(
    message: Query, view: DnsView, labels: tuple[bytes, ...], kept: int
) -> Reply | None:
    """The answer for an address of the network's subnets, and for the blocks above and in them.
    ``kept``: whether the name is kept from the resolvers.

    A block (a name with fewer labels than an address) that has to do with a subnet exists: "no such
    name" would deny all below it (RFC 8020 section 2).
    """
    block = block_of(labels)
    if block is None:
        return None
    version, first, length = block
    bits = 32 if version == 4 else 128
    if length == bits:
        address = ipaddress.IPv4Address(first) if version == 4 else ipaddress.IPv6Address(first)
        target = view.pointers.get(str(address))
        if target is not None:
            if message.question.rdtype != _PTR:
                return reply_to(message, "nodata", 0, ttl=view.ttl, soa=12)
            data = [rdata("PTR", target.rstrip(".") + ".")]
            return reply_to(message, "answer", 0, data, ttl=view.ttl)
    mask = (1 << bits) - (1 << bits - length)
    for family, network, netmask in _networks(view.prefixes):
        if family == version and not (first ^ network) & mask & netmask:
            if length == bits:
                return reply_to(message, "nxdomain", _NXDOMAIN, ttl=view.ttl, soa=12)
            # The root of the reverse tree and a large block above a small subnet are public.
            if mask & netmask == netmask or kept:
                return reply_to(message, "nodata", 0, ttl=view.ttl, soa=12)
    return None


def query_of(frame: bytes) -> Udp:
    """The UDP datagram of a query's frame, either family; raises Malformed."""
    udp = udp4(frame) if ethernet(frame)[2] == ETH_IPV4 else udp6(frame)
    if udp.dst_port != PORT_DNS or not udp.src_port:
        raise Malformed("not to the DNS port")
    group = udp.dst[0] >= 224 if len(udp.dst) == 4 else udp.dst[0] == 0xFF
    if group or udp.dst_mac[0] & 1 or not any(udp.src):
        raise Malformed("DNS query from or to no unicast address")
    return udp


def reply_frame(query: Udp, wire: bytes) -> bytes:
    """The frame that brings ``wire`` back to the one who sent ``query``."""
    build = build_udp4 if len(query.src) == 4 else build_udp6
    return build(query.src_mac, query.dst_mac, query.dst, query.src, PORT_DNS, query.src_port, wire)
