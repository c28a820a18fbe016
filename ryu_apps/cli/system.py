"""vnctl status, nodes, elements, peers, dns, metadata: the system itself."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from .client import Client, quote
from .command import Command
from .errors import NEGATIVE, OK, USAGE, CliError
from .output import Records, Result
from .resources import resource
from .table import Column, Record, Source, all_facts, facts, table, text

NODES: list[Column] = [
    ("NODE", lambda node: first(node, "node", "name")),
    ("ALIVE", "alive"),
    ("API", "url"),
    ("AS", "local_as"),
    ("ROUTER ID", "router_id"),
    ("ELEMENTS", lambda node: count(node.get("elements"))),
    ("PORTS", lambda node: load_of(node, "ports")),
    ("MSG/S", lambda node: load_of(node, "messages")),
    ("WEIGHT", "weight"),
    ("SHARE", "share"),
    ("DRAINING", lambda node: node.get("why") or node.get("draining")),
    ("VERSION", "version"),
    ("SINCE", "started_at"),
]
ELEMENTS: list[Column] = [
    ("ELEMENT", lambda element: element_id(element)),
    ("HOST", lambda element: host_of(element)),
    ("VTEP", "vtep"),
    ("OWNER", "owner"),
    ("STATE", lambda element: state_of(element)),
    ("PORTS", lambda element: count(element.get("ports"))),
    ("TUNNELS", lambda element: tunnels_text(element.get("tunnels"))),
    ("REASON", lambda element: reason_of(element)),
]
ELEMENTS_WIDE: list[Column] = [
    ("EPOCH", "epoch"),
    ("WHY", "why"),
    ("OWNED SINCE", "since"),
    ("PIN", "pin"),
    ("OVS", "ovs_version"),
    ("ENCAPSULATIONS", lambda element: " ".join(element.get("encapsulations") or ())),
    ("SETTLED", "settled"),
    ("ADDRESS", "address"),
    ("DATAPATH", "datapath_id"),
    ("ROUTER MAC", "router_mac"),
]
PLUGGED: list[Column] = [("PORT", "id"), ("INTERFACE", "interface"), ("OFPORT", "ofport")]
UNKNOWN: list[Column] = [("UNKNOWN PORT", "iface_id"), ("INTERFACE", "interface")]
TUNNELS: list[Column] = [
    ("TUNNEL TO", "vtep"), ("ENCAP", "encap"), ("PATH", "path"), ("OFPORT", "ofport"),
    ("BFD", "bfd"), ("ERROR", "error"),
]
PEERS: list[Column] = [
    ("PEER", "address"),
    ("NAME", lambda peer: first(peer, "name", "peer")),
    ("AS", "remote_as"),
    ("KIND", "kind"),
    ("STATE", "state"),
    ("FOR", lambda peer: duration(peer.get("uptime"))),
    ("RESTART", lambda peer: restart_terms(peer)),
    ("PATHS", "paths"),
    ("STALE", lambda peer: peer.get("stale_paths") or ""),
    ("PENDING", lambda peer: peer.get("pending") or ""),
    ("REFUSED", lambda peer: sum((peer.get("refused") or {}).values()) or ""),
    ("LAST ERROR", lambda peer: "; ".join(filter(None, (
        peer.get("last_error"), peer.get("dial_error"))))),
]

PEERS_WIDE: list[Column] = [("FAMILIES", "families")]
STALLED, POLL = 60.0, 0.5
"""Seconds without progress after which a drain is waited for no longer; between two looks at it."""
SHOWN = 2
"""Unknown ports of a hypervisor in a list of hypervisors."""


def restart_terms(peer: Record) -> str:
    """What the peer said of graceful restart: its time, the time of a long-lived one, and the flags
    R, F and N."""
    if not peer.get("graceful_restart") and not peer.get("long_lived_time"):
        return "-" if peer.get("up") else ""
    flags = (("R", "restarting"), ("F", "forwarding"), ("N", "notification"))
    times = f"{peer['restart_time'] if peer.get('graceful_restart') else 0}s"
    if peer.get("long_lived_time"):
        times += f"+{peer['long_lived_time']}s"
    return f"{times} " + "".join(name for name, word in flags if peer.get(word))


def load_of(node: Record, what: str) -> Any:
    """What a node says of its load; rounded down, see `docs/operations.md`."""
    load = node.get("load")
    return load.get(what) if isinstance(load, dict) else None


def first(record: Record, *names: str) -> Any:
    """The first of these fields that the record has."""
    return next((record[name] for name in names if record.get(name) is not None), None)


def duration(seconds: Any) -> str:
    """"2d 3h", "3h 5m", "5m 7s"; "" for what is no number."""
    if not isinstance(seconds, (int, float)) or seconds <= 0:
        return ""
    minutes, left = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d {hours}h"
    return f"{hours}h {minutes}m" if hours else f"{minutes}m {left}s"


def count(value: Any) -> Any:
    return len(value) if isinstance(value, (list, tuple, dict)) else value


def element_id(element: Record) -> str:
    return str(first(element, "id", "element") or "")


def host_of(element: Record) -> str:
    return str(first(element, "host", "hostname") or element_id(element))


def reason_of(element: Record) -> str:
    """Why it is not connected, or not accepted; who else waits for it; and what is plugged into it
    that nobody knows."""
    waiting = [
        f"{one.get('node')} {one.get('reason')}" for one in element.get("standby") or ()
        if isinstance(one, dict)
    ]
    unknown = [f"{interface}: no port has the id {iface_id}"
               for interface, iface_id in unknown_ports(element)]
    if len(unknown) > SHOWN:
        unknown[SHOWN:] = [f"and {len(unknown) - SHOWN} more, see `vnctl element show "
                           f"{element_id(element)}`"]
    return "; ".join(filter(None, [
        element.get("refused") or element.get("reason"), *waiting, *unknown,
    ]))


def unknown_ports(element: Record) -> list[tuple[str, str]]:
    """(interface, iface-id) of interfaces whose iface-id is no port's."""
    found = element.get("unknown_ports")
    return [(text(one.get("interface")), text(one.get("iface_id")))
            for one in (found if isinstance(found, list) else ()) if isinstance(one, dict)]


def tunnels_text(tunnels: Any) -> Any:
    """"3" or, where BFD is not up everywhere, "2 of 3 up"."""
    if not isinstance(tunnels, list):
        return tunnels
    watched = [one for one in tunnels if isinstance(one, dict) and one.get("bfd")]
    up = sum(one["bfd"] == "up" for one in watched)
    return len(tunnels) if up == len(watched) else f"{len(tunnels) - len(watched) + up} of " \
        f"{len(tunnels)} up"


def state_of(element: Record) -> str:
    """"connected", "disconnected", or "refused"."""
    if element.get("refused"):
        return "refused"
    return "connected" if element.get("connected") else "disconnected"


def result_of(check: Record) -> str:
    if check.get("warning"):
        return "warning"
    return "ok" if check.get("ok") else "FAILED"


def status(client: Client, options: Any) -> Result:
    health = client.get("/v1/health", accept=(503,))
    good = health.get("status") == "ok"
    checks = health.get("checks") or []
    head = {key: value for key, value in health.items() if key != "checks"}
    lines = [
        facts({"API": client.url, **head}, [("API", "API"), *((name, name) for name in head)]),
        "",
        table(
            checks,
            [
                ("CHECK", "name"),
                ("RESULT", result_of),
                ("DETAIL", "detail"),
            ],
        ),
    ]
    return Result(health, "\n".join(lines), OK if good else NEGATIVE)


def listing(
    path: str, columns: list[Column], wide: Sequence[Column] = (), key: Source = "id",
    order: str = "",
) -> Callable[[Client, Any], Result]:
    """A list below /v1.  What nodes did not say is said, and the exit status is 1."""

    def show(client: Client, options: Any) -> Result:
        found = client.system(path, path)
        data = {path: list(found)}
        if found.unanswered:
            data["unanswered"] = found.unanswered
        note = missing_text(found.unanswered)
        return Result(data, Records(found, columns, wide, key, order, note),
                      NEGATIVE if note else OK)

    return show


def missing_text(unanswered: Sequence[Record]) -> str:
    return "\n".join(f"not told by node {text(one.get('node'))}, which {text(one.get('reason'))}"
                     for one in unanswered)


def elements_named(client: Client) -> list[str]:
    return [element_id(one) for one in client.system("elements", "elements")]


def find_element(client: Client, name: str) -> Record:
    """The element with this system-id, host name or VTEP.  Raises CliError."""
    elements = client.system("elements", "elements")
    found = [one for one in elements if name in (element_id(one), host_of(one), one.get("vtep"))
             and not one.get("refused")]
    if len(found) == 1:
        return found[0]
    known = ", ".join(sorted(element_id(one) for one in elements)) or "none"
    raise CliError(f"{'no' if not found else 'more than one'} element {name}; known: {known}")


def element(client: Client, name: str) -> Result:
    refused = [one for one in client.system("elements", "elements")
               if one.get("refused") and name in (one.get("id"), one.get("address"))]
    one = refused[0] if refused else client.get(
        f"/v1/elements/{quote(element_id(find_element(client, name)))}")
    parts = (("ports", PLUGGED), ("unknown_ports", UNKNOWN), ("tunnels", TUNNELS))
    lines = [all_facts({key: value for key, value in one.items() if key not in dict(parts)})]
    for key, columns in parts:
        found = one.get(key)
        if isinstance(found, list) and found:
            lines += ["", table(found, columns)]
    return Result(one, "\n".join(lines))


def node(client: Client, name: str) -> Result:
    found = client.get(f"/v1/nodes/{quote(name)}")
    return Result(found, all_facts(found))


def nodes_named(client: Client) -> list[str]:
    return [str(first(one, "node", "name")) for one in client.system("nodes", "nodes")]


def drain(client: Client, options: Any) -> Result:
    """Ask for it; with --wait until the node owns nothing, or nothing moves for STALLED."""
    path = f"/v1/nodes/{quote(options.name)}"
    found = client.post(f"{path}/drain")
    left, since = None, time.monotonic()
    while options.wait and (now_left := found.get("elements")) != 0:
        if now_left != left:
            left, since = now_left, time.monotonic()
            print(f"{options.name}: {left} left", file=sys.stderr, flush=True)
        elif time.monotonic() - since > STALLED:
            return Result(found, f"{options.name}: {found.get('why')}", NEGATIVE)
        time.sleep(POLL)
        found = client.get(path)
    return Result(found, all_facts(found))


def undrain(client: Client, options: Any) -> Result:
    found = client.post(f"/v1/nodes/{quote(options.name)}/undrain")
    return Result(found, all_facts(found))


def pin(client: Client, options: Any) -> Result:
    if not options.node:
        raise CliError(f"vnctl element pin {options.name} NODE: which node?", USAGE)
    name = element_id(find_element(client, options.name))
    client.put(f"/v1/elements/{quote(name)}/pin/{quote(options.node)}")
    return element(client, name)


def unpin(client: Client, options: Any) -> Result:
    name = element_id(find_element(client, options.name))
    client.delete(f"/v1/elements/{quote(name)}/pin")
    return element(client, name)


def _wait_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--wait", action="store_true", help="drain: until the node owns nothing")


def _node_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("node", nargs="?", metavar="NODE", help="pin: the node that is to own it")


def dns(client: Client, options: Any) -> Result:
    found = client.get("/v1/dns")
    return Result(found, all_facts(found))


def metadata(client: Client, options: Any) -> Result:
    found = client.get("/v1/metadata")
    return Result(found, all_facts(found))


COMMANDS = [
    Command("status", "Is this node well?", status, examples=("vnctl status", "vnctl status -w 5"),
            lists=False),
    resource("node", "nodes", "VNC nodes of the system: what they own, and how much that is",
             listing("nodes", NODES, (), "node", "NODE"), node, _wait_argument,
             ("vnctl node drain NAME --wait", "vnctl node undrain NAME"), nodes_named,
             {"drain": drain, "undrain": undrain}),
    resource("element", "elements", "Hypervisors: owner, VTEP, ports, tunnels",
             listing("elements", ELEMENTS, ELEMENTS_WIDE, "id", "ELEMENT"), element,
             _node_argument, ("vnctl element pin NAME NODE", "vnctl element unpin NAME"),
             elements_named, {"pin": pin, "unpin": unpin}),
    Command("peers", "BGP peers of this node", listing("peers", PEERS, PEERS_WIDE, "name", "PEER"),
            aliases=("peer",)),
    Command("dns", "What this node did with names that VMs asked for", dns, lists=False),
    Command("metadata", "What this node did with what instances asked of the metadata service",
            metadata, lists=False),
]  # fmt: skip
