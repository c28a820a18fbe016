"""Neighbor discovery (RFC 4861): unsolicited advertisements, who sends one, questions, and the
reading of options.  Answers are the switch's business."""

from __future__ import annotations

import ipaddress

from vrouter_ovs.addresses import address_bytes, link_local_bytes, mac_bytes, multicast_mac
from vrouter_ovs.numbers import NEIGHBOR_ADVERT, NEIGHBOR_SOLICIT
from vrouter_ovs.proxies.build import build_icmp6

from .packet import (
    ALL_NODES,
    ANY6,
    Malformed,
    icmp6,
)

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


def unsolicited(address: str, mac: str, is_router: bool = False) -> bytes:
    """The announcement of ``address`` at ``mac`` to all nodes (RFC 4861 section 7.2.6)."""
    packed, source = address_bytes(address), mac_bytes(mac)
    flags = (_ROUTER if is_router else 0) | _OVERRIDE
    message = bytes((NEIGHBOR_ADVERT, 0, 0, 0, flags, 0, 0, 0)) + packed + b"\x02\x01" + source
    return build_icmp6(multicast_mac(ALL_NODES), source, packed, ALL_NODES, message)


def target(frame: bytes) -> tuple[str, str, str]:
    """(MAC, address, how) that an advertisement says; raises Malformed (RFC 4861 section 7.1.2).

    how: "answered" a solicitation, or "announced".
    """
    packet = icmp6(frame)
    message = packet.payload
    if message[0] != NEIGHBOR_ADVERT:
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
    source = link_local_bytes(source_mac)
    group = b"\xff\x02" + bytes(9) + b"\x01\xff" + packed[13:]
    message = bytes((NEIGHBOR_SOLICIT, 0, 0, 0, 0, 0, 0, 0)) + packed + b"\x01\x01" + source_mac
    return build_icmp6(multicast_mac(group), source_mac, source, group, message)
