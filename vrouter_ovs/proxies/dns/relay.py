"""Queries that go on to a resolver, and what comes back, for the client that asked.

Sources: RFC 1035 section 4.1, 4035 section 3.2 (CD), 5452 (what an answer must agree in), 6840
sections 5.7 and 5.8 (AD), 6891 (EDNS).
"""

from __future__ import annotations

import dns.rcode

from vrouter_ovs.proxies.dns.message import (
    AA,
    HEADER,
    RA,
    RD,
    TC,
    Query,
    bare_reply,
    edns_of,
    opt_record,
    read_query,
)
from vrouter_ovs.proxies.dns.wire import AD, CD, read_response
from vrouter_ovs.proxies.packet import Malformed

_OPT_SIZE = 11
_RESERVED = 0x0040


def outgoing(query: Query) -> bytes:
    """A client's query as a resolver gets it: without the client's id and options."""
    header = HEADER.pack(0, RD | query.question.flags, 1, 0, 0, 1)
    return b"".join((header, query.asked, opt_record(query.question.dnssec)))


def with_id(wire: bytes, ident: int) -> bytes:
    """``wire`` with the message id ``ident`` (0..65535)."""
    return ident.to_bytes(2, "big") + wire[2:]


def matches(sent: bytes, response: bytes) -> bool:
    """Whether ``response`` is one to the query ``sent``: id, QR and question (RFC 5452 9.1)."""
    if len(response) < 12 or response[:2] != sent[:2] or not response[2] & 0x80:
        return False
    end = len(sent) - _OPT_SIZE  # without the record that ends every query of ours
    return response[4:6] == b"\0\1" and response[12:end].lower() == sent[12:end].lower()


def finish(query: bytes, response: bytes, udp: bool = True) -> bytes:
    """A resolver's (or the cache's) ``response`` as the answer to the client's ``query``.

    Its id, its CD flag, its spelling of the name, EDNS only where it was used, truncated where it
    must be.  That the resolver has validated is said to who has asked for it, with AD or DO.
    Raises Malformed where the response is damaged or about another question.
    """
    # The query has been accepted before, but the caller may pair it with anything.
    message = read_query(query, udp)
    read = read_response(response)
    spelled = message.asked
    if spelled.lower() != response[12 : read.question_end].lower():
        raise Malformed("a response to another question")
    flags = int.from_bytes(response[2:4], "big") & ~(AA | RD | CD | _RESERVED)
    if not (message.question.dnssec or message.flags & AD):
        flags &= ~AD
    flags |= RA | (message.flags & (RD | CD))
    if read.extended:
        flags = (flags & ~15) | dns.rcode.SERVFAIL
    edns = edns_of(message)
    body = response[read.question_end : read.end]
    counts = read.counts
    if 12 + len(spelled) + len(body) + len(edns) > message.limit:
        body, counts, flags = b"", (0, 0, 0), flags | TC
    answers, authority, additional = counts
    header = HEADER.pack(message.ident, flags, 1, answers, authority, additional + bool(edns))
    return b"".join((header, spelled, body, edns))


def failure(query: bytes) -> bytes:
    """SERVFAIL for a client whose query no resolver answered; raises Malformed."""
    if len(query) < 12 or query[2] & 0x80:
        raise Malformed("not a DNS query")
    return bare_reply(query, dns.rcode.SERVFAIL, "servfail", "").wire
