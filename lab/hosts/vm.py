"""A "VM": a namespace with one veth into a hypervisor, claimed as a port of the API."""

from __future__ import annotations

import dataclasses
import ipaddress
from dataclasses import dataclass

from lab.hosts.hypervisor import Hypervisor
from lab.journal import Journal
from lab.net import Namespace, veth
from lab.traffic.dhcp import Udhcpc
from lab.traffic.ipv6 import enable_ipv6, listen

MTU = 1400


@dataclass(frozen=True)
class PortSpec:
    """What a VM needs to know of its port: ``address`` as "10.0.1.11/24", ``gateway`` or "".

    ``address6``, ``gateway6``: the same in IPv6, "" without it.
    """

    id: str
    mac: str
    address: str
    gateway: str = ""
    address6: str = ""
    gateway6: str = ""

    @property
    def ip(self) -> str:
        return self.address.partition("/")[0]

    @property
    def ip6(self) -> str:
        return self.address6.partition("/")[0]

    @classmethod
    def from_api(cls, port: dict, subnet: dict, subnet6: dict | None = None) -> PortSpec:
        """From the ``port`` and ``subnet`` bodies of the Networking API."""
        spec = cls(port["id"], port["mac_address"], *_place(port, subnet))
        if subnet6 is None:
            return spec
        address6, gateway6 = _place(port, subnet6)
        return dataclasses.replace(spec, address6=address6, gateway6=gateway6)


def _place(port: dict, subnet: dict) -> tuple[str, str]:
    """A port's address in a subnet, with the prefix length, and the subnet's gateway."""
    length = ipaddress.ip_network(subnet["cidr"]).prefixlen
    address = next(
        fixed["ip_address"] for fixed in port["fixed_ips"] if fixed["subnet_id"] == subnet["id"]
    )
    return f"{address}/{length}", subnet["gateway_ip"] or ""


class Vm:
    """``hypervisor``: where it is plugged now, or None.

    ``dhcp``: it asks for its address and routes when it is wired, by DHCP and, where its port has
    an IPv6 address, by router solicitations; otherwise they are put there.
    """

    def __init__(
        self, lab: str, name: str, port: PortSpec, journal: Journal, dhcp: bool = False
    ) -> None:
        self.name = name
        self.port = port
        # As Nova and libvirt form it; at most 15 characters.
        self.interface = f"tap{port.id[:11]}"
        self.space = Namespace(lab, name)
        self.hypervisor: Hypervisor | None = None
        self._journal = journal
        self.dhcp = Udhcpc(self.space, journal) if dhcp else None

    @property
    def ip(self) -> str:
        return self.port.ip

    @property
    def ip6(self) -> str:
        return self.port.ip6

    def create(self) -> None:
        self.space.create(self._journal)
        # ARP's usual one-second repetition would hide how fast the network is.
        self.space.sysctl({
            "net.ipv4.neigh.default.retrans_time_ms": 10,
            "net.ipv4.neigh.default.mcast_solicit": 100,
            "net.ipv4.icmp_ratelimit": 0,
        })

    def wire(self, hypervisor: Hypervisor) -> None:
        """Make the veth to ``hypervisor`` and configure it; nothing is claimed yet."""
        self.cable(hypervisor)
        commands = [f"link set eth0 address {self.port.mac}"]
        if self.dhcp is None:
            commands.append(f"address add {self.port.address} dev eth0")
            if self.port.gateway:
                commands.append(f"route add default via {self.port.gateway}")
        self.space.batch(commands)
        self.space.sysctl({"net.ipv4.neigh.eth0.retrans_time_ms": 10,
                           "net.ipv4.neigh.eth0.mcast_solicit": 100})
        self.hypervisor = hypervisor
        if self.dhcp is not None:
            self.dhcp.start()
        if self.ip6 and self.dhcp is not None:
            listen(self.space)
        elif self.ip6:
            enable_ipv6(self.space, self.ip6, self.port.gateway6)

    def cable(self, hypervisor: Hypervisor) -> None:
        """Make its interface, and the device at ``hypervisor``."""
        veth(self.space, "eth0", hypervisor.space, self.interface, 1500 if self.dhcp else MTU)

    def adopt(self, port_id: str) -> None:
        """Take the id of a port that was created after the VM was wired."""
        self.port = dataclasses.replace(self.port, id=port_id)

    def claim(self, wait: bool = True) -> None:
        """Add the interface to br-int with the port's id: what libvirt or Nova do."""
        assert self.hypervisor is not None
        self.hypervisor.plug(self.interface, self.port.id, wait)

    def plug(self, hypervisor: Hypervisor) -> None:
        self.wire(hypervisor)
        self.claim()

    def unplug(self) -> None:
        """Take it off its hypervisor; the namespace stays."""
        if self.hypervisor is not None:
            if self.dhcp is not None:
                self.dhcp.stop()
            self.hypervisor.unplug(self.interface)
            self.space.batch(["link delete eth0"])
            self.hypervisor = None

    def move(self, hypervisor: Hypervisor) -> None:
        """Unplug here, plug there, with the same MAC and address."""
        self.unplug()
        self.plug(hypervisor)

    def delete(self) -> None:
        self.unplug()
        self.space.delete()
