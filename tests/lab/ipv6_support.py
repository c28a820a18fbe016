"""What the IPv6 tests of the lab share: a dual-stack tenant, raw frames, counters."""

from __future__ import annotations

import ipaddress
import struct
import sys
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from lab.client import Client
from lab.net import Namespace
from lab.topology import Lab
from lab.vm import PortSpec, Vm

WEB4, WEB6, DB6 = "10.66.1.0/24", "fd66:0:0:1::/64", "fd66:0:0:2::/64"
LAYOUT = (("web1", "hv1"), ("web2", "hv2"), ("web3", "hv3"), ("db1", "hv1"), ("db2", "hv3"))


@dataclass
class Tenant6:
    """Networks "web" (dual stack, SLAAC) and "db" (IPv6 alone, addresses ::1n), one router."""

    name: str
    client: Client
    networks: dict[str, dict[str, Any]] = field(default_factory=dict)
    subnets: dict[str, dict[str, Any]] = field(default_factory=dict)
    ports: dict[str, dict[str, Any]] = field(default_factory=dict)
    vms: dict[str, Vm] = field(default_factory=dict)
    gateways: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Network -> its IPv6 interface port."""

    def __post_init__(self) -> None:
        self.project_id = uuid.uuid4().hex

    def create_networks(self) -> None:
        create = self.client.create
        owned = {"project_id": self.project_id}
        for name in ("web", "db"):
            self.networks[name] = create("network", name=f"{self.name}-{name}", **owned)
        modes = {"ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac"}
        for key, network, cidr, more in (
            ("web4", "web", WEB4, {}), ("web6", "web", WEB6, modes), ("db6", "db", DB6, {}),
        ):  # fmt: skip
            self.subnets[key] = create(
                "subnet", network_id=self.networks[network]["id"], cidr=cidr,
                ip_version=6 if ":" in cidr else 4, **more, **owned,
            )
        router = create("router", name=self.name, **owned)
        self.open_up()
        for subnet in self.subnets.values():
            answer = self.client.add_router_interface(router["id"], subnet["id"])
            if subnet["ip_version"] == 6:
                network = "web" if subnet is self.subnets["web6"] else "db"
                self.gateways[network] = self.client.show("port", answer["port_id"])

    def open_up(self) -> None:
        """Let the tenant's default group receive anything: what these tests see dropped, no policy
        has dropped."""
        groups = self.client.get("/v2.0/security-groups", project_id=self.project_id)
        (group,) = groups["security_groups"]
        for ethertype in ("IPv4", "IPv6"):
            self.client.post("/v2.0/security-group-rules", {"security_group_rule": {
                "security_group_id": group["id"], "direction": "ingress", "ethertype": ethertype,
                "project_id": self.project_id,
            }})

    def create_vms(self, lab: Lab, layout: Iterable[tuple[str, str]] = LAYOUT) -> None:
        wanted = []
        for name, hypervisor in layout:
            network, number = name[:-1], name[-1]
            body: dict[str, Any] = {
                "name": f"{self.name}-{name}", "network_id": self.networks[network]["id"],
                "project_id": self.project_id,
            }
            if network == "db":
                address = str(ipaddress.ip_network(DB6)[0x10 + int(number)])
                body["fixed_ips"] = [{"ip_address": address}]
            port = self.ports[name] = self.client.create("port", **body)
            subnet = self.subnets["web4" if network == "web" else "db6"]
            spec = PortSpec.from_api(port, subnet)
            if network == "db":  # Configured below: IPv6 is off when the VM is wired.
                spec = PortSpec(port["id"], port["mac_address"], "192.0.2.1/32")
            wanted.append((f"{self.name}-{name}", hypervisor, spec))
        for (name, _), vm in zip(layout, lab.add_vms(wanted), strict=True):
            self.vms[name] = vm
            enable_ipv6(vm.space, self.address(name), self.gateway_of(name))
        self.client.wait_ports([port["id"] for port in self.ports.values()])

    def gateway_of(self, name: str) -> str:
        """Of the subnet; web3 uses the link-local address, as a router advertisement names it."""
        network = name[:-1]
        if name == "web3":
            return link_local(self.gateways[network]["mac_address"])
        return self.subnets[f"{network}6"]["gateway_ip"]

    def address(self, name: str) -> str:
        """The IPv6 address of a VM."""
        return next(
            one["ip_address"] for one in self.ports[name]["fixed_ips"] if ":" in one["ip_address"]
        )

    def mac(self, name: str) -> str:
        return self.ports[name]["mac_address"]


def link_local(mac: str) -> str:
    raw = bytes.fromhex(mac.replace(":", ""))
    return str(ipaddress.IPv6Address(
        b"\xfe\x80" + bytes(6) + bytes((raw[0] ^ 2,)) + raw[1:3] + b"\xff\xfe" + raw[3:]
    ))


def enable_ipv6(space: Namespace, address: str, gateway: str, dad: int = 0) -> None:
    """What a guest does by itself; router advertisements are not listened to here."""
    space.sysctl({
        "net.ipv6.conf.all.disable_ipv6": 0, "net.ipv6.conf.eth0.accept_ra": 0,
        "net.ipv6.conf.eth0.accept_dad": dad, "net.ipv6.conf.eth0.dad_transmits": dad,
        "net.ipv6.conf.eth0.disable_ipv6": 0, "net.ipv6.neigh.eth0.retrans_time_ms": 100,
        "net.ipv6.neigh.eth0.mcast_solicit": 20,
    })
    space.batch([
        f"address replace {address}/64 dev eth0",
        f"route replace ::/0 via {gateway} dev eth0",
    ])


def echoes(vm: Vm) -> int:
    """ICMPv6 echo requests that a VM has received."""
    return counter(vm, "Icmp6InEchos")


def counter(vm: Vm, name: str) -> int:
    for line in vm.space.run(["cat", "/proc/net/snmp6"]).stdout.splitlines():
        key, value = line.split()
        if key == name:
            return int(value)
    raise KeyError(name)


# ---------------------------------------------------------------- raw frames

_SEND = """
import socket, sys
link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
link.bind(("eth0", 0))
for line in sys.stdin.read().split():
    link.send(bytes.fromhex(line))
"""


def inject(vm: Vm, frames: Iterable[bytes]) -> None:
    """Send frames from a VM as they are, in order."""
    vm.space.run([sys.executable, "-c", _SEND], stdin="\n".join(map(bytes.hex, frames)) + "\n")


def _mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def _ip(text: str) -> bytes:
    return ipaddress.IPv6Address(text).packed


def icmp6(
    eth: tuple[str, str], ip: tuple[str, str], kind: int, body: bytes, hop_limit: int = 255,
) -> bytes:
    """An ICMPv6 frame; ``eth`` and ``ip``: source and destination."""
    source, target = map(_ip, ip)
    message = bytes((kind, 0, 0, 0)) + body
    pseudo = source + target + struct.pack("!II", len(message), 58) + message
    pseudo += bytes(len(pseudo) % 2)
    total = sum(struct.unpack(f"!{len(pseudo) // 2}H", pseudo))
    while total >> 16:
        total = (total >> 16) + (total & 0xFFFF)
    message = message[:2] + struct.pack("!H", ~total & 0xFFFF) + message[4:]
    header = struct.pack("!IHBB", 6 << 28, len(message), 58, hop_limit) + source + target
    return _mac(eth[1]) + _mac(eth[0]) + b"\x86\xdd" + header + message


def echo(eth: tuple[str, str], ip: tuple[str, str], data: bytes = b"") -> bytes:
    return icmp6(eth, ip, 128, struct.pack("!HH", 77, 1) + data, 64)


def advertisement(
    eth: tuple[str, str], ip: tuple[str, str], target: str, mac: str, override: bool = True
) -> bytes:
    flags = struct.pack("!I", 1 << 29 if override else 0)
    return icmp6(eth, ip, 136, flags + _ip(target) + b"\x02\x01" + _mac(mac))


def solicitation(eth: tuple[str, str], ip: tuple[str, str], target: str, mac: str) -> bytes:
    option = b"\x01\x01" + _mac(mac) if mac else b""
    return icmp6(eth, ip, 135, bytes(4) + _ip(target) + option)


def router_advertisement(eth: tuple[str, str], ip: tuple[str, str], prefix: str) -> bytes:
    """With a lifetime and an autonomous prefix: what would turn a network's traffic."""
    information = b"\x03\x04\x40\xc0" + struct.pack("!III", 3600, 3600, 0) + _ip(prefix)
    return icmp6(eth, ip, 134, struct.pack("!BBHII", 64, 0, 1800, 0, 0) + information)


def redirect(eth: tuple[str, str], ip: tuple[str, str], target: str, destination: str) -> bytes:
    return icmp6(eth, ip, 137, bytes(4) + _ip(target) + _ip(destination))
