"""Multicast DNS, answered on behalf of a network's ports: ``name.local`` and addresses' names.

The node is the only one who hears a query, and only the port that asked hears the answer, be it to
the group or to that host alone.  So nothing is remembered: to multicast a record again within a
second (RFC 6762 section 6) burdens nobody but the one who asked again.  Names that the network does
not have get no answer, as on any link.  A port's own name and addresses are its own to answer for:
its responder would take an answer as a conflict (section 9).

Sources: RFC 6762; 1035 section 4.1 (messages); 4034 section 4.1 (NSEC).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from struct import Struct
from typing import NamedTuple

from vrouter_ovs.addresses import address_bytes, link_local_bytes, mac_bytes, multicast_mac
from vrouter_ovs.edge import EdgePort
from vrouter_ovs.numbers import ETH_IPV4, PORT_MDNS
from vrouter_ovs.proxies.build import build_udp4, build_udp6
from vrouter_ovs.proxies.dns.dns import DnsView
from vrouter_ovs.proxies.dns.message import MAX_UDP
from vrouter_ovs.proxies.dns.special_names import block_of
from vrouter_ovs.proxies.domain_names import encode_or_nothing
from vrouter_ovs.proxies.packet import (
    Answer,
    Malformed,
    Udp,
    ethernet,
    ignored,
    udp4,
    udp6,
)

GROUP4, GROUP6 = bytes((224, 0, 0, 251)), address_bytes("ff02::fb")
GROUP4_MAC = bytes.fromhex("01005e0000fb")
TTL, LEGACY_TTL = 120, 10
HOP_LIMIT = 255
MAX_LEGACY = 512
_MAX_QUESTIONS, _MAX_RECORDS = 32, 256
_HEADER = Struct("!HHHHHH")
_PAIR = Struct("!HH")
_RECORD = Struct("!HHIH")
_A, _PTR, _AAAA, _NSEC, _ANY = 1, 12, 28, 47, 255
_IN, _TOP_BIT = 1, 0x8000
"""The top bit of a class: in a question, that a unicast answer is wanted (section 5.4); in a
record, that there are no others of this name and type (section 10.2)."""
Labels = tuple[bytes, ...]


class Question(NamedTuple):
    name: Labels
    rdtype: int
    rdclass: int


class Record(NamedTuple):
    """``name`` in wire form, without compression, as in ``data``."""

    name: bytes
    rdtype: int
    data: bytes


class Query(NamedTuple):
    """``known``: what the querier has already, with seconds that are left."""

    ident: int
    questions: tuple[Question, ...]
    known: dict[Record, int]


def _name(data: bytes, at: int) -> tuple[Labels, int]:
    """The labels (lower case) of the name at ``at``, and the offset after it; raises Malformed."""
    labels: list[bytes] = []
    size, after, first = 1, 0, at
    while True:
        if at >= len(data):
            raise Malformed("DNS name cut")
        length = data[at]
        if length >= 0xC0:
            target = int.from_bytes(data[at : at + 2], "big") & 0x3FFF
            if at + 2 > len(data) or target >= first:
                raise Malformed("bad DNS name pointer")  # only ever backwards, so no loops
            after = after or at + 2
            at = first = target
            continue
        if length > 63 or at + 1 + length > len(data):
            raise Malformed("bad DNS label")
        at += 1
        if not length:
            return tuple(labels), after or at
        size += 1 + length
        if size > 255:
            raise Malformed("DNS name too long")
        labels.append(data[at : at + length].lower())
        at += length


def _wire(labels: Iterable[bytes]) -> bytes:
    return b"".join(bytes((len(label),)) + label for label in labels) + b"\0"


def parse(message: bytes) -> Query | None:
    """A query, or None for what a responder must ignore (sections 18.2 to 18.11): responses, other
    operations.  Raises Malformed."""
    if len(message) < 12:
        raise Malformed("mDNS header cut")
    ident, flags, questions, answers, _, _ = _HEADER.unpack_from(message)
    if flags & 0xF80F or not questions:
        return None
    if questions > _MAX_QUESTIONS or answers > _MAX_RECORDS:
        raise Malformed("too many mDNS questions or records")
    at = 12
    asked = []
    for _ in range(questions):
        name, at = _name(message, at)
        if at + 4 > len(message):
            raise Malformed("mDNS question cut")
        asked.append(Question(name, *_PAIR.unpack_from(message, at)))
        at += 4
    known: dict[Record, int] = {}
    for _ in range(answers):
        name, at = _name(message, at)
        if at + 10 > len(message):
            raise Malformed("mDNS record cut")
        rdtype, _, ttl, length = _RECORD.unpack_from(message, at)
        at += 10
        if at + length > len(message):
            raise Malformed("mDNS record cut")
        data = message[at : at + length]
        if rdtype == _PTR:
            data = _wire(_name(message[: at + length], at)[0])
        known[Record(_wire(name), rdtype, data)] = ttl
        at += length
    return Query(ident, tuple(asked), known)


def _nsec(name: bytes, types: Iterable[int]) -> Record:
    """That ``name`` has records of ``types`` and no others (section 6.1)."""
    bits = bytearray(max(types, default=0) // 8 + 1)
    for each in types:
        bits[each // 8] |= 0x80 >> each % 8
    return Record(name, _NSEC, name + bytes((0, len(bits))) + bytes(bits))


def _addresses(port: EdgePort) -> set[bytes]:
    return {address_bytes(lease.address) for lease in (*port.v4, *port.v6)}


def _records(name: Labels, port: EdgePort, view: DnsView) -> tuple[Record, ...]:
    """Everything that the network knows under ``name``; nothing for names of the asker's own."""
    own = _addresses(port)
    if len(name) == 2 and name[1] == b"local":
        host = name[0].decode("utf-8", "replace")
        found = [address_bytes(each) for each in view.names.get(host, ())]
        if "." in host or host == port.host_name.lower() or own.intersection(found):
            return ()
        wire = _wire(name)
        return tuple(Record(wire, _A if len(each) == 4 else _AAAA, each) for each in found)
    block = block_of(name)
    if block is None or block[2] != (32 if block[0] == 4 else 128):
        return ()
    address = (ipaddress.IPv4Address if block[0] == 4 else ipaddress.IPv6Address)(block[1])
    host = view.pointers.get(str(address), "").split(".")[0].lower()
    # The name must lead back here; a port with a domain of its own has none on this link.
    if not host or address.packed in own or str(address) not in view.names.get(host, ()):
        return ()
    target = encode_or_nothing(f"{host}.local")
    return (Record(_wire(name), _PTR, target),) if target else ()


def _answers(
    question: Question, port: EdgePort, view: DnsView
) -> tuple[list[Record], list[Record]]:
    """(answers, additional records) for one question; ([], []): silence."""
    if question.rdclass & ~_TOP_BIT not in (_IN, 255):
        return [], []
    everything = _records(question.name, port, view)
    if not everything:
        return [], []
    nsec = _nsec(everything[0].name, {each.rdtype for each in everything})
    if question.rdtype == _ANY:
        return list(everything), []
    found = [each for each in everything if each.rdtype == question.rdtype]
    if not found:
        return [nsec], []
    others = [each for each in everything if each.rdtype != question.rdtype]
    if question.rdtype in (_A, _AAAA):
        others = others or [nsec]  # section 6.2: the other family, or that there is none
    return found, others


def _pack(sections: tuple[list[Record], list[Record]], head: bytes, limit: int, ttl: int,
          rdclass: int) -> tuple[bytes, list[int]]:  # fmt: skip
    """Records after ``head``, as many as fit, and how many of each section.  What does not fit is
    left out: who asks again says what it has (section 7.1), and gets the rest."""
    body = bytearray(head)
    places: dict[bytes, int] = {}
    counts = []
    for section in sections:
        count = 0
        for record in section:
            at = places.get(record.name)
            name = record.name if at is None else (0xC000 | at).to_bytes(2, "big")
            size = len(name) + 10 + len(record.data)
            if len(body) + size > limit:
                break
            places.setdefault(record.name, len(body))
            body += name + _RECORD.pack(record.rdtype, rdclass, ttl, len(record.data))
            body += record.data
            count += 1
        counts.append(count)
    return bytes(body), counts


def respond(message: bytes, port: EdgePort, view: DnsView, legacy: bool) -> tuple[bytes, bool]:
    """(response, whether it is wanted as unicast); empty bytes: silence.  Raises Malformed.

    ``legacy``: from another port than mDNS' own, so from a simple resolver (section 6.7).
    """
    query = parse(message)
    if query is None or (legacy and len(query.questions) != 1):
        return b"", False
    answers: dict[Record, None] = {}
    additional: dict[Record, None] = {}
    unicast = True
    for question in query.questions:
        found, others = _answers(question, port, view)
        if found and not question.rdclass & _TOP_BIT:
            unicast = False
        answers.update(dict.fromkeys(found))
        additional.update(dict.fromkeys(others))
    if legacy:
        if not answers:
            return b"", True
        (question,) = query.questions
        head = bytes(12) + _wire(question.name) + _PAIR.pack(*question[1:])
        # An NSEC record would mean DNSSEC there: nothing says "no such record" (RFC 2308).
        found = [each for each in answers if each.rdtype != _NSEC]
        body, counts = _pack((found, []), head, MAX_LEGACY, LEGACY_TTL, _IN)
        return _HEADER.pack(query.ident, 0x8400, 1, counts[0], 0, 0) + body[12:], True
    unsuppressed = [each for each in answers if query.known.get(each, 0) < TTL // 2]
    if not unsuppressed:
        return b"", unicast
    rest = [each for each in additional if each not in answers]
    limit = min(MAX_UDP, port.mtu - 48)
    body, counts = _pack((unsuppressed, rest), bytes(12), limit, TTL, _IN | _TOP_BIT)
    if not counts[0]:
        return b"", unicast  # a link too narrow for a record
    return _HEADER.pack(0, 0x8400, 0, counts[0], 0, counts[1]) + body[12:], unicast


def _source(port: EdgePort, udp: Udp, mac: bytes) -> bytes:
    """The address that answers: the one whose subnet the asker is in (section 11); or b""."""
    if len(udp.src) == 16:
        return link_local_bytes(mac)
    asker = ipaddress.IPv4Address(udp.src)
    leases = sorted(port.v4, key=lambda lease: asker not in ipaddress.ip_network(
        f"{lease.address}/{lease.prefix_length}", strict=False))  # fmt: skip
    return next((address_bytes(lease.server) for lease in leases if lease.server), b"")


def answer(frame: bytes, port: EdgePort, view: DnsView) -> Answer:
    """The answer to a query in a punted frame; raises Malformed.

    kinds: "answer" (to the group), "unicast", "legacy", "ignored".
    """
    udp = udp4(frame) if ethernet(frame)[2] == ETH_IPV4 else udp6(frame)
    if udp.dst_port != PORT_MDNS or udp.dst not in (GROUP4, GROUP6):
        return ignored("not to the mDNS group")
    if not udp.src_port or not (port.gateway_mac or port.service_mac):
        return ignored("no way back")
    legacy = udp.src_port != PORT_MDNS
    wire, unicast = respond(udp.payload, port, view, legacy)
    if not wire:
        return ignored("nothing to say")
    mac = mac_bytes(port.gateway_mac or port.service_mac)
    source = _source(port, udp, mac)
    if not source or (legacy and not any(udp.src)):
        return ignored("no way back")
    build = build_udp4 if len(udp.src) == 4 else build_udp6
    if unicast and any(udp.src):
        reply = build(udp.src_mac, mac, source, udp.src, PORT_MDNS, udp.src_port, wire, HOP_LIMIT)
        return Answer((reply,), "legacy" if legacy else "unicast", "")
    group = GROUP4_MAC if len(udp.src) == 4 else multicast_mac(GROUP6)
    reply = build(group, mac, source, udp.dst, PORT_MDNS, PORT_MDNS, wire, HOP_LIMIT)
    return Answer((reply,), "answer", "")
