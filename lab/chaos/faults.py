"""What can be broken, each with the way back; declared once, in :data:`FAULTS`.

A fault breaks one thing of a running :class:`~lab.chaos.system.System` and returns what mends it.
"""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lab.chaos.system import System
from lab.fabric.faults import Link
from lab.fabric.plan import CHASSIS, link_name, rack_name
from lab.hosts.etcd import EtcdMember
from lab.net import Namespace
from lab.process import children

Mend = Callable[[], object]


@dataclass(frozen=True)
class Kind:
    """``part``: of the system; two faults at a time are of two parts.  ``targets``: what it can be
    done to.  ``lossless``: established traffic loses nothing by it, neither then nor at its end.
    ``links``: but for single pings, as a hypervisor's kernel gets or loses a link by it.  Open
    vSwitch then reads the kernel's routes anew (its lib/route-table.c), and as it seems, what its
    userspace datapath sends into tunnels meanwhile is dropped: no flow and no row changes.
    ``python -m lab.chaos.link_changes`` shows it without a change of anything else.
    ``writes``: the API goes on taking changes meanwhile, at every node that runs."""

    part: str
    targets: Callable[[System], Sequence[str]]
    apply: Callable[[System, str], Mend]
    lossless: bool = False
    writes: bool = True
    links: bool = False


def parts(system: System) -> Mapping[str, Mapping[str, Sequence[str]]]:
    """For :func:`lab.chaos.schedule.schedule`: those that have a target here."""
    found: dict[str, dict[str, Sequence[str]]] = {}
    for name, kind in FAULTS.items():
        targets = kind.targets(system)
        if targets:
            found.setdefault(kind.part, {})[name] = targets
    return found


# ------------------------------------------------------------ nodes


def _kill_node(system: System, name: str) -> Mend:
    node = system.lab.nodes[name]
    node.kill()
    return node.start


def _pause_node(system: System, name: str) -> Mend:
    node = system.lab.nodes[name]
    node.daemon.signal(signal.SIGSTOP)
    return lambda: node.daemon.signal(signal.SIGCONT)


def _restart_node(system: System, name: str) -> Mend:
    node = system.lab.nodes[name]
    node.stop()
    return node.start


def _kill_engine(system: System, name: str) -> Mend:
    for pid in children(system.lab.nodes[name].daemon.pid):
        _signal(pid, signal.SIGKILL)
    return lambda: None


def _kill_all_nodes(system: System, _: str) -> Mend:
    nodes = list(system.lab.nodes.values())
    for node in nodes:
        node.kill()

    def start() -> None:
        for node in nodes:
            node.start(wait=False)
        for node in nodes:
            node.wait_ready()

    return start


def _drain_node(system: System, name: str) -> Mend:
    system.drain(name, True)
    return lambda: system.drain(name, False)


def _from_store(system: System, name: str) -> Mend:
    """The node alone cannot reach etcd."""
    assert system.lab.etcd is not None
    space = system.lab.nodes[name].space
    addresses = ", ".join(member.address for member in system.lab.etcd.members)
    return _filter(space, f"ip daddr {{ {addresses} }} drop")


# ------------------------------------------------------------ the store


def _member(system: System, name: str) -> EtcdMember:
    assert system.lab.etcd is not None
    if name == "leader":
        return system.lab.etcd.leader()
    return next(one for one in system.lab.etcd.members if one.name == name)


def _kill_member(system: System, name: str) -> Mend:
    member = _member(system, name)
    member.kill()
    return member.restart


def _pause_member(system: System, name: str) -> Mend:
    member = _member(system, name)
    member.pause()
    return member.resume


def _kill_majority(system: System, _: str) -> Mend:
    assert system.lab.etcd is not None
    members = system.lab.etcd.members[:2]
    for member in members:
        member.kill()

    def restart() -> None:
        for member in members:
            member.restart(wait=False)
        for member in members:
            member.wait_healthy()

    return restart


# ------------------------------------------------------------ hypervisors


def _kill_switch(system: System, name: str) -> Mend:
    hypervisor = system.lab.hypervisors[name]
    hypervisor.crash_switch()
    return hypervisor.restart_switch


def _kill_database(system: System, name: str) -> Mend:
    hypervisor = system.lab.hypervisors[name]
    hypervisor.database.kill()
    return hypervisor.start_database


def _from_nodes(system: System, name: str) -> Mend:
    """The hypervisor's management network is cut."""
    return _filter(system.lab.hypervisors[name].space, 'oifname "mgmt0" drop')


def _delete_flows(system: System, name: str) -> Mend:
    """Somebody deletes flows: another table's each time."""
    hypervisor = system.lab.hypervisors[name]
    tables = sorted({line.partition("table=")[2].partition(",")[0] for line in hypervisor.flows()})
    for table in random.Random(len(tables)).sample(tables, min(3, len(tables))):
        if table:
            hypervisor.ofctl("del-flows", "br-int", f"table={table}")
    return lambda: None


# ------------------------------------------------------------ links


def _links(system: System) -> Sequence[str]:
    if system.lab.racks is None:
        return ()
    plan = system.lab.racks.plan
    return [
        *(link_name(hypervisor, rack_name(rack))
          for hypervisor in system.lab.hypervisors for rack in plan.homes_of(hypervisor)),
        *(link_name(rack_name(rack), CHASSIS) for rack in plan.racks),
    ]


def _racks(system: System) -> Sequence[str]:
    return [rack_name(rack) for rack in system.lab.racks.plan.racks] if system.lab.racks else ()


def _link(system: System, name: str) -> Link:
    assert system.lab.racks is not None
    return system.lab.racks.links[name]


def _cut(system: System, name: str) -> Mend:
    link = _link(system, name)
    link.cut()
    return link.mend


def _one_way(system: System, name: str) -> Mend:
    link = _link(system, name)
    link.lose(100, toward=link.other)
    return link.mend


def _lossy(system: System, name: str) -> Mend:
    link = _link(system, name)
    link.lose(10)
    return link.mend


def _rack_down(system: System, name: str) -> Mend:
    assert system.lab.racks is not None
    links = [link for link in system.lab.racks.links.values() if name in (link.switch, link.other)]
    for link in links:
        link.cut()

    def mend() -> None:
        for link in links:
            link.mend()

    return mend


# ------------------------------------------------------------ the configuration


def _move_vm(system: System, name: str) -> Mend:
    return system.move_vm(name)


def _toggle_rule(system: System, _: str) -> Mend:
    return system.toggle_rule()


def _replace_vm(system: System, name: str) -> Mend:
    return system.replace_vm(name)


# ------------------------------------------------------------ helpers


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def _filter(space: Namespace, rule: str) -> Mend:
    space.run(["nft", "-f", "-"], stdin=(
        "table inet chaos { chain out { type filter hook output priority 0; " + rule + "; }; }"
    ))
    return lambda: space.run(["nft", "delete", "table", "inet", "chaos"])


def _nodes(system: System) -> Sequence[str]:
    return list(system.lab.nodes)


def _hypervisors(system: System) -> Sequence[str]:
    return list(system.lab.hypervisors)


def _members(system: System) -> Sequence[str]:
    return [*(one.name for one in system.lab.etcd.members), "leader"] if system.lab.etcd else ()


def _all(_: System) -> Sequence[str]:
    return ("",)


def _movable(system: System) -> Sequence[str]:
    return system.movable


FAULTS: dict[str, Kind] = {
    "kill node": Kind("nodes", _nodes, _kill_node, lossless=True),
    "pause node": Kind("nodes", _nodes, _pause_node, lossless=True),
    "restart node": Kind("nodes", _nodes, _restart_node, lossless=True),
    "kill bgp engine": Kind("nodes", _nodes, _kill_engine, lossless=True),
    "kill all nodes": Kind("nodes", _all, _kill_all_nodes, lossless=True, writes=False),
    "drain node": Kind("nodes", _nodes, _drain_node, lossless=True),
    "cut node from store": Kind("nodes", _nodes, _from_store, lossless=True),
    "kill etcd member": Kind("store", _members, _kill_member, lossless=True),
    "pause etcd member": Kind("store", _members, _pause_member, lossless=True),
    "kill etcd majority": Kind("store", _all, _kill_majority, lossless=True, writes=False),
    "kill switch": Kind("hypervisors", _hypervisors, _kill_switch),
    "kill database": Kind("hypervisors", _hypervisors, _kill_database),
    "cut hypervisor from nodes": Kind("hypervisors", _hypervisors, _from_nodes, lossless=True),
    "delete flows": Kind("hypervisors", _hypervisors, _delete_flows),
    "cut link": Kind("links", _links, _cut),
    "cut link one way": Kind("links", _links, _one_way),
    "lossy link": Kind("links", _links, _lossy),
    "rack down": Kind("links", _racks, _rack_down),
    "move vm": Kind("configuration", _movable, _move_vm),
    "replace vm": Kind("configuration", _movable, _replace_vm, lossless=True,
                       links=True),
    "toggle rule": Kind("configuration", _all, _toggle_rule, lossless=True),
}
