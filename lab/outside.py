"""An external network with a host on it, which is the next router there, and a router's way out."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lab.client import Client
from lab.hosts.vm import PortSpec, Vm
from lab.tenants import Tenant
from lab.topology import Lab

CIDR, NEXT_ROUTER = "203.0.113.0/24", "203.0.113.1"
INTERNET = "192.88.99.7"
"""What is behind the next router: an address of its own."""


@dataclass
class Outside:
    """``network``: the external network's id; ``host``: the next router there."""

    client: Client
    network: str
    host: Vm

    def set_gateway(self, tenant: Tenant) -> str:
        """Give the tenant's router its way out; returns its address there."""
        router = self.client.update(
            "router", tenant.router["id"], external_gateway_info={"network_id": self.network})
        return router["external_gateway_info"]["external_fixed_ips"][0]["ip_address"]

    def floating_ip(self, vm: Vm) -> str:
        """A floating IP for a VM."""
        made = self.client.create(
            "floatingip", floating_network_id=self.network, port_id=vm.port.id)
        return made["floating_ip_address"]

    def remove(self, tenant: Tenant) -> None:
        """The floating IPs, the tenant's way out, and the external network with its host."""
        for one in self.client.list("floatingip", floating_network_id=self.network):
            self.client.remove("floatingip", one["id"])
        self.client.update("router", tenant.router["id"], external_gateway_info=None)
        self.host.delete()
        self.client.remove("port", self.host.port.id)
        self.client.remove("network", self.network)


def outside(lab: Lab, client: Client, hypervisor: str) -> Outside:
    """``client``: an administrator's; ``hypervisor``: where the host is."""
    network = client.create("network", **{"name": "outside", "router:external": True})
    subnet = client.create(
        "subnet", network_id=network["id"], cidr=CIDR, ip_version=4, enable_dhcp=False,
        gateway_ip=NEXT_ROUTER)
    port = client.create(
        "port", name="outside", network_id=network["id"], port_security_enabled=False,
        fixed_ips=[{"subnet_id": subnet["id"], "ip_address": NEXT_ROUTER}])
    host = lab.add_vm("outside", hypervisor, replace(PortSpec.from_api(port, subnet), gateway=""))
    host.space.batch([f"address add {INTERNET}/32 dev lo"])
    client.wait_ports([port["id"]])
    return Outside(client, network["id"], host)
