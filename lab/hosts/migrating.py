"""A VM that moves while it runs, as QEMU moves one: its guest keeps its interface and connections.

Between the guest and the hypervisors stands what QEMU is to them: a namespace with a bridge, to
which one of the taps is joined.  The target's tap is there, and claimed, before the guest comes;
then the guest is at the other tap from one moment to the next, and QEMU announces it there with
RARP (announce_self: at once, and again after 50, 150, 250 and 350 ms).
"""

from __future__ import annotations

import subprocess
import sys

from lab.hosts.hypervisor import Hypervisor
from lab.hosts.vm import MTU, PortSpec, Vm
from lab.journal import Journal
from lab.net import Namespace, veth

_AGENT = """
import fcntl, socket, struct, sys, time
mac = bytes.fromhex(sys.argv[1])
rarp = b"\\xff" * 6 + mac + b"\\x80\\x35" + struct.pack("!HHBBH", 1, 0x800, 6, 4, 3)
rarp += (mac + bytes(4)) * 2 + bytes(18)
control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
def bridge(request, name):
    row = struct.pack("16si20x", b"br0", socket.if_nametoindex(name))
    try:
        fcntl.ioctl(control, request, row)
    except OSError:
        pass
for line in sys.stdin:
    old, new, announce = line.split()
    link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    link.bind((new, 0))
    if old != "-":
        bridge(0x89a3, old)
    bridge(0x89a2, new)
    print("there", flush=True)
    for pause in (0, 0.05, 0.1, 0.1, 0.1) if announce == "rarp" else ():
        time.sleep(pause)
        link.send(rarp)
    link.close()
"""


class MigratingVm(Vm):
    """A :class:`~lab.hosts.vm.Vm` that can be at two hypervisors; ``hypervisor`` is where its
    guest runs."""

    def __init__(
        self, lab: str, name: str, port: PortSpec, journal: Journal, dhcp: bool = False
    ) -> None:
        super().__init__(lab, name, port, journal, dhcp)
        self.machine = Namespace(lab, f"{name}-m")
        self._taps: dict[str, Hypervisor] = {}
        """Tap of the machine -> the hypervisor that it leads to."""
        self._agent: subprocess.Popen[str] | None = None

    def create(self) -> None:
        super().create()
        self.machine.create(self._journal)
        self.machine.batch([
            # It learns no MACs: what a VM sends may come back to another VLAN of it.
            "link add br0 type bridge forward_delay 0 stp_state 0 mcast_snooping 0 ageing_time 0",
            "link set br0 up",
        ])
        mac = self.port.mac.replace(":", "")
        self._agent = subprocess.Popen(
            [*self.machine.prefix, sys.executable, "-c", _AGENT, mac], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def cable(self, hypervisor: Hypervisor) -> None:
        veth(self.space, "eth0", self.machine, "nic0", MTU)
        self.machine.batch(["link set nic0 master br0"])
        self._add_tap(hypervisor)
        self._switch("-", f"up-{hypervisor.name}", "silent")

    def _add_tap(self, hypervisor: Hypervisor) -> None:
        tap = f"up-{hypervisor.name}"
        veth(self.machine, tap, hypervisor.space, self.interface, MTU)
        self._taps[tap] = hypervisor

    def _switch(self, old: str, new: str, announce: str) -> None:
        agent = self._agent
        assert agent is not None and agent.stdin is not None and agent.stdout is not None
        agent.stdin.write(f"{old} {new} {announce}\n")
        agent.stdin.flush()
        agent.stdout.readline()

    def prepare(self, target: Hypervisor) -> None:
        """The tap at the target, claimed."""
        self._add_tap(target)
        target.plug(self.interface, self.port.id)

    def arrive(self, target: Hypervisor, announce: bool = True) -> None:
        """The guest runs at the target from now on; returns at once."""
        assert self.hypervisor is not None
        old = f"up-{self.hypervisor.name}"
        self._switch(old, f"up-{target.name}", "rarp" if announce else "silent")
        self.hypervisor = target

    def release(self, source: Hypervisor) -> None:
        """The tap where the guest is not."""
        source.unplug(self.interface)
        tap = f"up-{source.name}"
        self.machine.batch([f"link delete {tap}"])
        del self._taps[tap]

    def unplug(self) -> None:
        for tap, hypervisor in list(self._taps.items()):
            hypervisor.unplug(self.interface)
            self.machine.batch([f"link delete {tap}"])
            del self._taps[tap]
        if self.hypervisor is not None:
            self.space.batch(["link delete eth0"])
            self.hypervisor = None

    def delete(self) -> None:
        super().delete()
        if self._agent is not None:
            self._agent.kill()
            self._agent.wait()
            for pipe in (self._agent.stdin, self._agent.stdout):
                if pipe is not None:
                    pipe.close()
        self.machine.delete()
