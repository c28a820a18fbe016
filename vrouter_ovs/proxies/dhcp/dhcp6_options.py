"""DHCPv6 options: the table of :mod:`.options`, and bytes on the wire (RFC 8415, 3646, 4704, 5908,
5970)."""

from __future__ import annotations

import ipaddress
import re
from struct import pack

from vrouter_ovs.proxies.dhcp.client_tags import OtherFamily
from vrouter_ovs.proxies.dhcp.options import Family, Form, number, text
from vrouter_ovs.proxies.domain_names import encode_name

_HEX = re.compile(r"(?:[0-9a-f]{2}:?)+\Z", re.IGNORECASE)
_LONG = number(32, signed=False)


def option(code: int, value: bytes) -> bytes:
    """One option on the wire (RFC 8415 section 21.1)."""
    return pack("!HH", code, len(value)) + value


def ntp_servers(packed: list[bytes]) -> bytes:
    """The value of option 56: server address suboptions (RFC 5908 section 4.1)."""
    return b"".join(option(1, address) for address in packed)


def _list(value: str) -> list[str]:
    return [part.strip("[]") for part in re.split(r"[,\s]+", value.strip("{} ")) if part]


def _packed(value: str) -> list[bytes]:
    parts = _list(value)
    if parts and all(map(_is_ipv4, parts)):
        raise OtherFamily(f"{value} is IPv4, which DHCPv6 cannot carry")
    return [ipaddress.IPv6Address(part).packed for part in parts]


def _is_ipv4(value: str) -> bool:
    try:
        ipaddress.IPv4Address(value)
    except ValueError:
        return False
    return True


def _addresses(value: str) -> bytes:
    return b"".join(_packed(value))


def _time_servers(value: str) -> bytes:
    return ntp_servers(_packed(value))


def _domains(value: str) -> bytes:
    return b"".join(encode_name(part) for part in _list(value))


def _parameters(value: str) -> bytes:
    return b"".join(pack("!H", len(part.encode())) + part.encode() for part in _list(value))


def _guess(value: str) -> bytes:
    """Addresses, hexadecimal bytes ("0x0102", "01:02"), else text."""
    try:
        return b"".join(ipaddress.IPv6Address(part).packed for part in _list(value))
    except ValueError:
        pass
    digits = value.lower().removeprefix("0x")
    if (digits != value.lower() or ":" in value) and _HEX.match(digits):
        return bytes.fromhex(digits.replace(":", ""))
    return text(value)


_OPTIONS: dict[str, tuple[int, Form]] = {
    "vendor-class": (16, _guess), "vendor-opts": (17, _guess), "sip-server-domain": (21, _domains),
    "sip-server": (22, _addresses), "dns-server": (23, _addresses), "domain-search": (24, _domains),
    "domain-name": (24, _domains), "nis-server": (27, _addresses), "nis+-server": (28, _addresses),
    "nis-domain": (29, _domains), "nis+-domain": (30, _domains), "sntp-server": (31, _addresses),
    "information-refresh-time": (32, _LONG), "posix-timezone": (41, text),
    "tzdb-timezone": (42, text), "ntp-server": (56, _time_servers), "bootfile-url": (59, text),
    "bootfile-param": (60, _parameters), "captive-portal": (103, text),
}  # fmt: skip
DHCP6 = Family(
    version=6,
    prefixes=("option6:", "option:"),
    last=65535,
    protocol=frozenset((*range(0, 7), 8, 9, 11, 12, 13, 14, 18, 19, 20, 25, 26, 39)),
    guess=_guess,
    options=_OPTIONS,
)
