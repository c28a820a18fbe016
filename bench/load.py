"""The standard load, and what a benchmark asks of a system that carries it.

Tenants of 50 ports; each has five networks joined by a router; all tenants use the same subnets.
Ports are spread over the networks and, network by network, over the hypervisors.  Port security
is on.  With groups, a tenant has one security group: ssh and ICMP from the group's own members are
let in, all else is not; what members send is let out.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import os
import threading
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from bench.devices import Devices
from bench.idle import wait_idle
from lab.hosts.hypervisor import Hypervisor
from lab.hosts.plugger import Plugger
from lab.hosts.vm import PortSpec, Vm
from lab.journal import LabBusy
from lab.net import Namespace
from lab.topology import Lab

PORTS_PER_TENANT = 50
NETWORKS = 5
PREFIX = 16
VM_BASE = 200 << 8
"""Host parts of the addresses from here on belong to real VMs, those below to devices alone."""


@dataclass(frozen=True)
class Slot:
    """One port of the load.  ``network``: 0-4 within ``tenant``; ``host``: host part of its
    address; ``hypervisor``: index of the one where it is plugged."""

    name: str
    tenant: int
    network: int
    host: int
    hypervisor: int

    @property
    def ip(self) -> str:
        return f"10.{self.network}.{self.host >> 8}.{self.host & 255}"

    @property
    def mac(self) -> str:
        return (f"02:{self.tenant >> 8 & 255:02x}:{self.tenant & 255:02x}:{self.network:02x}:"
                f"{self.host >> 8:02x}:{self.host & 255:02x}")

    @property
    def gateway(self) -> str:
        return f"10.{self.network}.0.1"


def tenants_for(ports: int) -> int:
    return max(ports // PORTS_PER_TENANT, 1)


def slots(first: int, count: int, tenants: int, hypervisors: int) -> list[Slot]:
    """Ports ``first`` to ``first + count - 1`` of the load; no VM is behind any of them."""
    networks = tenants * NETWORKS
    found = []
    for number in range(first, first + count):
        turn, network = divmod(number, networks)
        found.append(Slot(
            f"d{number}", network // NETWORKS, network % NETWORKS, 2 + turn,
            (network + turn) % hypervisors,
        ))
    return found


def vm_slot(name: str, number: int, network: int, hypervisor: int, tenant: int = 0) -> Slot:
    """The ``number``th real VM's port."""
    return Slot(name, tenant, network, VM_BASE + 2 + number, hypervisor)


def shares(ports: Iterable[tuple[Slot, str]], hypervisors: int) -> list[list[tuple[str, str]]]:
    """(interface, port id) by hypervisor, of (slot, port id)."""
    found: list[list[tuple[str, str]]] = [[] for _ in range(hypervisors)]
    for slot, port_id in ports:
        found[slot.hypervisor].append((slot.name, port_id))
    return found


@contextlib.contextmanager
def inside(space: Namespace) -> Iterator[None]:
    """Sockets that this thread makes in here belong to ``space``, for life (setns(2))."""
    libc = ctypes.CDLL(None, use_errno=True)
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{space.name}", os.O_RDONLY)
    try:
        if libc.setns(there, 0x40000000):
            raise OSError(ctypes.get_errno(), f"setns {space.name}")
        yield
    finally:
        if libc.setns(home, 0x40000000):
            raise OSError(ctypes.get_errno(), "setns back")
        os.close(there)
        os.close(home)


class System(ABC):
    """A system under the standard load, in a lab of its own."""

    name: str
    controller: str
    """What :meth:`kill_controller` kills, as a table shows it."""

    def __init__(self, lab: Lab, groups: bool, devices: str) -> None:
        self.lab = lab
        self.groups = groups
        self.hypervisors: list[Hypervisor] = list(lab.hypervisors.values())
        self.devices = Devices(lab.name, self.hypervisors, lab.journal, devices)
        self.pluggers: list[Plugger] = []
        self.tenants = 0
        self.made = 0
        self.vms: dict[str, Vm] = {}
        self.up_at = 0.0
        """When :meth:`wait_settled` first saw all ports up (time.monotonic())."""

    def up(self) -> None:
        """Build it and wait until it is ready for a load.  Raises LabBusy when another process
        uses a lab of this name, which is left as it is."""
        try:
            self.lab.up()
            self.connect()
            self.pluggers = [Plugger(one.directory) for one in self.hypervisors]
            self.devices.start()
        except LabBusy:
            raise
        except BaseException:
            self.lab.down()
            raise

    def down(self) -> None:
        self.lab.down()

    # ------------------------------------------------------------ what differs

    @abstractmethod
    def connect(self) -> None:
        """Wait until it is ready, and open the connections of the client."""

    @abstractmethod
    def create_tenants(self, count: int) -> None:
        """``count`` tenants without ports."""

    @abstractmethod
    def create_ports(self, wanted: Sequence[Slot], fixed: bool = False) -> list[str]:
        """Ports in one call of the API; returns their ids.  ``fixed``: with the slot's own MAC
        and address, where the system would choose them itself."""

    @abstractmethod
    def remove_port(self, port_id: str) -> None: ...

    @abstractmethod
    def wait_settled(self, timeout: float = 300.0, interval: float = 0.002) -> float:
        """Wait until every port that was plugged is up and every switch acknowledged all changes.

        Returns the time (time.monotonic()) when this was seen.  Raises LabTimeout.
        """

    @abstractmethod
    def add_rules(self, number: int, tenants: Sequence[int]) -> float:
        """Rule ``number`` (TCP port 10000 + number from the group) for the groups of some tenants,
        in as few calls as there are; wait until all switches acknowledged it.  Returns seconds."""

    @abstractmethod
    def kill_controller(self) -> list[Hypervisor]:
        """kill -9 of what programs the first hypervisor; returns those that it programs."""

    @abstractmethod
    def restart_controller(self) -> None:
        """Start it again."""

    @abstractmethod
    def processes(self) -> dict[str, int]:
        """Name -> process id of everything that serves this load."""

    # ------------------------------------------------------------ what is common

    def make_devices(self, wanted: Sequence[Slot]) -> None:
        """The devices of ports to be, before anything is measured: a device that appears is looked
        at by ovs-vswitchd whoever it is for."""
        self.devices.make((slot.hypervisor, slot.name) for slot in wanted)
        for index in {slot.hypervisor for slot in wanted}:
            wait_idle(self.hypervisors[index])

    def plug(self, ports: Sequence[tuple[Slot, str]], kind: str | None = None) -> None:
        """Plug (slot, port id) pairs, side by side on all hypervisors.  ``kind``: type of their
        interfaces, where they are not the load's own devices."""
        if kind is None:
            kind = self.devices.interface_type
        work = [
            (plugger, share)
            for plugger, share in zip(
                self.pluggers, shares(ports, len(self.pluggers)), strict=True
            ) if share
        ]
        if len(work) == 1:
            work[0][0].plug(work[0][1], kind)
            return
        failed: list[Exception] = []

        def one(plugger: Plugger, share: list[tuple[str, str]]) -> None:
            try:
                plugger.plug(share, kind)
            except (OSError, RuntimeError) as error:
                failed.append(error)

        threads = [threading.Thread(target=one, args=pair) for pair in work]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failed:
            raise failed[0]

    def next_slots(self, count: int) -> list[Slot]:
        """The next ports of the load; they count as made."""
        found = slots(self.made, count, self.tenants, len(self.hypervisors))
        self.made += count
        return found

    def wire_vm(self, slot: Slot) -> Vm:
        """A VM with its wire to its hypervisor; nothing is created or claimed yet."""
        spec = PortSpec(uuid.uuid4().hex, slot.mac, f"{slot.ip}/{PREFIX}", slot.gateway)
        vm = Vm(self.lab.name, slot.name, spec, self.lab.journal)
        vm.create()
        vm.wire(self.hypervisors[slot.hypervisor])
        return vm

    def claim_vm(self, vm: Vm, slot: Slot) -> None:
        """Create the port of a wired VM and plug it."""
        (port_id,) = self.create_ports([slot], fixed=True)
        vm.adopt(port_id)
        self.plug([(dataclasses.replace(slot, name=vm.interface), port_id)], kind="")
        self.vms[vm.name] = vm

    def add_vm(self, slot: Slot) -> Vm:
        vm = self.wire_vm(slot)
        self.claim_vm(vm, slot)
        return vm

    def remove_vm(self, vm: Vm) -> None:
        vm.delete()
        self.vms.pop(vm.name, None)
        self.remove_port(vm.port.id)
