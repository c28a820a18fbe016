"""vnctl plug and unplug: an interface for a port on this hypervisor, to try the network with.

What libvirt, Nova or a container runtime do for their guests.  What it made is marked in the
interface's external_ids, so that unplug removes this and nothing else.
"""

from __future__ import annotations

import argparse
import re
import time
import uuid
from typing import Any

from ryu_apps.cli.client import Client, quote
from ryu_apps.cli.command import Command, completer
from ryu_apps.cli.errors import NEGATIVE, OK, CliError
from ryu_apps.cli.output import Result
from ryu_apps.cli.plug import addressing, local
from ryu_apps.cli.resources import named
from ryu_apps.cli.table import Record, text

PATIENCE = 15.0
"""Seconds until the switch must have confirmed the port."""
_NETNS = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def interface_name(port_id: str) -> str:
    """As Nova forms it; at most 15 characters."""
    return f"tap{port_id[:11]}"


def plug(client: Client, options: Any) -> Result:
    local.must_be_root()
    netns = options.netns or ""
    if netns and not _NETNS.fullmatch(netns):
        raise CliError(f"{netns!r} cannot name a network namespace")
    port = client.find("ports", options.port)
    if port["device_owner"] == "network:router_interface":
        raise CliError("this port is a router's interface, which every vrouter has; it is not "
                       "plugged")
    if not local.bridge_exists():
        raise CliError(
            f"this Open vSwitch has no {local.BRIDGE}: it has not joined a node, or was refused "
            "(`vnctl elements`). To join:\n  ovs-vsctl set-manager tcp:NODE:6640 -- set "
            "Open_vSwitch . external_ids:vnc-encap-ip=ADDRESS"
        )
    name = _interface(port, netns)
    _bring_up(port, name, netns, client)
    state = _wait(client, port["id"])
    if state.get("status") != "ACTIVE":
        return Result(
            {"port": port["id"], "interface": name, "netns": netns, "state": state},
            f"{name} is on {local.BRIDGE}, but the port is {state.get('status')}: "
            f"{text(state.get('reason')) or 'no reason given'}; see `vnctl port show {port['id']}`",
            NEGATIVE,
        )
    notes, status = _address(client, port, name, netns, options.static)
    found = addressing.shown(netns, name)
    lines = [
        f"{port['name'] or port['id']}: {name} on {local.BRIDGE}, MAC {port['mac_address']}, "
        f"in {_where(netns)}, "
        f"{', '.join(found) or 'without address'}; ACTIVE",
        *notes,
    ]
    if netns:
        lines.append(f"  ip netns exec {netns} ping ADDRESS")
    lines.append(f"  vnctl unplug {port['name'] or port['id']}")
    return Result({"port": port["id"], "interface": name, "netns": netns, "addresses": found,
                   "state": state}, "\n".join(lines), status)


def _interface(port: Record, netns: str) -> str:
    """Make the interface on the bridge, or find the one that was made.  Raises CliError where
    somebody else's has the port."""
    name = interface_name(port["id"])
    for one in local.interfaces("iface-id", port["id"]):
        ids = one["external_ids"]
        if local.MADE not in ids:
            raise CliError(f"the interface {one['name']} has this port already, and vnctl did not "
                           "make it")
        if ids.get(local.NETNS, "") != netns:
            raise CliError(f"it is plugged already, in {_where(ids.get(local.NETNS, ''))}; "
                           f"vnctl unplug {port['id']} first")
        return one["name"]
    marks = {"iface-id": port["id"], "attached-mac": port["mac_address"],
             local.MADE: port["name"] or "yes", local.NETNS: netns,
             local.NETNS_MADE: "true" if netns and netns not in local.namespaces() else "false"}
    local.vsctl(
        "add-port", local.BRIDGE, name, "--", "set", "Interface", name, "type=internal",
        *(f"external_ids:{key}={_quoted(value)}" for key, value in marks.items()),
    )
    return name


def _where(netns: str) -> str:
    return f"namespace {netns}" if netns else "this host itself"


def _quoted(value: str) -> str:
    """As ovs-vsctl reads a string whatever is in it."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _bring_up(port: Record, name: str, netns: str, client: Client) -> None:
    """MAC and MTU, into its namespace, and up; whatever is so already stays."""
    network = client.get(f"/v2.0/networks/{quote(port['network_id'])}")["network"]
    local.vsctl("set", "Interface", name, f"mtu_request={network['mtu']}")
    if netns and netns not in local.namespaces():
        local.run(["ip", "netns", "add", netns])
    deadline = time.monotonic() + 5
    while not any(local.has_link(where, name) for where in {"", netns}):
        if time.monotonic() > deadline:
            error = [one["error"] for one in local.interfaces("iface-id", port["id"])]
            raise CliError(f"Open vSwitch did not make {name}: {''.join(error) or 'no reason'}")
        time.sleep(0.05)
    if netns and local.has_link("", name):
        local.ip("", "link", "set", name, "netns", netns)
    local.ip(netns, "link", "set", name, "address", port["mac_address"])
    local.ip(netns, "link", "set", name, "mtu", str(network["mtu"]), check=False)
    if netns:
        local.ip(netns, "link", "set", "lo", "up")
    else:
        local.no_advertised_routes(name)
    local.ip(netns, "link", "set", name, "up")


def _wait(client: Client, port_id: str) -> dict[str, Any]:
    """The port's state, when it is ACTIVE, or after a while as it is."""
    deadline = time.monotonic() + PATIENCE
    while True:
        state = client.get(f"/v1/ports/{quote(port_id)}").get("state") or {}
        if state.get("status") in ("ACTIVE", "ERROR") or time.monotonic() > deadline:
            return state
        time.sleep(0.1)


def _address(
    client: Client, port: Record, name: str, netns: str, static: bool
) -> tuple[list[str], int]:
    """Lines for people, and the exit status."""
    assigned = addressing.configured(client, port)
    if not any(":" not in address for address in assigned.addresses) and not static:
        addressing.put(netns, name, assigned)  # No DHCP without IPv4.
        return [], OK
    program = addressing.client_program()
    if static or not program:
        addressing.put(netns, name, assigned)
        return ([] if static else ["no DHCP client here (udhcpc, dhclient): the addresses are the "
                                   "API's"]), OK
    got = addressing.asked(program, netns, name)
    if got is None:
        return [f"nobody answered {program}: is DHCP of the subnet on (`vnctl subnets`)? "
                "--static takes the addresses from the API"], NEGATIVE
    addressing.put(netns, name, got)
    return [], OK


# ---------------------------------------------------------------- the way back


def unplug(client: Client, options: Any) -> Result:
    local.must_be_root()
    found = _plugged(client, options.port)
    if not found:
        return Result({"removed": []}, f"{options.port} is not plugged here")
    removed: list[str] = []
    notes = []
    for one in found:
        ids = one["external_ids"]
        if local.MADE not in ids:
            raise CliError(f"vnctl did not make the interface {one['name']}; to remove it:\n"
                           f"  ovs-vsctl del-port {local.BRIDGE} {one['name']}")
        local.vsctl("--if-exists", "del-port", local.BRIDGE, one["name"])
        removed.append(one["name"])
        netns = ids.get(local.NETNS, "")
        if not netns or netns not in local.namespaces():
            continue
        others = local.interfaces(local.NETNS, netns)
        if ids.get(local.NETNS_MADE) != "true":
            continue
        if others:
            # Whoever leaves last removes it.
            local.vsctl("set", "Interface", others[0]["name"],
                        f"external_ids:{local.NETNS_MADE}=true")
        elif left := _left(netns, one["name"]):
            notes.append(f"the namespace {netns} stays: {', '.join(left)} is in it")
        else:
            local.run(["ip", "netns", "delete", netns])
            removed.append(f"namespace {netns}")
    return Result({"removed": removed}, "\n".join([f"removed {', '.join(removed)}", *notes]))


def _left(netns: str, name: str) -> list[str]:
    """Interfaces of others in a namespace; ours goes a moment after it was deleted."""
    deadline = time.monotonic() + 3
    while local.has_link(netns, name) and time.monotonic() < deadline:
        time.sleep(0.05)
    return [one for one in local.links(netns) if one != name]


def _plugged(client: Client, name: str) -> list[dict[str, Any]]:
    """Interfaces here of the port with this id or name; the node is asked only for names, and
    not for those that were plugged by name."""
    try:
        return local.interfaces("iface-id", str(uuid.UUID(name)))
    except ValueError:
        pass
    try:
        return local.interfaces("iface-id", client.find("ports", name)["id"])
    except CliError:
        found = local.interfaces(local.MADE, name)  # It has been deleted, or the node is away.
        if not found:
            raise
        return found


def _port(parser: argparse.ArgumentParser) -> None:
    completer(parser.add_argument("port", metavar="PORT", help="name or id"), named("ports"))


def _plug_arguments(parser: argparse.ArgumentParser) -> None:
    _port(parser)
    parser.add_argument("--netns", metavar="NAME", help="put it into this network namespace, which "
                        "is made if there is none; without: into this host itself, without routes")
    parser.add_argument("--static", action="store_true", help="take its addresses from the API "
                        "instead of asking by DHCP")


COMMANDS = [
    Command("plug", "Make an interface for a port, on this hypervisor (as root)", plug,
            _plug_arguments, ("vnctl plug vm1 --netns vm1", "vnctl plug vm1 --netns vm1 --static"),
            lists=False, watched=False),
    Command("unplug", "Remove what plug made", unplug, _port, ("vnctl unplug vm1",), lists=False,
            watched=False),
]  # fmt: skip
