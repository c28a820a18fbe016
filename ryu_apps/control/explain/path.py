"""The way of a packet to the port that has its destination: one network, or a router.  Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from ryu_apps.control.config.attachments import beyond, static_routes
from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import FloatingIP, Port, Subnet
from ryu_apps.control.explain.rules import Packet, contains

Exists = Callable[[int, str], str]
"""(VNI of an EVI or a VRF, address) -> the prefix by which its routes lead there, or ""."""
Holder = Callable[[list[str], str], str]
"""(ids of the ports of a network that may have an address, the address) -> the one that has it now,
or "" where none is known to."""
PASS, DROP, UNKNOWN = "pass", "drop", "unknown"
NAMED = 5
"""So many ports that may have an address are named."""


@dataclass
class Stage:
    """``verdict``: PASS, DROP, or UNKNOWN: nobody here can say; ``rules``: ids of those that allow
    it."""

    stage: str
    verdict: str
    reason: str
    port: str = ""
    rules: list[str] = field(default_factory=list)
    nearest: list[dict[str, str]] = field(default_factory=list)

    def data(self) -> dict[str, Any]:
        return {
            "stage": self.stage, "verdict": self.verdict, "reason": self.reason,
            "port": self.port, "rules": self.rules, "nearest": self.nearest,
        }


class Observed(Protocol):
    """What the switches have, see :class:`~ryu_apps.control.explain.forwarding.Forwarding`."""

    def trace(self, port: Port, subnet: Subnet, packet: Packet, name: str = "") -> Stage: ...

    def node_answers(self, port: Port, key: tuple | None = None) -> Stage | None: ...

    def policy(self, port: Port, rules: list[str]) -> Stage | None: ...

    def is_here(self, port: Port) -> bool: ...

    def limits(self, port: Port) -> str: ...

    def useless(self, vni: int, address: str) -> str: ...


def path_of(
    config: Config, port: Port, subnet: Subnet, packet: Packet, routed: Exists, holder: Holder,
    useless: Callable[[int, str], str] = lambda vni, address: "",
) -> tuple[Stage, Port | None]:
    """From the sender to the port that has the address: through one network, or a router.

    ``useless``: (VNI, address) -> what is known of the address and does not help, or "".
    """
    address = ipaddress.ip_address(packet.destination)
    if address in subnet.net:
        how = f"same network, {subnet.cidr}"
        return _arrival(config, subnet, packet.destination, how, routed, holder, useless)
    interface = next(
        (config.ports[id] for id in config.interfaces_by_subnet.get(subnet.id, ())), None
    )
    if interface is None:
        return Stage(
            "path", "drop",
            f"{packet.destination} is outside of {subnet.cidr}, and no router has an interface "
            "there",
        ), None
    router = config.routers.get(interface.device_id)
    if router is None or not router.admin_state_up:
        return Stage("path", "drop", f"router {interface.device_id} is down"), None
    best: Subnet | None = None
    for id in config.ports_by_device.get(router.id, ()):
        for fixed in config.ports[id].fixed_ips:
            other = config.subnets.get(fixed.subnet_id)
            if (other is not None and other.ip_version == packet.version
                    and address in other.net
                    and (best is None or other.net.prefixlen > best.net.prefixlen)):
                best = other
    via = f"router {router.name or router.id}"
    routes = static_routes(config, router.id)
    if best is not None and not (
        best.cidr in routes and (best.id, packet.destination) not in config.ports_by_address
    ):
        how = f"{via}, {best.cidr}"
        return _arrival(config, best, packet.destination, how, routed, holder, useless)
    prefix = routed(router.vni, packet.destination)
    if (item := leaves_by(config, port, packet, None)) is not None and (
        not prefix or prefix.endswith("/0")
    ):
        return Stage(
            "path", "pass",
            f"{via}, by its external gateway; what is done outside is not looked at",
            item.floating_port_id,
        ), None
    if hops := routes.get(prefix):
        return Stage(
            "path", "pass", f"{via}, by its own route {prefix} to {' or '.join(hops)}; what the "
            "rules of the port there and the systems behind it do is not looked at"
        ), None
    if prefix.endswith("/0") and router.gateways:
        return Stage(
            "path", "pass", f"{via}, by the route {prefix} of its external gateway; what is done "
            "outside is not looked at"
        ), None
    if prefix:
        return Stage("path", "pass", f"{via}, by the route {prefix} of another system"), None
    why = f"{via} has no route to {packet.destination}" + useless(router.vni, packet.destination)
    return Stage("path", "drop", why), None


def leaves_by(
    config: Config, port: Port, packet: Packet, target: Port | None
) -> FloatingIP | None:
    """The floating IP that a port's packet leaves by, or None: it does not, or has none."""
    for id in config.floatingips_by_port.get(port.id, ()):
        item = config.floatingips[id]
        router = config.routers.get(item.router_id)
        if item.fixed_ip_address != packet.source or router is None:
            continue
        if target is not None and target.network_id != item.floating_network_id:
            continue
        if any(contains(prefix, packet.destination)
               for prefix in beyond(config, router, item.floating_network_id)):
            return item
    return None


def _arrival(
    config: Config, subnet: Subnet, address: str, how: str, routed: Exists, holder: Holder,
    useless: Callable[[int, str], str],
) -> tuple[Stage, Port | None]:
    ids = config.ports_by_address.get((subnet.id, address))
    if ids:
        target = config.ports[min(ids)]
        if target.is_router_interface:
            return Stage("path", "pass", f"{how}: it is a gateway's own address", target.id), None
        return Stage("path", "pass", f"{how}, port {port_name(target)}", target.id), target
    sharing = [
        id for id in config.ports_by_network.get(subnet.network_id, ())
        if any(contains(pair.ip_address, address)
               for pair in config.ports[id].allowed_address_pairs)
    ]
    if sharing and (id := holder(sharing, address)):
        what = f"{how}, allowed address pair of port {port_name(config.ports[id])}"
        return Stage("path", "pass", what, id), config.ports[id]
    network = config.networks.get(subnet.network_id)
    if network is not None and routed(network.vni, address):
        return Stage("path", "pass", f"{how}, known by a route of another system"), None
    if network is not None and network.physical_network:
        return Stage(
            "path", "pass", f"{how}: no port has the address {address}, so it is asked for on "
            f"physical network {network.physical_network}"
        ), None
    why = f"{how}: no port has the address {address}"
    if sharing:
        names = ", ".join(port_name(config.ports[id]) for id in sorted(sharing)[:NAMED])
        why += f"; allowed address pairs let it be at {names}, but none has announced it"
    if network is not None:
        why += useless(network.vni, address)
        if network.flood_unknown:
            return Stage("path", UNKNOWN, f"{why}; the network asks everybody for it"), None
    return Stage("path", "drop", why), None


def port_name(port: Port) -> str:
    return port.name or port.id
