"""DHCPv4 options by name: values as users write them -> bytes (RFC 2132 and those named below).

Names are Neutron's for extra_dhcp_opts, which are dnsmasq's; a number, or either after "option:",
works too, and so do tags (:mod:`.dhcp_extra`).  Values are free text that a tenant chose, so what
cannot be encoded raises ValueError.
"""

from __future__ import annotations

import ipaddress
import re
from struct import pack

from vrouter_ovs.proxies.dhcp.client_tags import OtherFamily, split
from vrouter_ovs.proxies.domain_names import encode_name

SERVER_IP_ADDRESS = 255
"""Not an option: "server-ip-address", 255 to dnsmasq, is the siaddr field of the header."""
CLIENT_ID = 61
"""The client's to say, and given back as it said it (RFC 6842).  A port may have one, as the bare
metal service writes it; clients are known by their port."""
PROTOCOL_CODES = frozenset((0, 50, 52, 53, 54, 55, 56, 57, 80, 81, 82))
"""What the protocol itself says; nobody may override these."""

_U8, _U16, _U32, _TEXT, _IP, _IPS, _FLAG, _ROUTES, _DOMAINS, _GUESS = range(10)

_BY_NAME: dict[str, tuple[int, int]] = {
    "netmask": (1, _IP), "time-offset": (2, _U32), "router": (3, _IPS), "dns-server": (6, _IPS),
    "log-server": (7, _IPS), "lpr-server": (9, _IPS), "host-name": (12, _TEXT),
    "hostname": (12, _TEXT), "boot-file-size": (13, _U16), "domain-name": (15, _TEXT),
    "swap-server": (16, _IP), "root-path": (17, _TEXT), "extension-path": (18, _TEXT),
    "ip-forward-enable": (19, _FLAG), "non-local-source-routing": (20, _FLAG),
    "policy-filter": (21, _IPS), "max-datagram-reassembly": (22, _U16), "default-ttl": (23, _U8),
    "mtu": (26, _U16), "all-subnets-local": (27, _FLAG), "broadcast": (28, _IP),
    "router-discovery": (31, _FLAG), "router-solicitation": (32, _IP), "static-route": (33, _IPS),
    "trailer-encapsulation": (34, _FLAG), "arp-timeout": (35, _U32),
    "ethernet-encap": (36, _FLAG), "tcp-ttl": (37, _U8), "tcp-keepalive": (38, _U32),
    "nis-domain": (40, _TEXT), "nis-server": (41, _IPS), "ntp-server": (42, _IPS),
    "vendor-encap": (43, _GUESS), "netbios-ns": (44, _IPS), "netbios-dd": (45, _IPS),
    "netbios-nodetype": (46, _U8), "netbios-scope": (47, _TEXT), "x-windows-fs": (48, _IPS),
    "x-windows-dm": (49, _IPS), "lease-time": (51, _U32), "t1": (58, _U32), "t2": (59, _U32),
    "vendor-class": (60, _TEXT), "client-id": (CLIENT_ID, _GUESS),
    "nis+-domain": (64, _TEXT), "nis+-server": (65, _IPS),
    "tftp-server": (66, _TEXT), "bootfile-name": (67, _TEXT), "mobile-ip-home": (68, _IPS),
    "smtp-server": (69, _IPS), "pop3-server": (70, _IPS), "nntp-server": (71, _IPS),
    "irc-server": (74, _IPS), "user-class": (77, _TEXT), "posix-timezone": (100, _TEXT),
    "tzdb-timezone": (101, _TEXT), "ipv6-only": (108, _U32), "captive-portal": (114, _TEXT),
    "domain-search": (119, _DOMAINS), "classless-static-route": (121, _ROUTES),
    "vendor-id-encap": (125, _GUESS), "tftp-server-address": (150, _IPS),
    "config-file": (209, _TEXT), "path-prefix": (210, _TEXT), "reboot-time": (211, _U32),
    "ms-classless-static-route": (249, _ROUTES), "wpad": (252, _TEXT),
    "server-ip-address": (SERVER_IP_ADDRESS, _IP),
}  # fmt: skip
_FORM_OF = {code: form for code, form in _BY_NAME.values()}
_HEX = re.compile(r"(0x)?(?:[0-9a-f]{2}[:]?)+\Z", re.IGNORECASE)
_MAX_VALUE = 1024


def encode(name: str, value: str) -> tuple[int, bytes]:
    """(code, bytes of the value); empty bytes: the option is to be left out.

    Raises ValueError for an unknown name or tag, a code that belongs to the protocol or a bad
    value; OtherFamily for IPv6 addresses.
    """
    key = split(name)[1].removeprefix("option:").replace("_", "-")
    if key.isascii() and key.isdigit():
        code = int(key[:6])
        if code > 255:
            raise ValueError(f"no DHCPv4 option {name}")
        form = _FORM_OF.get(code, _GUESS)
    elif key in _BY_NAME:
        code, form = _BY_NAME[key]
    else:
        raise ValueError(f"unknown DHCPv4 option {name}")
    if code in PROTOCOL_CODES:
        raise ValueError(f"DHCPv4 option {name} belongs to the protocol")
    text = value.strip()
    data = _value(form, text) if text else b""
    if len(data) > _MAX_VALUE:
        raise ValueError(f"DHCPv4 option {name} is longer than {_MAX_VALUE} bytes")
    return code, data


def _number(text: str, bits: int) -> bytes:
    number = int(text, 0)
    if not -(1 << (bits - 1)) <= number < 1 << bits:
        raise ValueError(f"{text} does not fit {bits} bits")
    return (number & ((1 << bits) - 1)).to_bytes(bits // 8, "big")


def _list(text: str) -> list[str]:
    return [part for part in re.split(r"[,\s]+", text.strip("{}[] ")) if part]


def _value(form: int, text: str) -> bytes:
    if form == _TEXT:
        return text.encode()
    if form in (_U8, _U16, _U32):
        return _number(text, 8 << (form - _U8))
    if form == _FLAG:
        return bytes((text.lower() in ("1", "true", "yes", "on"),))
    if form in (_IP, _IPS):
        _refuse_ipv6(text)
        packed = [ipaddress.IPv4Address(part).packed for part in _list(text)]
        if not packed or (form == _IP and len(packed) > 1):
            raise ValueError(f"not an address: {text!r}")
        return b"".join(packed)
    if form == _ROUTES:
        parts = _list(text)
        if len(parts) % 2:
            raise ValueError("routes are pairs of prefix and next hop")
        return encode_routes(list(zip(parts[::2], parts[1::2], strict=True)))
    if form == _DOMAINS:
        return b"".join(encode_name(part) for part in _list(text))
    return _guess(text)


def _refuse_ipv6(text: str) -> None:
    try:
        found = [ipaddress.IPv6Address(part) for part in _list(text)]
    except ValueError:
        return
    if found:
        raise OtherFamily(f"{text} is IPv6, which DHCPv4 cannot carry")


def _guess(text: str) -> bytes:
    """The value of an option without a known form, as dnsmasq reads it: addresses, a number of
    the least size, hexadecimal bytes ("0x0102", "01:02"), else text."""
    try:
        return b"".join(ipaddress.IPv4Address(part).packed for part in _list(text))
    except ValueError:
        pass
    if text.isascii() and text.isdigit() and int(text[:11]) < 1 << 32:
        number = int(text)
        return _number(text, 8 if number < 256 else 16 if number < 65536 else 32)
    if (text[:2] in ("0x", "0X") or ":" in text) and _HEX.match(text):
        return bytes.fromhex(text.lower().removeprefix("0x").replace(":", ""))
    return text.encode()


def encode_routes(routes: list[tuple[str, str]]) -> bytes:
    """(prefix, next hop) pairs as option 121 has them (RFC 3442); ValueError for a bad one."""
    parts = []
    for prefix, next_hop in routes:
        network = ipaddress.IPv4Network(prefix, strict=False)
        significant = (network.prefixlen + 7) // 8
        parts.append(bytes((network.prefixlen,)))
        parts.append(network.network_address.packed[:significant])
        parts.append(ipaddress.IPv4Address(next_hop).packed)
    return b"".join(parts)


def tlv(code: int, value: bytes) -> bytes:
    """One option on the wire; a value over 255 bytes in several instances (RFC 3396)."""
    if len(value) <= 255:
        return pack("!BB", code, len(value)) + value
    return b"".join(tlv(code, value[at : at + 255]) for at in range(0, len(value), 255))
