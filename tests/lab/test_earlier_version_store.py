"""Nodes of an earlier revision and of this tree at one store, each way round: ports that move
between them, records that only one of them knows, an import in stages while both follow."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest

from lab.hosts.node import Node
from lab.hosts.tree import THIS, Tree
from lab.hosts.vm import Vm
from lab.net import run
from lab.tenants import Tenant, new_tenant
from lab.topology import Lab
from lab.traffic.ping import PingStream, reach_all
from lab.wait import wait_until
from tests.lab.earlier_support import in_agreement, replace, settled
from tests.lab.recovery import all_flows

VMS = (("web1", "hv1"), ("web2", "hv2"), ("db1", "hv1"), ("db2", "hv2"))


@pytest.fixture(scope="module", params=["node1 is earlier", "node2 is earlier"])
def lab(request: pytest.FixtureRequest, earlier: Tree) -> Iterator[Lab]:
    nodes = {"node1": ("hv1",), "node2": ("hv2",)}
    trees = {request.param.split()[0]: earlier}
    with Lab(f"vncv{os.getpid()}", nodes, peer_options="hold-time 3", trees=trees) as made:
        made.wait_converged()
        yield made


@pytest.fixture(scope="module")
def red(lab: Lab) -> Tenant:
    tenant = new_tenant("red", lab.nodes["node1"].client)
    tenant.create_vms(lab, VMS)
    settled(lab, tenant.vms.values())
    tenant.wait_reachable()
    return tenant


def of_each(lab: Lab) -> tuple[Node, Node]:
    """The node of this tree, and the earlier one."""
    this, earlier = sorted(lab.nodes.values(), key=lambda node: node.tree.label)
    assert this.tree == THIS and earlier.tree.label
    return this, earlier


def reach(red: Tenant) -> None:
    vms = list(red.vms.values())
    results = reach_all((a.space, b.ip) for a in vms for b in vms if a is not b)
    assert [result.output for result in results if not result.ok] == []


def test_a_port_moves_between_them_and_back(lab: Lab, red: Tenant) -> None:
    """Under pings from a hypervisor of each; both nodes agree on where it is, each time."""
    traveller = red.create_vm(lab, "web7", "hv1")
    try:
        settled(lab, red.vms.values())
        streams = [
            PingStream(red.vms[name].space, traveller.ip, interval=0.02) for name in ("web1", "db2")
        ]
        try:
            for stream in streams:
                stream.wait_reply()
            for target in ("hv2", "hv1", "hv2", "hv1"):
                traveller.move(lab.hypervisors[target])
                for node in lab.nodes.values():
                    wait_until(lambda n=node, hv=target: where(n, traveller) == ("ACTIVE", hv),
                               f"{node.name} to see the port on {target}", 20)
                counts = [len(stream.result().replies) for stream in streams]
                wait_until(lambda c=counts: all(
                    len(stream.result().replies) > count + 10
                    for stream, count in zip(streams, c, strict=True)), "the pings to go on", 20)
        finally:
            for stream in streams:
                stream.stop()
        reach(red)
        in_agreement(lab)
    finally:
        red.remove_vm(lab, "web7")


def where(node: Node, vm: Vm) -> tuple[str, str]:
    port = node.client.show("port", vm.port.id)
    return port["status"], port["binding:host_id"]


LATER = {
    "/status/owners/other": {"element": "other", "owner": "nobody", "epoch": 9, "why": "x"},
    "/status/reach/nobody/other": {"element": "other", "node": "nobody", "warm": True},
    "/status/maintenance/nobody": {"drain": True},
    "/status/pins/other": {"node": "nobody"},
    "/status/later/other": {"later": [1, {"a": None}]},
    "/config/later/other": {"schema": 1, "id": "other"},
}
"""Records of kinds that an earlier node, or this one, does not know."""


def test_records_of_later_versions_are_left_alone(lab: Lab, red: Tenant) -> None:
    """While it runs, at its start, and when they go."""
    _, earlier = of_each(lab)
    (etcd,) = lab.etcd.members
    before = all_flows(lab)
    for key, value in LATER.items():
        etcd.ctl("put", f"/vnc{key}", json.dumps(value))
    settled(lab, red.vms.values())
    replace(earlier, earlier.tree, kill=True)
    settled(lab, red.vms.values())
    for key in LATER:
        if key.startswith("/config/"):
            assert etcd.ctl("get", f"/vnc{key}", "--print-value-only").strip()
    reach(red)
    lab.nodes["node1"].client.create("network", name="meanwhile")
    in_agreement(lab)
    for key in LATER:
        etcd.ctl("del", f"/vnc{key}")
    settled(lab, red.vms.values())
    reach(red)
    after = all_flows(lab)
    for name, flows in before.items():
        assert set(flows) <= set(after[name]), f"flows of {name} went"


def test_an_import_in_stages_is_followed_by_both(lab: Lab, red: Tenant) -> None:
    """By a command at the store; no flow changes, and no packet is lost."""
    this, _ = of_each(lab)
    file, conf = this.directory / "saved.jsonl", this.directory / "small.conf"
    conf.write_text("[store]\nbackend = etcd\nendpoints = "
                    f"{lab.etcd.urls[0]}\nmax_operations = 4\n")
    command = THIS.module("ryu_apps.cli.vnctl", "config")
    environment = {**os.environ, **THIS.environment}
    run([*command, "--url", this.url, "export", str(file)], env=environment)
    ids = [vm.port.id for vm in red.vms.values()]
    for number, id in enumerate(ids * 3):
        lab.nodes["node2"].client.update("port", id, description=f"changed {number}")
    extra = lab.nodes["node1"].client.create("network", name="extra")["id"]
    in_agreement(lab)
    before = all_flows(lab)
    stream = PingStream(red.vms["web1"].space, red.vms["web2"].ip)
    stream.wait_reply()
    said = this.space.run(
        [*command, "import", str(file), "--config-file", str(conf), "--yes"], env=environment,
    ).stdout
    assert "written in stages, and finished" in said and "removed: 1 network" in said
    for node in lab.nodes.values():
        wait_until(lambda n=node: not n.client.list("network", id=extra)
                   and not any(n.client.show("port", id)["description"] for id in ids),
                   f"{node.name} to follow the import", 30)
        node.client.wait_healthy()
    result = stream.stop()
    assert result.lost == 0, result.output[-500:]
    assert all_flows(lab) == before
    lab.nodes["node2"].client.create("network", name="after")
    in_agreement(lab)
