"""vnctl evis, vrfs, rib, flows, objects: what the network is made of."""

from __future__ import annotations

import argparse
from typing import Any

from vrouter_ovs.schema.tables import TABLE_NAMES
from vrouter_ovs.state import KINDS

from .client import Client, quote
from .command import Command, completer
from .output import Records, Result
from .system import element_id, elements_named, find_element, first, listing
from .table import Column, Record, text

_VPN: list[Column] = [
    ("VNI", "vni"),
    ("NAME", "name"),
    ("VROUTERS", "vrouters"),
]
_TARGETS: list[Column] = [
    ("RD INDEX", "rd_index"), ("IMPORT", "import_targets"), ("EXPORT", "export_targets"),
]
EVIS: list[Column] = [*_VPN, ("MACS", "macs")]
EVIS_WIDE: list[Column] = [*_TARGETS, ("ADDRESSES", "addresses"), ("NETWORK", "network")]
VRFS: list[Column] = [*_VPN, ("PREFIXES", "prefixes")]
VRFS_WIDE: list[Column] = [*_TARGETS, ("ROUTER", "router")]
RIB: list[Column] = [
    ("BEST", lambda path: "*" if path.get("best") else ""),
    ("TYPE", lambda path: first(path, "type", "family")),
    ("RD", "rd"),
    ("ROUTE", lambda path: route_text(path)),
    ("NEXT HOP", "next_hop"),
    ("VNI", "labels"),
    ("FROM", "peer"),
    ("STATE", lambda path: route_state(path)),
    ("NOTE", lambda path: note(path)),
]
RIB_WIDE: list[Column] = [
    ("ROUTE TARGETS", "rts"), ("ROUTER MAC", "router_mac"), ("MOBILITY", "mobility"),
    ("AS PATH", "as_path"), ("EVIS", "evi"), ("VRFS", "vrf"),
]
RIB_FILTERS = {
    "family": "address family, as l2vpn-evpn or ipv4-unicast",
    "type": "route type: 1 to 5 (2: MAC/IP, 3: inclusive multicast, 5: prefix)",
    "evi": "VNI of an EVI that imports it, see `vnctl evis`",
    "vrf": "VNI of a VRF that imports it, see `vnctl vrfs`",
    "rt": "route target, as 64512:1000",
    "mac": "MAC address, of type 2",
    "ip": "IP address, of type 2",
    "prefix": "prefix, of type 5, as 10.0.0.0/24",
    "next_hop": "VTEP that it leads to",
    "peer": "who it came from, see `vnctl peers`, or local",
    "rd": "route distinguisher, as 192.0.2.1:7",
}
"""Filter -> what it is."""
OBJECTS: list[Column] = [
    ("KIND", "kind"),
    ("KEY", lambda one: object_text(one.get("key"))),
    ("REST", lambda one: {name: value for name, value in one.items()
                          if name not in ("kind", "key") and value not in (None, "", [], False)}),
]
FLOWS: list[Column] = [
    ("TABLE", lambda flow: first(flow, "table_name", "table")),
    ("PRIORITY", "priority"),
    ("MATCH", lambda flow: match_text(flow.get("match"))),
    ("ACTIONS", lambda flow: text(flow.get("actions"))),
    ("OBJECT", lambda flow: object_text(flow.get("object"))),
]
FLOWS_WIDE: list[Column] = [("COOKIE", "cookie"), ("PACKETS", "packets"), ("BYTES", "bytes")]


def route_text(path: Record) -> str:
    """What the route is about: MAC and address, prefix, or the originator of an inclusive one."""
    parts = [text(path[name]) for name in ("mac", "ip", "prefix") if path.get(name)]
    return " ".join(parts) or text(first(path, "originator", "route", "key"))


def route_state(path: Record) -> str:
    """"least": of a peer that has been away for longer than its restart time (RFC 9494)."""
    if path.get("least_preferred"):
        return "least preferred"
    return "stale" if path.get("stale") else "live"


def note(path: Record) -> str:
    """Why the route is of no use here, or not to all that import it."""
    unused = [
        f"VNI {one.get('vni')} does not use it: {text(one.get('reason'))}"
        for one in path.get("unused") or []
    ]
    return "; ".join([*unused, *([text(path["hint"])] if path.get("hint") else [])])


def rib(client: Client, options: Any) -> Result:
    query = {name: getattr(options, name) for name in RIB_FILTERS}
    paths = client.system("rib", "rib", best="true" if options.best else None, **query)
    return Result({"rib": list(paths)},
                  Records(paths, RIB, RIB_WIDE, route_text, note=f"{len(paths)} paths; * best"))


def _rib_arguments(parser: argparse.ArgumentParser) -> None:
    for name, help in RIB_FILTERS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", metavar=name.upper(), help=help)
    parser.add_argument("--best", action="store_true", help="best paths only")


def flows(client: Client, options: Any) -> Result:
    element = element_id(find_element(client, options.element))
    found = client.system(
        f"vrouters/{quote(element)}/flows", "flows", table=options.table, object=options.object,
        cookie=options.cookie,
    )  # fmt: skip
    return Result({"flows": list(found)},
                  Records(found, FLOWS, FLOWS_WIDE, "cookie", note=f"{len(found)} flows"))


def objects(client: Client, options: Any) -> Result:
    element = element_id(find_element(client, options.element))
    found = client.system(f"vrouters/{quote(element)}/objects", "objects", kind=options.kind)
    return Result({"objects": list(found)}, Records(
        found, OBJECTS, (), lambda one: object_text(one.get("key")), note=f"{len(found)} objects"))


def match_text(match: Any) -> str:
    if isinstance(match, dict):
        return ",".join(f"{key}={text(value)}" for key, value in match.items()) or "any"
    return text(match) or "any"


def object_text(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return " ".join(text(one) for one in value)
    return text(value)


def _element_argument(parser: argparse.ArgumentParser) -> None:
    completer(parser.add_argument("element", metavar="ELEMENT",
                                  help="system-id, host name or VTEP"), elements_named)


def _flow_arguments(parser: argparse.ArgumentParser) -> None:
    _element_argument(parser)
    completer(parser.add_argument("--table", help="of this table only: its name or number"),
              lambda client: TABLE_NAMES.values())
    completer(parser.add_argument("--object", metavar="KIND",
                                  help=f"of this kind of object only: {', '.join(sorted(KINDS))}"),
              lambda client: KINDS)
    parser.add_argument("--cookie", help="with this cookie only, as 0x564e")


def _object_arguments(parser: argparse.ArgumentParser) -> None:
    _element_argument(parser)
    completer(parser.add_argument("--kind", help=f"of this kind only: {', '.join(sorted(KINDS))}"),
              lambda client: KINDS)


COMMANDS = [
    Command("evis", "EVIs (MAC-VRFs), one for each network",
            listing("evis", EVIS, EVIS_WIDE, "vni", "VNI"), aliases=("evi",)),
    Command("vrfs", "VRFs (IP-VRFs), one for each router",
            listing("vrfs", VRFS, VRFS_WIDE, "vni", "VNI"), aliases=("vrf",)),
    Command(
        "rib", "Routes this node knows", rib, _rib_arguments,
        ("vnctl rib --type 2 --mac fa:16:3e:00:00:01", "vnctl rib --best --vrf 5000"),
        ("routes",),
    ),
    Command(
        "flows", "Flows installed in a virtual router", flows, _flow_arguments,
        ("vnctl flows hv1", "vnctl flows hv1 --table route", "vnctl flows hv1 --object port"),
    ),
    Command("objects", "What a virtual router must do", objects, _object_arguments,
            ("vnctl objects hv1 --kind route",)),
]  # fmt: skip
