"""vnctl explain: whether a connection is allowed, and which rules say so; no packet is sent."""

from __future__ import annotations

import argparse
import ipaddress
from typing import Any

from .client import Client, quote
from .command import Command, completer, port_number
from .errors import NEGATIVE, OK, CliError
from .output import Result
from .resources import named
from .table import table, text


def run(client: Client, options: Any) -> Result:
    port = client.find("ports", options.port)
    query: dict[str, Any] = {"port": port["id"], "to": _target(client, options.to)}
    if options.tcp is not None:
        query |= {"protocol": "tcp", "dport": str(options.tcp)}
    elif options.udp is not None:
        query |= {"protocol": "udp", "dport": str(options.udp)}
    elif options.protocol is not None:
        query["protocol"] = options.protocol
    else:
        query["protocol"] = "icmp"
    if options.source:
        query["from"] = options.source
    data = client.get("/v1/explain", **query)
    return Result(data, render(data), OK if data["verdict"] == "allowed" else NEGATIVE)


def _target(client: Client, name: str) -> str:
    """An address as it is; else the id of the port with that name or id."""
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        pass
    try:
        return client.find("ports", name)["id"]
    except CliError as error:
        raise CliError(f"{name} is no IP address, and {error}") from error


def render(data: dict[str, Any]) -> str:
    head = f"{data['packet']} from {_end(data['source'])} to {_end(data['destination'])}"
    verdict = data["verdict"].upper()
    lines = [head, f"{verdict}: {text(data['reason'])}" if data["reason"] else verdict, ""]
    lines.append(table(data["stages"], [
        ("STAGE", "stage"), ("VERDICT", "verdict"), ("RULES", "rules"), ("REASON", "reason"),
    ]))  # fmt: skip
    for stage in data["stages"]:
        if stage["nearest"]:
            lines += ["", f"nearest of the {stage['stage']}:"]
            lines += [f"  {one['rule']}  {text(one['why'])}" for one in stage["nearest"]]
    return "\n".join(lines)


def _end(end: dict[str, str]) -> str:
    """A port and its address, or the address alone where no port has it."""
    name = text(end["name"] or end["port"])
    return f"{name} ({end['address']})" if name else end["address"]


def counters(client: Client, options: Any) -> Result:
    data = client.get(f"/v1/security-group-rules/{quote(options.rule)}/counters")
    rows = [
        *data["vrouters"],
        {"host": "all", "packets": data["packets"], "bytes": data["bytes"]},
    ]
    lines = [table(rows, [
        ("HOST", "host"), ("ELEMENT", "element"), ("PACKETS", "packets"), ("BYTES", "bytes"),
    ])]  # fmt: skip
    for one in data["unanswered"]:
        who = one.get("host") or one.get("node") or ""
        lines.append(f"not counted: {text(who)}: {text(one.get('error') or one.get('reason'))}")
    return Result(data, "\n".join(lines), NEGATIVE if data["unanswered"] else OK)


def arguments(parser: argparse.ArgumentParser) -> None:
    completer(parser.add_argument("port", metavar="PORT", help="the sending port: name or id"),
              named("ports"))
    parser.add_argument(
        "--to", metavar="ADDRESS", required=True, help="where to: an IP address, or a port"
    )
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--icmp", action="store_true", help="an echo request (default)")
    kind.add_argument("--tcp", metavar="N", type=port_number, help="TCP to this port")
    kind.add_argument("--udp", metavar="N", type=port_number, help="UDP to this port")
    kind.add_argument("--protocol", metavar="P", help="another protocol, by name or number")
    parser.add_argument(
        "--from", dest="source", metavar="ADDRESS", help="send from this one, not the port's own"
    )


def _rule_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("rule", metavar="RULE", help="id of a security group rule")


COMMANDS = [
    Command(
        "explain", "Is a connection allowed, and by which rules?", run, arguments,
        (
            "vnctl explain web1 --to 10.0.2.7 --tcp 22",
            "vnctl explain web1 --to db1 --icmp",
            "vnctl explain web1 --to fd00::7 --udp 53 --json",
        ),
        lists=False,
    ),
    Command(
        "rule-counters", "What a security group rule matched, on every hypervisor", counters,
        _rule_argument, ("vnctl rule-counters 6d0c0f6e-3b1c-4b8e-9a53-0b0c6f0f7b11 -w",),
        lists=False,
    ),
]  # fmt: skip
