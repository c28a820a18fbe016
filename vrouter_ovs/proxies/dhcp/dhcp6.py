"""DHCPv6 at the edge (RFC 8415): the answer to one client frame from the port's addresses.

As in :mod:`.dhcp4` nothing is remembered: addresses are configured, so each answer follows from
the frame and the port.  Subnets with address_mode "dhcpv6-stateful" give addresses, those with
"dhcpv6-stateless" only the other options.  The first IA_NA of a message holds all the port's
addresses; temporary addresses and delegated prefixes are refused with their status codes.
"""

from __future__ import annotations

import ipaddress
from struct import Struct
from typing import NamedTuple

from vrouter_ovs.edge import EdgePort
from vrouter_ovs.numbers import PORT_DHCPV6_CLIENT, PORT_DHCPV6_SERVER
from vrouter_ovs.proxies.build import build_udp6
from vrouter_ovs.proxies.dhcp.client_tags import USER_CLASS
from vrouter_ovs.proxies.dhcp.dhcp6_options import option
from vrouter_ovs.proxies.dhcp.dhcp6_reply import INFINITE, Prepared, prepare
from vrouter_ovs.proxies.packet import Answer, Malformed, Udp, ignored, udp6

(SOLICIT, ADVERTISE, REQUEST, CONFIRM, RENEW, REBIND, REPLY, RELEASE, DECLINE, RECONFIGURE,
 INFORMATION_REQUEST, RELAY_FORWARD) = range(1, 13)  # fmt: skip
_CLIENT_ID, _SERVER_ID, _IA_NA, _IA_TA, _IAADDR, _ORO = range(1, 7)
_PREFERENCE, _STATUS, _RAPID, _USER_CLASS, _VENDOR_CLASS, _IA_PD, _FQDN = 7, 13, 14, 15, 16, 25, 39
_ALWAYS = (23, 24, 59, 60)
"""Resolvers and names; where and with what to boot (RFC 5970), as ROMs ask for too little."""
_SUCCESS, _NO_ADDRS, _NO_BINDING, _NOT_ON_LINK, _NO_PREFIX = 0, 2, 3, 4, 6
_ALL_SERVERS = ipaddress.IPv6Address("ff02::1:2").packed
_MAX_MESSAGE, _MAX_OPTIONS, _MAX_IAS, _MAX_ADDRESSES = 4096, 128, 8, 16
_MAX_CLIENT_ID = 130  # RFC 8415 section 11.1
_MAX_REPLY = 1280 - 48
_TLV = Struct("!HH")
_IA = Struct("!4sII")
_ADDRESS = Struct("!16sII")
# message type -> (needs a client id, needs our server id, may have a server id)
_IDS = {
    SOLICIT: (True, False, False), REQUEST: (True, True, True), CONFIRM: (True, False, False),
    RENEW: (True, True, True), REBIND: (True, False, False), RELEASE: (True, True, True),
    DECLINE: (True, True, True), INFORMATION_REQUEST: (False, False, True),
}  # fmt: skip


class _Request(NamedTuple):
    """``ias``: (option code, IAID, hinted addresses) in the order of the message."""

    udp: Udp
    message_type: int
    transaction: bytes
    options: dict[int, bytes]
    ias: list[tuple[int, bytes, list[bytes]]]


def _read(data: bytes, start: int) -> list[tuple[int, bytes]]:
    found = []
    end = len(data)
    while start < end:
        if start + 4 > end:
            raise Malformed("DHCPv6 option cut")
        code, size = _TLV.unpack_from(data, start)
        stop = start + 4 + size
        if stop > end:
            raise Malformed("DHCPv6 option cut")
        found.append((code, data[start + 4 : stop]))
        if len(found) > _MAX_OPTIONS:
            raise Malformed("too many DHCPv6 options")
        start = stop
    return found


def _parse(frame: bytes) -> _Request:
    udp = udp6(frame)
    if udp.dst_port != PORT_DHCPV6_SERVER:
        raise Malformed("not to the DHCPv6 server port")
    data = udp.payload
    if not 4 <= len(data) <= _MAX_MESSAGE:
        raise Malformed("bad DHCPv6 message size")
    options: dict[int, bytes] = {}
    ias = []
    for code, value in _read(data, 4):
        if code in (_IA_NA, _IA_TA, _IA_PD):
            fixed = 4 if code == _IA_TA else 12
            if len(value) < fixed:
                raise Malformed("IA option cut")
            hints = []
            for inner, content in _read(value, fixed):
                if inner == _IAADDR:
                    if len(content) < 24:
                        raise Malformed("IA address option cut")
                    hints.append(content[:16])
            if len(hints) > _MAX_ADDRESSES:
                raise Malformed("too many addresses in an IA")
            ias.append((code, value[:4], hints))
            if len(ias) > _MAX_IAS:
                raise Malformed("too many IAs")
        else:
            options.setdefault(code, value)
    if len(options.get(_ORO, b"")) & 1:
        raise Malformed("bad option request option")
    if _CLIENT_ID in options and not 3 <= len(options[_CLIENT_ID]) <= _MAX_CLIENT_ID:
        raise Malformed("bad client DUID")
    return _Request(udp, data[0], data[1:4], options, ias)


def answer(frame: bytes, port: EdgePort) -> Answer:
    """The answer to a DHCPv6 client's ``frame``, which came from ``port``.

    kinds: "advertise", "reply", "confirm", "release", "decline", "information", "ignored".
    Raises Malformed.
    """
    request = _parse(frame)
    prepared = prepare(port)
    if prepared is None:
        return ignored("DHCPv6 is off")
    udp, options, kind = request.udp, request.options, request.message_type
    if udp.src_mac != prepared.mac:
        return ignored("not the port's MAC")
    if udp.src[:2] != b"\xfe\x80":
        return ignored("not from a link-local address")
    if udp.dst != _ALL_SERVERS:
        return ignored("not to all servers")  # we never offered unicast (RFC 8415 section 18.4)
    rule = _IDS.get(kind)
    if rule is None:
        return ignored("no client message")
    needs_client, needs_server, may_server = rule
    server_id = options.get(_SERVER_ID)
    if needs_client and _CLIENT_ID not in options:
        raise Malformed("no client identifier")
    if needs_server and server_id is None:
        raise Malformed("no server identifier")
    if server_id is not None:
        if not may_server:
            raise Malformed("server identifier where none belongs")
        if server_id != prepared.server_id:
            return ignored("to another server")
    if kind == INFORMATION_REQUEST:
        if request.ias:
            raise Malformed("IA in an information request")  # RFC 8415 section 16.12
        return _send(prepared, request, REPLY, [], "information")
    if kind == CONFIRM:
        return _confirm(prepared, request)
    if kind in (RELEASE, DECLINE):
        return _give_back(prepared, request)
    if kind == SOLICIT:
        body = [_identity(prepared, request, ia, index) for index, ia in _numbered(request)]
        if _RAPID in options and prepared.own:
            return _send(prepared, request, REPLY, [option(_RAPID, b""), *body], "reply")
        return _send(prepared, request, ADVERTISE, [option(_PREFERENCE, b"\xff"), *body],
                     "advertise")  # fmt: skip
    body = [_identity(prepared, request, ia, index) for index, ia in _numbered(request)]
    return _send(prepared, request, REPLY, body, "reply")


def _numbered(request: _Request) -> list[tuple[int, tuple[int, bytes, list[bytes]]]]:
    """Each IA with its place among those of its own kind."""
    seen: dict[int, int] = {}
    found = []
    for ia in request.ias:
        found.append((seen.get(ia[0], 0), ia))
        seen[ia[0]] = seen.get(ia[0], 0) + 1
    return found


def _status(code: int, text: str = "") -> bytes:
    return option(_STATUS, code.to_bytes(2, "big") + text.encode())


def _identity(
    prepared: Prepared, request: _Request, ia: tuple[int, bytes, list[bytes]], index: int
) -> bytes:
    """The IA of an answer to Solicit, Request, Renew or Rebind (RFC 8415 section 18.3)."""
    code, iaid, hints = ia
    extending = request.message_type in (RENEW, REBIND)
    if code == _IA_PD:
        status = _NO_BINDING if extending else _NO_PREFIX
        return option(code, _IA.pack(iaid, 0, 0) + _status(status, "no prefixes to delegate"))
    if code == _IA_TA:
        status = _NO_BINDING if extending else _NO_ADDRS
        return option(code, iaid + _status(status, "no temporary addresses"))
    foreign = [address for address in hints if address not in prepared.own]
    if index or not prepared.own:
        gone = b"".join(option(_IAADDR, _ADDRESS.pack(address, 0, 0)) for address in hints)
        status = _status(_NO_BINDING if extending else _NO_ADDRS, "no addresses")
        return option(code, _IA.pack(iaid, 0, 0) + (gone if extending else b"") + status)
    if request.message_type == REQUEST and any(
        not _on_link(prepared, address) for address in foreign
    ):
        return option(code, _IA.pack(iaid, 0, 0) + _status(_NOT_ON_LINK, "not on this link"))
    time = prepared.lifetime
    infinite = time == INFINITE
    parts = [_IA.pack(iaid, time if infinite else time // 2, time if infinite else time * 4 // 5)]
    parts += [option(_IAADDR, _ADDRESS.pack(address, time, time)) for address in prepared.own]
    if extending:  # addresses that are not the port's end at once
        parts += [option(_IAADDR, _ADDRESS.pack(address, 0, 0)) for address in foreign]
    return option(code, b"".join(parts))


def _on_link(prepared: Prepared, address: bytes) -> bool:
    number = int.from_bytes(address, "big")
    return any(number & mask == network for network, mask in prepared.prefixes)


def _confirm(prepared: Prepared, request: _Request) -> Answer:
    """Success only for the port's own addresses: any other makes the client start afresh."""
    hints = [address for code, _, hints in request.ias if code == _IA_NA for address in hints]
    if not hints:
        return ignored("confirm without addresses")
    if all(address in prepared.own for address in hints):
        return _send(prepared, request, REPLY, [_status(_SUCCESS)], "confirm")
    return _send(prepared, request, REPLY, [_status(_NOT_ON_LINK, "not on this link")], "confirm")


def _give_back(prepared: Prepared, request: _Request) -> Answer:
    """Release and Decline: acknowledged, IAs without our addresses named (18.3.7, 18.3.8)."""
    body = [_status(_SUCCESS)]
    for code, iaid, hints in request.ias:
        if code == _IA_NA and any(address in prepared.own for address in hints):
            continue
        fixed = iaid if code == _IA_TA else _IA.pack(iaid, 0, 0)
        body.append(option(code, fixed + _status(_NO_BINDING)))
    kind = "release" if request.message_type == RELEASE else "decline"
    return _send(prepared, request, REPLY, body, kind)


def _send(
    prepared: Prepared, request: _Request, message_type: int, body: list[bytes], kind: str
) -> Answer:
    options = request.options
    parts = [bytes((message_type,)), request.transaction, option(_SERVER_ID, prepared.server_id)]
    if _CLIENT_ID in options:
        parts.append(option(_CLIENT_ID, options[_CLIENT_ID]))
    parts += body
    if request.message_type not in (CONFIRM, RELEASE, DECLINE):
        asked = options.get(_ORO, b"")
        codes = [int.from_bytes(asked[at : at + 2], "big") for at in range(0, len(asked), 2)]
        size = sum(map(len, parts))
        if _boots(options):
            codes.append(_VENDOR_CLASS)  # else such a client takes no offer (UEFI, section 24.7)
        ipxe = USER_CLASS in options.get(_USER_CLASS, b"")
        table = prepared.ipxe if ipxe else prepared.plain
        for code in dict.fromkeys((*codes, *_ALWAYS)):
            data = table.get(code)
            if code == _VENDOR_CLASS and data is None and _over_http(options, table):
                name = b"HTTPClient"
                data = option(code, options[code][:4] + len(name).to_bytes(2, "big") + name)
            if code == _FQDN or data is None or size + len(data) > _MAX_REPLY - 264:
                continue
            parts.append(data)
            size += len(data)
        if options.get(_FQDN):
            parts.append(option(_FQDN, _fqdn_answer(prepared, options[_FQDN])))
    payload = b"".join(parts)
    if len(payload) > _MAX_REPLY:
        raise Malformed("the answer would be larger than the link's minimum MTU")
    udp = request.udp
    frame = build_udp6(
        prepared.mac, prepared.source_mac, prepared.source, udp.src,
        PORT_DHCPV6_SERVER, PORT_DHCPV6_CLIENT, payload,
    )  # fmt: skip
    reason = "stateful" if prepared.own else "stateless"
    return Answer((frame,), kind, reason)


def _boots(options: dict[int, bytes]) -> bool:
    """Whether the client is firmware that boots; its class follows a number and its own length."""
    return options.get(_VENDOR_CLASS, b"")[6:].startswith((b"PXEClient", b"HTTPClient"))


def _over_http(options: dict[int, bytes], table: dict[int, bytes]) -> bool:
    url = table.get(59, b"")[4:].lower()
    client = options.get(_VENDOR_CLASS, b"")[6:]
    return url.startswith((b"http://", b"https://")) and client.startswith(b"HTTPClient")


def _fqdn_answer(prepared: Prepared, asked: bytes) -> bytes:
    """Flags and name (RFC 4704 section 6): the name that the network's own DNS has for the port."""
    if not prepared.fqdn:
        return b"\x04"  # N: no updates
    return (b"\x01" if asked[0] & 1 else b"\x03") + prepared.fqdn
