"""What the tests of two versions in one system share: exchanging a node's version under traffic,
and comparing what two nodes answer."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from lab.client import Client
from lab.hosts.node import Node
from lab.hosts.tree import Tree
from lab.hosts.vm import Vm
from lab.topology import Lab
from lab.traffic.capture import FlowMonitor
from lab.traffic.ping import PingStream
from lab.traffic.tcp import TcpStream
from lab.wait import LabTimeout, wait_until

KINDS = ("networks", "subnets", "ports", "routers", "security-groups", "security-group-rules")
Record = Callable[[str, object], None]
"""pytest's ``record_property``."""


def settled(lab: Lab, vms: Iterable[Vm]) -> None:
    """Wait until all nodes are well, see each other, and show the ports of ``vms`` ACTIVE."""
    ids = [vm.port.id for vm in vms]
    for node in lab.nodes.values():
        node.client.wait_healthy()
    lab.wait_converged()
    for node in lab.nodes.values():
        node.client.wait_ports(ids)


def replace(node: Node, tree: Tree, kill: bool = False) -> None:
    """End a node, by SIGTERM or kill -9, and start it from ``tree``."""
    if kill:
        node.kill()
    else:
        assert node.stop(), node.log()
    node.use(tree)
    node.start()


class Traffic:
    """Pings, 100 a second each, and TCP connections; each from a VM to another, over IPv4
    ("ip") or IPv6 ("ip6")."""

    def __init__(
        self, lab: Lab, vms: dict[str, Vm], pings: Iterable[tuple[str, str, str]],
        connections: Iterable[tuple[str, str, str]],
    ) -> None:
        self._hypervisors = list(lab.hypervisors.values())
        self._connections = [
            TcpStream(vms[a], vms[b], getattr(vms[b], address)) for a, b, address in connections]
        self._pings = [
            PingStream(vms[a].space, getattr(vms[b], address)) for a, b, address in pings]
        for ping in self._pings:
            ping.wait_reply()
        for one in self._connections:
            wait_until(lambda one=one: one.count > 2, "the connection to carry something", 10)

    def tracked(self) -> dict[str, list[str]]:
        """Hypervisor -> what its switch tracks of the connections: ends, zone and state."""
        ends = [f"sport={one.source_port},dport={one.port})" for one in self._connections]
        return {
            hypervisor.name: sorted(
                line for line in hypervisor.appctl("dpctl/dump-conntrack").splitlines()
                if any(end in line for end in ends))
            for hypervisor in self._hypervisors
        }

    def stop(self) -> list[str]:
        """End it; returns what was lost of each ping that lost something.  Raises OSError where a
        connection broke."""
        results = [one.stop() for one in self._pings]
        counts = [one.stop() for one in self._connections]
        assert all(result.sent > 100 for result in results), results
        assert all(count > 10 for count in counts), counts
        return [result.output[-1000:] for result in results if result.lost]


def keeps_connections(tree: Tree) -> bool:
    """Whether a node of this tree finds the flows that give ports their numbers where another
    version has them.  One whose tables have no ids of their own does not, where a later one was:
    the switch then forgets the connections of its ports (docs/behaviour.md), and drops a reply
    that is on its way."""
    return (tree.root / "vrouter_ovs/wire/renumber.py").exists()


def exchange(
    lab: Lab, vms: dict[str, Vm], traffic: Traffic, name: str, tree: Tree, kill: bool,
    record: Record,
) -> None:
    """Start the node ``name`` from another tree under traffic; nothing is lost, and connections
    stay where they are tracked, if it is one that keeps them.  What became of the flows is recorded
    and printed: a version that numbers its tables in another way writes all of them once."""
    before = {one.name: Counter(one.flows()) for one in lab.hypervisors.values()}
    tracked = traffic.tracked()
    monitors = {one.name: FlowMonitor(one) for one in lab.hypervisors.values()}
    try:
        replace(lab.nodes[name], tree, kill)
        settled(lab, vms.values())
        time.sleep(0.5)
        settled(lab, vms.values())
    finally:
        events = {hypervisor: monitor.stop() for hypervisor, monitor in monitors.items()}
        kept = traffic.tracked()
        lost = traffic.stop()
    if keeps_connections(tree):
        assert not lost, "\n".join(lost)
        assert all(tracked.values()) and kept == tracked, (tracked, kept)
        for hypervisor in lab.owners[name]:
            element = lab.nodes[name].client.v1(f"elements/{hypervisor}")
            assert element["openflow"]["zone_flushes"] == 0, f"{hypervisor} forgot connections"
    else:
        record(f"{name} from {tree.label}: pings that lost something", len(lost))
    for hypervisor in lab.hypervisors.values():
        after = Counter(hypervisor.flows())
        gone, new = before[hypervisor.name] - after, after - before[hypervisor.name]
        what = f"{name} from {tree.label or 'this tree'}: flows of {hypervisor.name}"
        text = (f"{gone.total()} gone, {new.total()} new, {(after - new).total()} as before; "
                f"events {events[hypervisor.name]}")
        record(what, text)
        print(f"{what}: {text}", *(f"- {flow}" for flow in list(gone)[:3]),
              *(f"+ {flow}" for flow in list(new)[:3]), sep="\n")


def configured(client: Client) -> dict[str, dict[str, dict[str, Any]]]:
    """Collection -> id -> resource, as a node answers them."""
    return {kind: by_id(client.get(f"/v2.0/{kind}")[kind.replace("-", "_")]) for kind in KINDS}


SINCE = {"availability_zones"}
"""Attributes that the earlier version has, always empty, and this one fills."""


def by_id(value: Any) -> Any:
    """A list of resources as id -> resource; anything else as it is."""
    if isinstance(value, list) and all(isinstance(one, dict) and "id" in one for one in value):
        return {one["id"]: one for one in value}
    return value


def differences(one: Any, other: Any, where: str = "") -> list[str]:
    """Where two answers differ.  Attributes of a resource that only one of them has do not count:
    its version may be the only one to know them.  Nor does the order of resources in a list."""
    one, other = by_id(one), by_id(other)
    if isinstance(one, dict) and isinstance(other, dict):
        return [text for key in (one.keys() & other.keys()) - SINCE
                for text in differences(one[key], other[key], f"{where}/{key}")]
    return [] if one == other else [f"{where}: {one!r}, {other!r}"]


def apart(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Where two configurations differ; a resource that only one of them has counts."""
    return [
        *(f"{kind}/{id}: only one has it" for kind in KINDS
          for id in one[kind].keys() ^ other[kind].keys()),
        *differences(one, other),
    ]


def in_agreement(lab: Lab) -> None:
    """All nodes answer the same resources, with the same values, within a moment."""
    found: list[str] = []

    def agree() -> bool:
        first, *others = (configured(node.client) for node in lab.nodes.values())
        found[:] = [text for other in others for text in apart(first, other)]
        return not found

    with contextlib.suppress(LabTimeout):
        wait_until(agree, "all nodes to answer the same", 10)
    assert not found, "\n".join(found)
