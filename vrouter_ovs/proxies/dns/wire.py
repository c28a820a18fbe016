"""DNS responses as bytes: bounds-checked walk over the records, and the bounded cache.

A response is kept as it came, with the places of its TTLs: handing it out again is a copy and a
few writes.  Sources: RFC 1035 section 4.1, 2308 (negative caching), 6891 (the OPT record).
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from vrouter_ovs.proxies.packet import Malformed

_HEADER = Struct("!HHHHHH")
_RECORD = Struct("!HHIH")
_SOA, _OPT, _TSIG = 6, 41, 250
_MAX_RESPONSE, _MAX_RECORDS = 65535, 1024
_MAX_CACHED = 4096
_NOERROR, _NXDOMAIN = 0, 3
AD, CD = 0x0020, 0x0010
"""In a query: whether the client wants to know that data was validated (RFC 6840 section 5.7), and
that it validates by itself (RFC 4035 section 3.2.2)."""


class Question(NamedTuple):
    """All of a query that an answer depends on.

    ``name``: canonical wire form (lower case); ``dnssec``: the DO flag; ``flags``: :data:`AD` and
    :data:`CD` of the header, in their places."""

    name: bytes
    rdtype: int
    rdclass: int
    dnssec: bool
    flags: int = 0


class Response(NamedTuple):
    """Where things are in a response.  ``end``: of the records that may be passed on; ``counts``:
    of answer, authority and additional up to there; ``ttls``: (offset, seconds); ``lifetime``:
    seconds that it may be kept, 0 for not; ``extended``: the upper bits of the response code."""

    question_end: int
    end: int
    counts: tuple[int, int, int]
    ttls: tuple[tuple[int, int], ...]
    lifetime: int
    extended: int


def skip_name(data: bytes, at: int) -> int:
    """The offset after the name at ``at``, which may end in a compression pointer."""
    end = len(data)
    while at < end:
        size = data[at]
        if size == 0:
            return at + 1
        if size >= 0xC0:
            if at + 2 > end or ((size & 0x3F) << 8 | data[at + 1]) >= at:
                raise Malformed("bad DNS name pointer")  # only ever backwards, so no loops
            return at + 2
        if size > 63:
            raise Malformed("bad DNS label")
        at += 1 + size
    raise Malformed("DNS name cut")


def read_response(data: bytes) -> Response:
    """Walk over a response with one question; raises Malformed."""
    size = len(data)
    if not 12 <= size <= _MAX_RESPONSE:
        raise Malformed("bad DNS response size")
    _, flags, questions, *counts = _HEADER.unpack_from(data)
    if not flags & 0x8000 or questions != 1:
        raise Malformed("not a DNS response to one question")
    if sum(counts) > _MAX_RECORDS:
        raise Malformed("too many DNS records")
    question_end = at = skip_name(data, 12) + 4
    if at > size:
        raise Malformed("DNS question cut")
    ttls = []
    negative = None
    extended = 0
    kept = [0, 0, 0]
    end = None
    for section in range(3):
        for _ in range(counts[section]):
            start = at
            at = skip_name(data, at)
            if at + 10 > size:
                raise Malformed("DNS record cut")
            rdtype, _, ttl, length = _RECORD.unpack_from(data, at)
            body = at + 10
            if body + length > size:
                raise Malformed("DNS record cut")
            if rdtype == _OPT:
                extended |= ttl >> 24
            if rdtype in (_OPT, _TSIG) and end is None:
                end = start  # hop by hop; what follows is optional and goes with it
            if end is None:
                ttl = 0 if ttl >> 31 else ttl  # RFC 2181 section 8
                ttls.append((at + 4, ttl))
                kept[section] += 1
                if section == 1 and rdtype == _SOA and length >= 22:
                    minimum = int.from_bytes(data[body + length - 4 : body + length], "big")
                    negative = min(ttl, minimum)
            at = body + length
    lifetime = 0
    rcode = flags & 15
    if not flags & 0x0200 and not extended:
        if rcode == _NOERROR and kept[0]:
            lifetime = min(ttl for _, ttl in ttls)
        elif rcode in (_NOERROR, _NXDOMAIN) and negative is not None:
            lifetime = min(negative, *(ttl for _, ttl in ttls))
    return Response(question_end, at if end is None else end, (kept[0], kept[1], kept[2]),
                    tuple(ttls), lifetime, extended)  # fmt: skip


class _Entry(NamedTuple):
    wire: bytes
    ttls: tuple[tuple[int, int], ...]
    stored: float
    expires: float


class Cache:
    """Responses of one set of resolvers, positive and negative, least recently used out first.

    Only names outside every network may be asked of it: then no tenant learns of another but that
    a public name was asked.  Networks with resolvers of their own need a cache of their own.
    ``max_ttl``: seconds.  Times are arguments, in seconds of any steady clock.  Not thread-safe.
    """

    def __init__(self, max_entries: int = 10000, max_ttl: int = 3600) -> None:
        if max_entries < 1 or max_ttl < 0:
            raise ValueError("a cache needs room and a time")
        self.max_entries, self.max_ttl = max_entries, max_ttl
        self.hits = self.misses = 0
        self._entries: dict[Question, _Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, question: Question, now: float) -> bytes | None:
        """The stored response with its TTLs counted down, for ``dns_relay.finish``, or None."""
        entry = self._entries.pop(question, None)
        if entry is None or not entry.stored <= now < entry.expires:
            self.misses += 1
            return None
        self._entries[question] = entry  # the youngest is the last
        self.hits += 1
        passed = int(now - entry.stored)
        wire = bytearray(entry.wire)
        for offset, ttl in entry.ttls:
            left = min(ttl, self.max_ttl) - passed
            wire[offset : offset + 4] = max(left, 0).to_bytes(4, "big")
        return bytes(wire)

    def put(self, question: Question, response: bytes, now: float) -> bool:
        """Keep a resolver's ``response`` to ``question`` if it may be kept; raises Malformed.

        The response must be about the question; False: it may not be kept.
        """
        read = read_response(response)
        asked = question.name + question.rdtype.to_bytes(2, "big")
        asked += question.rdclass.to_bytes(2, "big")
        name_end = read.question_end - 4
        if response[12:name_end].lower() + response[name_end : read.question_end] != asked:
            raise Malformed("a response to another question")
        lifetime = min(read.lifetime, self.max_ttl)
        if lifetime <= 0 or read.end > _MAX_CACHED:
            return False
        self._entries.pop(question, None)
        while len(self._entries) >= self.max_entries:
            del self._entries[next(iter(self._entries))]
        # Counts as they are without what was cut off.
        header = _HEADER.unpack_from(response)
        wire = _HEADER.pack(0, header[1], 1, *read.counts) + response[12 : read.end]
        self._entries[question] = _Entry(wire, read.ttls, now, now + lifetime)
        return True

    def resize(self, max_entries: int) -> None:
        """Another bound; what is beyond it is forgotten at once."""
        self.max_entries = max(1, max_entries)
        while len(self._entries) > self.max_entries:
            del self._entries[next(iter(self._entries))]

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
