"""DHCPv6 options by name: values as users write them -> bytes (RFC 8415, 3646, 4704, 5908, 5970).

Names are Neutron's for extra_dhcp_opts, which are dnsmasq's; a number, or either after "option6:"
or "option:", works too, and so do tags (:mod:`.dhcp_extra`).  What cannot be encoded raises
ValueError.
"""

from __future__ import annotations

import ipaddress
import re
from struct import pack

from vrouter_ovs.proxies.dhcp.client_tags import OtherFamily, split
from vrouter_ovs.proxies.domain_names import encode_name

PROTOCOL_CODES = frozenset((*range(0, 7), 8, 9, 11, 12, 13, 14, 18, 19, 20, 25, 26, 39))
"""What the protocol itself says; nobody may override these."""

_IPS, _DOMAINS, _TEXT, _U32, _GUESS, _NTP, _PARAMETERS = range(7)
_BY_NAME = {
    "vendor-class": (16, _GUESS), "vendor-opts": (17, _GUESS), "sip-server-domain": (21, _DOMAINS),
    "sip-server": (22, _IPS), "dns-server": (23, _IPS), "domain-search": (24, _DOMAINS),
    "domain-name": (24, _DOMAINS), "nis-server": (27, _IPS), "nis+-server": (28, _IPS),
    "nis-domain": (29, _DOMAINS), "nis+-domain": (30, _DOMAINS), "sntp-server": (31, _IPS),
    "information-refresh-time": (32, _U32), "posix-timezone": (41, _TEXT),
    "tzdb-timezone": (42, _TEXT), "ntp-server": (56, _NTP), "bootfile-url": (59, _TEXT),
    "bootfile-param": (60, _PARAMETERS), "captive-portal": (103, _TEXT),
}  # fmt: skip
_FORM_OF = {code: form for code, form in _BY_NAME.values()}
_HEX = re.compile(r"(?:[0-9a-f]{2}:?)+\Z", re.IGNORECASE)
_MAX_VALUE = 1024


def option(code: int, value: bytes) -> bytes:
    """One option on the wire (RFC 8415 section 21.1)."""
    return pack("!HH", code, len(value)) + value


def encode(name: str, value: str) -> tuple[int, bytes]:
    """(code, bytes of the value); empty bytes: the option is to be left out.

    Raises ValueError for an unknown name or tag, a code that belongs to the protocol or a bad
    value; OtherFamily for IPv4 addresses.
    """
    key = split(name)[1].removeprefix("option6:").removeprefix("option:")
    key = key.replace("_", "-")
    if key.isascii() and key.isdigit():
        code = int(key[:6])
        if code > 65535:
            raise ValueError(f"no DHCPv6 option {name}")
        form = _FORM_OF.get(code, _GUESS)
    elif key in _BY_NAME:
        code, form = _BY_NAME[key]
    else:
        raise ValueError(f"unknown DHCPv6 option {name}")
    if code in PROTOCOL_CODES:
        raise ValueError(f"DHCPv6 option {name} belongs to the protocol")
    text = value.strip()
    data = _value(form, text) if text else b""
    if len(data) > _MAX_VALUE:
        raise ValueError(f"DHCPv6 option {name} is longer than {_MAX_VALUE} bytes")
    return code, data


def ntp_servers(packed: list[bytes]) -> bytes:
    """The value of option 56: server address suboptions (RFC 5908 section 4.1)."""
    return b"".join(option(1, address) for address in packed)


def _value(form: int, text: str) -> bytes:
    parts = [part.strip("[]") for part in re.split(r"[,\s]+", text.strip("{} ")) if part]
    if form == _TEXT:
        return text.encode()
    if form == _U32:
        number = int(text, 0)
        if not 0 <= number < 1 << 32:
            raise ValueError(f"{text} does not fit 32 bits")
        return number.to_bytes(4, "big")
    if form in (_IPS, _NTP):
        if parts and all(map(_is_ipv4, parts)):
            raise OtherFamily(f"{text} is IPv4, which DHCPv6 cannot carry")
        packed = [ipaddress.IPv6Address(part).packed for part in parts]
        return ntp_servers(packed) if form == _NTP else b"".join(packed)
    if form == _DOMAINS:
        return b"".join(encode_name(part) for part in parts)
    if form == _PARAMETERS:
        return b"".join(pack("!H", len(part.encode())) + part.encode() for part in parts)
    try:
        return b"".join(ipaddress.IPv6Address(part).packed for part in parts)
    except ValueError:
        pass
    digits = text.lower().removeprefix("0x")
    if (digits != text.lower() or ":" in text) and _HEX.match(digits):
        return bytes.fromhex(digits.replace(":", ""))
    return text.encode()


def _is_ipv4(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True
