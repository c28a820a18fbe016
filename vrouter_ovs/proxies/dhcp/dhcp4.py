"""DHCPv4 at the edge (RFC 2131, 2132): the answer to one client frame from the port's addresses.

There is no lease database: a port's address is configured, so every answer follows from the frame
and the :class:`~vrouter_ovs.edge.EdgePort`, and any node gives the same one.  Only the port's own
MAC is served.  Also: RFC 3396 (long options), 3442 (classless routes), 4039 (rapid commit), 6842
(client identifier echoed).
"""

from __future__ import annotations

from vrouter_ovs.edge import EdgePort
from vrouter_ovs.numbers import PORT_DHCP_CLIENT, PORT_DHCP_SERVER
from vrouter_ovs.proxies.build import build_udp4
from vrouter_ovs.proxies.dhcp.dhcp4_message import (
    HEADER,
    MAGIC,
    Dhcp4Request,
    parse,
)
from vrouter_ovs.proxies.dhcp.dhcp4_options import tlv
from vrouter_ovs.proxies.dhcp.dhcp4_reply import DEFAULT_SIZE, Prepared, ReplyOptions, prepare
from vrouter_ovs.proxies.packet import ANY4, BROADCAST4, Answer, ignored

DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM = range(1, 9)
_MIN_REPLY = 300  # BOOTP's size (RFC 1542 section 2.1): some clients drop less
# Sent whether asked for or not: without them the client has no usable address.
_ESSENTIAL = (51, 58, 59, 1, 121, 3, 26, 6)
_LEASE_TIMES = frozenset((51, 58, 59))
# A boot ROM's request list is not to be trusted; PXELINUX needs its own whatever the ROM before it
# has asked for (RFC 5071 sections 3 to 6).
_ALWAYS = (66, 67, 150, 208, 209, 210, 211)
_FILE, _SNAME = 128, 64


def answer(frame: bytes, port: EdgePort) -> Answer:
    """The answer to a DHCPv4 client's ``frame``, which came from ``port``.

    kinds: "offer", "ack", "nak", "inform" (an ACK without a lease), "decline", "release" (both
    without frames), "ignored".  Raises Malformed.
    """
    request = parse(frame)
    prepared = prepare(port)
    if prepared is None:
        return ignored("DHCPv4 is off")
    udp = request.udp
    if request.chaddr != prepared.mac or udp.src_mac != prepared.mac:
        return ignored("not the port's MAC")
    if request.giaddr != ANY4:
        return ignored("relayed")
    options = request.options
    message_type = options[53][0]
    # A client that renews an address which was taken from the port has to hear the NAK.
    renews = message_type == REQUEST and udp.src == request.ciaddr != ANY4
    # It asks the server that it was told of then, which may have had another address.
    if udp.dst not in (BROADCAST4, prepared.server) and not renews:
        return ignored("to another server")
    if udp.src != ANY4 and udp.src not in prepared.addresses and not renews:
        return ignored("from an address that is not the port's")
    if message_type == DISCOVER:
        if 80 in options:
            return _reply(prepared, request, ACK, "ack", "rapid commit", rapid=True)
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


def _request(prepared: Prepared, request: Dhcp4Request) -> Answer:
    """A DHCPREQUEST in each of its four states (RFC 2131 section 4.3.2)."""
    options = request.options
    requested, server = options.get(50), options.get(54)
    if server is not None:
        state = "selecting"
        if server != prepared.server:
            return ignored("took another server's offer")
        requested = requested or request.ciaddr
    elif requested is not None and request.ciaddr == ANY4:
        state = "init-reboot"
    elif request.ciaddr != ANY4:
        state = "rebinding" if request.udp.dst == BROADCAST4 else "renewing"
        requested = request.ciaddr
    else:
        return ignored("request for no address")
    if requested != prepared.address:
        return _nak(prepared, request, f"{state}: not the port's address")
    return _reply(prepared, request, ACK, "ack", state)


def _message(
    prepared: Prepared, request: Dhcp4Request, ciaddr: bytes, yiaddr: bytes, siaddr: bytes,
    sname: bytes, file: bytes, options: bytes, destination: bytes,
) -> bytes:  # fmt: skip
    """The frame of an answer: always to the MAC that asked, which is the port's own."""
    header = HEADER.pack(2, 1, 6, 0, request.xid, 0, request.flags, ciaddr, yiaddr, siaddr, ANY4,
                          prepared.mac, sname, file, MAGIC)  # fmt: skip
    payload = header + options
    if len(payload) < _MIN_REPLY:
        payload = payload.ljust(_MIN_REPLY, b"\0")
    return build_udp4(prepared.mac, prepared.source_mac, prepared.server, destination,
                      PORT_DHCP_SERVER, PORT_DHCP_CLIENT, payload)  # fmt: skip


def _nak(prepared: Prepared, request: Dhcp4Request, reason: str) -> Answer:
    parts = [b"\x35\x01\x06\x36\x04", prepared.server]
    client = request.options.get(61)
    if client and len(client) <= 255:
        parts.append(tlv(61, client))
    parts.append(tlv(56, reason.encode()))
    parts.append(b"\xff")
    frame = _message(prepared, request, ANY4, ANY4, ANY4, b"", b"", b"".join(parts), BROADCAST4)
    return Answer((frame,), "nak", reason)


def _reply(
    prepared: Prepared, request: Dhcp4Request, message_type: int, kind: str, reason: str,
    rapid: bool = False,
) -> Answer:  # fmt: skip
    """OFFER or ACK.  ``kind`` "inform": no address and no lease times (RFC 2131 section 4.3.5).
    ``rapid``: it commits without an offer, and says so (RFC 4039 section 3)."""
    options = request.options
    inform = kind == "inform"
    size = int.from_bytes(options[57], "big") if 57 in options else DEFAULT_SIZE
    room = max(DEFAULT_SIZE, min(size, prepared.max_size)) - 28 - HEADER.size
    reply_options = prepared.ipxe if request.ipxe else prepared.plain
    table = reply_options.table
    head = [bytes((53, 1, message_type, 54, 4)), prepared.server]
    if rapid:
        head.append(b"\x50\x00")
    client = options.get(61)
    if client and len(client) <= 255:
        head.append(tlv(61, client))
    asked = options.get(55)
    codes = dict.fromkeys(_ESSENTIAL + _ALWAYS)
    if request.vendor_class.startswith((b"PXEClient", b"HTTPClient")):
        codes[60] = None  # else such a client takes no offer (UEFI specification, section 24.7)
    if asked is None:
        codes.update(dict.fromkeys(code for code in table if code != 249))
    else:
        codes.update(dict.fromkeys(asked))
        if 249 in codes and 121 in asked:
            del codes[249]
        elif 249 in codes:
            del codes[121]
    body = [
        table[code] for code in codes if code in table and not (inform and code in _LEASE_TIMES)
    ]
    if 60 in codes and 60 not in table and _boots_over_http(request, reply_options):
        body.append(tlv(60, b"HTTPClient"))
    file, sname = reply_options.boot_file if len(reply_options.boot_file) < _FILE else b"", b""
    block = b"".join((*head, *body, b"\xff"))
    if len(block) > room:
        block, file, sname = _overloaded(head, body, room, file)
    if request.ciaddr != ANY4 and (inform or message_type == ACK):
        destination = request.ciaddr
    elif request.flags & 0x8000:
        destination = BROADCAST4
    else:
        destination = prepared.address
    frame = _message(
        prepared, request, request.ciaddr if message_type == ACK else ANY4,
        ANY4 if inform else prepared.address, reply_options.siaddr, sname, file, block, destination,
    )  # fmt: skip
    return Answer((frame,), kind, reason)


def _boots_over_http(request: Dhcp4Request, reply_options: ReplyOptions) -> bool:
    http = reply_options.boot_file.lower().startswith((b"http://", b"https://"))
    return http and request.vendor_class.startswith(b"HTTPClient")


def _overloaded(
    head: list[bytes], body: list[bytes], room: int, file: bytes
) -> tuple[bytes, bytes, bytes]:
    """Options beyond ``room`` go on in the sname and file fields (RFC 2132 section 9.3).

    Returns (options, file, sname).  The name of the boot file keeps its field where the others are
    enough.  What fits nowhere is left out, the least important first.
    """
    sizes = [room - sum(map(len, head)) - 4, _SNAME - 1, _FILE - 1]
    bins, whole = _fill(body, sizes[:2])
    if not whole:
        bins, _ = _fill(body, sizes)
        if len(bins) > 2 and bins[2]:
            file = bins[2] + b"\xff"
        else:
            bins = bins[:2]
    used = (1 if len(bins) > 2 else 0) | (2 if bins[1] else 0)
    block = b"".join((*head, bins[0], bytes((52, 1, used)) if used else b"", b"\xff"))
    return block, file, bins[1] + b"\xff" if bins[1] else b""


def _fill(options: list[bytes], sizes: list[int]) -> tuple[list[bytes], bool]:
    """Put each option into the first of the spaces that it fits; returns these, and whether all
    fit."""
    spaces = [b""] * len(sizes)
    whole = True
    for option in options:
        for index, size in enumerate(sizes):
            if len(spaces[index]) + len(option) <= size:
                spaces[index] += option
                break
        else:
            whole = False
    return spaces, whole
