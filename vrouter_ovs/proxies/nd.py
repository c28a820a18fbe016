"""Neighbor discovery (RFC 4861): advertisements, solicited and not, who sends one, questions, and
the reading of options."""

from __future__ import annotations

import ipaddress

from .packet import (
    ALL_NODES,
    ANY6,
    Answer,
    Malformed,
    address_bytes,
    build_icmp6,
    icmp6,
    ignored,
    link_local,
    mac_bytes,
    multicast_mac,
)

SOLICITATION, ADVERTISEMENT = 135, 136
_ROUTER, _SOLICITED, _OVERRIDE = 0x80, 0x40, 0x20


def options(data: bytes, start: int) -> dict[int, bytes]:
    """The first option of each type from ``start`` on, without its header; raises Malformed."""
    found: dict[int, bytes] = {}
    end = len(data)
    while start < end:
        if start + 2 > end or not data[start + 1]:
            raise Malformed("bad ND option")
        stop = start + data[start + 1] * 8
        if stop > end:
            raise Malformed("ND option cut")
        found.setdefault(data[start], data[start + 2 : stop])
        start = stop
    return found


def _advertisement(flags: int, target: bytes, mac: bytes) -> bytes:
    return b"".join((bytes((ADVERTISEMENT, 0, 0, 0, flags, 0, 0, 0)), target, b"\x02\x01", mac))


def answer(frame: bytes, address: str, mac: str, is_router: bool) -> Answer:
    """The advertisement of ``address`` with ``mac`` for a solicitation of it; raises Malformed.

    A DAD probe (from ::) gets an unsolicited one to all nodes (RFC 4861 7.2.4), in a frame to the
    prober alone: it is the one who must hear it.
    """
    packet = icmp6(frame)
    message = packet.payload
    if message[0] != SOLICITATION:
        return ignored("not a neighbor solicitation")
    if message[1] or packet.hop_limit != 255 or len(message) < 24:
        raise Malformed("bad neighbor solicitation")
    target = message[8:24]
    if target[0] == 0xFF:
        raise Malformed("multicast target")
    given = options(message, 24)
    probe = packet.src == ANY6
    if probe and (1 in given or packet.dst[:13] != b"\xff\x02" + bytes(9) + b"\x01\xff"):
        raise Malformed("bad DAD probe")
    if 1 in given and given[1][:6] != packet.src_mac:
        raise Malformed("source link-layer address is not the frame's source")
    if target != address_bytes(address):
        return ignored("another address")
    if packet.src == target:
        return ignored("asks for its own address")
    source = mac_bytes(mac)
    flags = (_ROUTER if is_router else 0) | _OVERRIDE | (0 if probe else _SOLICITED)
    reply = build_icmp6(packet.src_mac, source, target, ALL_NODES if probe else packet.src,
                        _advertisement(flags, target, source))  # fmt: skip
    return Answer((reply,), "advertisement", "DAD probe" if probe else "solicitation")


def unsolicited(address: str, mac: str, is_router: bool = False) -> bytes:
    """The announcement of ``address`` at ``mac`` to all nodes (RFC 4861 section 7.2.6)."""
    packed, source = address_bytes(address), mac_bytes(mac)
    flags = (_ROUTER if is_router else 0) | _OVERRIDE
    return build_icmp6(multicast_mac(ALL_NODES), source, packed, ALL_NODES,
                       _advertisement(flags, packed, source))  # fmt: skip


def target(frame: bytes) -> tuple[str, str, str]:
    """(MAC, address, how) that an advertisement says; raises Malformed (RFC 4861 section 7.1.2).

    how: "answered" a solicitation, or "announced".
    """
    packet = icmp6(frame)
    message = packet.payload
    if message[0] != ADVERTISEMENT:
        raise Malformed("not a neighbor advertisement")
    if message[1] or packet.hop_limit != 255 or len(message) < 24:
        raise Malformed("bad neighbor advertisement")
    address = message[8:24]
    if address[0] == 0xFF or address == ANY6:
        raise Malformed("bad target")
    given = options(message, 24)
    if 2 in given and given[2][:6] != packet.src_mac:
        raise Malformed("target link-layer address is not the frame's source")
    how = "answered" if message[4] & _SOLICITED else "announced"
    return packet.src_mac.hex(":"), str(ipaddress.IPv6Address(address)), how


def solicitation(address: str, mac: str) -> bytes:
    """A question for ``address`` to all, from the link-local address of ``mac`` (RFC 4861 section
    7.2.2)."""
    packed, source_mac = address_bytes(address), mac_bytes(mac)
    group = b"\xff\x02" + bytes(9) + b"\x01\xff" + packed[13:]
    message = bytes((SOLICITATION, 0, 0, 0, 0, 0, 0, 0)) + packed + b"\x01\x01" + source_mac
    return build_icmp6(multicast_mac(group), source_mac, link_local(source_mac), group, message)
