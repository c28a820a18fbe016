"""vnctl networks, ports, port show: what was configured, and what became of it."""

from __future__ import annotations

import argparse
from typing import Any

from .client import Client, quote
from .command import Command, Result
from .table import Column, Record, facts, table

NETWORKS: list[Column] = [
    ("NAME", "name"),
    ("ID", "id"),
    ("VNI", "provider:segmentation_id"),
    ("SUBNETS", lambda network: network.get("cidrs")),
    ("MTU", "mtu"),
    ("UP", "admin_state_up"),
    ("PROJECT", "project_id"),
]


def addresses(port: Record) -> list[str]:
    return [fixed["ip_address"] for fixed in port.get("fixed_ips") or []]


PORTS: list[Column] = [
    ("NAME", "name"),
    ("ID", "id"),
    ("STATUS", "status"),
    ("HOST", "binding:host_id"),
    ("MAC", "mac_address"),
    ("ADDRESSES", addresses),
    ("NETWORK", "network_name"),
    ("OWNER", "device_owner"),
]
STATE: list[Column] = [
    ("Port", "id"),
    ("Name", "name"),
    ("Network", "network_name"),
    ("MAC", "mac_address"),
    ("Addresses", addresses),
    ("Device", "device_id"),
    ("Owner", "device_owner"),
    ("Enabled", "admin_state_up"),
    ("Status", lambda port: port["state"].get("status")),
    ("Host", lambda port: port["state"].get("host")),
    ("Element", lambda port: port["state"].get("element")),
    ("Reason", lambda port: port["state"].get("reason")),
]
CLAIMS: list[Column] = [
    ("ELEMENT", "element"),
    ("HOST", "host"),
    ("INTERFACE", "interface"),
    ("OFPORT", "ofport"),
    ("HOLDS", "holds"),
    ("REASON", "reason"),
]
SHARED: list[Column] = [
    ("SHARED ADDRESS", "address"),
    ("AT", lambda one: "this port" if one.get("here") else one.get("port") or one.get("host")),
    ("HOST", lambda one: one.get("host") or "nowhere"),
    ("MAC", "mac"),
]


def networks(client: Client, options: Any) -> Result:
    found = client.networking("networks")
    cidrs = {one["id"]: one["cidr"] for one in client.networking("subnets")} if found else {}
    shown = [
        {**one, "cidrs": [cidrs.get(id, id) for id in one.get("subnets") or []]} for one in found
    ]
    return Result({"networks": found}, table(shown, NETWORKS))


def ports(client: Client, options: Any) -> Result:
    names = {one["id"]: one["name"] or one["id"] for one in client.networking("networks")}
    query: dict[str, Any] = {}
    if options.network:
        query["network_id"] = client.find("networks", options.network)["id"]
    if options.host:
        query["binding:host_id"] = options.host
    if options.status:
        query["status"] = options.status
    found = client.networking("ports", **query)
    shown = [{**one, "network_name": names.get(one["network_id"])} for one in found]
    return Result({"ports": found}, table(shown, PORTS))


def port_show(client: Client, options: Any) -> Result:
    port = client.find("ports", options.port)
    detail = client.get(f"/v1/ports/{quote(port['id'])}")
    network = client.networking("networks", id=port["network_id"])
    state = detail.get("state") or {}
    shown = {
        **port,
        "state": state,
        "network_name": network[0]["name"] if network else port["network_id"],
    }
    lines = [facts(shown, STATE), ""]
    claims = detail.get("claims") or []
    if claims:
        lines.append(table(claims, CLAIMS))
    else:
        lines.append(
            "No hypervisor claims it. On the one that has its interface:\n"
            f"  ovs-vsctl set Interface NAME external_ids:iface-id={port['id']}"
        )
    shared = detail.get("shared_addresses") or []
    if shared:
        lines += ["", table(shared, SHARED)]
    return Result({"port": port, **detail}, "\n".join(lines))


def _ports_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--network", metavar="NETWORK", help="name or id")
    parser.add_argument("--host", help="host name of a hypervisor")
    parser.add_argument("--status", type=str.upper, choices=["ACTIVE", "BUILD", "DOWN", "ERROR"])


def _port_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["show"])
    parser.add_argument("port", metavar="PORT", help="name or id")


COMMANDS = [
    Command("networks", "Networks and their subnets", networks),
    Command(
        "ports", "Ports, where they are and whether they work", ports, _ports_arguments,
        ("vnctl ports --network web", "vnctl ports --host hv1 --status down"),
    ),
    Command(
        "port", "One port: its state and who claims it", port_show, _port_arguments,
        ("vnctl port show web1",),
    ),
]  # fmt: skip
