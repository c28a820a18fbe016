"""TCP segments in Ethernet frames: bounds-checked parsing and building, either family.

Source: RFC 9293 section 3.1 (header), 3.7.1 (the maximum segment size).
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from vrouter_ovs.numbers import ETH_IPV4, PROTO_TCP
from vrouter_ovs.proxies.build import build_ip4, build_ip6
from vrouter_ovs.proxies.packet import (
    Malformed,
    checksum,
    ethernet,
    ip4,
    ip6,
)

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
HEADER = {4: 40, 16: 60}
"""Bytes of IP and TCP headers without options, by the length of an address."""
DEFAULT_MSS = {4: 536, 16: 1220}
"""What a peer takes that does not say (RFC 9293 section 3.7.1)."""
_TCP = Struct("!HHIIBBHHH")


class Tcp(NamedTuple):
    """A segment in its frame.  Addresses are packed bytes (4 or 16).  ``mss``: 0 if not given."""

    dst_mac: bytes
    src_mac: bytes
    src: bytes
    dst: bytes
    src_port: int
    dst_port: int
    seq: int
    ack: int
    flags: int
    window: int
    mss: int
    payload: bytes


def _mss(options: bytes) -> int:
    at, end, found = 0, len(options), 0
    while at < end and options[at]:
        if options[at] == 1:
            at += 1
            continue
        if at + 2 > end or options[at + 1] < 2 or at + options[at + 1] > end:
            raise Malformed("bad TCP option")
        if options[at] == 2:
            if options[at + 1] != 4:
                raise Malformed("bad TCP option")
            found = int.from_bytes(options[at + 2 : at + 4], "big")
        at += options[at + 1]
    return found


def parse(frame: bytes) -> Tcp:
    """A TCP segment over IPv4 or IPv6, unfragmented and without extension headers; raises
    Malformed (also for a wrong checksum)."""
    if ethernet(frame)[2] == ETH_IPV4:
        packet = ip4(frame)
        if packet.protocol != PROTO_TCP:
            raise Malformed("not TCP")
        if packet.offset or packet.more:
            raise Malformed("fragment")
        segment = packet.packet[packet.header :]
    else:
        packet = ip6(frame)
        if packet.next_header != PROTO_TCP:
            raise Malformed("not TCP")
        segment = packet.payload
    size = len(segment)
    if size < 20:
        raise Malformed("TCP header cut")
    src_port, dst_port, seq, ack, offset, flags, window, _, _ = _TCP.unpack_from(segment)
    header = (offset >> 4) * 4
    if not 20 <= header <= size:
        raise Malformed("bad TCP header length")
    if checksum(segment, _pseudo(packet.src, packet.dst, size)):
        raise Malformed("bad TCP checksum")
    if not src_port or not dst_port:
        raise Malformed("TCP port 0")
    return Tcp(packet.dst_mac, packet.src_mac, packet.src, packet.dst, src_port, dst_port, seq, ack,
               flags, window, _mss(segment[20:header]), segment[header:])  # fmt: skip


def _pseudo(src: bytes, dst: bytes, size: int) -> int:
    return int.from_bytes(src, "big") + int.from_bytes(dst, "big") + PROTO_TCP + size


def build(
    dst_mac: bytes, src_mac: bytes, src: bytes, dst: bytes, src_port: int, dst_port: int, seq: int,
    ack: int, flags: int, window: int, payload: bytes = b"", mss: int = 0,
) -> bytes:  # fmt: skip
    """A segment in its frame.  ``mss``: the option, 0 for none."""
    options = b"\x02\x04" + mss.to_bytes(2, "big") if mss else b""
    offset = (20 + len(options)) << 2
    header = _TCP.pack(src_port, dst_port, seq, ack, offset, flags, window, 0, 0)
    segment = b"".join((header, options, payload))
    total = checksum(segment, _pseudo(src, dst, len(segment)))
    segment = b"".join((segment[:16], total.to_bytes(2, "big"), segment[18:]))
    over = build_ip4 if len(src) == 4 else build_ip6
    return over(dst_mac, src_mac, src, dst, PROTO_TCP, segment)
