"""What is sent in the name of others: Ethernet, IP, ARP and neighbor discovery."""

from __future__ import annotations

from collections.abc import Iterator

from lab.spoofing.aim import Aim, Row
from lab.traffic import packets as f


def _mac(a: Aim) -> Iterator[bytes]:
    yield a.udp4(a.ok())
    for mac in (a.other.mac, a.gateway.mac, "02:11:22:33:44:55", "00:00:00:00:00:00", f.BROADCAST,
                f.ALL_NODES_MAC):  # fmt: skip
        yield a.udp4(a.no(), mac=mac)
    yield a.eth(0x88B5, a.no())
    yield a.eth(0x8847, a.no() + a.udp4(b"")[14:])


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


def _ipv6(a: Aim) -> Iterator[bytes]:
    yield a.udp6(a.ok())
    for source in (a.other.ip6, a.gateway.ip6, a.other.local, a.gateway.local, "2001:db8::9", "::",
                   "::1", "ff02::1", f"::ffff:{a.sender.ip4}"):  # fmt: skip
        yield a.udp6(a.no(), source)
        yield a.udp6(a.no(), source, kinds=(f.HOP_BY_HOP, f.DESTINATION))
    bad = a.udp6(a.no(), a.other.ip6)
    yield bad[:14] + b"\x45" + bad[15:]
    yield bad[:18] + b"\xff\xff" + bad[20:]  # longer than it is


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


def _neighbors(a: Aim) -> Iterator[bytes]:
    own = a.sender
    mine = f.link_option(f.TARGET_LINK, own.mac)
    yield a.icmp6(f.ADVERT, f.neighbor(own.ip6, mine, flags=1), a.ok(), own.ip6)
    yield a.icmp6(f.ADVERT, f.neighbor(own.local, flags=1), a.ok(), kinds=(f.HOP_BY_HOP,))
    yield from _forged_neighbors(a)


def _neighbors_behind(a: Aim) -> Iterator[bytes]:
    for kinds in ((f.HOP_BY_HOP,), (f.DESTINATION,) * 3, (f.ROUTING,), (f.AUTHENTICATION,),
                  (f.FRAGMENT,), (f.HOP_BY_HOP, f.FRAGMENT, f.DESTINATION)):  # fmt: skip
        yield from _forged_neighbors(a, kinds)


def _neighbors_cut(a: Aim) -> Iterator[bytes]:
    own = a.sender.local
    for kind, option_kind in ((f.SOLICIT, f.SOURCE_LINK), (f.ADVERT, f.TARGET_LINK)):
        option = f.link_option(option_kind, a.other.mac)
        filler = b"\xfd\x02" + a.no() + b"\0\0"
        body = f.neighbor(a.sender.ip6, filler, option, b"\xfd\x02" + a.rest() + b"\0\0")
        message = f.icmpv6(own, a.ip6, kind, body)
        yield from a.pieces6(f.ICMPV6, message, 40, source=own, limit=255)


ROWS: dict[str, Row] = {
    "mac": _mac,
    "ipv4": _ipv4,
    "ipv6": _ipv6,
    "arp": _arp,
    "neighbor discovery": _neighbors,
    "neighbor discovery behind headers": _neighbors_behind,
    "neighbor discovery in fragments": _neighbors_cut,
}
