"""The addresses of an interface that was plugged: asked for by DHCP, or as the API has them."""

from __future__ import annotations

import ipaddress
import os
import shutil
import tempfile
from dataclasses import dataclass, field
from typing import Any

from ryu_apps.cli.client import Client, quote
from ryu_apps.cli.errors import CliError
from ryu_apps.cli.plug import local
from ryu_apps.cli.table import Record

SCRIPT = """#!/bin/sh
# Told by udhcpc or dhclient what it got; says it in lines, and changes nothing.
case "${1:-}${reason:-}" in
bound|renew|*BOUND)
    echo "vnc address=${ip:-${new_ip_address:-}} mask=${subnet:-${new_subnet_mask:-}}"
    echo "vnc router=${router:-${new_routers:-}}"
    echo "vnc routes=${staticroutes:-}" ;;
esac
exit 0
"""


@dataclass
class Addresses:
    """``addresses``: with prefix lengths.  ``routes``: (prefix, gateway)."""

    addresses: list[str] = field(default_factory=list)
    routes: list[tuple[str, str]] = field(default_factory=list)


def configured(client: Client, port: Record) -> Addresses:
    """What the API says of a port.  IPv6 addresses and routers that are advertised are left to
    router advertisements (RFC 4861), which every kernel heeds."""
    found = Addresses()
    for fixed in port.get("fixed_ips") or []:
        subnet = client.get(f"/v2.0/subnets/{quote(fixed['subnet_id'])}")["subnet"]
        mode = subnet.get("ipv6_ra_mode") or ""
        if mode in ("slaac", "dhcpv6-stateless"):
            continue
        prefix = ipaddress.ip_network(subnet["cidr"])
        found.addresses.append(f"{fixed['ip_address']}/{prefix.prefixlen}")
        if subnet.get("gateway_ip") and not mode:
            found.routes.append(("default", subnet["gateway_ip"]))
        for route in subnet.get("host_routes") or []:
            found.routes.append((route["destination"], route["nexthop"]))
    return found


def client_program() -> str:
    """A DHCP client of this host, or ""."""
    return next((name for name in ("udhcpc", "dhclient") if shutil.which(name)), "")


def asked(program: str, netns: str, interface: str) -> Addresses | None:
    """What DHCP says, asked once; None: nobody answered.  Raises CliError."""
    inside = ["ip", "netns", "exec", netns] if netns else []
    with tempfile.TemporaryDirectory(prefix="vnctl-") as directory:
        script, pid, leases = (os.path.join(directory, name) for name in ("said", "pid", "leases"))
        with open(script, "w") as file:
            file.write(SCRIPT)
        os.chmod(script, 0o755)
        if program == "udhcpc":
            said = local.run([*inside, program, "-f", "-n", "-q", "-t", "5", "-T", "1", "-i",
                              interface, "-s", script, "-p", pid], check=False)
        else:
            files = ["-sf", script, "-pf", pid, "-lf", leases, interface]
            # It stays in the background; told to end, it keeps the address.
            said = local.run(["timeout", "15", *inside, program, "-1", *files], check=False)
            local.run([*inside, program, "-x", *files], check=False)
    return parse(said)


def parse(said: str) -> Addresses | None:
    """What the script printed; the rest is the program's own."""
    values = dict(
        part.split("=", 1) for line in said.splitlines() if line.startswith("vnc ")
        for part in _parts(line.removeprefix("vnc "))
    )
    if not values.get("address") or not values.get("mask"):
        return None
    try:
        prefix = ipaddress.ip_interface(f"{values['address']}/{values['mask']}")
        found = Addresses([prefix.with_prefixlen])
        routes = values.get("routes", "").split()
        for destination, gateway in zip(routes[::2], routes[1::2], strict=False):
            network = ipaddress.ip_network(destination)
            name = "default" if network.prefixlen == 0 else str(network)
            found.routes.append((name, str(ipaddress.ip_address(gateway))))
        if not routes and values.get("router"):
            gateway = values["router"].split()[0]
            found.routes.append(("default", str(ipaddress.ip_address(gateway))))
    except ValueError as error:
        raise CliError(f"DHCP said what makes no sense: {error}") from error
    return found


def _parts(line: str) -> list[str]:
    """"address=... mask=..." in two; a value that has blanks stands alone on its line."""
    return line.split(" ") if line.startswith("address=") else [line]


def put(netns: str, interface: str, assigned: Addresses) -> list[str]:
    """Make it so.  Routes are put into namespaces only: this host's own are not vnctl's."""
    for address in assigned.addresses:
        more = ["nodad"] if ":" in address else []
        local.ip(netns, "address", "replace", address, "dev", interface, *more)
    for destination, gateway in assigned.routes if netns else ():
        family = "-6" if ":" in gateway else "-4"
        via = [] if gateway in ("0.0.0.0", "::") else ["via", gateway]
        local.ip(netns, family, "route", "replace", destination, *via, "dev", interface)
    return assigned.addresses


def shown(netns: str, interface: str) -> list[Any]:
    """Addresses that the interface has now, but link-local ones."""
    words = local.ip(netns, "-o", "address", "show", "dev", interface, "scope", "global").split()
    return [words[at + 1] for at, word in enumerate(words) if word in ("inet", "inet6")]
