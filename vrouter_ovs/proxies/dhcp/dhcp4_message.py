"""DHCPv4 messages of clients, taken apart (RFC 2131 section 2, RFC 2132, RFC 3396)."""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from vrouter_ovs.numbers import PORT_DHCP_SERVER
from vrouter_ovs.proxies.dhcp.client_tags import USER_CLASS
from vrouter_ovs.proxies.packet import Malformed, Udp, udp4

MAGIC = b"\x63\x82\x53\x63"
HEADER = Struct("!BBBB4sHH4s4s4s4s16s64s128s4s")
_FIXED = HEADER.size
_MAX_MESSAGE = 4096


class Dhcp4Request(NamedTuple):
    """A client's message, decoded; ``options``: code -> value."""

    udp: Udp
    xid: bytes
    flags: int
    ciaddr: bytes
    giaddr: bytes
    chaddr: bytes
    options: dict[int, bytes]

    @property
    def ipxe(self) -> bool:
        """Whether the client is iPXE: by its options' own (175), or by its user class."""
        return 175 in self.options or USER_CLASS in self.options.get(77, b"")

    @property
    def vendor_class(self) -> bytes:
        return self.options.get(60, b"")


def _read(data: bytes, start: int, end: int, into: dict[int, bytes]) -> None:
    while start < end:
        code = data[start]
        if code == 0:
            start += 1
            continue
        if code == 255:
            return
        if start + 1 >= end:
            raise Malformed("DHCP option cut")
        stop = start + 2 + data[start + 1]
        if stop > end:
            raise Malformed("DHCP option cut")
        value = data[start + 2 : stop]
        into[code] = into[code] + value if code in into else value
        start = stop


def parse(frame: bytes) -> Dhcp4Request:
    """The message in a frame; raises Malformed."""
    return _message(udp4(frame))


def _message(udp: Udp) -> Dhcp4Request:
    if udp.dst_port != PORT_DHCP_SERVER:
        raise Malformed("not to the DHCP server port")
    data = udp.payload
    if not _FIXED < len(data) <= _MAX_MESSAGE:
        raise Malformed("bad DHCP message size")
    op, htype, hlen, _, xid, _, flags, ciaddr, _, _, giaddr, chaddr, _, _, magic = (
        HEADER.unpack_from(data)
    )
    if op != 1 or htype != 1 or hlen != 6 or magic != MAGIC:
        raise Malformed("not a DHCP request over Ethernet")
    options: dict[int, bytes] = {}
    _read(data, _FIXED, len(data), options)
    overload = options.get(52)
    if overload is not None:
        if len(overload) != 1 or not 1 <= overload[0] <= 3:
            raise Malformed("bad option overload")
        if overload[0] & 1:
            _read(data, 108, 236, options)
        if overload[0] & 2:
            _read(data, 44, 108, options)
    for code, size in ((53, 1), (50, 4), (54, 4), (57, 2)):
        if code in options and len(options[code]) != size:
            raise Malformed(f"bad length of DHCP option {code}")
    if 53 not in options:
        raise Malformed("no DHCP message type")
    return Dhcp4Request(udp, xid, flags, ciaddr, giaddr, chaddr[:6], options)
