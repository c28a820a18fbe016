"""Tenants of a lab: two networks joined by a router, and VMs on every hypervisor.

All tenants use the same subnets and addresses on purpose: what keeps them apart is the product.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from lab.client import Client
from lab.hosts.vm import PortSpec, Vm
from lab.topology import Lab
from lab.traffic.ipv6 import link_local
from lab.traffic.ping import PingStream

CIDRS = {"web": "10.0.1.0/24", "db": "10.0.2.0/24"}
CIDRS6 = {"web": "fd00:0:0:1::/64", "db": "fd00:0:0:2::/64"}
LAYOUT = (
    ("web1", "hv1"), ("web2", "hv1"), ("web3", "hv2"), ("web4", "hv3"),
    ("db1", "hv1"), ("db2", "hv2"), ("db3", "hv3"),
)  # fmt: skip
"""VM name (its network, a number) and hypervisor; VM n of a network has the address .1n."""


@dataclass
class Tenant:
    """``vms``: by their short name ("web1"); in the lab they are called "<tenant>-web1"."""

    name: str
    client: Client
    project_id: str
    networks: dict[str, dict[str, Any]] = field(default_factory=dict)
    subnets: dict[str, dict[str, Any]] = field(default_factory=dict)
    router: dict[str, Any] = field(default_factory=dict)
    vms: dict[str, Vm] = field(default_factory=dict)
    dhcp: bool = False
    """Whether its VMs ask for their addresses."""
    ipv6: bool = False
    """Whether its networks have IPv6 as well, with automatic addresses (SLAAC)."""
    subnets6: dict[str, dict[str, Any]] = field(default_factory=dict)
    routers6: dict[str, set[str]] = field(default_factory=dict)
    """Network -> the link-local addresses of its router, of which it advertises one."""

    def create_networks(self) -> None:
        """The networks, their subnets and the router between them, through the API."""
        create = self.client.create
        for name, cidr in CIDRS.items():
            network = create(
                "network", name=f"{self.name}-{name}", project_id=self.project_id,
                dns_domain=self.domain(name),
            )
            self.networks[name] = network
            self.subnets[name] = create(
                "subnet", name=f"{self.name}-{name}", network_id=network["id"], cidr=cidr,
                ip_version=4, project_id=self.project_id,
            )
        self.router = create("router", name=self.name, project_id=self.project_id)
        for subnet in self.subnets.values():
            self.client.add_router_interface(self.router["id"], subnet["id"])
        if self.ipv6:
            self._create_ipv6()

    def _create_ipv6(self) -> None:
        for name, cidr in CIDRS6.items():
            subnet = self.subnets6[name] = self.client.create(
                "subnet", name=f"{self.name}-{name}6", network_id=self.networks[name]["id"],
                cidr=cidr, ip_version=6, ipv6_ra_mode="slaac", ipv6_address_mode="slaac",
                project_id=self.project_id,
            )
            self.client.add_router_interface(self.router["id"], subnet["id"])
            self.routers6[name] = {
                link_local(port["mac_address"])
                for port in self.client.list("port", network_id=self.networks[name]["id"],
                                             device_owner="network:router_interface")
            }

    def domain(self, network: str) -> str:
        """The DNS domain of a network: its VMs are called "web1.web.red.example."."""
        return f"{network}.{self.name}.example."

    def port_body(self, vm: str, address: str = "", **more: Any) -> dict[str, Any]:
        """Body of a port for the VM ``vm`` ("web3" -> network web, address .13)."""
        network = vm.rstrip("0123456789")
        subnet = self.subnets[network]
        address = address or vm_address(vm)
        return {
            "name": f"{self.name}-{vm}", "network_id": self.networks[network]["id"],
            "project_id": self.project_id, "dns_name": vm,
            "fixed_ips": [{"subnet_id": subnet["id"], "ip_address": address}], **more,
        }

    def port_spec(self, vm: str, port: dict[str, Any]) -> PortSpec:
        """What the VM ``vm`` needs to know of its port, as the API answered it."""
        network = vm.rstrip("0123456789")
        return PortSpec.from_api(port, self.subnets[network], self.subnets6.get(network))

    def create_vms(self, lab: Lab, layout: Iterable[tuple[str, str]] = LAYOUT) -> None:
        """Ports in bulk through the API, then the VMs, wired and claimed."""
        layout = list(layout)
        ports = self.client.create_many("port", (self.port_body(vm) for vm, _ in layout))
        specs = []
        for (vm, hypervisor), port in zip(layout, ports, strict=True):
            specs.append((f"{self.name}-{vm}", hypervisor, self.port_spec(vm, port)))
        for (vm, _), made in zip(layout, lab.add_vms(specs, self.dhcp), strict=True):
            self.vms[vm] = made

    def create_vm(self, lab: Lab, vm: str, hypervisor: str, address: str = "") -> Vm:
        """One more VM; ``address`` where it is not the usual one."""
        port = self.client.create("port", **self.port_body(vm, address))
        spec = self.port_spec(vm, port)
        self.vms[vm] = lab.add_vm(f"{self.name}-{vm}", hypervisor, spec, self.dhcp)
        return self.vms[vm]

    def remove_vm(self, lab: Lab, vm: str) -> None:
        made = self.vms.pop(vm)
        made.delete()
        lab.vms.pop(made.name, None)
        self.client.remove("port", made.port.id)

    def wait_active(self, timeout: float = 30.0) -> None:
        self.client.wait_ports([vm.port.id for vm in self.vms.values()], timeout=timeout)

    def wait_reachable(self, timeout: float = 10.0) -> None:
        """Wait until every hypervisor's VMs were answered by every other's once, within a network
        and from another: routes travel between the nodes after the ports are ACTIVE.  Raises
        LabTimeout."""
        probes: dict[tuple[str, str, bool], tuple[Vm, Vm]] = {}
        for a, b in itertools.permutations(self.vms.values(), 2):
            if a.hypervisor is not None and b.hypervisor is not None:
                key = a.hypervisor.name, b.hypervisor.name, _network(a) == _network(b)
                probes.setdefault(key, (a, b))
        streams = [PingStream(a.space, b.ip, interval=0.05) for a, b in probes.values()]
        try:
            for stream in streams:
                stream.wait_reply(timeout)
        finally:
            for stream in streams:
                stream.stop()

    def pairs(self) -> list[tuple[str, str]]:
        """All ordered pairs of different VMs, by short name."""
        return [(a, b) for a in self.vms for b in self.vms if a != b]

    def gateway(self, network: str) -> str:
        return self.subnets[network]["gateway_ip"]

    def echo_requests(self) -> int:
        """How many echo requests its VMs have received altogether, ICMP and ICMPv6 (proc(5),
        net/snmp and net/snmp6)."""
        total = 0
        for vm in self.vms.values():
            lines = vm.space.run([
                "grep", "-hE", "^(Icmp:|Icmp6InEchos )", "/proc/net/snmp", "/proc/net/snmp6",
            ]).stdout.splitlines()
            names, values = lines[0].split(), lines[1].split()
            total += int(values[names.index("InEchos")])
            # Without a line where the kernel has no IPv6.
            total += sum(int(line.split()[1]) for line in lines[2:])
        return total


def vm_address(vm: str) -> str:
    """The address of the VM "web3": 10.0.1.13."""
    network = vm.rstrip("0123456789")
    base = CIDRS[network].rpartition(".")[0]
    return f"{base}.{10 + int(vm[len(network):])}"


def new_tenant(name: str, client: Client, dhcp: bool = False, ipv6: bool = False) -> Tenant:
    """A tenant with a project id of its own, its networks and no VM yet."""
    tenant = Tenant(name, client, uuid.uuid4().hex, dhcp=dhcp, ipv6=ipv6)
    tenant.create_networks()
    return tenant


def relation(lab: Lab, a: Vm, b: Vm) -> tuple[str, str]:
    """How two VMs of a tenant lie to each other: (same or other network, place)."""
    network = "within a network" if _network(a) == _network(b) else "between networks"
    first, second = a.hypervisor, b.hypervisor
    assert first is not None and second is not None
    if first is second:
        place = "same hypervisor"
    elif lab.owner(first.name) == lab.owner(second.name):
        place = "two hypervisors, one node"
    else:
        place = "two hypervisors, two nodes"
    return network, place


def _network(vm: Vm) -> str:
    return vm.port.address.rpartition(".")[0]
