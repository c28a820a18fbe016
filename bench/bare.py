"""The least a VXLAN overlay can be: a bridge with two flows on each hypervisor, no controller."""

from __future__ import annotations

from collections.abc import Callable

from bench.load import Slot
from lab.topology import Lab
from lab.vm import Vm

VNI = 77


class BareLab(Lab):
    """Two hypervisors; what enters from the one VM leaves by the tunnel, and back."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name}-bare", {"none": ("hv1", "hv2")}, store="memory")
        self.nodes.clear()

    def start_nodes(self, progress: Callable[[str], None]) -> None:
        """There are none."""

    def join_all(self, progress: Callable[[str], None]) -> None:
        first, second = self.hypervisors.values()
        for one, other in ((first, second), (second, first)):
            one.vsctl(
                "add-br", "br-int", "--", "set", "Bridge", "br-int", "datapath_type=netdev",
                "fail_mode=secure", "--", "add-port", "br-int", "vx", "--", "set", "Interface",
                "vx", "type=vxlan", f"options:local_ip={one.vtep}",
                f"options:remote_ip={other.vtep}", f"options:key={VNI}", "ofport_request=2",
            )

    def connect(self, vm: Vm, slot: Slot) -> None:
        """Plug the one VM of its hypervisor and put in the two flows."""
        hypervisor = list(self.hypervisors.values())[slot.hypervisor]
        hypervisor.vsctl("add-port", "br-int", vm.interface, "--", "set", "Interface",
                         vm.interface, "ofport_request=1")
        hypervisor.ofctl("add-flow", "br-int", "in_port=1,actions=output:2")
        hypervisor.ofctl("add-flow", "br-int", "in_port=2,actions=output:1")
