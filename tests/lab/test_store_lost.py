"""The store is lost, exchanged or older: the network goes on until an operator says otherwise."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from lab.client import ApiError
from lab.tenants import Tenant, new_tenant
from lab.topology import Lab
from lab.traffic.ping import ping
from lab.wait import wait_until

from .recovery import all_flows, recovered


@pytest.fixture
def own() -> Iterator[Lab]:
    """One of its own: what happens to its store ends it for others."""
    with Lab(f"vncl{os.getpid()}", api_ports=(0, 0)) as one:
        one.wait_converged()
        yield one


@pytest.fixture
def red(own: Lab) -> Tenant:
    tenant = new_tenant("red", own.nodes["node1"].client)
    tenant.create_vms(own)
    tenant.wait_active()
    tenant.wait_reachable()
    return tenant


def failed(node) -> dict[str, str]:
    return {one["name"]: one["detail"] for one in node.client.health()["checks"] if not one["ok"]}


def held(lab: Lab, text: str) -> None:
    """Every node says so and refuses changes."""
    for node in lab.nodes.values():
        wait_until(lambda node=node: text in failed(node).get("configuration", ""),
                   f"{node.name} to say: {text}", 40)  # fmt: skip
        with pytest.raises(ApiError) as caught:
            node.client.create("network", name="late")
        assert caught.value.status == 503 and "vnctl config" in str(caught.value.body)


def reach(red: Tenant) -> None:
    assert ping(red.vms["web1"].space, red.vms["db3"].ip, 3, 0.1).received == 3
    assert ping(red.vms["web1"].space, red.vms["web4"].ip, 3, 0.1).received == 3


def unchanged(lab: Lab, before: dict[str, list[str]]) -> None:
    now = all_flows(lab)
    for name, flows in before.items():
        assert set(flows) - set(now[name]) == set(), f"gone from {name}"
        assert set(now[name]) - set(flows) == set(), f"new in {name}"


def lose(lab: Lab) -> None:
    (member,) = lab.etcd.members
    member.kill()
    shutil.rmtree(member.data)
    member.restart()


def test_etcd_loses_its_data_and_the_nodes_restart(own: Lab, red: Tenant) -> None:
    lab = own
    recovered(lab, red)
    before = all_flows(lab)
    kept = lab.directory / "kept"
    (member,) = lab.etcd.members
    member.kill()
    shutil.copytree(member.data, kept)
    member.restart()
    recovered(lab, red)

    lose(lab)
    held(lab, "holds no configuration")
    unchanged(lab, before)
    reach(red)
    assert len(lab.nodes["node2"].client.list("port")) >= len(red.vms)

    for node in lab.nodes.values():  # each alone, and then without the file that says what it knew
        node.kill()
        node.restart()
    held(lab, "holds no configuration")
    for node in lab.nodes.values():
        node.kill()
        (node.directory / "node.state").unlink()
        node.restart()
    held(lab, "does not know")
    unchanged(lab, before)
    reach(red)

    member.kill()  # the right one comes back
    shutil.rmtree(member.data)
    shutil.copytree(kept, member.data)
    member.restart()
    recovered(lab, red)
    unchanged(lab, before)
    reach(red)

    lose(lab)
    held(lab, "holds no configuration")
    answer = lab.nodes["node2"].client.post("/v1/configuration/accept", None)
    assert answer["followed"]
    for node in lab.nodes.values():
        wait_until(lambda node=node: not node.client.list("port"), "the ports to go", 20)
    wait_until(lambda: all(len(flows) < len(before[name])
                           for name, flows in all_flows(lab).items()), "the flows to go", 30)
    lab.nodes["node1"].client.create("network", name="new")
