"""Provider networks: VMs of several hypervisors and physical hosts on one segment, flat and VLAN.

``hv1`` is one node's, ``hv3`` the other's; ``hv2`` is attached to the physical network later.  What
goes by the segment is read off the physical switch, which learns MACs as any does.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from lab.hosts.physical import PhysicalHost, PhysicalNetwork
from lab.hosts.vm import PortSpec, Vm
from lab.topology import Lab
from lab.traffic.capture import Capture
from lab.traffic.ping import ping, reach_all
from lab.wait import wait_until
from tests.lab.conftest import PEER_OPTIONS

pytestmark = pytest.mark.timeout(240)

VID = 210


@dataclass
class Network:
    """``number``: in its addresses.  ``served``: the node answers DHCP and advertises."""

    name: str
    number: int
    vlan: int = 0
    served: bool = False
    body: dict[str, Any] = field(default_factory=dict)
    subnet4: dict[str, Any] = field(default_factory=dict)
    subnet6: dict[str, Any] = field(default_factory=dict)
    vms: dict[str, Vm] = field(default_factory=dict)
    host: PhysicalHost | None = None


class Site:
    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.client = lab.nodes["node1"].client
        self.physical = PhysicalNetwork(lab.name, lab.fabric, lab.journal)
        self.flat = Network("flat", 7)
        self.vlan = Network("vlan", 8, VID, served=True)
        self.project = self.client.create("network", name="elsewhere")["project_id"]

    def build(self) -> None:
        self.physical.start()
        for hypervisor in self.lab.hypervisors.values():
            self.physical.attach(hypervisor)
        self.physical.map(self.lab.hypervisors["hv1"], self.lab.hypervisors["hv3"])
        for network in (self.flat, self.vlan):
            kind = {"provider:network_type": "vlan", "provider:segmentation_id": network.vlan}
            network.body = self.client.create(
                "network", name=network.name, **{
                    "provider:network_type": "flat", "provider:physical_network": "physnet1",
                    **(kind if network.vlan else {}),
                },
            )
            fields = {"network_id": network.body["id"], "gateway_ip": None}
            mode = {"ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac"} if network.served else {}
            network.subnet4 = self.client.create(
                "subnet", cidr=f"10.{network.number}.0.0/24", ip_version=4,
                enable_dhcp=network.served, **fields)
            network.subnet6 = self.client.create(
                "subnet", cidr=f"fd00:0:0:{network.number}::/64", ip_version=6,
                enable_dhcp=network.served, **mode, **fields)
            network.host = self.physical.add_host(
                f"{network.name}-host", network.vlan, f"10.{network.number}.0.200/24",
                f"fd00:0:0:{network.number}::200/64")
        for network in (self.flat, self.vlan):
            for hypervisor in ("hv1", "hv3"):
                self.add_vm(network, f"{network.name}{hypervisor[-1]}", hypervisor)
        self.wait_active(*self.flat.vms.values(), *self.vlan.vms.values())

    def add_vm(self, network: Network, name: str, hypervisor: str, dhcp: bool = False,
               **fields: Any) -> Vm:
        port = self.client.create("port", network_id=network.body["id"], name=name, **fields)
        spec = PortSpec.from_api(port, network.subnet4, network.subnet6)
        vm = self.lab.add_vm(name, hypervisor, spec, dhcp)
        network.vms[name] = vm
        return vm

    def remove_vm(self, network: Network, name: str) -> None:
        vm = network.vms.pop(name)
        vm.delete()
        self.lab.vms.pop(name, None)
        self.client.remove("port", vm.port.id)

    def wait_active(self, *vms: Vm) -> None:
        self.client.wait_ports([vm.port.id for vm in vms])


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Lab(f"vncprv{os.getpid()}", peer_options=PEER_OPTIONS) as lab:
        lab.wait_converged()
        made = Site(lab)
        made.build()
        open_to_all(made)
        yield made


def open_to_all(site: Site) -> None:
    """The default group lets everything in, but for the test that asks."""
    for group in site.client.list("security_group", name="default"):
        for version in ("IPv4", "IPv6"):
            site.client.create("security_group_rule", security_group_id=group["id"],
                               direction="ingress", ethertype=version)


def ways(network: Network) -> list[tuple]:
    """Everybody to everybody, both families."""
    everybody = [*network.vms.values(), network.host]
    return [
        (one.space, address) for one in everybody for other in everybody if one is not other
        for address in (other.ip, other.ip6)
    ]


def test_vms_and_a_physical_host_are_one_segment(site: Site) -> None:
    for network in (site.flat, site.vlan):
        wait_until(lambda network=network: ping(
            network.host.space, network.vms[f"{network.name}3"].ip, 1).ok, "a first answer", 15)
        assert all(result.ok for result in reach_all(ways(network)))


def test_frames_between_hypervisors_go_by_the_segment(site: Site) -> None:
    """The physical switch knows each VM behind the port of its hypervisor, and no tunnel's flow
    leads to it."""
    for network in (site.flat, site.vlan):
        for name, vm in network.vms.items():
            hypervisor = f"hv{name[-1]}"
            assert site.physical.learned(vm.port.mac, network.vlan) == f"t-{hypervisor}"
            for other in ("hv1", "hv3"):
                flows = site.lab.hypervisors[other].flows()
                to_vm = [flow for flow in flows if f"dl_dst={vm.port.mac} " in flow]
                assert all("tun_id" not in flow for flow in to_vm), to_vm


def copies(space: Any, marks: int, send: Any) -> int:
    """How many datagrams of ``send(last)`` are heard; the last one ends the count."""
    with Capture(space, "eth0", "udp dst port 9998", 1) as last, Capture(
        space, "eth0", "udp dst port 9999", 10 * marks
    ) as every:
        for _ in range(marks):
            send(9999)
        wait_until(lambda: send(9998) or last._process.poll() is not None, "the last mark", 10)
        return len(re.findall(r"9999", every.text()))


@pytest.mark.parametrize("kind", ["flat", "vlan"])
def test_each_hears_a_broadcast_once(site: Site, kind: str) -> None:
    network = site.flat if kind == "flat" else site.vlan
    everybody = [*network.vms.values(), network.host]

    def sender(source: Any) -> Any:
        def send(port: int) -> None:
            source.space.run([
                "python3", "-c",
                "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM);"
                "s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1);"
                f"s.sendto(b'mark', ('10.{network.number}.0.255', {port}))",
            ])
        return send

    for source in everybody:
        for ear in everybody:
            if ear is not source:
                assert copies(ear.space, 3, sender(source)) == 3
