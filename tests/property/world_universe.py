"""A small universe for the property tests of the World: names, numbers and addresses."""

from __future__ import annotations

import ipaddress
import os

from ryu_apps.control import ids

DEEPER = 20 if os.environ.get("HYPOTHESIS_PROFILE") == "soak" else 1
"""How many times more examples: HYPOTHESIS_PROFILE=soak."""
ASN = 64512
STALE_TIME = 100
NODE = "n1"
ELEMENTS = ("e0", "e1", "e2")
PEERS = ("p1", "p2")
PORTS = tuple(f"port{n}" for n in range(7))
INTERFACES = ("tap0", "tap1", "tap2", "tap3")
ENCAPSULATIONS = ("vxlan", "mpls-in-gre", "geneve", "nvgre")
PHYSICAL_NETWORKS = ("phys0", "phys1")
FOREIGN_VTEPS = ("192.0.2.7", "192.0.2.8")

NETWORKS = {"net0": (101, 1), "net1": (102, 2), "net2": (103, 3), "net3": (101, 1)}
"""net3 has the VNI of net0: ids are freed and given again; they never stand together."""
ROUTERS = {"router0": (201, 11), "router1": (202, 12), "router2": (103, 3)}
SUBNETS = {
    f"{network}-{version}": network for network in NETWORKS for version in ("a", "b")
}
CIDRS = {
    f"net{n}-{letter}": (
        (f"10.{n}.0.0/24", f"10.{n}.1.0/24") if letter == "a" else (f"fd00:{n}::/64",)
    )
    for n in range(4)
    for letter in "ab"
}


def host(subnet: str, number: int) -> str:
    n, letter = subnet[3], subnet[-1]
    text = f"10.{n}.0.{number}" if letter == "a" else f"fd00:{n}::{number:x}"
    return str(ipaddress.ip_address(text))


def mac(network: str, number: int) -> str:
    return f"fa:16:3e:00:0{network[3]}:{number:02x}"


def vteps(element: str) -> tuple[str, str]:
    n = int(element[1:])
    return f"172.16.0.{n + 1}", f"172.16.0.{n + 101}"


def target(vni: int) -> str:
    return ids.route_target(ASN, vni)
