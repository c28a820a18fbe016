"""What the IPv6 tests of the lab share: a dual-stack tenant, counters."""

from __future__ import annotations

import ipaddress
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from lab.client import Client
from lab.hosts.vm import PortSpec, Vm
from lab.topology import Lab
from lab.traffic.ipv6 import enable_ipv6, link_local

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


def echoes(vm: Vm) -> int:
    """ICMPv6 echo requests that a VM has received."""
    return counter(vm, "Icmp6InEchos")


def counter(vm: Vm, name: str) -> int:
    for line in vm.space.run(["cat", "/proc/net/snmp6"]).stdout.splitlines():
        key, value = line.split()
        if key == name:
            return int(value)
    raise KeyError(name)
