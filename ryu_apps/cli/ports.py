"""vnctl ports: where they are, who claims them, and why one does not work."""

from __future__ import annotations

import argparse
import difflib
from typing import Any

from .client import Client, quote
from .command import completer
from .errors import CliError
from .networks import addresses, network_names, of_network
from .output import Records, Result
from .resources import named, resource
from .system import host_of, unknown_ports
from .table import Column, facts, table

ALIKE = 0.85
"""What of an id that was copied wrongly is the same, at least."""
PORTS: list[Column] = [
    ("NAME", "name"),
    ("ID", "id"),
    ("STATUS", "status"),
    ("HOST", "binding:host_id"),
    ("ADDRESSES", addresses),
    ("NETWORK", "network_name"),
]
PORTS_WIDE: list[Column] = [
    ("MAC", "mac_address"),
    ("OWNER", "device_owner"),
    ("DEVICE", "device_id"),
    ("UP", "admin_state_up"),
    ("SECURITY", "port_security_enabled"),
    ("PROJECT", "project_id"),
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


def ports(client: Client, options: Any) -> Result:
    query: dict[str, Any] = {}
    if options.network:
        query["network_id"] = client.find("networks", options.network)["id"]
    if options.host:
        query["binding:host_id"] = options.host
    if options.status:
        query["status"] = options.status
    found = client.networking("ports", **query)
    if options.host and not found:
        _known_host(client, options.host)
    names = network_names(client)
    shown = [{**one, "network_name": names.get(one["network_id"])} for one in found]
    return Result({"ports": found}, Records(shown, PORTS, PORTS_WIDE, order="NAME"))


def _known_host(client: Client, host: str) -> None:
    """Raises CliError for a host that is no hypervisor: no port can be there."""
    known = hosts(client)
    if host not in known:
        raise CliError(f"no hypervisor has the host name {host}; known: "
                       f"{', '.join(sorted(known)) or 'none'}")


def hosts(client: Client) -> list[str]:
    return [host_of(one) for one in client.system("elements", "elements")]


def port_show(client: Client, name: str) -> Result:
    port = client.find("ports", name)
    detail = client.get(f"/v1/ports/{quote(port['id'])}")
    network = client.networking("networks", id=port["network_id"])
    shown = {
        **port,
        "state": detail.get("state") or {},
        "network_name": network[0]["name"] if network else port["network_id"],
    }
    lines = [facts(shown, STATE), ""]
    claims = detail.get("claims") or []
    if claims:
        lines.append(table(claims, CLAIMS))
    else:
        lines.append(
            "No hypervisor claims it. On the one that has its interface:\n"
            f"  ovs-vsctl set Interface NAME external_ids:iface-id={port['id']}\n"
            "or, on any hypervisor, to try it:\n"
            f"  vnctl plug {port['id']} --netns NAME"
        )
        lines += [
            f"{interface} of {host} has the iface-id {iface_id}, which is no port's: a slip?"
            for host, interface, iface_id in _alike(client, port["id"])
        ]
    shared = detail.get("shared_addresses") or []
    if shared:
        lines += ["", table(shared, SHARED)]
    return Result({"port": port, **detail}, "\n".join(lines))


def _alike(client: Client, port_id: str) -> list[tuple[str, str, str]]:
    """(host, interface, iface-id) of interfaces whose iface-id is nearly that of this port."""
    return [
        (host_of(one), interface, iface_id)
        for one in client.system("elements", "elements")
        for interface, iface_id in unknown_ports(one)
        if len(iface_id) >= 4 and difflib.SequenceMatcher(
            None, port_id[:len(iface_id)], iface_id.strip().lower()).ratio() >= ALIKE
    ]


def _arguments(parser: argparse.ArgumentParser) -> None:
    of_network(parser)
    completer(parser.add_argument("--host", help="of this hypervisor only: its host name"), hosts)
    parser.add_argument("--status", type=str.upper, choices=["ACTIVE", "BUILD", "DOWN", "ERROR"],
                        help="in this state only")


COMMANDS = [
    resource("port", "ports", "Ports, where they are and whether they work", ports, port_show,
             _arguments, ("vnctl ports --network web --sort addresses",
                          "vnctl ports --host hv1 --status down -o wide"), named("ports")),
]  # fmt: skip
