"""DNS messages of clients: a query taken apart, and the answer to it.

Sources: RFC 1035 section 4.1, 2308 section 3 (the SOA of a negative answer), 6891 (EDNS).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from struct import Struct
from typing import NamedTuple

import dns.exception
import dns.name
import dns.rdata

from vrouter_ovs.proxies.dns.wire import AD, CD, Question
from vrouter_ovs.proxies.packet import Malformed

MAX_UDP = 1232
"""Bytes of the largest UDP answer: fits the least IPv6 MTU, so it is never fragmented."""
MAX_TCP = 65535
QR, AA, TC, RD, RA = 0x8000, 0x0400, 0x0200, 0x0100, 0x0080
HEADER = Struct("!HHHHHH")
_OPT = Struct("!BHHIH")
_PAIR = Struct("!HH")
_RECORD = Struct("!HHHIH")
_DO = 0x8000
_SOA = 6


class Reply(NamedTuple):
    """What becomes of a query.

    ``kind``: "answer", "nodata", "nxdomain", "refused", "formerr", "notimp", "badvers": ``wire``
    goes to the client.  "forward": ``wire`` goes to a resolver, with an id put in.  ``reason``:
    why, where the kind does not say it.
    """

    kind: str
    wire: bytes
    question: Question | None
    reason: str


class Query(NamedTuple):
    """A query taken apart.

    ``asked``: its question section, as the client spelled it; ``edns``: its version, -1: none;
    ``limit``: bytes of the largest answer that the client takes.
    """

    ident: int
    flags: int
    name: dns.name.Name
    question: Question
    asked: bytes
    edns: int
    limit: int


def read_query(query: bytes, udp: bool) -> Query:
    """Take a query apart; raises Malformed.  EDNS options are skipped: none of them matters here,
    and nobody can make the node work by sending many."""
    if len(query) < HEADER.size:
        raise Malformed("DNS header cut")
    ident, flags, questions, answers, authority, additional = HEADER.unpack_from(query)
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
    asked = query[12:end]
    # Lengths of labels are below "A", so only letters change.
    question = Question(
        asked[:-4].lower(), rdtype, rdclass, bool(extended & _DO), flags & (AD | CD)
    )
    limit = max(512, min(payload, MAX_UDP)) if udp else MAX_TCP
    return Query(ident, flags, name, question, asked, edns, limit)


def bare_reply(query: bytes, rcode: int, kind: str, reason: str) -> Reply:
    """An answer of a header alone: for queries whose content is not to be trusted."""
    ident, flags = HEADER.unpack_from(query)[:2]
    flags = QR | (flags & (0x7900 | CD)) | rcode  # opcode, RD and CD as asked
    return Reply(kind, HEADER.pack(ident, flags, 0, 0, 0, 0), None, reason)


def reply_to(
    query: Query, kind: str, rcode: int, answers: Sequence[bytes] = (), ttl: int = 0, soa: int = 0,
    authority: bool = True,
) -> Reply:  # fmt: skip
    """The answer to a query, without its records where they are too many.

    ``answers``: data of records of the type that was asked for, owned by its name; ``ttl``: of all
    records; ``soa``: the offset of the owner of an SOA for the authority section, 0 for none;
    ``authority``: whether the network is the one to know.
    """
    parts = [
        _RECORD.pack(0xC00C, query.question.rdtype, 1, ttl, len(data)) + data for data in answers
    ]
    if soa:
        data = soa_data(ttl)
        parts.append(_RECORD.pack(0xC000 | soa, _SOA, 1, ttl, len(data)) + data)
    edns = edns_of(query, rcode)
    flags = QR | RA | (query.flags & (RD | CD)) | (rcode & 15)
    if authority and kind in ("answer", "nodata", "nxdomain"):
        flags |= AA
    counts = (len(answers), 1 if soa else 0)
    body = b"".join(parts)
    reason = ""
    if 12 + len(query.asked) + len(body) + len(edns) > query.limit:
        body, counts, flags, reason = b"", (0, 0), flags | TC, "truncated"
    header = HEADER.pack(query.ident, flags, 1, *counts, 1 if edns else 0)
    return Reply(kind, b"".join((header, query.asked, body, edns)), query.question, reason)


def edns_of(query: Query, rcode: int = 0) -> bytes:
    """The OPT record of an answer: only for who sent one (RFC 6891 section 7)."""
    return opt_record(query.question.dnssec, rcode) if query.edns >= 0 else b""


def opt_record(dnssec: bool, rcode: int = 0) -> bytes:
    """An OPT record of ours, with the upper bits of a response code."""
    return _OPT.pack(0, 41, MAX_UDP, rcode >> 4 << 24 | (_DO if dnssec else 0), 0)


@lru_cache(maxsize=16384)
def rdata(rdtype: str, text: str) -> bytes:
    """Record data from the configuration's text; never from a query's."""
    return dns.rdata.from_text("IN", rdtype, text).to_wire() or b""


def soa_data(ttl: int) -> bytes:
    """The SOA that a negative answer needs to be remembered by the client (RFC 2308 section 3)."""
    return rdata("SOA", f"nobody.invalid. nobody.invalid. 1 3600 600 86400 {ttl}")
