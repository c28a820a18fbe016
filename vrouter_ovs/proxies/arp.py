"""ARP (RFC 826): who has an address and how that is known, questions, and the gratuitous
announcement of a move (RFC 5227).  Answers are the switch's business."""

from __future__ import annotations

from struct import Struct

from vrouter_ovs.addresses import address_bytes, ipv4_text, mac_bytes
from vrouter_ovs.numbers import ARP_REPLY, ARP_REQUEST, ETH_ARP, ETH_IPV4

from .packet import ANY4, BROADCAST_MAC, Malformed, ethernet

_ARP = Struct("!HHBBH6s4s6s4s")
_ETHERNET_IPV4 = (1, ETH_IPV4, 6, 4)


def sender(frame: bytes) -> tuple[str, str, str]:
    """(MAC, address, how it is sent) of a request or a reply; raises Malformed.

    how: "announced" to all (RFC 5227 section 3, and the same as a reply), "answered", or "used".
    What is sent to one host alone announces nothing, though sender and target be the same: who
    hears an announcement of an address that it has itself, with the same MAC, answers so.
    """
    _, src_mac, kind = ethernet(frame)
    if kind != ETH_ARP:
        raise Malformed("not ARP")
    if len(frame) < 14 + _ARP.size:
        raise Malformed("ARP message cut")
    *form, operation, sender_mac, address, _, target = _ARP.unpack_from(frame, 14)
    if tuple(form) != _ETHERNET_IPV4:
        raise Malformed("not ARP for IPv4 over Ethernet")
    if sender_mac != src_mac:
        raise Malformed("ARP sender is not the frame's source")
    if operation not in (ARP_REQUEST, ARP_REPLY):
        raise Malformed("neither an ARP request nor a reply")
    if address == ANY4:
        raise Malformed("no ARP sender")
    if frame[:6] == BROADCAST_MAC and (target == address or operation == ARP_REPLY):
        how = "announced"
    else:
        how = "answered" if operation == ARP_REPLY else "used"
    return src_mac.hex(":"), ipv4_text(address), how


def request(address: str, mac: str, source: str) -> bytes:
    """A question for ``address`` to all, from ``source``; from "0.0.0.0" a probe (RFC 5227 2.1)."""
    packed = mac_bytes(mac)
    body = _ARP.pack(*_ETHERNET_IPV4, ARP_REQUEST, packed, address_bytes(source), bytes(6),
                     address_bytes(address))  # fmt: skip
    return BROADCAST_MAC + packed + ETH_ARP.to_bytes(2, "big") + body


def gratuitous(address: str, mac: str) -> bytes:
    """The announcement of ``address`` at ``mac``: a broadcast request for itself (RFC 5227 3)."""
    return request(address, mac, address)
