"""Tags, fragments and extension headers: what is in order passes, and nothing hides in them."""

from __future__ import annotations

from collections.abc import Iterator

from lab.spoofing.aim import MARK_SIZE, Aim, Row, number
from lab.traffic import packets as f

FIRST = 1288
"""Bytes of a first fragment: shorter ones the userspace datapath does not track."""


def chains() -> list[tuple[int, ...]]:
    """Kinds of extension headers, one after another."""
    hop, routing, piece, auth, options = (
        f.HOP_BY_HOP, f.ROUTING, f.FRAGMENT, f.AUTHENTICATION, f.DESTINATION,
    )  # fmt: skip
    return [
        (), (hop,), (options,), (routing,), (auth,), (piece,), (hop, options), (options,) * 8,
        (hop, options, routing, options), (piece, options), (hop, piece, auth, options),
        (piece, piece), (options,) * 40,
    ]  # fmt: skip


def _tags(a: Aim) -> Iterator[bytes]:
    """Networks are untagged: a tag hides nothing and opens nothing, and one that is but a priority
    says nothing."""
    own, q, ad = a.sender, f.DOT1Q, f.DOT1AD
    yield a.udp4(a.ok())
    priorities = (((q, 0),), ((q, 0xE000),), ((q, 0x1000),), ((ad, 0),))
    for tags in (
        ((q, 5),), ((q, 4095),), ((ad, 5),), *priorities,
        ((q, 5), (q, 6)), ((ad, 5), (q, 6)), ((ad, 0), (q, 0)), ((q, 0), (ad, 0)),
        ((q, 0), (q, 6)), ((f.OLD_QINQ, 5),), ((ad, 1), (ad, 2), (q, 3)),
    ):  # fmt: skip
        allowed = a.ok if tags in priorities else a.no
        yield f.tagged(a.udp4(allowed()), *tags)
        yield f.tagged(a.udp6(allowed()), *tags)
        yield f.tagged(a.udp4(a.no(), a.other.ip4), *tags)
        yield f.tagged(a.arp(2, own.mac, a.gateway.ip4, a.no()), *tags)
        if tags not in priorities:
            yield f.tagged(a.arp(2, own.mac, own.ip4, a.no()), *tags)
        body = f.router_advertisement("2001:db8:bad::")
        yield f.tagged(a.icmp6(f.ROUTER_ADVERT, body, a.no()), *tags)
        yield f.tagged(a.udp4(f.bootp(2, 2, a.other.mac, a.no()), ports=(67, 68)), *tags)


def _fragments4(a: Aim) -> Iterator[bytes]:
    def cut(source: str, marks: list[bytes], *cuts: int) -> Iterator[bytes]:
        whole = bytearray(f.udp(source, a.ip4, 4000, 5000, bytes(3600)))
        whole[6:8] = bytes(2)
        for place, mark in zip((0, *cuts), marks, strict=True):
            whole[place + 20 : place + 20 + MARK_SIZE] = mark
        ident = number() & 65535
        for packet in f.fragments4(source, a.ip4, f.UDP, bytes(whole), *cuts, ident=ident):
            yield a.eth(f.IPV4, packet)

    yield from cut(a.sender.ip4, [a.ok(), a.ok(), a.ok()], FIRST, 2 * FIRST)
    for source in (a.other.ip4, a.gateway.ip4, "203.0.113.9"):
        yield from cut(source, [a.no(), a.no(), a.no()], FIRST, 2 * FIRST)
    # The same place twice: what comes second is a server's message.
    own, ident = a.sender.ip4, number() & 65535
    first = f.udp(own, a.ip4, 4000, 5000, bytes(FIRST - 8))
    second = f.udp(own, a.ip4, 67, 68, a.no().ljust(FIRST - 8, b"\0"))
    for offset, part in ((0, first), (0, second), (FIRST, a.rest())):
        packet = f.ipv4(own, a.ip4, f.UDP, part, ident, offset, offset < FIRST)
        yield a.eth(f.IPV4, packet)


def _fragments6(a: Aim) -> Iterator[bytes]:
    def cut(source: str, marks: list[bytes]) -> list[bytes]:
        data = marks[0].ljust(FIRST - 8, b"\0") + marks[1].ljust(100, b"\0")
        return a.pieces6(f.UDP, f.udp(source, a.ip6, 4000, 5000, data), FIRST, source=source)

    yield from cut(a.sender.ip6, [a.ok(), a.ok()])
    for source in (a.other.ip6, a.gateway.ip6, a.other.local):
        yield from cut(source, [a.no(), a.no()])
    own, ident = a.sender.local, number()
    first = f.udp(own, a.ip6, 4000, 5000, bytes(FIRST - 8))
    second = f.udp(own, a.ip6, 547, 546, a.no().ljust(FIRST - 8, b"\0"))
    for offset, part in ((0, first), (0, second), (FIRST, a.rest())):
        piece = f.fragment(f.UDP, offset, offset < FIRST, ident) + part
        yield a.eth(f.IPV6, f.ipv6(own, a.ip6, f.FRAGMENT, piece))


def _headers(a: Aim) -> Iterator[bytes]:
    """Chains of headers that are in order pass."""
    for kinds in chains():
        if kinds != (f.FRAGMENT, f.FRAGMENT):
            yield a.udp6(a.ok(), kinds=kinds)
    yield a.icmp6(128, b"\0\1\0\1", a.ok(), a.sender.ip6, (f.DESTINATION,), limit=64)


ROWS: dict[str, Row] = {
    "tags": _tags,
    "ipv4 fragments": _fragments4,
    "ipv6 fragments": _fragments6,
    "ipv6 headers": _headers,
}
