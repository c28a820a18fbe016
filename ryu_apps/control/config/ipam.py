"""Allocation of addresses, MACs and VPN identifiers: pure functions of the configuration.

Everything is given out lowest free first, so the same configuration and the same requests give
the same answers.  To keep that cheap with thousands in use, :class:`AllocatingConfig` remembers for
each range a *hint*: nothing below it is free.  A hint is only a cache; :func:`lowest_address` on a
plain :class:`~ryu_apps.control.config.config.Config` gives the same answer, slowly.
"""

from __future__ import annotations

import ipaddress
import random
import re
from collections.abc import Iterable
from typing import Any

from ryu_apps.control import ids
from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import (
    Change,
    Network,
    Pool,
    Port,
    Resource,
    Router,
    Subnet,
    TapService,
    Trunk,
)
from vrouter_ovs.addresses import (
    ipv4_bytes,
    ipv4_text,
    ipv6_bytes,
    mac_bytes,
    modified_eui64,
)
from vrouter_ovs.numbers import SUBPORT_NUMBERS

RD_INDEX_RANGE = (1, 65535)
NEW_RD_INDEXES = (1, ids.MPLS_INSTANCES)
"""Those that are given: each has a second RD and MPLS labels."""
"""The assigned number of a type 1 route distinguisher is two bytes (RFC 4364 section 4.2)."""

_MAC = re.compile(r"[0-9a-f]{12}")


class Exhausted(Exception):
    """Nothing is free in the range asked for."""


class AllocatingConfig(Config):
    """A Config that also knows from where to look for the lowest free number of each range."""

    def __init__(self) -> None:
        super().__init__()
        self.hints: dict[str, int] = {}
        """Subnet id -> nothing below this is free."""
        self.numbers: dict[str, dict[int, int]] = {}
        """Kind of number, as "vni" -> where a range begins -> nothing from there to below this is
        free."""

    def apply(self, change: Change) -> Resource | None:
        old = super().apply(change)
        if old is not None:
            self._released(old, change.resource)
        return old

    def _released(self, old: Resource, new: Resource | None) -> None:
        hints = self.hints
        if type(old) is Port:
            if new is not None and new.fixed_ips == old.fixed_ips:
                return
            for fixed in old.fixed_ips:
                hint = hints.get(fixed.subnet_id)
                if hint is not None:
                    value = address_int(fixed.ip_address)
                    if value < hint:
                        hints[fixed.subnet_id] = value
        elif type(old) is Subnet:
            hints.pop(old.id, None)
        elif type(old) is Trunk:
            kept = {one.number for one in new.sub_ports} if new is not None else set()
            for one in old.sub_ports:
                if one.number not in kept:
                    self._free("subport number", one.number)
        elif type(old) in (Network, Router) and (
            new is None or new.vni != old.vni or new.rd_index != old.rd_index
        ):
            for name, number in (("vni", old.vni), ("rd_index", old.rd_index)):
                self._free(name, number)
        elif type(old) is TapService and new is None:
            self._free("vni", old.vni)

    def _free(self, name: str, number: int) -> None:
        known = self.numbers.get(name, {})
        for first, hint in known.items():
            if first <= number < hint:
                known[first] = number


def _hints(config: Config) -> dict[str, int]:
    return config.hints if isinstance(config, AllocatingConfig) else {}


# ---------------------------------------------------------------- addresses


def address_int(text: str) -> int:
    """The number of a canonical IPv4 or IPv6 address."""
    if ":" in text:
        return int.from_bytes(ipv6_bytes(text), "big")
    return int.from_bytes(ipv4_bytes(text), "big")


def address_text(value: int, version: int) -> str:
    """Canonical text of an address given as a number."""
    if version == 4:
        return ipv4_text(value.to_bytes(4, "big"))
    return str(ipaddress.IPv6Address(value))


def usable_range(net: ipaddress.IPv4Network | ipaddress.IPv6Network) -> tuple[int, int]:
    """First and last number that a host may have.

    IPv4: without the network and broadcast address, except for /31 (RFC 3021) and /32.  IPv6:
    without the subnet-router anycast address (RFC 4291 section 2.6.1), except for /127 and /128.
    """
    first, last = int(net.network_address), int(net.broadcast_address)
    if net.prefixlen >= net.max_prefixlen - 1:
        return first, last
    return (first + 1, last - 1) if net.version == 4 else (first + 1, last)


def default_pools(
    net: ipaddress.IPv4Network | ipaddress.IPv6Network, gateway: str
) -> tuple[Pool, ...]:
    """All usable addresses except the gateway ("" for none), as one or two pools."""
    first, last = usable_range(net)
    parts = [(first, last)]
    if gateway:
        number = address_int(gateway)
        parts = [(first, number - 1), (number + 1, last)] if first <= number <= last else parts
    return tuple(
        Pool(address_text(low, net.version), address_text(high, net.version))
        for low, high in parts
        if low <= high
    )


def lowest_address(config: Config, subnet: Subnet, extra: Iterable[str] = ()) -> str:
    """The lowest free address in the subnet's pools.

    ``extra``: addresses to be treated as used.  Raises Exhausted.
    """
    hints, used, subnet_id = _hints(config), config.ports_by_address, subnet.id
    version = subnet.ip_version
    taken = frozenset(extra)
    if subnet.gateway_ip:
        taken |= {subnet.gateway_ip}
    hint = hints.get(subnet_id, 0)
    exact = True  # nothing was passed over that only ``extra`` blocks
    for low, high in sorted(
        (address_int(pool.start), address_int(pool.end)) for pool in subnet.allocation_pools
    ):
        for number in range(max(low, hint), high + 1):
            text = address_text(number, version)
            if (subnet_id, text) in used:
                continue
            if text in taken:
                exact = exact and text == subnet.gateway_ip
                continue
            if exact:
                hints[subnet_id] = number
            return text
        hint = max(hint, high + 1)
    if exact:
        hints[subnet_id] = hint
    raise Exhausted(f"no free address in subnet {subnet_id}")


def eui64_address(cidr: str, mac: str) -> str:
    """The address that stateless autoconfiguration makes of a /64 prefix and a MAC (RFC 4862
    section 5.5.3)."""
    prefix = ipv6_bytes(cidr.partition("/")[0])[:8]
    return str(ipaddress.IPv6Address(prefix + modified_eui64(mac_bytes(mac))))


# ---------------------------------------------------------------- MACs


def mac_spelled(text: str) -> str:
    """A MAC in lower case with colons, "" for what is none.

    Written with colons, hyphens or dots, or without, and without leading zeros between colons.
    """
    mac = text.strip().lower()
    parts = re.split("[:-]", mac)
    if len(parts) == 6 and all(parts) and ("-" in mac) != (":" in mac):
        mac = "".join(part.rjust(2, "0") for part in parts)
    elif len(dotted := mac.split(".")) == 3 and all(dotted):
        mac = "".join(part.rjust(4, "0") for part in dotted)
    return ":".join(mac[at:at + 2] for at in range(0, 12, 2)) if _MAC.fullmatch(mac) else ""


def canonical_mac(text: str) -> str:
    """Lower case with colons.  Raises ValueError unless it is a unicast, non-zero MAC."""
    mac = mac_spelled(text)
    if not mac:
        raise ValueError(f"'{text}' is not a MAC address like fa:16:3e:00:00:01")
    if int(mac[:2], 16) & 1:
        raise ValueError(f"'{text}' is a multicast MAC; a port needs a unicast one")
    if mac == "00:00:00:00:00:00":
        raise ValueError("a port cannot have the MAC 00:00:00:00:00:00")
    return mac


def new_mac(config: Config, network_id: str, prefix: str, source: random.Random) -> str:
    """A MAC that is free in the network: ``prefix`` (three bytes, "fa:16:3e") and random bytes.

    Raises Exhausted when the prefix has no free MAC left in this network.
    """
    used = config.ports_by_mac
    for _ in range(64):
        mac = _mac_text(prefix, source.getrandbits(24))
        if (network_id, mac) not in used:
            return mac
    for number in range(1 << 24):
        mac = _mac_text(prefix, number)
        if (network_id, mac) not in used:
            return mac
    raise Exhausted(f"no free MAC with prefix {prefix} in network {network_id}")


def _mac_text(prefix: str, number: int) -> str:
    return f"{prefix}:{number >> 16:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"


# ---------------------------------------------------------------- VPN identifiers


def parse_range(text: str) -> tuple[int, int]:
    """"1000-16777214" -> (1000, 16777214).  Raises ValueError; VNIs are 1 to 2**24 - 1."""
    low, dash, high = text.partition("-")
    try:
        first, last = int(low), int(high if dash else low)
    except ValueError:
        raise ValueError(f"'{text}' is not a range FIRST-LAST of VNIs") from None
    if not 1 <= first <= last < 1 << 24:
        raise ValueError(f"VNI range '{text}' must lie within 1-16777215, first before last")
    return first, last


def lowest_vni(config: Config, ranges: Iterable[tuple[int, int]]) -> int:
    """The lowest VNI of the first of the ranges where there is one that no network, router or tap
    service has.  Raises Exhausted."""
    tried = []
    for limits in ranges:
        try:
            return _lowest(config, "vni", config.by_vni, limits)
        except Exhausted:
            tried.append(f"{limits[0]}-{limits[1]}")
    raise Exhausted(f"vni: none of {', '.join(tried)} is free")


def lowest_rd_index(config: Config) -> int:
    """The lowest free route distinguisher index, 1-65535.  Raises Exhausted."""
    return _lowest(config, "rd_index", config.by_rd_index, NEW_RD_INDEXES)


def lowest_subport_number(config: Config) -> int:
    """The lowest number that no subport has.  Raises Exhausted."""
    return _lowest(config, "subport number", config.trunks_by_number, SUBPORT_NUMBERS)


def _lowest(config: Config, name: str, used: dict[int, Any], limits: tuple[int, int]) -> int:
    numbers = config.numbers if isinstance(config, AllocatingConfig) else {}
    hints = numbers.setdefault(name, {})
    first, last = limits
    for number in range(max(first, hints.get(first, 0)), last + 1):
        if number not in used:
            hints[first] = number
            return number
    hints[first] = max(last + 1, hints.get(first, 0))
    raise Exhausted(f"{name}: none of {first}-{last} is free")

