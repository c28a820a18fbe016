"""What is behind a VLAN of a VM's interface: a container with a namespace of its own, which has its
own port as a trunk's subport.

``python -m lab.hosts.vlan DEVICE VLAN TAP`` in the VM's namespace is the VLAN interface of a kernel
that has none: frames of the VLAN leave by a TAP device without their tag, which is put on what
comes from there.
"""

from __future__ import annotations

import fcntl
import os
import select
import socket
import struct
import sys
from pathlib import Path

from lab.hosts.vm import PortSpec, Vm
from lab.journal import Journal
from lab.net import Namespace
from lab.process import Daemon
from lab.traffic.dhcp import Udhcpc
from lab.traffic.ipv6 import enable_ipv6, listen
from lab.wait import wait_until

ROOT = Path(__file__).resolve().parents[2]
TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
# packet(7): the kernel takes the tag off, and says what it was.
SOL_PACKET, PACKET_AUXDATA, PACKET_OUTGOING, VLAN_VALID = 263, 8, 4, 1 << 4
AUXDATA = struct.Struct("=IIIHHHH")
ETH_P_ALL, MTU = 3, 1400


class Container:
    """``vm``: whose interface has the VLAN.  ``dhcp``: it asks for its address, and for its route
    by router solicitations; otherwise they are put there."""

    def __init__(
        self, lab: str, name: str, vm: Vm, vlan: int, port: PortSpec, journal: Journal,
        dhcp: bool = False,
    ) -> None:
        self.name = name
        self.port = port
        self.vm = vm
        self.vlan = vlan
        self.space = Namespace(lab, name)
        self._journal = journal
        self.dhcp = Udhcpc(self.space, journal) if dhcp else None
        self._tagger = Daemon(
            journal, f"vlan{vlan}",
            [sys.executable, "-m", "lab.hosts.vlan", "eth0", str(vlan), f"vlan{vlan}"],
            journal.directory / f"vlan-{name}", vm.space,
            {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip

    @property
    def ip(self) -> str:
        return self.port.ip

    @property
    def ip6(self) -> str:
        return self.port.ip6

    def start(self) -> None:
        self.space.create(self._journal)
        self.space.sysctl({"net.ipv4.neigh.default.retrans_time_ms": 10,
                           "net.ipv4.neigh.default.mcast_solicit": 100})  # fmt: skip
        self._tagger.start()
        log = self._tagger.log
        wait_until(lambda: "ready" in log.read_text(), "a VLAN interface", 20, log=log)
        self.vm.space.batch([
            f"link set vlan{self.vlan} netns {self.space.name} name eth0"
            f" address {self.port.mac} mtu {MTU} up"])
        if self.dhcp is not None:
            self.dhcp.start()
            listen(self.space)
            return
        commands = [f"address add {self.port.address} dev eth0"]
        if self.port.gateway:
            commands.append(f"route add default via {self.port.gateway}")
        self.space.batch(commands)
        self.space.sysctl({"net.ipv4.neigh.eth0.retrans_time_ms": 10,
                           "net.ipv4.neigh.eth0.mcast_solicit": 100})  # fmt: skip
        if self.ip6:
            enable_ipv6(self.space, self.ip6, self.port.gateway6)

    def delete(self) -> None:
        if self.dhcp is not None:
            self.dhcp.stop()
        self._tagger.kill()
        self.space.delete()


def carry(device: str, vlan: int, tap: str) -> None:
    """Between the VLAN of a device and a TAP device that is made, without end."""
    inner = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(inner, TUNSETIFF, struct.pack("16sH", tap.encode(), IFF_TAP | IFF_NO_PI))
    outer = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    outer.bind((device, ETH_P_ALL))
    outer.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    tag = struct.pack("!HH", 0x8100, vlan)
    print("ready", flush=True)
    while True:
        ready, _, _ = select.select([inner, outer], [], [])
        if inner in ready:
            frame = os.read(inner, 65536)
            outer.send(frame[:12] + tag + frame[12:])
        if outer in ready:
            frame, more, _, where = outer.recvmsg(65536, socket.CMSG_SPACE(AUXDATA.size))
            if where[2] != PACKET_OUTGOING and _vlan(more) == vlan:
                try:
                    os.write(inner, frame)
                except OSError:
                    pass  # The device is not up yet.


def _vlan(more: list[tuple[int, int, bytes]]) -> int:
    """The VLAN of a frame, by what the kernel says beside it; 0 without a tag."""
    for level, kind, data in more:
        if (level, kind) == (SOL_PACKET, PACKET_AUXDATA) and len(data) >= AUXDATA.size:
            status, *_, tci, _ = AUXDATA.unpack(data[:AUXDATA.size])
            return tci & 0xFFF if status & VLAN_VALID else 0
    return 0


if __name__ == "__main__":
    carry(sys.argv[1], int(sys.argv[2]), sys.argv[3])
