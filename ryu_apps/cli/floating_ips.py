"""vnctl floating-ips: addresses of external networks, and what they stand for."""

from __future__ import annotations

from typing import Any

from .client import Client
from .errors import CliError
from .networks import network_names
from .output import Records, Result
from .resources import resource
from .table import Column, all_facts

FLOATING_IPS: list[Column] = [
    ("ADDRESS", "floating_ip_address"),
    ("ID", "id"),
    ("NETWORK", "network_name"),
    ("FIXED", "fixed_ip_address"),
    ("PORT", lambda one: (one["port_details"] or {}).get("name") or one["port_id"]),
    ("STATUS", "status"),
]
FLOATING_IPS_WIDE: list[Column] = [
    ("ROUTER", "router_id"),
    ("PROJECT", "project_id"),
    ("DESCRIPTION", "description"),
]


def floating_ips(client: Client, options: Any) -> Result:
    found = client.networking("floatingips")
    names = network_names(client) if found else {}
    shown = [{**one, "network_name": names.get(one["floating_network_id"])} for one in found]
    return Result(
        {"floatingips": found},
        Records(shown, FLOATING_IPS, FLOATING_IPS_WIDE, order="ADDRESS"),
    )


def floating_ip(client: Client, name: str) -> Result:
    """``name``: its id or its address."""
    found = client.networking("floatingips", id=name) or client.networking(
        "floatingips", floating_ip_address=name
    )
    if len(found) != 1:
        what = "no floating IP" if not found else f"{len(found)} floating IPs"
        raise CliError(f"{what} has the id or address {name}; see `vnctl floating-ips`")
    return Result({"floatingip": found[0]}, all_facts(found[0]))


def _addresses(client: Client) -> list[str]:
    return [one["floating_ip_address"] for one in client.networking("floatingips")]


COMMANDS = [
    resource("floating-ip", "floating-ips", "Floating IPs and the ports that they stand for",
             floating_ips, floating_ip, names=_addresses),
]  # fmt: skip
