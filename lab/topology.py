"""The lab as a whole: fabric, store, hypervisors, nodes and VMs, made and removed together.

Addresses come from ranges kept for documentation and tests: the underlay (VTEPs) is 192.0.2.0/24,
or what racks own of 198.18.0.0/16; the management network is 198.51.100.0/24.  They exist inside
namespaces only.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from lab.fabric.flat import MGMT, Fabric
from lab.fabric.plan import Racks
from lab.fabric.racks import RackFabric
from lab.hosts.etcd import MAX_TXN_OPS, Etcd
from lab.hosts.frr import Frr
from lab.hosts.hypervisor import Hypervisor
from lab.hosts.node import Node, NodeSpec, full_mesh
from lab.hosts.tree import THIS, Tree
from lab.hosts.vm import PortSpec, Vm
from lab.journal import Journal, LabBusy
from lab.wait import wait_until

DEFAULT_NODES = {"node1": ("hv1", "hv2"), "node2": ("hv3",)}


class Lab:
    """``name``: prefix of its namespaces, so that several labs can stand side by side.

    ``nodes``: node name -> names of the hypervisors that join it.  ``api_ports``: ports of the
    host's loopback that lead to the nodes' APIs, in the order of ``nodes``; 0 takes a free one.
    ``store``: "etcd" with ``etcd_members``, or for one node alone "sqlite" or "memory".
    ``settings``: lines added to every node's configuration, by section.  ``peer_options``:
    appended to every peer's line.  ``trees``: node name -> the tree it is
    started from, where that is another than this one.
    ``racks``: a routed fabric of racks in place of the one segment that all hypervisors share.
    """

    def __init__(
        self,
        name: str = "vnc",
        nodes: Mapping[str, Iterable[str]] | None = None,
        api_ports: Iterable[int] = (),
        store: str = "etcd",
        asn: int = 64512,
        settings: dict[str, tuple[str, ...]] | None = None,
        peer_options: str = "",
        trees: Mapping[str, Tree] | None = None,
        etcd_members: int = 1,
        racks: Racks | None = None,
    ) -> None:
        self.name = name
        self.owners = {node: tuple(hvs) for node, hvs in (nodes or DEFAULT_NODES).items()}
        self.journal = Journal(name)
        self.directory = self.journal.directory
        self.asn = asn
        self.racks = RackFabric(name, self.journal, racks) if racks else None
        self.fabric = self.racks or Fabric(name, self.journal)
        self.etcd = (
            Etcd(name, MGMT, etcd_members, self.fabric, self.journal) if store == "etcd" else None
        )
        self.hypervisors: dict[str, Hypervisor] = {}
        for hypervisor in dict.fromkeys(hv for hvs in self.owners.values() for hv in hvs):
            self._add_hypervisor(hypervisor)
        self.nodes: dict[str, Node] = {}
        ports = list(api_ports)
        addresses = {node: f"{MGMT}{index}" for index, node in enumerate(self.owners, 1)}
        for index, (node, address) in enumerate(addresses.items()):
            spec = NodeSpec(
                node, address, asn, full_mesh(addresses, asn, node, peer_options),
                self._store_lines(store, node), settings or {},
            )
            port = ports[index] if index < len(ports) else 0
            tree = (trees or {}).get(node, THIS)
            self.nodes[node] = Node(name, spec, port, self.fabric, self.journal, tree)
        self.vms: dict[str, Vm] = {}

    def _store_lines(self, store: str, node: str) -> tuple[str, ...]:
        if store == "sqlite":
            return ("backend = sqlite", f"path = {self.directory}/{node}/config.db")
        if self.etcd is None:
            return ("backend = memory",)
        return (
            "backend = etcd", f"endpoints = {','.join(self.etcd.urls)}",
            f"max_operations = {MAX_TXN_OPS}",
        )

    def _add_hypervisor(self, name: str) -> Hypervisor:
        number = 11 + len(self.hypervisors)
        hypervisor = Hypervisor(
            self.name, name, self.fabric.uplinks(name, number), f"{MGMT}{number}", self.fabric,
            self.journal,
        )
        self.hypervisors[name] = hypervisor
        return hypervisor

    # ------------------------------------------------------------ life

    def __enter__(self) -> Lab:
        try:
            self.up()
        except LabBusy:
            raise  # It is somebody else's.
        except BaseException:
            self.down()
            raise
        return self

    def __exit__(self, *_: Any) -> None:
        self.down()

    def up(self, progress: Callable[[str], None] = lambda text: None) -> None:
        """Build everything.  ``progress`` is told what is being done.

        What a crashed lab of this name left is removed first.  Raises LabBusy, also where one was
        kept and runs, CommandError or LabTimeout.
        """
        self.journal.lock()
        self.journal.refuse_kept()
        removed = self.journal.remove_all()
        if removed:
            progress(f"removed what an earlier run left: {', '.join(removed)}")
        self.journal.add("lab", name=self.name, started=time.time())
        progress("underlay and management network")
        self.fabric.start()
        self._write_exec_script()
        self.start_infrastructure(progress)
        self.start_nodes(progress)
        self.join_all(progress)

    def down(self) -> list[str]:
        """Remove everything this lab made; returns what it was.

        Nothing happens when another process holds the lab of this name.
        """
        if not self.journal.is_locked:
            return []
        removed = self.journal.remove_all()
        self.journal.unlock()
        self.vms.clear()
        return removed

    def start_infrastructure(self, progress: Callable[[str], None]) -> None:
        """etcd and the hypervisors, side by side."""
        progress(
            f"{len(self.hypervisors)} hypervisors with stock Open vSwitch"
            + (f", etcd of {_members(self.etcd)}" if self.etcd else "")
        )
        tasks = [hypervisor.start for hypervisor in self.hypervisors.values()]
        if self.etcd is not None:
            tasks.append(self.etcd.start)
        in_parallel(tasks)
        self.fabric.wait_ready()

    def start_nodes(self, progress: Callable[[str], None]) -> None:
        progress(f"VNC nodes {', '.join(self.nodes)}: {shlex.join(_shown_command(self.nodes))}")
        for node in self.nodes.values():
            node.prepare()
            node.start(wait=False)
        for node in self.nodes.values():
            node.wait_ready()

    def join_all(self, progress: Callable[[str], None]) -> None:
        """Every hypervisor joins its node with one ovs-vsctl command."""
        for node, names in self.owners.items():
            progress(f"{', '.join(names)} join {node}: ovs-vsctl set-manager "
                     f"{self.nodes[node].ovsdb_target}")
            for name in names:
                self.hypervisors[name].join([self.nodes[node].ovsdb_target])
        for hypervisor in self.hypervisors.values():
            hypervisor.wait_bridge()

    def add_hypervisor(self, name: str, node: str | None = None) -> Hypervisor:
        """One more hypervisor in a running lab; it joins ``node`` if one is named."""
        hypervisor = self._add_hypervisor(name)
        hypervisor.start()
        if node is not None:
            hypervisor.join([self.nodes[node].ovsdb_target])
            hypervisor.wait_bridge()
        return hypervisor

    def add_frr(
        self, name: str, number: int, config: str, more: Mapping[str, str] | None = None
    ) -> Frr:
        """An FRR on the management network at 198.51.100.<number>; ``config`` and ``more``: see
        :class:`Frr`."""
        frr = Frr(self.name, name, f"{MGMT}{number}", config, self.fabric, self.journal, more)
        frr.start()
        return frr

    # ------------------------------------------------------------ VMs

    def add_vm(self, name: str, hypervisor: str, port: PortSpec, dhcp: bool = False) -> Vm:
        """Create a VM, wire it and claim its port."""
        return self.add_vms([(name, hypervisor, port)], dhcp)[0]

    def add_vms(
        self, wanted: Iterable[tuple[str, str, PortSpec]], dhcp: bool = False
    ) -> list[Vm]:
        """Create (name, hypervisor, port) VMs; claims one transaction per hypervisor."""
        made: list[Vm] = []
        tasks = []
        for name, hypervisor, port in wanted:
            vm = Vm(self.name, name, port, self.journal, dhcp)
            made.append(vm)
            tasks.append(lambda vm=vm, hv=hypervisor: self._make(vm, self.hypervisors[hv]))
        in_parallel(tasks)
        for hypervisor in self.hypervisors.values():
            hypervisor.plug_many(
                (vm.interface, vm.port.id) for vm in made if vm.hypervisor is hypervisor
            )
        for vm in made:
            self.vms[vm.name] = vm
        return made

    @staticmethod
    def _make(vm: Vm, hypervisor: Hypervisor) -> None:
        vm.create()
        vm.wire(hypervisor)

    def owner(self, hypervisor: str) -> str:
        """The node that ``hypervisor`` joined."""
        return next(node for node, names in self.owners.items() if hypervisor in names)

    # ------------------------------------------------------------ waiting

    def wait_converged(self, timeout: float = 30.0) -> None:
        """Wait until every node sees its BGP peers up and every hypervisor connected."""

        def converged() -> bool:
            for node in self.nodes.values():
                peers = node.client.v1("peers")
                if len(peers) < len(self.nodes) - 1 or not all(map(is_up, peers)):
                    return False
            return True

        wait_until(converged, "the BGP sessions between the nodes", timeout, 0.05,
                   log=next(iter(self.nodes.values())).daemon.log)

    # ------------------------------------------------------------ the shell

    @property
    def exec_script(self) -> str:
        """A script ``HOST COMMAND...`` that runs a command on a host of the lab."""
        return str(self.directory / "exec")

    def _write_exec_script(self) -> None:
        script = self.directory / "exec"
        script.write_text(
            "#!/bin/sh\n"
            "# Usage: exec HOST COMMAND...   Runs a command on a host of the lab; the tools of\n"
            "# Open vSwitch find that host's switch.\n"
            "set -eu\n"
            'host=$1; shift\n'
            f"run={shlex.quote(str(self.directory))}/$host\n"
            "export OVS_RUNDIR=$run OVS_LOGDIR=$run OVS_DBDIR=$run OVS_SYSCONFDIR=$run\n"
            f'exec ip netns exec {shlex.quote(self.name)}-"$host" "$@"\n'
        )
        script.chmod(0o755)


def is_up(peer: Mapping[str, Any]) -> bool:
    """Whether an entry of ``/v1/peers`` is an established session."""
    return bool(peer["up"])


def _members(etcd: Etcd) -> str:
    count = len(etcd.members)
    return "one member" if count == 1 else f"{count} members"


def _shown_command(nodes: Mapping[str, Node]) -> list[str]:
    node = next(iter(nodes.values()))
    return ["ryu-manager", *node.command[node.command.index("ryu_apps.vnc_node"):]]


def in_parallel(tasks: Iterable[Callable[[], Any]], at_once: int = 8) -> list[Any]:
    """Run callables in threads; returns their results, raises the first error after all ended."""
    tasks = list(tasks)
    if not tasks:
        return []
    with ThreadPoolExecutor(min(at_once, len(tasks))) as pool:
        futures = [pool.submit(task) for task in tasks]
    return [future.result() for future in futures]
