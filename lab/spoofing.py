"""What a VM can send in the name of others, and what it may send: rows of frames with marks.

Each frame carries a mark of its own, so whoever listens knows which frames reached it.  A row is
built for one :class:`Aim`; ``good`` marks must arrive there, ``bad`` marks nowhere.  ``late`` ones
are in later fragments of a packet whose first fragment is refused: a switch that keeps no fragments
cannot tell them from others, and nobody can make anything of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from lab import frames as f

_NUMBERS = itertools.count(1)
MARK = b"VNC:"
MARK_SIZE = 12
FIRST = 1288
"""Bytes of a first fragment: shorter ones the userspace datapath does not track."""


@dataclass(frozen=True)
class Party:
    mac: str
    ip4: str
    ip6: str

    @property
    def local(self) -> str:
        raw = f.mac_bytes(self.mac)
        half = bytes((raw[0] ^ 2,)) + raw[1:3] + b"\xff\xfe" + raw[3:]
        return "fe80::" + ":".join(half[n : n + 2].hex() for n in range(0, 8, 2))


@dataclass(frozen=True)
class Aim:
    """Who sends, to whom (``mac``, ``ip4``, ``ip6``: one VM, or all), and in whose name."""

    sender: Party
    mac: str
    ip4: str
    ip6: str
    other: Party
    gateway: Party
    good: list[bytes] = field(default_factory=list)
    bad: list[bytes] = field(default_factory=list)
    late: list[bytes] = field(default_factory=list)

    def _mark(self, kind: list[bytes]) -> bytes:
        kind.append(MARK + next(_NUMBERS).to_bytes(MARK_SIZE - len(MARK), "big"))
        return kind[-1]

    def ok(self) -> bytes:
        return self._mark(self.good)

    def no(self) -> bytes:
        return self._mark(self.bad)

    def rest(self) -> bytes:
        return self._mark(self.late)

    # -- whole frames

    def eth(self, kind: int, packet: bytes, pad: bytes = b"", source: str = "") -> bytes:
        return f.ethernet(source or self.sender.mac, self.mac, kind, packet, pad)

    def udp4(
        self, data: bytes, source: str = "", ports: tuple[int, int] = (4000, 5000),
        mac: str = "", options: bytes = b"",
    ) -> bytes:  # fmt: skip
        source = source or self.sender.ip4
        datagram = f.udp(source, self.ip4, *ports, data)
        packet = f.ipv4(source, self.ip4, f.UDP, datagram, options=options)
        return self.eth(f.IPV4, packet, source=mac)

    def over6(
        self, protocol: int, payload: bytes, source: str, kinds: tuple[int, ...] = (),
        limit: int = 64, pad: bytes = b"",
    ) -> bytes:  # fmt: skip
        packet = f.ipv6(source, self.ip6, *f.chain(kinds, protocol, payload), limit)
        return self.eth(f.IPV6, packet, pad)

    def udp6(
        self, data: bytes, source: str = "", ports: tuple[int, int] = (4000, 5000),
        kinds: tuple[int, ...] = (),
    ) -> bytes:  # fmt: skip
        source = source or self.sender.ip6
        return self.over6(f.UDP, f.udp(source, self.ip6, *ports, data), source, kinds)

    def icmp6(
        self, kind: int, body: bytes, pad: bytes, source: str = "", kinds: tuple[int, ...] = (),
        code: int = 0, limit: int = 255,
    ) -> bytes:  # fmt: skip
        source = source or self.sender.local
        message = f.icmpv6(source, self.ip6, kind, body, code)
        return self.over6(f.ICMPV6, message, source, kinds, limit, pad)

    def pieces6(
        self, following: int, payload: bytes, *cuts: int, source: str = "", limit: int = 64
    ) -> list[bytes]:
        ident = next(_NUMBERS)
        return [
            self.eth(f.IPV6, packet)
            for packet in f.fragments6(source or self.sender.ip6, self.ip6, following, payload,
                                       *cuts, ident=ident, limit=limit)
        ]  # fmt: skip

    def arp(
        self, operation: int, sha: str, spa: str, pad: bytes, kind: int = f.ARP, **more: int
    ) -> bytes:
        packet = f.arp(operation, sha, spa, "00:00:00:00:00:00", "10.255.255.254", **more)
        return self.eth(kind, packet, pad)


Row = Callable[[Aim], Iterator[bytes]]
ROWS: dict[str, Row] = {}


def row(name: str) -> Callable[[Row], Row]:
    def add(build: Row) -> Row:
        ROWS[name] = build
        return build

    return add


# ---------------------------------------------------------------- Ethernet, IP, ARP


@row("mac")
def _mac(a: Aim) -> Iterator[bytes]:
    yield a.udp4(a.ok())
    for mac in (a.other.mac, a.gateway.mac, "02:11:22:33:44:55", "00:00:00:00:00:00", f.BROADCAST,
                f.ALL_NODES_MAC):  # fmt: skip
        yield a.udp4(a.no(), mac=mac)
    yield a.eth(0x88B5, a.no())
    yield a.eth(0x8847, a.no() + a.udp4(b"")[14:])


@row("ipv4")
def _ipv4(a: Aim) -> Iterator[bytes]:
    yield a.udp4(a.ok())
    yield a.udp4(a.ok(), options=b"\1" * 8)
    for source in (a.other.ip4, a.gateway.ip4, "203.0.113.9", "0.0.0.0", "127.0.0.1",
                   "255.255.255.255", "224.0.0.1"):  # fmt: skip
        yield a.udp4(a.no(), source)
        yield f.snap(a.udp4(a.no(), source))
    bad = a.udp4(a.no(), a.other.ip4)
    yield bad[:14] + b"\x65" + bad[15:]  # version 6 in an IPv4 frame
    yield bad[:14] + b"\x41" + bad[15:]  # a header of four bytes


@row("ipv6")
def _ipv6(a: Aim) -> Iterator[bytes]:
    yield a.udp6(a.ok())
    for source in (a.other.ip6, a.gateway.ip6, a.other.local, a.gateway.local, "2001:db8::9", "::",
                   "::1", "ff02::1", f"::ffff:{a.sender.ip4}"):  # fmt: skip
        yield a.udp6(a.no(), source)
        yield a.udp6(a.no(), source, kinds=(f.HOP_BY_HOP, f.DESTINATION))
    bad = a.udp6(a.no(), a.other.ip6)
    yield bad[:14] + b"\x45" + bad[15:]
    yield bad[:18] + b"\xff\xff" + bad[20:]  # longer than it is


@row("arp")
def _arp(a: Aim) -> Iterator[bytes]:
    own = a.sender
    if a.mac != f.BROADCAST:  # A reply to all is an announcement, which ends in the switch.
        yield a.arp(2, own.mac, own.ip4, a.ok())
    for operation in (1, 2):
        for party in (a.other, a.gateway):
            yield a.arp(operation, party.mac, party.ip4, a.no())
            yield a.arp(operation, own.mac, party.ip4, a.no())
            yield a.arp(operation, party.mac, own.ip4, a.no())
            yield f.snap(a.arp(operation, own.mac, party.ip4, a.no()))
            yield a.arp(operation, own.mac, party.ip4, a.no(), hardware=6)
            yield a.arp(operation, own.mac, party.ip4, a.no(), length=8)
        yield a.arp(operation, own.mac, own.ip4, a.no(), kind=f.RARP)
    yield a.arp(0x102, own.mac, a.gateway.ip4, a.no())


# ---------------------------------------------------------------- neighbor discovery


def _forged_neighbors(a: Aim, kinds: tuple[int, ...] = ()) -> Iterator[bytes]:
    own, source, target = a.sender, f.SOURCE_LINK, f.TARGET_LINK
    for party in (a.other, a.gateway):
        sll, tll = f.link_option(source, party.mac), f.link_option(target, party.mac)
        mine = f.link_option(target, own.mac)
        yield a.icmp6(f.SOLICIT, f.neighbor("fd00::77", sll), a.no(), kinds=kinds)
        yield a.icmp6(f.SOLICIT, f.neighbor("fd00::77"), a.no(), party.local, kinds)
        for address in (party.ip6, party.local):
            yield a.icmp6(f.ADVERT, f.neighbor(address, mine, flags=3), a.no(), kinds=kinds)
            yield a.icmp6(f.ADVERT, f.neighbor(address, flags=3), a.no(), kinds=kinds)
            yield a.icmp6(f.ADVERT, f.neighbor(address, tll, flags=1), a.no(), party.local, kinds)
        yield a.icmp6(f.ADVERT, f.neighbor(own.ip6, tll, flags=3), a.no(), kinds=kinds)
        # Twice the same option, or another code: a switch may read nothing of either.
        yield a.icmp6(f.SOLICIT, f.neighbor("fd00::77", sll, sll), a.no(), kinds=kinds)
        yield a.icmp6(f.ADVERT, f.neighbor(party.ip6, tll, tll, flags=3), a.no(), kinds=kinds)
        yield a.icmp6(f.ADVERT, f.neighbor(own.ip6, tll, tll, flags=3), a.no(), kinds=kinds)
        yield a.icmp6(f.SOLICIT, f.neighbor("fd00::77", sll), a.no(), kinds=kinds, code=1)
        yield a.icmp6(f.ADVERT, f.neighbor(party.ip6, tll, flags=3), a.no(), kinds=kinds, code=1)
        # Duplicate address detection of what another has.
        yield a.icmp6(f.SOLICIT, f.neighbor(party.ip6), a.no(), "::", kinds)
        yield a.icmp6(f.SOLICIT, f.neighbor(own.ip6, sll), a.no(), "::", kinds)


@row("neighbor discovery")
def _neighbors(a: Aim) -> Iterator[bytes]:
    own = a.sender
    mine = f.link_option(f.TARGET_LINK, own.mac)
    yield a.icmp6(f.ADVERT, f.neighbor(own.ip6, mine, flags=1), a.ok(), own.ip6)
    yield a.icmp6(f.ADVERT, f.neighbor(own.local, flags=1), a.ok(), kinds=(f.HOP_BY_HOP,))
    yield from _forged_neighbors(a)


@row("neighbor discovery behind headers")
def _neighbors_behind(a: Aim) -> Iterator[bytes]:
    for kinds in ((f.HOP_BY_HOP,), (f.DESTINATION,) * 3, (f.ROUTING,), (f.AUTHENTICATION,),
                  (f.FRAGMENT,), (f.HOP_BY_HOP, f.FRAGMENT, f.DESTINATION)):  # fmt: skip
        yield from _forged_neighbors(a, kinds)


@row("neighbor discovery in fragments")
def _neighbors_cut(a: Aim) -> Iterator[bytes]:
    own = a.sender.local
    for kind, option_kind in ((f.SOLICIT, f.SOURCE_LINK), (f.ADVERT, f.TARGET_LINK)):
        option = f.link_option(option_kind, a.other.mac)
        filler = b"\xfd\x02" + a.no() + b"\0\0"
        body = f.neighbor(a.sender.ip6, filler, option, b"\xfd\x02" + a.rest() + b"\0\0")
        message = f.icmpv6(own, a.ip6, kind, body)
        yield from a.pieces6(f.ICMPV6, message, 40, source=own, limit=255)


# ---------------------------------------------------------------- routers and servers


def _chains() -> list[tuple[int, ...]]:
    hop, routing, piece, auth, options = (
        f.HOP_BY_HOP, f.ROUTING, f.FRAGMENT, f.AUTHENTICATION, f.DESTINATION,
    )  # fmt: skip
    return [
        (), (hop,), (options,), (routing,), (auth,), (piece,), (hop, options), (options,) * 8,
        (hop, options, routing, options), (piece, options), (hop, piece, auth, options),
        (piece, piece), (options,) * 40,
    ]  # fmt: skip


def _hidden(a: Aim, last: int, payload: bytes, limit: int) -> Iterator[bytes]:
    """``payload`` (with bad marks) as it is, behind headers, and in a place where a switch that
    reads the chain gives up."""
    own = a.sender.local
    for kinds in _chains():
        yield a.over6(last, payload, own, kinds, limit)
    # Headers of 8 bytes and their length that a switch does not know to skip: mobility, host
    # identity, shim6, two for experiments; and one that says that nothing follows.
    for kind in (135, 139, 140, 253, 254, f.NO_NEXT):
        packet = f.ipv6(own, a.ip6, kind, f.extension(f.DESTINATION, last) + payload, limit)
        yield a.eth(f.IPV6, packet)
        header = f.extension(f.DESTINATION, kind) + f.extension(f.DESTINATION, last)
        yield a.eth(f.IPV6, f.ipv6(own, a.ip6, f.DESTINATION, header + payload, limit))


def _cut(a: Aim, last: int, head: bytes, limit: int) -> Iterator[bytes]:
    """A message that begins with ``head``, in fragments: whole headers in the first, headers alone
    in the first, a header that goes on in the second, one packet of fragments in another."""
    own = a.sender.local
    options = f.extension(f.DESTINATION, last)

    def message() -> bytes:
        return head + a.rest().ljust(64, b"\0")

    def pieces(following: int, payload: bytes, *cuts: int) -> list[bytes]:
        first, *others = a.pieces6(following, payload, *cuts, source=own, limit=limit)
        return [first + a.no(), *others]

    yield from pieces(last, head[:16].ljust(24, b"\0") + a.no().ljust(24, b"\0") + a.rest(), 48)
    yield from pieces(last, message(), 8)
    yield from pieces(f.DESTINATION, options + message(), 8)
    yield from pieces(f.DESTINATION, f.extension(f.DESTINATION, last, 64) + message(), 8, 64)
    long = f.extension(f.DESTINATION, last, 64)
    long = long[:20] + a.no() + long[20 + MARK_SIZE :]
    yield from pieces(f.DESTINATION, long + message(), 40)
    inner = f.fragment(last, 0, True, 77)
    yield from pieces(f.FRAGMENT, inner + message(), 8)
    yield from pieces(f.FRAGMENT, inner + message(), 16)


@row("router advertisement")
def _router(a: Aim) -> Iterator[bytes]:
    own = a.sender
    for source in (own.local, own.ip6, a.gateway.local, a.other.local):
        body = f.router_advertisement("2001:db8:bad::")
        yield a.icmp6(f.ROUTER_ADVERT, body, a.no(), source)
        yield a.icmp6(f.ROUTER_ADVERT, body, a.no(), source, limit=64)
        yield a.icmp6(f.ROUTER_ADVERT, body, a.no(), source, code=1)
    body = f.redirect(own.local, "2001:db8::1")
    for kinds in _chains():
        yield a.icmp6(f.REDIRECT, body, a.no(), kinds=kinds)


@row("router advertisement hidden")
def _router_hidden(a: Aim) -> Iterator[bytes]:
    body = f.router_advertisement("2001:db8:bad::") + b"\xfd\x02" + a.no() + b"\0\0"
    message = f.icmpv6(a.sender.local, a.ip6, f.ROUTER_ADVERT, body)
    yield from _hidden(a, f.ICMPV6, message, 255)
    yield from _cut(a, f.ICMPV6, message[:16], 255)


@row("dhcpv6 server")
def _dhcpv6(a: Aim) -> Iterator[bytes]:
    own = a.sender.local
    for ports in ((547, 546), (1547, 546), (546, 546)):
        payload = b"\2\1\2\3" + a.no()
        datagram = f.udp(own, a.ip6, *ports, payload)
        yield from _hidden(a, f.UDP, datagram, 64)
        yield from _cut(a, f.UDP, datagram[:8] + b"\2\1\2\3" + bytes(4), 64)


@row("dhcpv4 server")
def _dhcpv4(a: Aim) -> Iterator[bytes]:
    own = a.sender.ip4
    for ports in ((67, 68), (1067, 68), (68, 68)):
        yield a.udp4(f.bootp(2, 2, a.other.mac, a.no()), ports=ports)
        yield a.udp4(f.bootp(2, 5, a.other.mac, a.no()), ports=ports, options=b"\1" * 4)
        yield a.udp4(f.bootp(2, 5, a.other.mac, a.no()), a.gateway.ip4, ports)
        datagram = f.udp(own, a.ip4, *ports, f.bootp(2, 5, a.other.mac, b"").ljust(1400, b"\0"))
        datagram = datagram[:300] + a.no() + datagram[300 + MARK_SIZE : 1320] + a.rest()
        for packet in f.fragments4(own, a.ip4, f.UDP, datagram, 1304, ident=next(_NUMBERS) & 65535):
            yield a.eth(f.IPV4, packet)
        for packet in f.fragments4(own, a.ip4, f.UDP, datagram[:8] + a.rest().ljust(24), 8,
                                   ident=next(_NUMBERS) & 65535):  # fmt: skip
            yield a.eth(f.IPV4, packet)


@row("questions to the network")
def _questions(a: Aim) -> Iterator[bytes]:
    """What the node answers is for nobody else."""
    own = a.sender
    yield a.udp4(f.bootp(1, 1, own.mac, a.no()), "0.0.0.0", (68, 67))
    yield a.udp4(f.bootp(1, 3, own.mac, a.no()), ports=(68, 67))
    yield a.udp6(b"\1\1\2\3" + a.no(), own.local, (546, 547))
    yield a.udp6(b"\1\1\2\3" + a.no(), own.local, (546, 547), (f.HOP_BY_HOP,))
    yield a.icmp6(f.ROUTER_SOLICIT, bytes(4) + f.link_option(f.SOURCE_LINK, own.mac), a.no())
    yield a.icmp6(f.ROUTER_SOLICIT, bytes(4), a.no(), "::", (f.DESTINATION,))


# ---------------------------------------------------------------- tags and fragments


@row("tags")
def _tags(a: Aim) -> Iterator[bytes]:
    """Networks are untagged: a tag, also a priority tag, hides nothing and opens nothing."""
    own, q, ad = a.sender, f.DOT1Q, f.DOT1AD
    yield a.udp4(a.ok())
    for tags in (
        ((q, 5),), ((q, 0),), ((q, 0xE000),), ((q, 0x1000),), ((q, 4095),), ((ad, 5),), ((ad, 0),),
        ((q, 5), (q, 6)), ((ad, 5), (q, 6)), ((ad, 0), (q, 0)), ((q, 0), (ad, 0)),
        ((f.OLD_QINQ, 5),), ((ad, 1), (ad, 2), (q, 3)),
    ):  # fmt: skip
        yield f.tagged(a.udp4(a.no()), *tags)
        yield f.tagged(a.udp6(a.no()), *tags)
        yield f.tagged(a.udp4(a.no(), a.other.ip4), *tags)
        yield f.tagged(a.arp(2, own.mac, a.gateway.ip4, a.no()), *tags)
        yield f.tagged(a.arp(2, own.mac, own.ip4, a.no()), *tags)
        body = f.router_advertisement("2001:db8:bad::")
        yield f.tagged(a.icmp6(f.ROUTER_ADVERT, body, a.no()), *tags)
        yield f.tagged(a.udp4(f.bootp(2, 2, a.other.mac, a.no()), ports=(67, 68)), *tags)


@row("ipv4 fragments")
def _fragments4(a: Aim) -> Iterator[bytes]:
    def cut(source: str, marks: list[bytes], *cuts: int) -> Iterator[bytes]:
        whole = bytearray(f.udp(source, a.ip4, 4000, 5000, bytes(3600)))
        whole[6:8] = bytes(2)
        for place, mark in zip((0, *cuts), marks, strict=True):
            whole[place + 20 : place + 20 + MARK_SIZE] = mark
        ident = next(_NUMBERS) & 65535
        for packet in f.fragments4(source, a.ip4, f.UDP, bytes(whole), *cuts, ident=ident):
            yield a.eth(f.IPV4, packet)

    yield from cut(a.sender.ip4, [a.ok(), a.ok(), a.ok()], FIRST, 2 * FIRST)
    for source in (a.other.ip4, a.gateway.ip4, "203.0.113.9"):
        yield from cut(source, [a.no(), a.no(), a.no()], FIRST, 2 * FIRST)
    # The same place twice: what comes second is a server's message.
    own, ident = a.sender.ip4, next(_NUMBERS) & 65535
    first = f.udp(own, a.ip4, 4000, 5000, bytes(FIRST - 8))
    second = f.udp(own, a.ip4, 67, 68, a.no().ljust(FIRST - 8, b"\0"))
    for offset, part in ((0, first), (0, second), (FIRST, a.rest())):
        packet = f.ipv4(own, a.ip4, f.UDP, part, ident, offset, offset < FIRST)
        yield a.eth(f.IPV4, packet)


@row("ipv6 fragments")
def _fragments6(a: Aim) -> Iterator[bytes]:
    def cut(source: str, marks: list[bytes]) -> list[bytes]:
        data = marks[0].ljust(FIRST - 8, b"\0") + marks[1].ljust(100, b"\0")
        return a.pieces6(f.UDP, f.udp(source, a.ip6, 4000, 5000, data), FIRST, source=source)

    yield from cut(a.sender.ip6, [a.ok(), a.ok()])
    for source in (a.other.ip6, a.gateway.ip6, a.other.local):
        yield from cut(source, [a.no(), a.no()])
    own, ident = a.sender.local, next(_NUMBERS)
    first = f.udp(own, a.ip6, 4000, 5000, bytes(FIRST - 8))
    second = f.udp(own, a.ip6, 547, 546, a.no().ljust(FIRST - 8, b"\0"))
    for offset, part in ((0, first), (0, second), (FIRST, a.rest())):
        piece = f.fragment(f.UDP, offset, offset < FIRST, ident) + part
        yield a.eth(f.IPV6, f.ipv6(own, a.ip6, f.FRAGMENT, piece))


@row("ipv6 headers")
def _headers(a: Aim) -> Iterator[bytes]:
    """Chains of headers that are in order pass."""
    for kinds in _chains():
        if kinds != (f.FRAGMENT, f.FRAGMENT):
            yield a.udp6(a.ok(), kinds=kinds)
    yield a.icmp6(128, b"\0\1\0\1", a.ok(), a.sender.ip6, (f.DESTINATION,), limit=64)
