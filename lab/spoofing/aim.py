"""Who sends to whom in whose name, the marks of what is sent, and frames of the sender's."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from lab.traffic import packets as f

MARK = b"VNC:"
MARK_SIZE = 12
_NUMBERS = itertools.count(1)


def number() -> int:
    """One that no other mark has, and no other packet in fragments."""
    return next(_NUMBERS)


@dataclass(frozen=True)
class Party:
    """Somebody on the network: a VM or a gateway."""

    mac: str
    ip4: str
    ip6: str

    @property
    def local(self) -> str:
        """The link-local address that is made from the MAC."""
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
        kind.append(MARK + number().to_bytes(MARK_SIZE - len(MARK), "big"))
        return kind[-1]

    def ok(self) -> bytes:
        """A mark that must arrive."""
        return self._mark(self.good)

    def no(self) -> bytes:
        """A mark that must arrive nowhere."""
        return self._mark(self.bad)

    def rest(self) -> bytes:
        """A mark in a later fragment of what is refused."""
        return self._mark(self.late)

    # -- whole frames

    def eth(self, kind: int, packet: bytes, pad: bytes = b"", source: str = "") -> bytes:
        """A frame from the sender's MAC, or from another."""
        return f.ethernet(source or self.sender.mac, self.mac, kind, packet, pad)

    def udp4(
        self, data: bytes, source: str = "", ports: tuple[int, int] = (4000, 5000),
        mac: str = "", options: bytes = b"",
    ) -> bytes:  # fmt: skip
        """A datagram over IPv4 from the sender's address, or from another."""
        source = source or self.sender.ip4
        datagram = f.udp(source, self.ip4, *ports, data)
        packet = f.ipv4(source, self.ip4, f.UDP, datagram, options=options)
        return self.eth(f.IPV4, packet, source=mac)

    def over6(
        self, protocol: int, payload: bytes, source: str, kinds: tuple[int, ...] = (),
        limit: int = 64, pad: bytes = b"",
    ) -> bytes:  # fmt: skip
        """A payload over IPv6, behind extension headers of these kinds."""
        packet = f.ipv6(source, self.ip6, *f.chain(kinds, protocol, payload), limit)
        return self.eth(f.IPV6, packet, pad)

    def udp6(
        self, data: bytes, source: str = "", ports: tuple[int, int] = (4000, 5000),
        kinds: tuple[int, ...] = (),
    ) -> bytes:  # fmt: skip
        """A datagram over IPv6 from the sender's address, or from another."""
        source = source or self.sender.ip6
        return self.over6(f.UDP, f.udp(source, self.ip6, *ports, data), source, kinds)

    def icmp6(
        self, kind: int, body: bytes, pad: bytes, source: str = "", kinds: tuple[int, ...] = (),
        code: int = 0, limit: int = 255,
    ) -> bytes:  # fmt: skip
        """A message of ICMPv6 from the sender's link-local address, or from another."""
        source = source or self.sender.local
        message = f.icmpv6(source, self.ip6, kind, body, code)
        return self.over6(f.ICMPV6, message, source, kinds, limit, pad)

    def pieces6(
        self, following: int, payload: bytes, *cuts: int, source: str = "", limit: int = 64
    ) -> list[bytes]:
        """The frames of a payload that is cut into fragments."""
        ident = number()
        return [
            self.eth(f.IPV6, packet)
            for packet in f.fragments6(source or self.sender.ip6, self.ip6, following, payload,
                                       *cuts, ident=ident, limit=limit)
        ]  # fmt: skip

    def arp(
        self, operation: int, sha: str, spa: str, pad: bytes, kind: int = f.ARP, **more: int
    ) -> bytes:
        """ARP for an address that nobody has, in the name of ``sha`` and ``spa``."""
        packet = f.arp(operation, sha, spa, "00:00:00:00:00:00", "10.255.255.254", **more)
        return self.eth(kind, packet, pad)


Row = Callable[[Aim], Iterator[bytes]]
"""The frames of a row, for one aim."""
