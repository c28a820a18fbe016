"""vnctl networks, subnets, routers, security-groups: what was configured."""

from __future__ import annotations

import argparse
import ipaddress
from typing import Any

from .client import Client
from .command import completer
from .output import Records, Result
from .resources import named, resource
from .table import Column, Record, all_facts, table

NETWORKS: list[Column] = [
    ("NAME", "name"),
    ("ID", "id"),
    ("SEGMENT", lambda one: segment(one)),
    ("SUBNETS", "cidrs"),
    ("MTU", "mtu"),
]
NETWORKS_WIDE: list[Column] = [
    ("UP", "admin_state_up"),
    ("SHARED", "shared"),
    ("PROJECT", "project_id"),
    ("DOMAIN", "dns_domain"),
    ("IMPORT", "vpn:import_targets"),
    ("EXPORT", "vpn:export_targets"),
]
SUBNETS: list[Column] = [
    ("NAME", "name"),
    ("ID", "id"),
    ("NETWORK", "network_name"),
    ("CIDR", "cidr"),
    ("GATEWAY", "gateway_ip"),
    ("DHCP", "enable_dhcp"),
]
SUBNETS_WIDE: list[Column] = [
    ("POOLS", lambda one: [f"{pool['start']}-{pool['end']}" for pool in one["allocation_pools"]]),
    ("IPV6 MODE", lambda one: one.get("ipv6_address_mode") or one.get("ipv6_ra_mode")),
    ("DNS", "dns_nameservers"),
    ("PROJECT", "project_id"),
]
ROUTERS: list[Column] = [
    ("NAME", "name"),
    ("ID", "id"),
    ("VNI", "vpn:vni"),
    ("INTERFACES", "interfaces"),
]
ROUTERS_WIDE: list[Column] = [
    ("UP", "admin_state_up"),
    ("PROJECT", "project_id"),
    ("IMPORT", "vpn:import_targets"),
    ("EXPORT", "vpn:export_targets"),
]
INTERFACES: list[Column] = [
    ("PORT", "id"),
    ("NETWORK", "network_name"),
    ("ADDRESSES", lambda port: addresses(port)),
    ("MAC", "mac_address"),
]
GROUPS: list[Column] = [
    ("NAME", "name"),
    ("ID", "id"),
    ("RULES", lambda group: len(group["security_group_rules"])),
    ("STATEFUL", "stateful"),
    ("PROJECT", "project_id"),
]
RULES: list[Column] = [
    ("RULE", "id"),
    ("DIRECTION", "direction"),
    ("TYPE", "ethertype"),
    ("PROTOCOL", lambda rule: rule["protocol"] or "any"),
    ("PORTS", lambda rule: ports_of(rule)),
    ("REMOTE", "remote"),
]


def segment(network: Record) -> str:
    """What a network is on the wire: "1000" is the VNI of an overlay."""
    kind, physical = network.get("provider:network_type"), network.get("provider:physical_network")
    number = network.get("provider:segmentation_id")
    if not physical:
        return "" if number is None else str(number)
    return f"vlan {number} on {physical}" if kind == "vlan" else f"{kind} on {physical}"


def addresses(port: Record) -> list[str]:
    return [fixed["ip_address"] for fixed in port.get("fixed_ips") or []]


def ports_of(rule: Record) -> str:
    """"22", "80-90"; of ICMP "type 8 code 0"."""
    low, high = rule["port_range_min"], rule["port_range_max"]
    if rule["protocol"] in ("icmp", "ipv6-icmp", "icmpv6"):
        return "" if low is None else f"type {low}" + ("" if high is None else f" code {high}")
    if low is None and high is None:
        return ""
    return str(low) if low == high else f"{low}-{high}"


def in_order(cidrs: list[str]) -> list[str]:
    """IPv4 first, by address."""
    def key(text: str) -> tuple:
        try:
            prefix = ipaddress.ip_network(text)
        except ValueError:
            return (9, text)
        return (prefix.version, int(prefix.network_address), prefix.prefixlen)

    return sorted(cidrs, key=key)


def network_names(client: Client) -> dict[str, str]:
    return {one["id"]: one["name"] or one["id"] for one in client.networking("networks")}


def networks(client: Client, options: Any) -> Result:
    found = client.networking("networks")
    cidrs = {one["id"]: one["cidr"] for one in client.networking("subnets")} if found else {}
    shown = [{**one, "cidrs": in_order([cidrs.get(id, id) for id in one.get("subnets") or []])}
             for one in found]
    return Result({"networks": found}, Records(shown, NETWORKS, NETWORKS_WIDE, order="NAME"))


def network(client: Client, name: str) -> Result:
    found = client.find("networks", name)
    subnets = client.networking("subnets", network_id=found["id"])
    shown = [{**one, "network_name": found["name"]} for one in subnets]
    shown.sort(key=lambda one: in_order([one["cidr"] for one in subnets]).index(one["cidr"]))
    return Result({"network": found, "subnets": subnets},
                  f"{all_facts(found)}\n\n{table(shown, SUBNETS)}")


def subnets(client: Client, options: Any) -> Result:
    query = {}
    if options.network:
        query["network_id"] = client.find("networks", options.network)["id"]
    found = client.networking("subnets", **query)
    names = network_names(client)
    shown = [{**one, "network_name": names.get(one["network_id"])} for one in found]
    return Result({"subnets": found}, Records(shown, SUBNETS, SUBNETS_WIDE, order="NAME"))


def subnet(client: Client, name: str) -> Result:
    found = client.find("subnets", name)
    return Result({"subnet": found}, all_facts(found))


def routers(client: Client, options: Any) -> Result:
    found = client.networking("routers")
    ports = client.networking("ports", device_owner="network:router_interface") if found else []
    shown = [
        {**one, "interfaces": in_order([address for port in ports if port["device_id"] == one["id"]
                                        for address in addresses(port)])}
        for one in found
    ]
    return Result({"routers": found}, Records(shown, ROUTERS, ROUTERS_WIDE, order="NAME"))


def router(client: Client, name: str) -> Result:
    found = client.find("routers", name)
    ports = client.networking("ports", device_id=found["id"])
    names = network_names(client)
    shown = [{**one, "network_name": names.get(one["network_id"])} for one in ports]
    return Result({"router": found, "interfaces": ports},
                  f"{all_facts(found)}\n\n{table(shown, INTERFACES)}")


def groups(client: Client, options: Any) -> Result:
    found = client.networking("security-groups")
    return Result({"security_groups": found}, Records(found, GROUPS, order="NAME"))


def group(client: Client, name: str) -> Result:
    found = client.find("security-groups", name)
    names = {one["id"]: one["name"] for one in client.networking("security-groups")}
    rules = [
        {**rule, "remote": rule["remote_ip_prefix"] or rule["remote_address_group_id"]
         or names.get(rule["remote_group_id"], rule["remote_group_id"]) or "any"}
        for rule in found["security_group_rules"]
    ]
    rules.sort(key=lambda rule: (rule["direction"], rule["ethertype"], str(rule["protocol"])))
    head = {key: value for key, value in found.items() if key != "security_group_rules"}
    return Result({"security_group": found}, f"{all_facts(head)}\n\n{table(rules, RULES)}")


def of_network(parser: argparse.ArgumentParser) -> None:
    completer(parser.add_argument("--network", metavar="NETWORK",
                                  help="of this network only: its name or id"), named("networks"))


COMMANDS = [
    resource("network", "networks", "Networks and their subnets", networks, network,
             names=named("networks")),
    resource("subnet", "subnets", "Subnets: prefix, gateway, DHCP", subnets, subnet, of_network,
             ("vnctl subnets --network web",), named("subnets")),
    resource("router", "routers", "Routers and their interfaces", routers, router,
             names=named("routers")),
    resource("security-group", "security-groups", "Security groups and their rules", groups, group,
             names=named("security-groups")),
]  # fmt: skip
