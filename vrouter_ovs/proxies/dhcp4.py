"""DHCPv4 at the edge (RFC 2131, 2132): the answer to one client frame from the port's addresses.

There is no lease database: a port's address is configured, so every answer follows from the frame
and the :class:`~vrouter_ovs.edge.EdgePort`, and any node gives the same one.  Only the port's own
MAC is served.  Also: RFC 3396 (long options), 3442 (classless routes), 4039 (rapid commit), 6842
(client identifier echoed).
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from ..edge import EdgePort
from .dhcp4_options import SERVER_IP_ADDRESS, encode, encode_routes, tlv
from .packet import (
    ANY4,
    BROADCAST4,
    Answer,
    Malformed,
    Udp,
    address_bytes,
    build_udp4,
    ignored,
    mac_bytes,
    per_object,
    udp4,
)

SERVER_PORT, CLIENT_PORT = 67, 68
DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM = range(1, 9)
INFINITE = 0xFFFFFFFF
_MAGIC = b"\x63\x82\x53\x63"
_HEADER = Struct("!BBBB4sHH4s4s4s4s16s64s128s4s")
_FIXED = _HEADER.size
_MAX_MESSAGE = 4096
_MIN_REPLY = 300  # BOOTP's size (RFC 1542 section 2.1): some clients drop less
_DEFAULT_SIZE = 576
# Sent whether asked for or not: without them the client has no usable address.
_ESSENTIAL = (51, 58, 59, 1, 121, 3, 26, 6)
_LEASE_TIMES = frozenset((51, 58, 59))
_ALWAYS = (66, 67, 150)  # a boot ROM's request list is not to be trusted


class _Prepared(NamedTuple):
    """What the answers to a port have in common; addresses packed, ``table``: code -> TLV."""

    mac: bytes
    source_mac: bytes
    address: bytes
    server: bytes
    siaddr: bytes
    boot_file: bytes
    table: dict[int, bytes]
    addresses: frozenset[bytes]
    max_size: int


class _Request(NamedTuple):
    """A client's message, decoded; ``options``: code -> value."""

    udp: Udp
    xid: bytes
    flags: int
    ciaddr: bytes
    giaddr: bytes
    chaddr: bytes
    options: dict[int, bytes]


def _seconds(value: int) -> bytes:
    return (INFINITE if value < 0 else min(value, INFINITE)).to_bytes(4, "big")


@per_object()
def _prepare(port: EdgePort) -> _Prepared | None:
    """None: DHCPv4 is off for this port."""
    lease = next((lease for lease in port.v4 if lease.dhcp), None)
    if lease is None:
        return None
    values: dict[int, bytes] = {
        1: ((INFINITE << (32 - lease.prefix_length)) & INFINITE).to_bytes(4, "big"),
        3: address_bytes(lease.gateway) if lease.gateway else b"",
        6: b"".join(packed for packed in map(address_bytes, lease.dns) if len(packed) == 4),
        12: port.host_name.encode(),
        15: port.domain.rstrip(".").encode(),
        26: port.mtu.to_bytes(2, "big") if 68 <= port.mtu <= 65535 else b"",
        42: b"".join(packed for packed in map(address_bytes, port.ntp) if len(packed) == 4),
        51: _seconds(port.lease_time),
    }
    if lease.routes:
        # A client that takes option 121 must ignore option 3 (RFC 3442), so both say the default.
        default = [("0.0.0.0/0", lease.gateway)] if lease.gateway else []
        values[121] = encode_routes([*lease.routes, *default])
    for version, name, value in port.extra_options:
        if version != 4:
            continue
        try:
            code, data = encode(name, value)
        except ValueError:
            continue  # see problems()
        values[code] = data
    siaddr = values.pop(SERVER_IP_ADDRESS, b"")
    if not siaddr and values.get(66):
        try:
            siaddr = address_bytes(values[66].decode())
        except ValueError:
            siaddr = b""
    if 121 in values:
        values.setdefault(249, values[121])
    if len(values[51]) != 4:
        values[51] = _seconds(port.lease_time)
    time = int.from_bytes(values[51], "big")
    values.setdefault(58, _seconds(INFINITE if time == INFINITE else time // 2))
    values.setdefault(59, _seconds(INFINITE if time == INFINITE else time * 7 // 8))
    return _Prepared(
        mac=mac_bytes(port.mac),
        source_mac=mac_bytes(port.gateway_mac or port.service_mac),
        address=address_bytes(lease.address),
        server=address_bytes(lease.server),
        siaddr=siaddr if len(siaddr) == 4 else ANY4,
        boot_file=values.get(67, b""),
        table={code: tlv(code, value) for code, value in values.items() if value},
        addresses=frozenset(address_bytes(each.address) for each in port.v4),
        max_size=max(_DEFAULT_SIZE, min(port.mtu, 1500)),
    )


def problems(port: EdgePort) -> tuple[str, ...]:
    """What of the port's extra DHCPv4 options cannot be sent, and why; for the log."""
    found = []
    for version, name, value in port.extra_options:
        if version == 4:
            try:
                encode(name, value)
            except ValueError as error:
                found.append(str(error))
    return tuple(found)


def _read_options(data: bytes, start: int, end: int, into: dict[int, bytes]) -> None:
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


def _parse(frame: bytes) -> _Request:
    udp = udp4(frame)
    if udp.dst_port != SERVER_PORT:
        raise Malformed("not to the DHCP server port")
    data = udp.payload
    if not _FIXED < len(data) <= _MAX_MESSAGE:
        raise Malformed("bad DHCP message size")
    op, htype, hlen, _, xid, _, flags, ciaddr, _, _, giaddr, chaddr, _, _, magic = (
        _HEADER.unpack_from(data)
    )
    if op != 1 or htype != 1 or hlen != 6 or magic != _MAGIC:
        raise Malformed("not a DHCP request over Ethernet")
    options: dict[int, bytes] = {}
    _read_options(data, _FIXED, len(data), options)
    overload = options.get(52)
    if overload is not None:
        if len(overload) != 1 or not 1 <= overload[0] <= 3:
            raise Malformed("bad option overload")
        if overload[0] & 1:
            _read_options(data, 108, 236, options)
        if overload[0] & 2:
            _read_options(data, 44, 108, options)
    for code, size in ((53, 1), (50, 4), (54, 4), (57, 2)):
        if code in options and len(options[code]) != size:
            raise Malformed(f"bad length of DHCP option {code}")
    if 53 not in options:
        raise Malformed("no DHCP message type")
    return _Request(udp, xid, flags, ciaddr, giaddr, chaddr[:6], options)


def answer(frame: bytes, port: EdgePort) -> Answer:
    """The answer to a DHCPv4 client's ``frame``, which came from ``port``.

    kinds: "offer", "ack", "nak", "inform" (an ACK without a lease), "decline", "release" (both
    without frames), "ignored".  Raises Malformed.
    """
    request = _parse(frame)
    prepared = _prepare(port)
    if prepared is None:
        return ignored("DHCPv4 is off")
    udp = request.udp
    if request.chaddr != prepared.mac or udp.src_mac != prepared.mac:
        return ignored("not the port's MAC")
    if request.giaddr != ANY4:
        return ignored("relayed")
    if udp.dst not in (BROADCAST4, prepared.server):
        return ignored("to another server")
    options = request.options
    message_type = options[53][0]
    # A client that renews an address which was taken from the port has to hear the NAK.
    renews = message_type == REQUEST and udp.src == request.ciaddr
    if udp.src != ANY4 and udp.src not in prepared.addresses and not renews:
        return ignored("from an address that is not the port's")
    if message_type == DISCOVER:
        if 80 in options:
            return _reply(prepared, request, ACK, "ack", "rapid commit")
        return _reply(prepared, request, OFFER, "offer", "discover")
    if message_type == REQUEST:
        return _request(prepared, request)
    if message_type == INFORM:
        if request.ciaddr not in prepared.addresses:
            return ignored("inform from an address that is not the port's")
        return _reply(prepared, request, ACK, "inform", "inform")
    if message_type in (DECLINE, RELEASE):
        if options.get(54) != prepared.server:
            return ignored("to another server")
        if message_type == RELEASE:
            return Answer((), "release", "released; the address stays the port's")
        return Answer((), "decline", "the client says that its address is in use")
    return ignored("no client message")


def _request(prepared: _Prepared, request: _Request) -> Answer:
    """A DHCPREQUEST in each of its four states (RFC 2131 section 4.3.2)."""
    options = request.options
    wanted, server = options.get(50), options.get(54)
    if server is not None:
        state = "selecting"
        if server != prepared.server:
            return ignored("took another server's offer")
        wanted = wanted or request.ciaddr
    elif wanted is not None and request.ciaddr == ANY4:
        state = "init-reboot"
    elif request.ciaddr != ANY4:
        state = "rebinding" if request.udp.dst == BROADCAST4 else "renewing"
        wanted = request.ciaddr
    else:
        return ignored("request for no address")
    if wanted != prepared.address:
        return _nak(prepared, request, f"{state}: not the port's address")
    return _reply(prepared, request, ACK, "ack", state)


def _message(
    prepared: _Prepared, request: _Request, ciaddr: bytes, yiaddr: bytes, siaddr: bytes,
    sname: bytes, file: bytes, options: bytes, destination: bytes,
) -> bytes:  # fmt: skip
    """The frame of an answer: always to the MAC that asked, which is the port's own."""
    header = _HEADER.pack(2, 1, 6, 0, request.xid, 0, request.flags, ciaddr, yiaddr, siaddr, ANY4,
                          prepared.mac, sname, file, _MAGIC)  # fmt: skip
    payload = header + options
    if len(payload) < _MIN_REPLY:
        payload = payload.ljust(_MIN_REPLY, b"\0")
    return build_udp4(prepared.mac, prepared.source_mac, prepared.server, destination,
                      SERVER_PORT, CLIENT_PORT, payload)  # fmt: skip


def _nak(prepared: _Prepared, request: _Request, reason: str) -> Answer:
    parts = [b"\x35\x01\x06\x36\x04", prepared.server]
    client = request.options.get(61)
    if client and len(client) <= 255:
        parts.append(tlv(61, client))
    parts.append(tlv(56, reason.encode()))
    parts.append(b"\xff")
    frame = _message(prepared, request, ANY4, ANY4, ANY4, b"", b"", b"".join(parts), BROADCAST4)
    return Answer((frame,), "nak", reason)


def _reply(
    prepared: _Prepared, request: _Request, message_type: int, kind: str, reason: str
) -> Answer:
    """OFFER or ACK.  ``kind`` "inform": no address and no lease times (RFC 2131 section 4.3.5)."""
    options = request.options
    inform = kind == "inform"
    size = int.from_bytes(options[57], "big") if 57 in options else _DEFAULT_SIZE
    room = max(_DEFAULT_SIZE, min(size, prepared.max_size)) - 28 - _FIXED
    table = prepared.table
    head = [bytes((53, 1, message_type, 54, 4)), prepared.server]
    if reason == "rapid commit":
        head.append(b"\x50\x00")
    client = options.get(61)
    if client and len(client) <= 255:
        head.append(tlv(61, client))
    asked = options.get(55)
    codes = dict.fromkeys(_ESSENTIAL + _ALWAYS)
    if asked is None:
        codes.update(dict.fromkeys(code for code in table if code != 249))
    else:
        codes.update(dict.fromkeys(asked))
        if 249 in codes and 121 in asked:
            del codes[249]
        elif 121 in codes and 121 not in asked:
            del codes[121]
    body = [
        table[code] for code in codes if code in table and not (inform and code in _LEASE_TIMES)
    ]
    file = prepared.boot_file if len(prepared.boot_file) < 128 else b""
    sname = b""
    block = b"".join((*head, *body, b"\xff"))
    if len(block) > room:
        block, file, sname = _overloaded(head, body, room)
    if request.ciaddr != ANY4 and (inform or message_type == ACK):
        destination = request.ciaddr
    elif request.flags & 0x8000:
        destination = BROADCAST4
    else:
        destination = prepared.address
    frame = _message(
        prepared, request, request.ciaddr if message_type == ACK else ANY4,
        ANY4 if inform else prepared.address, prepared.siaddr, sname, file, block, destination,
    )  # fmt: skip
    return Answer((frame,), kind, reason)


def _overloaded(head: list[bytes], body: list[bytes], room: int) -> tuple[bytes, bytes, bytes]:
    """Options beyond ``room`` go on in the file and sname fields (RFC 2132 section 9.3).

    Returns (options, file, sname).  What fits nowhere is left out, the least important first.
    """
    fixed = b"".join(head)
    bins = [[fixed], [], []]
    left = [room - len(fixed) - 4, 127, 63]
    for option in body:
        for index in range(3):
            if len(option) <= left[index]:
                bins[index].append(option)
                left[index] -= len(option)
                break
    used = (1 if bins[1] else 0) | (2 if bins[2] else 0)
    if used:
        bins[0].append(bytes((52, 1, used)))
    closed = [b"".join((*each, b"\xff")) if each else b"" for each in bins]
    return closed[0], closed[1], closed[2]
