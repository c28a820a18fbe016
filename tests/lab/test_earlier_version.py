"""Nodes of an earlier revision and of this tree in one system, and the change from one to the other
under traffic, forth and back.

The system goes through what an upgrade does, node by node, then through the way back; each test
says in which state it is to be, and makes it so where it is not.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from lab.client import ApiError, Client
from lab.hosts.tree import THIS, Tree
from lab.hosts.vm import Vm
from lab.net import run
from lab.tenants import Tenant, new_tenant
from lab.topology import Lab
from lab.traffic.ping import ping, ping_all, reach_all
from lab.traffic.tcp import connects, listening
from lab.wait import wait_until
from tests.lab.earlier_support import (
    Record,
    Traffic,
    apart,
    configured,
    differences,
    exchange,
    in_agreement,
    keeps_connections,
    replace,
    settled,
)

OPEN = (("web1", "hv1"), ("web2", "hv2"), ("db1", "hv1"), ("db2", "hv2"))
CLOSED = (("db3", "hv1"), ("db4", "hv2"))
"""VMs that take in nothing unasked: a switch that forgot a connection of theirs, or looked for it
in another zone, would drop what comes back."""
ACROSS = (("web1", "web2"), ("web1", "db2"), ("db1", "web2"), ("db1", "db2"))
"""Pairs on hypervisors of two nodes, within a network and between networks."""
PINGS = (("web1", "db2", "ip"), ("web2", "web1", "ip6"))
CONNECTIONS = (("db3", "web2", "ip"), ("db4", "web1", "ip6"))
HTTP = 80


@dataclass(frozen=True)
class Change:
    """Both nodes are of ``before``; then node1 is of ``after``, then node2 too.  ``killed``: the
    node that is ended by kill -9; the other is asked to end."""

    before: Tree
    after: Tree
    killed: str


@pytest.fixture(scope="module", params=["upgrade", "downgrade"])
def change(request: pytest.FixtureRequest, earlier: Tree) -> Change:
    if request.param == "upgrade":
        return Change(earlier, THIS, killed="node2")
    return Change(THIS, earlier, killed="node1")


@pytest.fixture(scope="module")
def lab(earlier: Tree) -> Iterator[Lab]:
    nodes = {"node1": ("hv1",), "node2": ("hv2",)}
    trees = dict.fromkeys(nodes, earlier)
    with Lab(f"vnce{os.getpid()}", nodes, peer_options="hold-time 3", trees=trees) as made:
        made.wait_converged()
        yield made


@pytest.fixture(scope="module")
def red(lab: Lab) -> Tenant:
    """Dual-stack VMs on both hypervisors."""
    client = lab.nodes["node1"].client
    tenant = new_tenant("red", client, ipv6=True)
    tenant.create_vms(lab, OPEN + CLOSED)
    nothing, anything = (group(client, tenant, name) for name in ("nothing", "anything"))
    for ethertype in ("IPv4", "IPv6"):
        rule(client, tenant, anything, ethertype=ethertype, protocol="tcp")
    for name, _ in CLOSED:
        client.update("port", tenant.vms[name].port.id, security_groups=[nothing])
    for name in ("web1", "web2"):
        join(client, tenant.vms[name], anything)
    settled(lab, tenant.vms.values())
    ways = [(tenant.vms[a].space, tenant.vms[b].ip) for a, b in ACROSS]
    wait_until(lambda: all(one.ok for one in ping_all(ways, 1, wait=0.3)), "the VMs to answer")
    return tenant


def group(client: Client, tenant: Tenant, name: str) -> str:
    body = {"security_group": {"name": name, "project_id": tenant.project_id}}
    return client.post("/v2.0/security-groups", body)["security_group"]["id"]


def rule(client: Client, tenant: Tenant, group: str, **fields: object) -> str:
    body = {"security_group_id": group, "direction": "ingress",
            "project_id": tenant.project_id, **fields}
    answer = client.post("/v2.0/security-group-rules", {"security_group_rule": body})
    return answer["security_group_rule"]["id"]


def join(client: Client, vm: Vm, group: str) -> None:
    groups = client.show("port", vm.port.id)["security_groups"]
    client.update("port", vm.port.id, security_groups=[*groups, group])


def in_state(lab: Lab, red: Tenant, node1: Tree, node2: Tree) -> None:
    """Make the nodes run these trees where they do not, and see in their versions that they do."""
    trees = {"node1": node1, "node2": node2}
    for name, tree in trees.items():
        if lab.nodes[name].tree != tree:
            replace(lab.nodes[name], tree)
    settled(lab, red.vms.values())
    for node in lab.nodes.values():
        versions = {one["node"]: one["version"] for one in node.client.v1("nodes")}
        labels = {name: "".join(text.partition("+")[1:]) for name, text in versions.items()}
        assert labels == {name: tree.label for name, tree in trees.items()}


def both_ways(tenant: Tenant) -> list[tuple[Vm, Vm]]:
    return [(tenant.vms[a], tenant.vms[b]) for pair in ACROSS for a, b in (pair, pair[::-1])]


def reach(pairs: list[tuple[Vm, Vm]]) -> None:
    """Each reaches the other, by ICMP and TCP over IPv4 and IPv6."""
    ways = [(a, b, address) for a, b in pairs for address in (b.ip, b.ip6)]
    results = reach_all((a.space, address) for a, _, address in ways)
    assert [result.output for result in results if not result.ok] == []
    assert [(a.name, address) for a, b, address in ways if not tcp(a, b, address)] == []


def pings(source: Vm, address: str, patience: float = 0.5) -> bool:
    """Whether one ping is answered."""
    return ping(source.space, address, 1, wait=patience).ok


def tcp(source: Vm, target: Vm, address: str, patience: float = 10.0) -> bool:
    """Whether a connection comes about."""
    with listening(target, address, HTTP):
        return connects(source, address, HTTP, patience)


def under_way(lab: Lab, tenant: Tenant, change: Change) -> Traffic:
    return Traffic(lab, tenant.vms, PINGS, CONNECTIONS if keeps_connections(change.after) else ())


# ---------------------------------------------------------------- one system, two versions


def test_first_node_changes_under_traffic(
    lab: Lab, red: Tenant, change: Change, record_property: Record
) -> None:
    in_state(lab, red, change.before, change.before)
    traffic = under_way(lab, red, change)
    exchange(lab, red.vms, traffic, "node1", change.after, change.killed == "node1",
             record_property)
    in_state(lab, red, change.after, change.before)


def test_two_versions_forward(lab: Lab, red: Tenant, change: Change) -> None:
    """Between VMs that were there before, and those that came now, a port over each API."""
    in_state(lab, red, change.after, change.before)
    usual = red.client
    # An address of its own for each: the others still know the MAC of who had it.
    number = 8 if change.after is THIS else 9
    came = {f"web{number}": ("node1", "hv2"), f"db{number}": ("node2", "hv1")}
    try:
        for name, (node, hypervisor) in came.items():
            red.client = lab.nodes[node].client
            red.create_vm(lab, name, hypervisor)
        settled(lab, red.vms.values())
        new = [red.vms[name] for name in came]
        old = [red.vms[name] for name, _ in OPEN]
        pairs = [(a, b) for one in new for other in old for a, b in ((one, other), (other, one))]
        reach(both_ways(red) + pairs)
    finally:
        red.client = usual
        for name in came.keys() & red.vms.keys():
            red.remove_vm(lab, name)


def test_two_versions_filter(lab: Lab, red: Tenant, change: Change) -> None:
    """A group that is made over the one API and given to ports over the other: its members on the
    other node's hypervisor get in, and nobody else."""
    in_state(lab, red, change.after, change.before)
    one, two = (node.client for node in lab.nodes.values())
    vms = red.vms
    for maker, other, member, stranger, target in (
        (one, two, vms["web1"], vms["db1"], vms["db2"]),
        (two, one, vms["db2"], vms["web2"], vms["db1"]),
    ):
        before = {vm: maker.show("port", vm.port.id)["security_groups"] for vm in (member, target)}
        members = group(maker, red, "members")
        for ethertype in ("IPv4", "IPv6"):
            rule(maker, red, members, ethertype=ethertype, remote_group_id=members)
        in_agreement(lab)
        try:
            other.update("port", target.port.id, security_groups=[members])
            for address in (target.ip, target.ip6):
                wait_until(lambda a=stranger, to=address: not pings(a, to, 0.2),
                           f"{target.name} to be closed to {stranger.name}", 10)
                assert not tcp(stranger, target, address, patience=0.3)
                assert not tcp(member, target, address, patience=0.3)
            join(other, member, members)
            for address in (target.ip, target.ip6):
                wait_until(lambda a=member, to=address: pings(a, to),
                           f"{target.name} to be open to {member.name}", 10)
                assert tcp(member, target, address)
                assert not tcp(stranger, target, address, patience=0.3)
        finally:
            in_agreement(lab)
            for vm, groups in before.items():
                maker.update("port", vm.port.id, security_groups=groups)
            maker.delete(f"/v2.0/security-groups/{members}")
    in_agreement(lab)
    reach([(vms["db1"], vms["db2"]), (vms["db2"], vms["db1"])])


def test_two_versions_configure(lab: Lab, red: Tenant, change: Change) -> None:
    """What is made, changed and removed over the one API is there over the other."""
    in_state(lab, red, change.after, change.before)
    one, two = (node.client for node in lab.nodes.values())
    for maker, other in ((one, two), (two, one)):
        before = configured(maker)
        network = maker.create("network", name="made")["id"]
        four = maker.create("subnet", network_id=network, cidr="10.9.0.0/24", ip_version=4)["id"]
        six = maker.create(
            "subnet", network_id=network, cidr="fd09::/64", ip_version=6,
            ipv6_ra_mode="slaac", ipv6_address_mode="slaac",
        )["id"]
        router = maker.create("router", name="made")["id"]
        for subnet in (four, six):
            maker.add_router_interface(router, subnet)
        port = maker.create("port", network_id=network, name="made")["id"]
        in_agreement(lab)

        other.update("network", network, name="changed")
        other.update("subnet", four, dns_nameservers=["192.0.2.53"], host_routes=[
            {"destination": "203.0.113.0/24", "nexthop": "10.9.0.7"}])
        other.update("router", router, description="changed")
        other.update("port", port, name="changed", allowed_address_pairs=[
            {"ip_address": "10.9.0.99"}], security_groups=[])
        in_agreement(lab)
        assert maker.show("network", network)["name"] == "changed"
        assert maker.show("port", port)["allowed_address_pairs"][0]["ip_address"] == "10.9.0.99"
        assert maker.show("router", router)["description"] == "changed"

        maker.remove("port", port)
        for subnet in (four, six):
            maker.remove_router_interface(router, subnet)
        in_agreement(lab)
        other.remove("router", router)
        other.remove("network", network)
        in_agreement(lab)
        with pytest.raises(ApiError, match="404"):
            maker.show("network", network)
        # With the network and the port comes the default group of who asked, which stays.
        assert [text for text in apart(before, configured(maker))
                if not text.startswith("security-group")] == []


def test_two_versions_show_the_same(lab: Lab, red: Tenant, change: Change) -> None:
    """The ports, over REST and by ``vnctl`` of each version, from each node."""
    in_state(lab, red, change.after, change.before)
    one, two = (
        {port["id"]: port for port in node.client.v1("ports")} for node in lab.nodes.values())
    assert one.keys() == two.keys()
    for id, port in one.items():
        assert differences({**port, "mine": 0}, {**two[id], "mine": 0}) == []
    shown = [
        {port["id"]: port for port in vnctl(tree, node.url, "ports")["ports"]}
        for tree in (change.before, change.after) for node in lab.nodes.values()
    ]
    for vm in red.vms.values():
        assert one[vm.port.id]["status"] == "ACTIVE"
        assert one[vm.port.id]["host"] == vm.hypervisor.name
    for answer in shown:
        assert answer.keys() == one.keys()
        assert differences(shown[0], answer) == []


def vnctl(tree: Tree, url: str, *words: str) -> dict:
    command = tree.module("ryu_apps.cli.vnctl", "--url", url, "-o", "json", *words)
    return json.loads(run(command, env={**os.environ, **tree.environment}).stdout)


def test_second_node_changes_under_traffic(
    lab: Lab, red: Tenant, change: Change, record_property: Record
) -> None:
    in_state(lab, red, change.after, change.before)
    traffic = under_way(lab, red, change)
    exchange(lab, red.vms, traffic, "node2", change.after, change.killed == "node2",
             record_property)
    in_state(lab, red, change.after, change.after)
    in_agreement(lab)
    reach(both_ways(red))
