"""DHCPv4 options: the table of :mod:`.options`, and bytes on the wire (RFC 2132 and those named
below)."""

from __future__ import annotations

import ipaddress
import re
from struct import pack

from vrouter_ovs.proxies.dhcp.client_tags import OtherFamily
from vrouter_ovs.proxies.dhcp.options import Family, Form, number, text
from vrouter_ovs.proxies.domain_names import encode_name

SERVER_IP_ADDRESS = 255
"""Not an option: "server-ip-address", 255 to dnsmasq, is the siaddr field of the header."""
CLIENT_ID = 61
"""The client's to say, and given back as it said it (RFC 6842).  A port may have one, as the bare
metal service writes it; clients are known by their port."""
_HEX = re.compile(r"(0x)?(?:[0-9a-f]{2}[:]?)+\Z", re.IGNORECASE)
_BYTE, _SHORT, _LONG = number(8), number(16), number(32)


def _list(value: str) -> list[str]:
    return [part for part in re.split(r"[,\s]+", value.strip("{}[] ")) if part]


def _addresses(value: str) -> bytes:
    _refuse_ipv6(value)
    packed = [ipaddress.IPv4Address(part).packed for part in _list(value)]
    if not packed:
        raise ValueError(f"not an address: {value!r}")
    return b"".join(packed)


def _address(value: str) -> bytes:
    packed = _addresses(value)
    if len(packed) > 4:
        raise ValueError(f"not an address: {value!r}")
    return packed


def _refuse_ipv6(value: str) -> None:
    try:
        found = [ipaddress.IPv6Address(part) for part in _list(value)]
    except ValueError:
        return
    if found:
        raise OtherFamily(f"{value} is IPv6, which DHCPv4 cannot carry")


def _flag(value: str) -> bytes:
    return bytes((value.lower() in ("1", "true", "yes", "on"),))


def _routes(value: str) -> bytes:
    parts = _list(value)
    if len(parts) % 2:
        raise ValueError("routes are pairs of prefix and next hop")
    return encode_routes(list(zip(parts[::2], parts[1::2], strict=True)))


def _domains(value: str) -> bytes:
    return b"".join(encode_name(part) for part in _list(value))


def _guess(value: str) -> bytes:
    """The value of an option without a known form, as dnsmasq reads it: addresses, a number of
    the least size, hexadecimal bytes ("0x0102", "01:02"), else text."""
    try:
        return b"".join(ipaddress.IPv4Address(part).packed for part in _list(value))
    except ValueError:
        pass
    if value.isascii() and value.isdigit() and int(value[:11]) < 1 << 32:
        found = int(value)
        return (_BYTE if found < 256 else _SHORT if found < 65536 else _LONG)(value)
    if (value[:2] in ("0x", "0X") or ":" in value) and _HEX.match(value):
        return bytes.fromhex(value.lower().removeprefix("0x").replace(":", ""))
    return text(value)


_OPTIONS: dict[str, tuple[int, Form]] = {
    "netmask": (1, _address), "time-offset": (2, _LONG), "router": (3, _addresses),
    "dns-server": (6, _addresses), "log-server": (7, _addresses), "lpr-server": (9, _addresses),
    "host-name": (12, text), "hostname": (12, text), "boot-file-size": (13, _SHORT),
    "domain-name": (15, text), "swap-server": (16, _address), "root-path": (17, text),
    "extension-path": (18, text), "ip-forward-enable": (19, _flag),
    "non-local-source-routing": (20, _flag), "policy-filter": (21, _addresses),
    "max-datagram-reassembly": (22, _SHORT), "default-ttl": (23, _BYTE), "mtu": (26, _SHORT),
    "all-subnets-local": (27, _flag), "broadcast": (28, _address), "router-discovery": (31, _flag),
    "router-solicitation": (32, _address), "static-route": (33, _addresses),
    "trailer-encapsulation": (34, _flag), "arp-timeout": (35, _LONG), "ethernet-encap": (36, _flag),
    "tcp-ttl": (37, _BYTE), "tcp-keepalive": (38, _LONG), "nis-domain": (40, text),
    "nis-server": (41, _addresses), "ntp-server": (42, _addresses), "vendor-encap": (43, _guess),
    "netbios-ns": (44, _addresses), "netbios-dd": (45, _addresses), "netbios-nodetype": (46, _BYTE),
    "netbios-scope": (47, text), "x-windows-fs": (48, _addresses), "x-windows-dm": (49, _addresses),
    "lease-time": (51, _LONG), "t1": (58, _LONG), "t2": (59, _LONG), "vendor-class": (60, text),
    "client-id": (CLIENT_ID, _guess), "nis+-domain": (64, text), "nis+-server": (65, _addresses),
    "tftp-server": (66, text), "bootfile-name": (67, text), "mobile-ip-home": (68, _addresses),
    "smtp-server": (69, _addresses), "pop3-server": (70, _addresses),
    "nntp-server": (71, _addresses), "irc-server": (74, _addresses), "user-class": (77, text),
    "posix-timezone": (100, text), "tzdb-timezone": (101, text), "ipv6-only": (108, _LONG),
    "captive-portal": (114, text), "domain-search": (119, _domains),
    "classless-static-route": (121, _routes), "vendor-id-encap": (125, _guess),
    "tftp-server-address": (150, _addresses), "config-file": (209, text),
    "path-prefix": (210, text), "reboot-time": (211, _LONG),
    "ms-classless-static-route": (249, _routes), "wpad": (252, text),
    "server-ip-address": (SERVER_IP_ADDRESS, _address),
}  # fmt: skip
DHCP4 = Family(
    version=4,
    prefixes=("option:",),
    last=255,
    protocol=frozenset((0, 50, 52, 53, 54, 55, 56, 57, 80, 81, 82)),
    guess=_guess,
    options=_OPTIONS,
)


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
