"""ARP (RFC 826): answers for an address, who announces one, and the gratuitous announcement of a
move (RFC 5227)."""

from __future__ import annotations

import socket
from struct import Struct

from .packet import (
    ANY4,
    BROADCAST_MAC,
    ETH_ARP,
    Answer,
    Malformed,
    address_bytes,
    ethernet,
    ignored,
    mac_bytes,
)

_ARP = Struct("!HHBBH6s4s6s4s")
_ETHERNET_IPV4 = (1, 0x0800, 6, 4)
REQUEST, REPLY = 1, 2


def _build(dst_mac: bytes, operation: int, mac: bytes, address: bytes,
           target_mac: bytes, target: bytes) -> bytes:  # fmt: skip
    body = _ARP.pack(*_ETHERNET_IPV4, operation, mac, address, target_mac, target)
    return dst_mac + mac + b"\x08\x06" + body


def _read(frame: bytes) -> tuple[bytes, int, bytes, bytes]:
    """(sender's MAC, operation, sender, target); raises Malformed."""
    _, src_mac, kind = ethernet(frame)
    if kind != ETH_ARP:
        raise Malformed("not ARP")
    if len(frame) < 14 + _ARP.size:
        raise Malformed("ARP message cut")
    *form, operation, sender_mac, sender, _, target = _ARP.unpack_from(frame, 14)
    if tuple(form) != _ETHERNET_IPV4:
        raise Malformed("not ARP for IPv4 over Ethernet")
    if sender_mac != src_mac:
        raise Malformed("ARP sender is not the frame's source")
    return src_mac, operation, sender, target


def sender(frame: bytes) -> tuple[str, str, str]:
    """(MAC, address, how it is sent) of a request or a reply; raises Malformed.

    how: "announced" to all (RFC 5227 section 3, and the same as a reply), "answered", or "used".
    What is sent to one host alone announces nothing, though sender and target be the same: who
    hears an announcement of an address that it has itself, with the same MAC, answers so.
    """
    src_mac, operation, address, target = _read(frame)
    if operation not in (REQUEST, REPLY):
        raise Malformed("neither an ARP request nor a reply")
    if address == ANY4:
        raise Malformed("no ARP sender")
    if frame[:6] == BROADCAST_MAC and (target == address or operation == REPLY):
        how = "announced"
    else:
        how = "answered" if operation == REPLY else "used"
    return src_mac.hex(":"), socket.inet_ntop(socket.AF_INET, address), how


def request(address: str, mac: str, source: str) -> bytes:
    """A question for ``address`` to all, from ``source``; from "0.0.0.0" a probe (RFC 5227 2.1)."""
    return _build(
        BROADCAST_MAC, REQUEST, mac_bytes(mac), address_bytes(source), bytes(6),
        address_bytes(address),
    )  # fmt: skip


def answer(frame: bytes, address: str, mac: str) -> Answer:
    """The reply to a request for ``address`` with ``mac``; other ARP is ignored.

    A probe (sender address 0.0.0.0, RFC 5227 section 1.1) is answered too: the address is taken.
    Raises Malformed.
    """
    src_mac, operation, sender, target = _read(frame)
    if operation != REQUEST:
        return ignored("not a request")
    wanted = address_bytes(address)
    if target != wanted:
        return ignored("another address")
    if sender == wanted:
        return ignored("announces the address itself")
    reply = _build(src_mac, REPLY, mac_bytes(mac), wanted, src_mac, sender)
    return Answer((reply,), "reply", "probe" if sender == ANY4 else "request")


def gratuitous(address: str, mac: str) -> bytes:
    """The announcement of ``address`` at ``mac``: a broadcast request for itself (RFC 5227 3)."""
    packed, source = address_bytes(address), mac_bytes(mac)
    return _build(BROADCAST_MAC, REQUEST, source, packed, bytes(6), packed)
