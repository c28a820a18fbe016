"""IGMP and MLD as a snooping switch reads and asks them.

A report is taken for what it says of the port: which groups it wants anything of.  From whom it
wants it (the sources of IGMPv3 and MLDv2) is not held against packets, so a record that names any
source is a membership, and one that includes none is a leave.

Sources: RFC 1112 (IGMPv1), 2236 (IGMPv2), 3376 (IGMPv3), 2710 (MLDv1), 3810 (MLDv2).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

from vrouter_ovs.addresses import address_bytes, link_local_bytes, mac_bytes, multicast_mac
from vrouter_ovs.numbers import (
    ETH_IPV4,
    ETH_IPV6,
    LISTENER_DONE,
    LISTENER_QUERY,
    LISTENER_REPORT,
    LISTENER_REPORT2,
    PROTO_HOP_BY_HOP,
    PROTO_ICMPV6,
    PROTO_IGMP,
)

from .packet import ALL_NODES, ANY4, ANY6, Malformed, checksum, ip4, ip6, pseudo_header

IGMP_QUERY, IGMP_REPORT1, IGMP_REPORT2, IGMP_LEAVE, IGMP_REPORT3 = 0x11, 0x12, 0x16, 0x17, 0x22
IS_INCLUDE, IS_EXCLUDE, TO_INCLUDE, TO_EXCLUDE, ALLOW, BLOCK = range(1, 7)
"""Types of group records (RFC 3376 section 4.2.12, RFC 3810 section 5.2.12)."""
ALL_SYSTEMS = ipaddress.IPv4Address("224.0.0.1").packed
ROBUSTNESS, INTERVAL = 2, 125
ROUTER_ALERT4 = b"\x94\x04\x00\x00"
ROUTER_ALERT6 = b"\x05\x02\x00\x00\x01\x00"
"""RFC 2113, RFC 2711: with the padding of the hop-by-hop header."""
_RECORD = Struct("!BBH")


class Heard(NamedTuple):
    """``joined``, ``left``: groups of a report.  ``query``: None, or what is asked for: one group,
    or "" for all."""

    protocol: str
    joined: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    query: str | None = None


def read(frame: bytes) -> Heard:
    """What a frame of IGMP or MLD says; raises Malformed."""
    if frame[12:14] == ETH_IPV6.to_bytes(2, "big"):
        return _read_mld(frame)
    packet = ip4(frame)
    if packet.protocol != PROTO_IGMP:
        raise Malformed("not IGMP")
    message = packet.packet[packet.header :]
    if packet.ttl != 1 or packet.offset or packet.more:
        raise Malformed("IGMP with a TTL above 1, or in fragments")
    if len(message) < 8 or checksum(message):
        raise Malformed("IGMP cut, or with a bad checksum")
    kind, group = message[0], message[4:8]
    if kind == IGMP_QUERY:
        # One from nobody is that of another switch that snoops (RFC 4541 section 2.1.1).
        return Heard("igmp", query=None if packet.src == ANY4 else _asked(group))
    if kind in (IGMP_REPORT1, IGMP_REPORT2):
        return Heard("igmp", joined=(_group(group),))
    if kind == IGMP_LEAVE:
        return Heard("igmp", left=(_group(group),))
    if kind == IGMP_REPORT3:
        return _records("igmp", message, 4)
    raise Malformed(f"IGMP of type {kind:#x}")


def _read_mld(frame: bytes) -> Heard:
    packet = ip6(frame)
    protocol, message = packet.next_header, packet.payload
    if protocol == PROTO_HOP_BY_HOP and len(message) >= 8:
        protocol, message = message[0], message[8 + 8 * message[1] :]
    if protocol != PROTO_ICMPV6 or packet.hop_limit != 1:
        raise Malformed("not MLD, or with a hop limit above 1")
    if len(message) < 8 or checksum(
        message, pseudo_header(packet.src, packet.dst, PROTO_ICMPV6, len(message))
    ):
        raise Malformed("MLD cut, or with a bad checksum")
    if packet.src != ANY6 and (packet.src[0] != 0xFE or packet.src[1] & 0xC0 != 0x80):
        raise Malformed("MLD from an address that is not of the link")  # RFC 2710 section 3
    kind, group = message[0], message[8:24]
    if kind == LISTENER_REPORT2:
        return _records("mld", message, 16)
    if len(group) < 16:
        raise Malformed("MLD cut, or with a bad checksum")
    if kind == LISTENER_QUERY:
        return Heard("mld", query=None if packet.src == ANY6 else _asked(group))
    if kind == LISTENER_REPORT:
        return Heard("mld", joined=(_group(group),))
    if kind == LISTENER_DONE:
        return Heard("mld", left=(_group(group),))
    raise Malformed(f"MLD of type {kind}")


def _asked(group: bytes) -> str:
    return _group(group) if any(group) else ""


def _group(packed: bytes) -> str:
    address = ipaddress.ip_address(packed)
    if not address.is_multicast:
        raise Malformed("a group that is none")
    return str(address)


def _records(protocol: str, message: bytes, size: int) -> Heard:
    joined: dict[str, None] = {}
    left: dict[str, None] = {}
    for kind, group, sources in _each_record(message, size):
        wants = sources or kind in (IS_EXCLUDE, TO_EXCLUDE)
        if wants and kind != BLOCK:
            joined[group] = None
        elif kind in (IS_INCLUDE, TO_INCLUDE):
            left[group] = None
    return Heard(protocol, tuple(joined), tuple(group for group in left if group not in joined))


def _each_record(message: bytes, size: int) -> Iterator[tuple[int, str, int]]:
    """(type, group, number of sources) of each record."""
    at = 8
    for _ in range(int.from_bytes(message[6:8], "big")):
        end = at + 4 + size
        if end > len(message):
            raise Malformed("a group record is cut")
        kind, words, sources = _RECORD.unpack_from(message, at)
        yield kind, _group(message[at + 4 : end]), sources
        at = end + sources * size + 4 * words
        if at > len(message):
            raise Malformed("a group record is cut")


def queries(mac: str, response: float, group: str = "") -> tuple[bytes, ...]:
    """Frames that ask who is a member, of all groups of both IP versions or of one, from a switch
    with this MAC.  ``response``: seconds in which to answer, at most 12.  Hosts of older versions
    understand them (RFC 3376 section 7.2.1, RFC 3810 section 8.2.1)."""
    asked = address_bytes(group) if group else b""
    frames = []
    if len(asked) != 16:
        frames.append(_igmp_query(mac, response, asked or ANY4))
    if len(asked) != 4:
        frames.append(_mld_query(mac, response, asked or ANY6))
    return tuple(frames)


def _igmp_query(mac: str, response: float, group: bytes) -> bytes:
    message = bytes((IGMP_QUERY, int(response * 10), 0, 0)) + group + bytes(
        (ROBUSTNESS, INTERVAL, 0, 0)
    )
    message = message[:2] + checksum(message).to_bytes(2, "big") + message[4:]
    target = group if any(group) else ALL_SYSTEMS
    header = bytearray(b"\x46\xc0" + (24 + len(message)).to_bytes(2, "big") + b"\0\0\x40\0")
    header += bytes((1, PROTO_IGMP, 0, 0)) + ANY4 + target + ROUTER_ALERT4
    header[10:12] = checksum(bytes(header)).to_bytes(2, "big")
    kind = ETH_IPV4.to_bytes(2, "big")
    return multicast_mac(target) + mac_bytes(mac) + kind + bytes(header) + message


def _mld_query(mac: str, response: float, group: bytes) -> bytes:
    source = link_local_bytes(mac_bytes(mac))
    target = group if any(group) else ALL_NODES
    message = bytes((LISTENER_QUERY, 0, 0, 0)) + int(response * 1000).to_bytes(2, "big") + bytes(2)
    message += group + bytes((ROBUSTNESS, INTERVAL, 0, 0))
    total = checksum(message, pseudo_header(source, target, PROTO_ICMPV6, len(message)))
    message = message[:2] + total.to_bytes(2, "big") + message[4:]
    payload = bytes((PROTO_ICMPV6, 0)) + ROUTER_ALERT6 + message
    header = b"\x60\0\0\0" + len(payload).to_bytes(2, "big") + bytes((PROTO_HOP_BY_HOP, 1))
    return b"".join((
        multicast_mac(target), mac_bytes(mac), ETH_IPV6.to_bytes(2, "big"), header, source, target,
        payload,
    ))
