"""vnctl status, nodes, elements, peers: the system itself."""

from __future__ import annotations

from typing import Any

from .client import Client
from .command import Command, Result
from .errors import NEGATIVE, OK
from .table import Column, Record, facts, table

NODES: list[Column] = [
    ("NODE", lambda node: first(node, "node", "name")),
    ("ALIVE", "alive"),
    ("API", "url"),
    ("AS", "local_as"),
    ("ROUTER ID", "router_id"),
    ("ELEMENTS", lambda node: count(node.get("elements"))),
    ("VERSION", "version"),
    ("SINCE", "started_at"),
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
    ("SETTLED", "settled"),
    ("REASON", "reason"),
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
    ("LAST ERROR", "last_error"),
]


def restart_terms(peer: Record) -> str:
    """What the peer said of graceful restart: its time, and the flags R, F and N."""
    if not peer.get("graceful_restart"):
        return "-" if peer.get("up") else ""
    flags = (("R", "restarting"), ("F", "forwarding"), ("N", "notification"))
    return f"{peer['restart_time']}s " + "".join(name for name, word in flags if peer.get(word))


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
