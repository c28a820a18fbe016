"""ICMP errors from and to floating IPs: the header that they quote is translated (RFC 5508
section 4).

The switch has translated the addresses of the error itself.  What it quotes is a packet as it was
on the other side of the translation: its receiver knows that packet, and whether it sent it, by the
addresses that it had here.  The checksum of the quoted header changes with the address, so that
the sum over the error stays what it was.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from vrouter_ovs.addresses import ipv4_bytes
from vrouter_ovs.edge import FloatingAddress
from vrouter_ovs.numbers import ETH_IPV4, PROTO_ICMP, TRANSLATED_ERRORS

from .packet import Malformed, checksum, ethernet, ip4

ETHERNET, IPV4, ICMP = 14, 20, 8
"""Bytes of the headers, of IPv4 at least."""
SOURCE, DESTINATION = 12, 16
"""Where the addresses stand in a header of IPv4."""


class Translated(NamedTuple):
    """``frame``: the error.  ``inward``: it is for the port; else it is from the port, and has the
    port's own address as source again, to be routed in the VRF ``vrf``."""

    inward: bool
    frame: bytes
    vrf: int


def translate(frame: bytes, floating: Iterable[FloatingAddress]) -> Translated | str:
    """An error whose own addresses are translated, with what it quotes translated too; or why
    nothing is done with it.  ``floating``: of the port that it is from or to.  Raises Malformed."""
    if ethernet(frame)[2] != ETH_IPV4:
        return "not IPv4"
    packet = ip4(frame)
    if packet.protocol != PROTO_ICMP or packet.offset:
        return "not an ICMP message"
    header = packet.header
    message = packet.packet[header:]
    if len(message) < ICMP + IPV4:
        raise Malformed("an ICMP error that quotes too little")
    if message[0] not in TRANSLATED_ERRORS:
        return "not an ICMP error"
    quoted = message[ICMP:]
    length = (quoted[0] & 15) * 4
    if quoted[0] >> 4 != 4 or not IPV4 <= length <= len(quoted):
        raise Malformed("an ICMP error that quotes no IPv4 packet")
    at = ETHERNET + header + ICMP
    for one in floating:
        outer, inner = ipv4_bytes(one.address), ipv4_bytes(one.fixed)
        if packet.dst == inner and quoted[SOURCE:DESTINATION] == outer:
            found = bytearray(frame)
            _write(found, at, length, SOURCE, inner)
            if found[ETHERNET + 8] <= 1:
                return "its TTL is used up"
            found[ETHERNET + 8] -= 1
            _sum(found, ETHERNET, header)
            return Translated(True, bytes(found), one.vrf)
        if packet.src == outer and quoted[DESTINATION : DESTINATION + 4] == inner:
            found = bytearray(frame)
            _write(found, at, length, DESTINATION, outer)
            _write(found, ETHERNET, header, SOURCE, inner)
            return Translated(False, bytes(found), one.vrf)
    return "what it quotes is not of a floating IP"


def _write(frame: bytearray, at: int, length: int, field: int, address: bytes) -> None:
    """An address into the header of IPv4 at ``at``, which has ``length`` bytes."""
    before = int.from_bytes(frame[at + 10 : at + 12], "big")
    old = bytes(frame[at + field : at + field + 4])
    frame[at + field : at + field + 4] = address
    # Changed as the words are (RFC 1624 section 3): a sum that was wrong stays wrong.
    total = ~before & 0xFFFF
    for place in (0, 2):
        total += ~int.from_bytes(old[place : place + 2], "big") & 0xFFFF
        total += int.from_bytes(address[place : place + 2], "big")
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    frame[at + 10 : at + 12] = (~total & 0xFFFF).to_bytes(2, "big")


def _sum(frame: bytearray, at: int, length: int) -> None:
    frame[at + 10 : at + 12] = bytes(2)
    frame[at + 10 : at + 12] = checksum(bytes(frame[at : at + length])).to_bytes(2, "big")
