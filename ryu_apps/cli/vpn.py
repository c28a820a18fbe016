"""vnctl evis, vrfs, rib, flows: what the network is made of."""

from __future__ import annotations

import argparse
from typing import Any

from .client import Client, quote
from .command import Command, Result
from .errors import CliError
from .system import element_id, first, host_of
from .table import Column, Record, table, text

_VPN: list[Column] = [
    ("VNI", "vni"),
    ("NAME", "name"),
    ("RD INDEX", "rd_index"),
    ("IMPORT", "import_targets"),
    ("EXPORT", "export_targets"),
    ("VROUTERS", "vrouters"),
]
EVIS: list[Column] = [*_VPN, ("MACS", "macs"), ("NETWORK", "network")]
VRFS: list[Column] = [*_VPN, ("PREFIXES", "prefixes"), ("ROUTER", "router")]
RIB: list[Column] = [
    ("", lambda path: "*" if path.get("best") else ""),
    ("TYPE", "type"),
    ("RD", "rd"),
    ("ROUTE", lambda path: route_text(path)),
    ("NEXT HOP", "next_hop"),
    ("VNI", "labels"),
    ("ROUTE TARGETS", "rts"),
    ("FROM", "peer"),
    ("STALE", lambda path: "stale" if path.get("stale") else ""),
    ("NOTE", lambda path: note(path)),
]
RIB_FILTERS = ("type", "evi", "vrf", "rt", "mac", "ip", "prefix", "next_hop", "peer", "rd")


def route_text(path: Record) -> str:
    """What the route is about: MAC and address, prefix, or the originator of an inclusive one."""
    parts = [text(path[name]) for name in ("mac", "ip", "prefix") if path.get(name)]
    return " ".join(parts) or text(first(path, "originator", "route", "key"))


def note(path: Record) -> str:
    """Why the route is of no use here, or not to all that import it."""
    unused = [
        f"VNI {one.get('vni')} does not use it: {text(one.get('reason'))}"
        for one in path.get("unused") or []
    ]
    return "; ".join([*unused, *([text(path["hint"])] if path.get("hint") else [])])


def find_element(client: Client, name: str) -> Record:
    """The element with this system-id, host name or VTEP.  Raises CliError."""
    elements = client.system("elements", "elements")
    found = [one for one in elements if name in (element_id(one), host_of(one), one.get("vtep"))]
    if len(found) == 1:
        return found[0]
    known = ", ".join(sorted(element_id(one) for one in elements)) or "none"
    raise CliError(f"{'no' if not found else 'more than one'} element {name}; known: {known}")


def _listing(path: str, columns: list[Column]):
    def show(client: Client, options: Any) -> Result:
        found = client.system(path, path)
        return Result({path: found}, table(found, columns))

    return show


def rib(client: Client, options: Any) -> Result:
    query = {name: getattr(options, name) for name in RIB_FILTERS}
    paths = client.system("rib", "rib", best="true" if options.best else None, **query)
    return Result({"rib": paths}, table(paths, RIB) + f"\n{len(paths)} paths; * best")


def _rib_arguments(parser: argparse.ArgumentParser) -> None:
    for name in RIB_FILTERS:
        parser.add_argument(f"--{name.replace('_', '-')}", metavar=name.upper())
    parser.add_argument("--best", action="store_true", help="best paths only")


def flows(client: Client, options: Any) -> Result:
    element = element_id(find_element(client, options.element))
    found = client.system(
        f"vrouters/{quote(element)}/flows", "flows", table=options.table, object=options.object,
        cookie=options.cookie,
    )  # fmt: skip
    columns: list[Column] = [
        ("TABLE", lambda flow: first(flow, "table_name", "table")),
        ("PRIORITY", "priority"),
        ("MATCH", lambda flow: match_text(flow.get("match"))),
        ("ACTIONS", lambda flow: text(flow.get("actions"))),
        ("OBJECT", lambda flow: object_text(flow.get("object"))),
    ]
    return Result({"flows": found}, table(found, columns) + f"\n{len(found)} flows")


def match_text(match: Any) -> str:
    if isinstance(match, dict):
        return ",".join(f"{key}={text(value)}" for key, value in match.items()) or "any"
    return text(match) or "any"


def object_text(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return " ".join(text(one) for one in value)
    return text(value)


def _flow_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("element", metavar="ELEMENT", help="system-id, host name or VTEP")
    parser.add_argument("--table", help="name or number")
    parser.add_argument("--object", metavar="KIND", help="kind of object: port, route, mac ...")
    parser.add_argument("--cookie")


COMMANDS = [
    Command("evis", "EVIs (MAC-VRFs), one for each network", _listing("evis", EVIS)),
    Command("vrfs", "VRFs (IP-VRFs), one for each router", _listing("vrfs", VRFS)),
    Command(
        "rib", "Routes this node knows", rib, _rib_arguments,
        ("vnctl rib --type 2 --mac fa:16:3e:00:00:01", "vnctl rib --best --vrf 5000"),
    ),
    Command(
        "flows", "Flows installed in a virtual router", flows, _flow_arguments,
        ("vnctl flows hv1", "vnctl flows hv1 --table route", "vnctl flows hv1 --object port"),
    ),
]  # fmt: skip
