"""Filters of ``/v1`` lists.  One that cannot match anything is a mistake, and refused with the
reason: an empty answer would be taken for the truth."""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Callable, Iterable
from typing import Any

from ryu_apps.control.config.ipam import canonical_mac
from ryu_apps.control.routes import NLRI_CLASSES
from ryu_apps.northbound.base import NodeView
from ryu_apps.northbound.http.errors import ApiError
from ryu_apps.northbound.listing.attributes import FALSE, TRUE
from vrouter_ovs.schema.tables import TABLE_IDS, TABLE_NAMES
from vrouter_ovs.state import KINDS

Test = Callable[[dict[str, Any]], bool]

RIB: dict[str, str] = {
    "family": "address family, as l2vpn-evpn or ipv4-unicast",
    "type": "route type of EVPN, 1 to 5 (RFC 7432, RFC 9136)",
    "evi": "VNI of an EVI that imports it",
    "vrf": "VNI of a VRF that imports it",
    "rt": "route target, as 64512:1000",
    "rd": "route distinguisher, as 192.0.2.1:7",
    "mac": "MAC address of a type 2 route",
    "ip": "IP address of a type 2 route",
    "prefix": "prefix of a type 5 or unicast route, as 10.0.0.0/24",
    "next_hop": "VTEP that it leads to, or the next router of the underlay",
    "peer": "who it came from: name of a peer, or local",
    "best": "true: best paths only; false: the others",
}
"""Filter -> what it is."""
FLOWS: dict[str, str] = {
    "table": "name or number of a table, as in docs/pipeline.md",
    "object": f"kind of object: {', '.join(sorted(KINDS))}",
    "cookie": "number, decimal or with 0x",
}
_FAMILIES = tuple(dict.fromkeys(str(family) for family, _ in NLRI_CLASSES))
_COMMUNITY = re.compile(r"(\d{1,10}|\d{1,3}(\.\d{1,3}){3}):\d{1,10}")


def rib(asked: dict[str, list[str]], view: NodeView) -> dict[str, frozenset[str]]:
    """Values by filter, one of which must hold, as the routes have them.  Raises ApiError."""
    return {name: _rib_values(name, values, view) for name, values in asked.items()}


def _rib_values(name: str, values: list[str], view: NodeView) -> frozenset[str]:
    if name == "best":
        lower = {value.lower() for value in values}
        if not lower <= TRUE | FALSE:
            raise invalid("best is true or false")
        return frozenset("true" if value in TRUE else "false" for value in lower)
    read = functools.partial(_READERS[name], name)
    try:
        found = frozenset(read(value) for value in values)
    except ValueError as error:
        raise invalid(str(error)) from error
    _known(name, found, view)
    return found


def _number(name: str, text: str) -> str:
    if not text.isascii() or not text.isdigit() or len(text) > 10:
        raise ValueError(f"{name} is a number, not '{text[:64]}'; see /v1/evis and /v1/vrfs")
    return str(int(text))


def _type(name: str, text: str) -> str:
    number = _number(name, text)
    if not 1 <= int(number) <= 5:
        raise ValueError(f"type is a number of 1 to 5 (RFC 7432, RFC 9136), not {number}")
    return number


def _family(name: str, text: str) -> str:
    if text not in _FAMILIES:
        raise ValueError(f"family is one of {', '.join(_FAMILIES)}, not '{text[:64]}'")
    return text


def _mac(name: str, text: str) -> str:
    try:
        return canonical_mac(text[:64])
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _address(name: str, text: str) -> str:
    try:
        return str(ipaddress.ip_address(text[:64]))
    except ValueError as error:
        raise ValueError(f"{name}: '{text[:64]}' is no IP address") from error


def _prefix(name: str, text: str) -> str:
    try:
        return str(ipaddress.ip_network(text[:64]))
    except ValueError as error:
        raise ValueError(f"prefix: {error}") from error


def _community(name: str, text: str) -> str:
    if not _COMMUNITY.fullmatch(text):
        raise ValueError(f"{name} reads as {RIB[name].partition('as ')[2]}, not '{text[:64]}'")
    return text


def _text(name: str, text: str) -> str:
    return text


_READERS: dict[str, Callable[[str, str], str]] = {
    "family": _family,
    "type": _type, "evi": _number, "vrf": _number, "rt": _community, "rd": _community,
    "mac": _mac, "ip": _address, "prefix": _prefix, "next_hop": _address, "peer": _text,
}  # fmt: skip


def _known(name: str, found: Iterable[str], view: NodeView) -> None:
    """Raises ApiError for a VNI that no instance has, or a peer that nobody is."""
    if name in ("evi", "vrf"):
        there = set(map(str, view.vnis(name)))
    elif name == "peer":
        there = {"local", *(str(one["name"]) for one in view.peers())}
    else:
        return
    unknown = sorted(set(found) - there)
    if unknown:
        listed = ", ".join(sorted(there)[:20]) or "none"
        raise invalid(f"there is no {name} {unknown[0][:64]}; there are: {listed}")


def flows(asked: dict[str, list[str]]) -> Test:
    """A test of flows.  Raises ApiError."""
    tests: list[Test] = []
    if "table" in asked:
        tables = {_table(text) for text in asked["table"]}
        tests.append(lambda flow: _table_of(flow) in tables)
    if "object" in asked:
        kinds = kinds_of(asked["object"], "object")
        tests.append(lambda flow: _kind_of(flow.get("object")) in kinds)
    if "cookie" in asked:
        cookies = {_cookie(text) for text in asked["cookie"]}
        tests.append(lambda flow: _cookie(flow.get("cookie")) in cookies)
    return lambda flow: all(test(flow) for test in tests)


def kinds_of(values: Iterable[str], name: str) -> set[str]:
    """Kinds of objects.  Raises ApiError."""
    found = set(values)
    if unknown := sorted(found - KINDS.keys()):
        raise invalid(f"{name}: there is no kind {unknown[0][:64]}; there are: "
                      f"{', '.join(sorted(KINDS))}")
    return found


def _table(text: str) -> int:
    if text in TABLE_IDS:
        return TABLE_IDS[text]
    if text.isascii() and text.isdigit() and len(text) < 4 and int(text) in TABLE_NAMES:
        return int(text)
    raise invalid(f"there is no table {text[:64]}; there are: {', '.join(TABLE_IDS)}")


def _table_of(flow: dict[str, Any]) -> int | None:
    table = flow.get("table")
    return TABLE_IDS.get(table) if isinstance(table, str) else table


def _kind_of(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return str(value[0]) if value else ""
    if isinstance(value, dict):
        return str(value.get("kind"))
    return str(value).split(":")[0]


def _cookie(value: Any) -> int | None:
    if not isinstance(value, str):
        return value
    try:
        return int(value[:32], 0)
    except ValueError as error:
        raise invalid(f"cookie is a number, as 0x564e, not '{value[:64]}'") from error


def invalid(text: str) -> ApiError:
    return ApiError(400, "InvalidInput", f"{text}.")
