"""LLDP frames: who is at the other end of a cable (IEEE 802.1AB-2016, clauses 8 and 9.2.7).

Frames come from whatever is plugged in, so they are taken to be hostile: every length is checked,
text is made printable, and there is a most of everything.  What clause 9.2.7.7.1 demands (chassis,
port and time to live first, in this order and once) is demanded; optional TLVs are taken once, and
unknown ones passed over.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterator
from typing import NamedTuple

from vrouter_ovs.proxies.packet import Malformed

NEAREST_BRIDGE = bytes.fromhex("0180c200000e")
"""The group address that no bridge forwards (clause 7.1)."""
ETH_LLDP = 0x88CC
MAX_FRAME = 1514
MAX_TEXT = 255
MAX_MANAGEMENT = 8
MAC, NETWORK, INTERFACE_NAME, LOCAL = 4, 5, 5, 7
"""Subtypes: of a chassis a MAC, a network address, and what is locally assigned; of a port, an
interface's name."""
PORT_MAC, PORT_NETWORK, PORT_LOCAL = 3, 4, 7
CAPABILITIES = (
    "other", "repeater", "bridge", "wlan-access-point", "router", "telephone", "docsis", "station",
    "c-vlan", "s-vlan", "two-port-mac-relay",
)  # fmt: skip
"""By bit (table 8-4)."""
_END, _CHASSIS, _PORT, _TTL = range(4)
_PORT_DESCRIPTION, _SYSTEM_NAME, _SYSTEM_DESCRIPTION, _CAPABILITIES, _MANAGEMENT = range(4, 9)
_FAMILIES = {1: ipaddress.IPv4Address, 2: ipaddress.IPv6Address}
"""IANA's address family numbers."""


class Neighbour(NamedTuple):
    """What one says of itself.  ``chassis``, ``port``: as text; a MAC as "02:00:00:00:00:01".
    ``ttl``: seconds, 0 where it says farewell.  ``capabilities``: those that are enabled."""

    chassis: str
    port: str
    ttl: int
    port_description: str = ""
    system_name: str = ""
    system_description: str = ""
    capabilities: tuple[str, ...] = ()
    management: tuple[str, ...] = ()


def decode(frame: bytes) -> Neighbour:
    """What an untagged LLDP frame says.  Raises Malformed."""
    if not 14 <= len(frame) <= MAX_FRAME:
        raise Malformed("a frame of a bad length")
    if frame[:6] != NEAREST_BRIDGE or int.from_bytes(frame[12:14], "big") != ETH_LLDP:
        raise Malformed("no LLDP frame")
    if frame[6] & 1:
        raise Malformed("a source that is a group")
    tlvs = list(_tlvs(frame[14:]))
    if [kind for kind, _ in tlvs[:3]] != [_CHASSIS, _PORT, _TTL]:
        raise Malformed("not chassis, port and time to live first")
    if any(kind in (_CHASSIS, _PORT, _TTL) for kind, _ in tlvs[3:]):
        raise Malformed("chassis, port or time to live twice")
    (_, chassis), (_, port), (_, ttl) = tlvs[:3]
    if len(ttl) < 2:
        raise Malformed("a short time to live")
    optional: dict[int, bytes] = {}
    management = []
    for kind, value in tlvs[3:]:
        if kind == _MANAGEMENT:
            if len(management) < MAX_MANAGEMENT and (address := _management(value)):
                management.append(address)
        else:
            optional.setdefault(kind, value)
    return Neighbour(
        _identifier(chassis, MAC, NETWORK), _identifier(port, PORT_MAC, PORT_NETWORK),
        int.from_bytes(ttl[:2], "big"),
        *(_text(optional.get(kind, b""))
          for kind in (_PORT_DESCRIPTION, _SYSTEM_NAME, _SYSTEM_DESCRIPTION)),
        _capabilities(optional.get(_CAPABILITIES)),
        tuple(dict.fromkeys(management)),
    )  # fmt: skip


def _tlvs(body: bytes) -> Iterator[tuple[int, bytes]]:
    """(type, value) up to the end of the LLDPDU; what follows that is padding."""
    at = 0
    while at + 2 <= len(body):
        header = int.from_bytes(body[at:at + 2], "big")
        kind, length = header >> 9, header & 0x1FF
        at += 2
        if kind == _END:
            if length:
                raise Malformed("an end that has a value")
            return
        if at + length > len(body):
            raise Malformed("a TLV that is longer than its frame")
        yield kind, body[at:at + length]
        at += length


def _identifier(value: bytes, mac: int, network: int) -> str:
    if not 2 <= len(value) <= 256:
        raise Malformed("an identifier of a bad length")
    subtype, rest = value[0], value[1:]
    if subtype == mac and len(rest) == 6:
        return rest.hex(":")
    if subtype == network and (address := _address(rest)):
        return address
    return _text(rest)


def _address(value: bytes) -> str:
    """An address after its family number; "" where it is none that is known."""
    family = _FAMILIES.get(value[0]) if value else None
    if family is None or len(value) != 1 + (4 if value[0] == 1 else 16):
        return ""
    return str(family(value[1:]))


def _management(value: bytes) -> str:
    size = value[0] if value else 0
    return _address(value[1:1 + size]) if 2 <= size <= len(value) - 1 else ""


def _capabilities(value: bytes | None) -> tuple[str, ...]:
    if value is None:
        return ()
    if len(value) < 4:
        raise Malformed("short capabilities")
    enabled = int.from_bytes(value[2:4], "big")
    return tuple(name for bit, name in enumerate(CAPABILITIES) if enabled >> bit & 1)


def _text(value: bytes) -> str:
    """Printable, whatever was sent."""
    text = value[:MAX_TEXT].decode("utf-8", "replace")
    if not text.isprintable():
        text = text.encode("unicode_escape").decode("ascii")
    return text[:MAX_TEXT]


def encode(source: str, said: Neighbour) -> bytes:
    """A frame from the MAC ``source``; chassis and port are named by subtype "locally assigned",
    or MAC where they look like one.  Raises ValueError for what does not fit."""
    bits = sum(1 << CAPABILITIES.index(name) for name in said.capabilities)
    tlvs = [
        _tlv(_CHASSIS, _named(said.chassis, MAC, LOCAL)),
        _tlv(_PORT, _named(said.port, PORT_MAC, INTERFACE_NAME)),
        _tlv(_TTL, struct.pack("!H", said.ttl)),
        *(_tlv(kind, text.encode()[:MAX_TEXT]) for kind, text in (
            (_PORT_DESCRIPTION, said.port_description), (_SYSTEM_NAME, said.system_name),
            (_SYSTEM_DESCRIPTION, said.system_description)) if text),
        _tlv(_CAPABILITIES, struct.pack("!HH", bits, bits)),
        *(_tlv(_MANAGEMENT, _management_value(one)) for one in said.management),
        _tlv(_END, b""),
    ]  # fmt: skip
    body = b"".join(tlvs)
    frame = NEAREST_BRIDGE + _mac(source) + struct.pack("!H", ETH_LLDP) + body
    if len(frame) > MAX_FRAME:
        raise ValueError(f"an LLDP frame of {len(frame)} bytes; {MAX_FRAME} are allowed")
    return frame.ljust(60, b"\0")


def _tlv(kind: int, value: bytes) -> bytes:
    return struct.pack("!H", kind << 9 | len(value)) + value


def _named(text: str, mac: int, other: int) -> bytes:
    try:
        return bytes([mac]) + _mac(text)
    except ValueError:
        return bytes([other]) + text.encode()[:MAX_TEXT]


def _mac(text: str) -> bytes:
    value = bytes.fromhex(text.replace(":", " ")) if text.count(":") == 5 else b""
    if len(value) != 6 or len(text) != 17:
        raise ValueError(f"{text!r} is no MAC address")
    return value


def _management_value(text: str) -> bytes:
    address = ipaddress.ip_address(text)
    packed = bytes([1 if address.version == 4 else 2]) + address.packed
    # The interface is not numbered (subtype 1, unknown), and there is no OID.
    return bytes([len(packed)]) + packed + struct.pack("!BIB", 1, 0, 0)
