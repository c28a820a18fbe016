"""vnctl status, nodes, elements, peers: the system itself."""

from __future__ import annotations

from typing import Any

from .client import Client
from .command import Command, Result
from .errors import NEGATIVE, OK
from .table import Column, Record, facts, table

NODES: list[Column] = [
    ("NAME", "name"),
    ("STATE", lambda node: node.get("state") or node.get("status")),
    ("API", lambda node: node.get("url") or node.get("api")),
    ("ROUTER ID", "router_id"),
    ("ELEMENTS", lambda node: count(node.get("elements"))),
    ("VERSION", "version"),
    ("SINCE", lambda node: node.get("since") or node.get("started_at")),
]
ELEMENTS: list[Column] = [
    ("ELEMENT", lambda element: element_id(element)),
    ("HOST", lambda element: host_of(element)),
    ("VTEP", "vtep"),
    ("OWNER", "owner"),
    ("CONNECTED", "connected"),
    ("PORTS", lambda element: count(element.get("ports"))),
    ("TUNNELS", lambda element: tunnels_text(element.get("tunnels"))),
    ("OVS", "ovs_version"),
    ("REASON", lambda element: element.get("reason") or element.get("refused")),
]
PEERS: list[Column] = [
    ("PEER", lambda peer: peer.get("address") or peer.get("peer")),
    ("NAME", "name"),
    ("AS", lambda peer: peer.get("remote_as") or peer.get("as")),
    ("STATE", "state"),
    ("RECEIVED", lambda peer: first(peer, "paths", "received", "routes_received")),
    ("SENT", lambda peer: first(peer, "sent", "announced", "routes_sent")),
    ("UPTIME", lambda peer: first(peer, "uptime", "since")),
    ("LAST ERROR", lambda peer: first(peer, "last_error", "error", "reason")),
]


def first(record: Record, *names: str) -> Any:
    """The first of these fields that the record has."""
    return next((record[name] for name in names if record.get(name) is not None), None)


def count(value: Any) -> Any:
    return len(value) if isinstance(value, (list, tuple, dict)) else value


def element_id(element: Record) -> str:
    return str(first(element, "element", "id", "system_id") or "")


def host_of(element: Record) -> str:
    return str(first(element, "host", "hostname") or element_id(element))


def tunnels_text(tunnels: Any) -> Any:
    """"3" or, where BFD is not up everywhere, "2 of 3 up"."""
    if not isinstance(tunnels, list):
        return tunnels
    watched = [one for one in tunnels if isinstance(one, dict) and one.get("bfd")]
    up = sum(one["bfd"] == "up" for one in watched)
    return len(tunnels) if up == len(watched) else f"{len(tunnels) - len(watched) + up} of " \
        f"{len(tunnels)} up"


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
                ("", lambda check: "ok" if check.get("ok") else "FAILED"),
                ("DETAIL", "detail"),
            ],
        ),
    ]
    return Result(health, "\n".join(lines), OK if good else NEGATIVE)


def _listing(path: str, columns: list[Column]):
    def show(client: Client, options: Any) -> Result:
        found = client.system(path, path)
        return Result({path: found}, table(found, columns))

    return show


COMMANDS = [
    Command("status", "Is this node well?", status, examples=("vnctl status",)),
    Command("nodes", "VNC nodes of the system", _listing("nodes", NODES)),
    Command("elements", "Hypervisors: owner, VTEP, tunnels", _listing("elements", ELEMENTS)),
    Command("peers", "BGP peers of this node", _listing("peers", PEERS)),
]
