"""DNS at the edge: names of a network's own ports, and queries to pass on to a resolver.

:func:`answer` decides on one query; a name outside the network's own zones becomes a query ready to
be sent to a resolver, whose response :func:`finish` turns into the client's.  The caller does the
sending, with an unpredictable id (:func:`with_id`) and port (RFC 5452).  UDP and TCP alike: these
functions see DNS messages, :func:`query_of` and :func:`reply_frame` the frames of UDP.

Sources: RFC 1034, 1035, 2308 (negative answers), 6303 and 6761 (what is not passed on), 6891
(EDNS), 8482 (ANY), 9619 (one question).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Container, Mapping
from dataclasses import dataclass
from functools import lru_cache
from struct import Struct
from typing import NamedTuple

import dns.exception
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass

from .dns_special import block_of, zone_of
from .dns_wire import Question, read_response
from .packet import ETH_IPV4, Malformed, Udp, build_udp4, build_udp6, ethernet, udp4, udp6

PORT = 53
MAX_UDP = 1232
"""Bytes of the largest UDP answer: fits the least IPv6 MTU, so it is never fragmented."""
MAX_QUERY = 1024
MAX_TCP = 65535
_MAX_RECORDS = 64
_HEADER = Struct("!HHHHHH")
_OPT = Struct("!BHHIH")
_PAIR = Struct("!HH")
_RECORD = Struct("!HHHIH")
_QR, _AA, _TC, _RD, _RA = 0x8000, 0x0400, 0x0200, 0x0100, 0x0080
_DO = 0x8000
_A, _PTR, _SOA, _AAAA = 1, 12, 6, 28
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


class Reply(NamedTuple):
    """``kind``: "answer", "nodata", "nxdomain", "refused", "formerr", "notimp", "badvers": ``wire``
    goes to the client.  "forward": ``wire`` goes to a resolver, with an id put in."""

    kind: str
    wire: bytes
    question: Question | None
    reason: str


class _Query(NamedTuple):
    """A query taken apart.  ``asked``: its question section; ``edns``: its version, -1: none."""

    ident: int
    flags: int
    name: dns.name.Name
    rdtype: int
    rdclass: int
    asked: bytes
    edns: int
    payload: int
    dnssec: bool


def _read(query: bytes) -> _Query:
    """Take a query apart; raises Malformed.  EDNS options are skipped: none of them matters here,
    and nobody can make the node work by sending many."""
    ident, flags, questions, answers, authority, additional = _HEADER.unpack_from(query)
    if questions != 1 or answers or authority or additional > 1:
        raise Malformed("not exactly one question")
    size = len(query)
    at = 12
    while at < size and query[at]:
        if query[at] > 63:
            raise Malformed("bad label in the question")
        at += 1 + query[at]
    end = at + 5
    if end > size or at - 12 > 254:
        raise Malformed("bad question")
    try:
        name = dns.name.from_wire(query, 12)[0]
    except dns.exception.DNSException:
        raise Malformed("bad name in the question") from None
    rdtype, rdclass = _PAIR.unpack_from(query, at + 1)
    edns, payload, extended = -1, 512, 0
    if additional:
        if end + 11 > size:
            raise Malformed("additional record cut")
        root, kind, payload, extended, length = _OPT.unpack_from(query, end)
        if root or kind != 41 or end + 11 + length != size:
            raise Malformed("additional record other than OPT")
        edns = extended >> 16 & 255
    elif end != size:
        raise Malformed("bytes after the question")
    return _Query(ident, flags, name, rdtype, rdclass, query[12:end], edns, payload,
                  bool(extended & _DO))  # fmt: skip


def _bare(query: bytes, rcode: int, kind: str, reason: str) -> Reply:
    """An answer of a header alone: for queries whose content is not to be trusted."""
    ident, flags = _HEADER.unpack_from(query)[:2]
    flags = _QR | (flags & 0x7900) | rcode  # opcode and RD as asked
    return Reply(kind, _HEADER.pack(ident, flags, 0, 0, 0, 0), None, reason)


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
        return _bare(query, dns.rcode.NOTIMP, "notimp", "not a query")
    try:
        message = _read(query)
    except Malformed as error:
        return _bare(query, dns.rcode.FORMERR, "formerr", error.reason)
    rdtype = message.rdtype
    canonical = message.asked[:-4].lower()  # lengths are below "A", so only letters change
    question = Question(canonical, rdtype, message.rdclass, message.dnssec)
    if message.edns > 0:
        return _reply(message, question, udp, "badvers", dns.rcode.BADVERS)
    if message.rdclass != dns.rdataclass.IN or rdtype in _REFUSED_TYPES:
        return _reply(message, question, udp, "refused", dns.rcode.REFUSED)
    local = _local(message, question, view, udp)
    if local is not None:
        return local
    if not view.forward or not message.flags & _RD:
        return _reply(message, question, udp, "refused", dns.rcode.REFUSED)
    wire = b"".join((
        _HEADER.pack(0, _RD, 1, 0, 0, 1), message.asked,
        _OPT.pack(0, 41, MAX_UDP, _DO if message.dnssec else 0, 0),
    ))  # fmt: skip
    return Reply("forward", wire, question, "outside the network")


@lru_cache(maxsize=1024)
def _zone(domain: str) -> dns.name.Name | None:
    try:
        return dns.name.from_text(domain.lower()) if domain.strip(".") else None
    except dns.exception.DNSException:
        return None


def _local(message: _Query, question: Question, view: DnsView, udp: bool) -> Reply | None:
    """The authoritative answer, or None for a name outside the network's zones."""
    name = message.name
    text = name.canonicalize().to_text(omit_final_dot=True)
    zone = _zone(view.domain)
    inside = zone is not None and name.is_subdomain(zone)
    host = text[: -len(view.domain.strip(".")) - 1] if inside else ""
    addresses = view.names.get(text)
    if addresses is None and inside:
        addresses = view.names.get(host)
    # The zone is the end of the name that was asked for, so its SOA's owner points there.
    owner = len(question.name) - len(_wire(zone)) + 12 if inside else 12
    if addresses is not None:
        family = {_A: 4, _AAAA: 6}.get(question.rdtype)
        found = [each for each in addresses if (6 if ":" in each else 4) == family]
        if found:
            data = [_rdata(_RDATA_OF[family], each) for each in found[:_MAX_RECORDS]]
            return _reply(message, question, udp, "answer", 0, data, ttl=view.ttl)
        return _reply(message, question, udp, "nodata", 0, ttl=view.ttl, soa=owner)
    if inside:
        if name == zone and question.rdtype == _SOA:
            return _reply(message, question, udp, "answer", 0, [_soa(view.ttl)], ttl=view.ttl)
        if name == zone or host in view.parents:
            return _reply(message, question, udp, "nodata", 0, ttl=view.ttl, soa=owner)
        return _reply(message, question, udp, "nxdomain", _NXDOMAIN, ttl=view.ttl, soa=owner)
    labels = tuple(label.lower() for label in name.labels[:-1])
    reverse = _reverse(message, question, view, udp, labels)
    if reverse is not None:
        return reverse
    kept = zone_of(labels)
    if kept:
        owner = len(question.name) - sum(map(len, labels[-kept:])) - kept + 11
        if kept == len(labels) > 1:
            return _reply(message, question, udp, "nodata", 0, ttl=view.ttl, soa=owner)
        return _reply(message, question, udp, "nxdomain", _NXDOMAIN, ttl=view.ttl, soa=owner)
    if len(name) == 2:  # a host name alone means nothing to the rest of the world
        return _reply(message, question, udp, "nxdomain", _NXDOMAIN, ttl=view.ttl, soa=12)
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
    message: _Query, question: Question, view: DnsView, udp: bool, labels: tuple[bytes, ...]
) -> Reply | None:
    """The answer for an address of the network's subnets, and for the blocks above and in them.

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
            if question.rdtype != _PTR:
                return _reply(message, question, udp, "nodata", 0, ttl=view.ttl, soa=12)
            data = [_rdata("PTR", target.rstrip(".") + ".")]
            return _reply(message, question, udp, "answer", 0, data, ttl=view.ttl)
    mask = (1 << bits) - (1 << bits - length)
    for family, network, netmask in _networks(view.prefixes):
        if family == version and not (first ^ network) & mask & netmask:
            if length == bits:
                return _reply(message, question, udp, "nxdomain", _NXDOMAIN, ttl=view.ttl, soa=12)
            # The root of the reverse tree and a large block above a small subnet are public.
            if mask & netmask == netmask or zone_of(labels):
                return _reply(message, question, udp, "nodata", 0, ttl=view.ttl, soa=12)
    return None


@lru_cache(maxsize=16384)
def _rdata(rdtype: str, text: str) -> bytes:
    """Record data from the configuration's text; never from a query's."""
    return dns.rdata.from_text("IN", rdtype, text).to_wire() or b""


def _soa(ttl: int) -> bytes:
    """The SOA that a negative answer needs to be remembered by the client (RFC 2308 section 3)."""
    return _rdata("SOA", f"nobody.invalid. nobody.invalid. 1 3600 600 86400 {ttl}")


def _limit(message: _Query, udp: bool) -> int:
    return max(512, min(message.payload, MAX_UDP)) if udp else MAX_TCP


def _reply(
    message: _Query, question: Question, udp: bool, kind: str, rcode: int,
    answers: list[bytes] | None = None, ttl: int = 0, soa: int = 0,
) -> Reply:  # fmt: skip
    """``answers``: data of records of the type that was asked for, owned by its name; ``soa``: the
    offset of the owner of an SOA for the authority section, 0 for none."""
    parts = [
        _RECORD.pack(0xC00C, question.rdtype, 1, ttl, len(data)) + data for data in answers or ()
    ]
    if soa:
        data = _soa(ttl)
        parts.append(_RECORD.pack(0xC000 | soa, _SOA, 1, ttl, len(data)) + data)
    edns = b""
    if message.edns >= 0:
        extended = rcode >> 4 << 24 | (_DO if message.dnssec else 0)
        edns = _OPT.pack(0, 41, MAX_UDP, extended, 0)
    flags = _QR | _RA | (message.flags & _RD) | (rcode & 15)
    if kind in ("answer", "nodata", "nxdomain"):
        flags |= _AA
    counts = (len(answers or ()), 1 if soa else 0)
    body = b"".join(parts)
    reason = ""
    if 12 + len(message.asked) + len(body) + len(edns) > _limit(message, udp):
        body, counts, flags, reason = b"", (0, 0), flags | _TC, "truncated"
    header = _HEADER.pack(message.ident, flags, 1, *counts, 1 if edns else 0)
    return Reply(kind, b"".join((header, message.asked, body, edns)), question, reason)


def with_id(wire: bytes, ident: int) -> bytes:
    """``wire`` with the message id ``ident`` (0..65535)."""
    return ident.to_bytes(2, "big") + wire[2:]


def matches(sent: bytes, response: bytes) -> bool:
    """Whether ``response`` is one to the query ``sent``: id, QR and question (RFC 5452 9.1)."""
    if len(response) < 12 or response[:2] != sent[:2] or not response[2] & 0x80:
        return False
    end = len(sent) - 11  # without the OPT record that ends every query of ours
    return response[4:6] == b"\0\1" and response[12:end].lower() == sent[12:end].lower()


def finish(query: bytes, response: bytes, udp: bool = True) -> bytes:
    """A resolver's (or the cache's) ``response`` as the answer to the client's ``query``.

    Its id, its spelling of the name, EDNS only where it was used, truncated where it must be.
    Raises Malformed where the response is damaged or about another question.
    """
    # answer() has accepted this query, but the caller may pair it with anything.
    if len(query) < 12:
        raise Malformed("DNS header cut")
    message = _read(query)
    read = read_response(response)
    spelled = message.asked
    if spelled.lower() != response[12 : read.question_end].lower():
        raise Malformed("a response to another question")
    flags = int.from_bytes(response[2:4], "big") & ~(_AA | _RD | 0x0050)
    flags |= _RA | (int.from_bytes(query[2:4], "big") & _RD)
    if read.extended:
        flags = (flags & ~15) | dns.rcode.SERVFAIL
    edns = b""
    if message.edns >= 0:
        edns = _OPT.pack(0, 41, MAX_UDP, _DO if message.dnssec else 0, 0)
    body = response[read.question_end : read.end]
    counts = read.counts
    if 12 + len(spelled) + len(body) + len(edns) > _limit(message, udp):
        body, counts, flags = b"", (0, 0, 0), flags | _TC
    header = _HEADER.pack(int.from_bytes(query[:2], "big"), flags, 1, counts[0], counts[1],
                          counts[2] + bool(edns))  # fmt: skip
    return b"".join((header, spelled, body, edns))


def failure(query: bytes) -> bytes:
    """SERVFAIL for a client whose query no resolver answered; raises Malformed."""
    if len(query) < 12 or query[2] & 0x80:
        raise Malformed("not a DNS query")
    return _bare(query, dns.rcode.SERVFAIL, "servfail", "").wire


def query_of(frame: bytes) -> Udp:
    """The UDP datagram of a query's frame, either family; raises Malformed."""
    udp = udp4(frame) if ethernet(frame)[2] == ETH_IPV4 else udp6(frame)
    if udp.dst_port != PORT or not udp.src_port:
        raise Malformed("not to the DNS port")
    group = udp.dst[0] >= 224 if len(udp.dst) == 4 else udp.dst[0] == 0xFF
    if group or udp.dst_mac[0] & 1 or not any(udp.src):
        raise Malformed("DNS query from or to no unicast address")
    return udp


def reply_frame(query: Udp, wire: bytes) -> bytes:
    """The frame that brings ``wire`` back to the one who sent ``query``."""
    build = build_udp4 if len(query.src) == 4 else build_udp6
    return build(query.src_mac, query.dst_mac, query.dst, query.src, PORT, query.src_port, wire)
