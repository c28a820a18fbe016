"""A physical network: a switch with VLANs that hypervisors are attached to, and hosts at it.

The kernel here has no VLANs, so the switch is an Open vSwitch of its own, which no node knows: its
ports to hypervisors carry all VLANs, those to hosts one of them, or untagged frames.
"""

from __future__ import annotations

from lab.fabric.flat import Fabric, Uplink
from lab.hosts.hypervisor import Hypervisor
from lab.hosts.open_vswitch import installed_version
from lab.journal import Journal
from lab.net import Namespace, veth
from lab.traffic.ipv6 import enable_ipv6

MAPPED = "br-ex"
"""The bridge of a hypervisor that leads to the physical network."""
_BRIDGE = "segment"


class PhysicalHost:
    """A host at the switch; ``address`` and ``address6`` with prefix lengths."""

    def __init__(
        self, lab: str, name: str, journal: Journal, address: str = "", address6: str = ""
    ) -> None:
        self.name = name
        self.space = Namespace(lab, name)
        self.address, self.address6 = address, address6
        self._journal = journal

    @property
    def ip(self) -> str:
        return self.address.partition("/")[0]

    @property
    def ip6(self) -> str:
        return self.address6.partition("/")[0]

    def create(self) -> None:
        self.space.create(self._journal)

    def configure(self) -> None:
        """Give its interface the addresses."""
        if self.address:
            self.space.batch([f"address add {self.address} dev eth0"])
        if self.address6:
            enable_ipv6(self.space, self.ip6, "")


class PhysicalNetwork(Hypervisor):
    """``physical_network``: its name, as mappings have it."""

    def __init__(
        self, lab: str, fabric: Fabric, journal: Journal, physical_network: str = "physnet1"
    ) -> None:
        super().__init__(lab, "tor", (Uplink("", "", "", 0),), "", fabric, journal)
        self.physical_network = physical_network
        self._lab = lab

    def start(self) -> None:
        """Start the switch."""
        self.space.create(self._journal)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.start_database()
        self.vsctl("--no-wait", "init", "--", "set", "Open_vSwitch", ".",
                   f"ovs_version={installed_version()}")
        self.start_switch()
        self.vsctl("add-br", _BRIDGE, "--", "set", "Bridge", _BRIDGE, "datapath_type=netdev",
                   "fail_mode=standalone")

    def attach(self, hypervisor: Hypervisor) -> None:
        """Connect a hypervisor with all VLANs; it names no mapping yet."""
        port = f"t-{hypervisor.name}"
        veth(self.space, port, hypervisor.space, "phy0")
        self.vsctl("add-port", _BRIDGE, port)
        hypervisor.vsctl("add-br", MAPPED, "--", "set", "Bridge", MAPPED, "datapath_type=netdev",
                         "fail_mode=standalone", "--", "add-port", MAPPED, "phy0")

    def map(self, *hypervisors: Hypervisor) -> None:
        """Have hypervisors say that they are attached."""
        for one in hypervisors:
            one.vsctl("set", "Open_vSwitch", ".",
                      f"external_ids:vnc-bridge-mappings={self.physical_network}:{MAPPED}")

    def add_host(
        self, name: str, vlan: int = 0, address: str = "", address6: str = ""
    ) -> PhysicalHost:
        """A host in a VLAN, or with 0 among the untagged frames."""
        host = PhysicalHost(self._lab, name, self._journal, address, address6)
        host.create()
        veth(host.space, "eth0", self.space, f"h-{name}")
        self.vsctl("add-port", _BRIDGE, f"h-{name}", *([f"tag={vlan}"] if vlan else []))
        host.configure()
        return host

    def learned(self, mac: str, vlan: int = 0) -> str:
        """The port behind which the switch has a MAC, "" where it does not know it."""
        ports = {}
        for line in self.appctl("dpif/show").splitlines():
            words = line.split()
            if len(words) > 1 and "/" in words[1]:
                ports[words[1].partition("/")[0]] = words[0]
        for line in self.appctl("fdb/show", _BRIDGE).splitlines()[1:]:
            number, tag, known, *_ = line.split()
            if known == mac and int(tag) == vlan:
                return ports.get(number, number)
        return ""
