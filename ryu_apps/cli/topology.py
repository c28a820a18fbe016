"""vnctl topology: what hangs on what, for people as a tree, for graphviz as DOT."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import Any

from .client import Client
from .command import Command
from .errors import NEGATIVE, OK
from .output import Result
from .system import missing_text
from .table import Record, text

_UNITS = ((10**12, "T"), (10**9, "G"), (10**6, "M"))
_SHAPES = {"hypervisor": "box", "node": "component", "switch": "box3d", "router": "ellipse"}
_COLOURS = {"up": "darkgreen", "down": "red"}


def topology(client: Client, options: Any) -> Result:
    found = client.get("/v1/topology")
    missing = missing_text(found.get("unanswered") or [])
    status = NEGATIVE if missing else OK
    if options.dot:
        return Result(found, "\n".join(dot(found)), status)
    return Result(found, "\n".join([*tree(found), *([missing] if missing else [])]), status)


# ------------------------------------------------------------ for people


def tree(found: Record) -> list[str]:
    """Switches with what is cabled to them, then what hangs on nothing known, then the rest."""
    devices, links = found["devices"], found["links"]
    lines: list[str] = []
    placed: set[str] = set()
    for device in _of(devices, "switch", "router"):
        ends = [(b, a, link) for link in links for b, a in _ends(link) if b["device"]
                == device["id"]]
        lines += [_headline(device), *_branches(
            [f"{_port(b)} -- {_port(a)} {text(a['device'])}  {_link(link)}" for b, a, link in ends]
        )]
        placed.update(a["device"] for _, a, _ in ends)
    for device in _of(devices, "hypervisor"):
        mine = [(end, link) for link in links if link["kind"] == "physical"
                for end, other in ((link["a"], link["b"]), (link["b"], link["a"]))
                if end and end["device"] == device["id"]]  # fmt: skip
        lines += [_headline(device), *_branches(
            [f"{_port(end)} -- {_far(link, end)}  {_link(link)}" for end, link in mine]
        )]
    for device in _of(devices, "node"):
        owned = [one["id"] for one in _of(devices, "hypervisor")
                 if one["owner"] == device["id"]]
        lines += [_headline(device), *_branches(
            [f"owns {', '.join(map(text, owned))}"] if owned else []
        )]
    return lines


def _of(devices: Iterable[Record], *kinds: str) -> list[Record]:
    return [one for one in devices if one["kind"] in kinds]


def _ends(link: Record) -> list[tuple[Record, Record]]:
    """(end, other end), in both directions where both are known."""
    if not link["b"]:
        return []
    return [(link["b"], link["a"]), (link["a"], link["b"])]


def _far(link: Record, here: Record) -> str:
    far = link["b"] if here is link["a"] else link["a"]
    return f"{_port(far)} {text(far['device'])}" if far else "(no neighbour heard)"


def _port(end: Record) -> str:
    return text(end["port"]) or "*"


def _headline(device: Record) -> str:
    parts = [device["kind"], text(device["name"] or device["id"])]
    if device["name"] and device["name"] != device["id"]:
        parts.append(f"({text(device['id'])})")
    parts.append(device["state"])
    parts.append(text(device["addresses"]))
    heard = sorted({f"{one['how']} by {one['node']}" for one in device["known_by"]
                    if one["how"] != "store"})  # fmt: skip
    if heard:
        parts.append(f"known from {', '.join(map(text, heard))}")
    if device["prefixes"]:
        parts.append(f"announces {text(device['prefixes'])}")
    return "  ".join(filter(None, parts))


def _branches(lines: list[str]) -> list[str]:
    return [f"{'└─' if at == len(lines) - 1 else '├─'} {line.rstrip()}"
            for at, line in enumerate(lines)]


def _link(link: Record) -> str:
    if link["kind"] == "routed":
        return f"{link['state']}  routes by {text(link['detail'])}"
    if link["kind"] == "bgp":
        return f"BGP {text(link['detail']) or link['state']}"
    parts = [link["state"], text(link["detail"]), speed(link["speed"])]
    if link["mtu"]:
        parts.append(f"mtu {link['mtu']}")
    tunnels = link["carries"]["tunnels"]
    if tunnels["total"]:
        parts.append(f"tunnels {tunnels['up']} of {tunnels['total']} up")
    down = [f"{text(one['device'] or one['vtep'])} path {one['path']}"
            for one in link["carries"]["shown"] if one["bfd"] == "down"]  # fmt: skip
    if down:
        parts.append(f"down: {', '.join(down[:4])}{', ...' if len(down) > 4 else ''}")
    return "  ".join(filter(None, parts))


def speed(bits: Any) -> str:
    """"25 Gb/s"; "" where it is not known."""
    for unit, name in _UNITS:
        if isinstance(bits, int) and bits >= unit:
            return f"{bits / unit:g} {name}b/s"
    return ""


# ------------------------------------------------------------ for graphviz


def dot(found: Record) -> list[str]:
    """The topology in the DOT language (graphviz.org/doc/info/lang.html)."""
    lines = ["graph topology {", "  rankdir=TB;", "  node [fontname=sans];"]
    for device in found["devices"]:
        label = "\n".join(filter(None, [device["name"] or device["id"], *device["addresses"][:4]]))
        lines.append(
            f"  {_quoted(device['id'])} [label={_quoted(label)}, "
            f"shape={_SHAPES.get(device['kind'], 'box')}, "
            f"color={_COLOURS.get(device['state'], 'gray')}];"
        )
    for at, link in enumerate(found["links"]):
        far = link["b"]
        if far is None:
            far = {"device": f"?{at}", "port": ""}
            lines.append(f"  {_quoted(far['device'])} [label=\"?\", shape=plaintext];")
        style = "dashed" if link["kind"] == "bgp" else "solid"
        lines.append(
            f"  {_quoted(link['a']['device'])} -- {_quoted(far['device'])} "
            f"[taillabel={_quoted(link['a']['port'])}, headlabel={_quoted(far['port'])}, "
            f"label={_quoted(_link(link))}, style={style}, "
            f"color={_COLOURS.get(link['state'], 'gray')}];"
        )
    return [*lines, "}"]


def _quoted(value: str) -> str:
    shown = "\n".join(text(line) for line in str(value).split("\n"))
    return '"' + shown.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dot", action="store_true", help="for graphviz: vnctl topology --dot | "
                        "dot -Tsvg")


COMMANDS = [
    Command("topology", "Servers, switches, routers, their links, and what runs over them",
            topology, _arguments,
            ("vnctl topology", "vnctl topology --json", "vnctl topology --dot | dot -Tsvg"),
            lists=False),
]  # fmt: skip
