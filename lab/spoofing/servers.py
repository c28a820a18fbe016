"""Messages of routers and DHCP servers, which no VM may send, also hidden from who reads packets,
and the questions to them."""

from __future__ import annotations

from collections.abc import Iterator

from lab.spoofing.aim import MARK_SIZE, Aim, Row, number
from lab.spoofing.headers import chains
from lab.traffic import packets as f


def _hidden(a: Aim, last: int, payload: bytes, limit: int) -> Iterator[bytes]:
    """``payload`` (with bad marks) as it is, behind headers, and in a place where a switch that
    reads the chain gives up."""
    own = a.sender.local
    for kinds in chains():
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


def _router(a: Aim) -> Iterator[bytes]:
    own = a.sender
    for source in (own.local, own.ip6, a.gateway.local, a.other.local):
        body = f.router_advertisement("2001:db8:bad::")
        yield a.icmp6(f.ROUTER_ADVERT, body, a.no(), source)
        yield a.icmp6(f.ROUTER_ADVERT, body, a.no(), source, limit=64)
        yield a.icmp6(f.ROUTER_ADVERT, body, a.no(), source, code=1)
    body = f.redirect(own.local, "2001:db8::1")
    for kinds in chains():
        yield a.icmp6(f.REDIRECT, body, a.no(), kinds=kinds)


def _router_hidden(a: Aim) -> Iterator[bytes]:
    body = f.router_advertisement("2001:db8:bad::") + b"\xfd\x02" + a.no() + b"\0\0"
    message = f.icmpv6(a.sender.local, a.ip6, f.ROUTER_ADVERT, body)
    yield from _hidden(a, f.ICMPV6, message, 255)
    yield from _cut(a, f.ICMPV6, message[:16], 255)


def _dhcpv6(a: Aim) -> Iterator[bytes]:
    own = a.sender.local
    for ports in ((547, 546), (1547, 546), (546, 546)):
        payload = b"\2\1\2\3" + a.no()
        datagram = f.udp(own, a.ip6, *ports, payload)
        yield from _hidden(a, f.UDP, datagram, 64)
        yield from _cut(a, f.UDP, datagram[:8] + b"\2\1\2\3" + bytes(4), 64)


def _dhcpv4(a: Aim) -> Iterator[bytes]:
    own = a.sender.ip4
    for ports in ((67, 68), (1067, 68), (68, 68)):
        yield a.udp4(f.bootp(2, 2, a.other.mac, a.no()), ports=ports)
        yield a.udp4(f.bootp(2, 5, a.other.mac, a.no()), ports=ports, options=b"\1" * 4)
        yield a.udp4(f.bootp(2, 5, a.other.mac, a.no()), a.gateway.ip4, ports)
        datagram = f.udp(own, a.ip4, *ports, f.bootp(2, 5, a.other.mac, b"").ljust(1400, b"\0"))
        datagram = datagram[:300] + a.no() + datagram[300 + MARK_SIZE : 1320] + a.rest()
        for packet in f.fragments4(own, a.ip4, f.UDP, datagram, 1304, ident=number() & 65535):
            yield a.eth(f.IPV4, packet)
        for packet in f.fragments4(own, a.ip4, f.UDP, datagram[:8] + a.rest().ljust(24), 8,
                                   ident=number() & 65535):  # fmt: skip
            yield a.eth(f.IPV4, packet)


def _questions(a: Aim) -> Iterator[bytes]:
    """What the node answers is for nobody else."""
    own = a.sender
    yield a.udp4(f.bootp(1, 1, own.mac, a.no()), "0.0.0.0", (68, 67))
    yield a.udp4(f.bootp(1, 3, own.mac, a.no()), ports=(68, 67))
    yield a.udp6(b"\1\1\2\3" + a.no(), own.local, (546, 547))
    yield a.udp6(b"\1\1\2\3" + a.no(), own.local, (546, 547), (f.HOP_BY_HOP,))
    yield a.icmp6(f.ROUTER_SOLICIT, bytes(4) + f.link_option(f.SOURCE_LINK, own.mac), a.no())
    yield a.icmp6(f.ROUTER_SOLICIT, bytes(4), a.no(), "::", (f.DESTINATION,))


ROWS: dict[str, Row] = {
    "router advertisement": _router,
    "router advertisement hidden": _router_hidden,
    "dhcpv6 server": _dhcpv6,
    "dhcpv4 server": _dhcpv4,
    "questions to the network": _questions,
}
