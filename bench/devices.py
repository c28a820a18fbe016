"""The network devices that the load's ports are: real ones, as a hypervisor has them.

``veth``: a veth pair, its other end in a namespace of guests beside the hypervisor, as containers
have it; to ovs-vswitchd it is what a VM's tap is.  ``dummy``: ports that exist in ovs-vswitchd
alone.  They cost the kernel nothing, but ovs-vswitchd takes each of them for changed whenever one
is added, and OVN's controller does not take them for ports of VMs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lab.hosts.hypervisor import Hypervisor
from lab.journal import Journal
from lab.net import Namespace

KINDS = ("veth", "dummy")
INTERFACE_TYPES = {"veth": "", "dummy": "dummy"}
"""The type of the ``Interface`` (ovs-vswitchd.conf.db(5))."""


class Devices:
    """Devices of ``kind`` for the ports of a load, on some hypervisors of one lab."""

    def __init__(
        self, lab: str, hypervisors: Sequence[Hypervisor], journal: Journal, kind: str
    ) -> None:
        self.kind = kind
        self.interface_type = INTERFACE_TYPES[kind]
        self._hypervisors = list(hypervisors)
        self._journal = journal
        self._guests = [Namespace(lab, f"{one.name}-guests") for one in self._hypervisors]

    def start(self) -> None:
        """Make the namespaces of the guests."""
        if self.kind == "veth":
            for space in self._guests:
                space.create(self._journal)

    def make(self, names: Iterable[tuple[int, str]]) -> None:
        """One device for each (index of the hypervisor, name), up at both ends."""
        if self.kind != "veth":
            return
        found: dict[int, list[str]] = {}
        for index, name in names:
            found.setdefault(index, []).append(name)
        for index, wanted in found.items():
            guests, hypervisor = self._guests[index], self._hypervisors[index].space
            # Both ends are named alike.
            guests.batch(
                f"link add {name} type veth peer name {name} netns {hypervisor.name}"
                for name in wanted
            )
            guests.batch(f"link set {name} up" for name in wanted)
            hypervisor.batch(f"link set {name} up" for name in wanted)

    def remove(self, names: Iterable[tuple[int, str]]) -> None:
        """Delete devices that are not plugged any more."""
        if self.kind == "veth":
            for index, name in names:
                self._guests[index].batch([f"link delete {name}"])
