"""Hypervisors without a controller: what ovs-vswitchd costs by itself.

For the data plane, the least a VXLAN overlay can be: a bridge with two flows on each hypervisor.
For the load, the time in which ovs-vswitchd makes ports that nobody programs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bench import processes
from bench.devices import Devices
from bench.idle import follow, numbers, wait_done, wait_idle
from bench.load import Slot
from lab.beds.sandbox import OpenFlow
from lab.hosts.hypervisor import Hypervisor
from lab.hosts.plugger import Plugger
from lab.hosts.vm import Vm
from lab.topology import Lab
from vrouter_ovs.state import StateObject
from vrouter_ovs.wire import encode

VNI = 77


def take_flows(hypervisors: Sequence[Hypervisor], objects: Sequence[StateObject]) -> float:
    """Seconds from the first byte of these objects' flows, encoded before and sent to all switches
    at once, to the last switch's answer to a barrier; the flows are deleted again."""
    flows = [flow for one in objects for flow in encode.encode_object(one)]
    clients = [OpenFlow(str(one.directory / "br-int.mgmt")) for one in hypervisors]
    try:
        with ThreadPoolExecutor(len(clients)) as pool:
            begun = time.monotonic()
            refused = list(pool.map(lambda one: one.flow_mods(encode.ADD, flows), clients))
            seconds = time.monotonic() - begun
            list(pool.map(lambda one: one.flow_mods(encode.DELETE_STRICT, flows), clients))
    finally:
        for one in clients:
            one.close()
    for errors in filter(None, refused):
        raise RuntimeError(f"a switch refused flows: {encode.decode_error(errors[0])}")
    return seconds


class BareLab(Lab):
    """What enters from the one VM of hv1 leaves by the tunnel to hv2, and back."""

    def __init__(self, name: str, hypervisors: int = 2) -> None:
        names = tuple(f"hv{number + 1}" for number in range(hypervisors))
        super().__init__(f"{name}-bare", {"none": names}, store="memory")
        self.nodes.clear()

    def start_nodes(self, progress: Callable[[str], None]) -> None:
        """There are none."""

    def join_all(self, progress: Callable[[str], None]) -> None:
        every = list(self.hypervisors.values())
        for one, other in zip(every, every[1:] + every[:1], strict=True):
            one.vsctl(
                "add-br", "br-int", "--", "set", "Bridge", "br-int", "datapath_type=netdev",
                "fail_mode=secure", "--", "add-port", "br-int", "vx", "--", "set", "Interface",
                "vx", "type=vxlan", f"options:local_ip={one.vtep}",
                f"options:remote_ip={other.vtep}", f"options:key={VNI}", "ofport_request=2",
            )

    def make_ports(self, count: int, kind: str) -> dict[str, Any]:
        """Plug ``count`` devices of ``kind``, spread evenly; seconds until every ovs-vswitchd made
        its own, and CPU seconds of all of them until they are idle again."""
        every = list(self.hypervisors.values())
        devices = Devices(self.name, every, self.journal, kind)
        devices.start()
        devices.make((number % len(every), f"d{number}") for number in range(count))
        pids = {one.name: one.switch.pid for one in every}
        databases = [follow(one) for one in every]
        wanted = [numbers(database.tables)[0] + 1 for database in databases]
        pluggers = [Plugger(one.directory) for one in every]
        before = processes.snapshot(pids)
        begun = time.monotonic()
        for number, plugger in enumerate(pluggers):
            plugger.plug(
                [(f"d{i}", f"d{i}") for i in range(number, count, len(every))],
                devices.interface_type,
            )
        for database, number in zip(databases, wanted, strict=True):
            wait_done(database, number)
            database.close()
        seconds = time.monotonic() - begun
        for one in every:
            wait_idle(one)
        cpu = processes.spent(before, processes.snapshot(pids))
        return {"seconds": seconds, "cpu_total": round(sum(cpu.values()), 2)}

    def connect(self, vm: Vm, slot: Slot) -> None:
        """Plug the one VM of its hypervisor and put in the two flows."""
        hypervisor = list(self.hypervisors.values())[slot.hypervisor]
        hypervisor.vsctl("add-port", "br-int", vm.interface, "--", "set", "Interface",
                         vm.interface, "ofport_request=1")
        hypervisor.ofctl("add-flow", "br-int", "in_port=1,actions=output:2")
        hypervisor.ofctl("add-flow", "br-int", "in_port=2,actions=output:1")
