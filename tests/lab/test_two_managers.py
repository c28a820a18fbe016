"""A hypervisor with two manager targets: one node has it, the other stands by and takes over."""

from __future__ import annotations

from typing import Any

from lab.tenants import Tenant
from lab.topology import Lab
from lab.traffic.ping import PingStream
from lab.wait import wait_until


def shown(lab: Lab, node: str) -> dict[str, Any]:
    return lab.nodes[node].client.v1("elements/hv2")


def owned_by(lab: Lab, owner: str, asked: str) -> bool:
    found = next(one for one in lab.nodes[asked].client.v1("elements") if one["id"] == "hv2")
    return (found["owner"], found["connected"]) == (owner, True)


def test_the_second_node_stands_by_and_takes_over(lab: Lab, red: Tenant) -> None:
    hypervisor, first, second = lab.hypervisors["hv2"], lab.nodes["node1"], lab.nodes["node2"]
    ports = [vm.port.id for vm in red.vms.values()]
    flows = sorted(hypervisor.flows())
    stream = PingStream(red.vms["web3"].space, red.vms["web1"].ip, interval=0.05)
    stream.wait_reply()
    try:
        hypervisor.join([first.ovsdb_target, second.ovsdb_target])

        def standing_by() -> list:
            found = next(one for one in first.client.v1("elements") if one["id"] == "hv2")
            return found.get("standby") or []

        wait_until(
            lambda: [one["node"] for one in standing_by()] == ["node2"], "node2 standing by", 15
        )
        assert standing_by()[0]["reason"] == "standby: owned by node1"
        target = hypervisor.vsctl("get-controller", "br-int")
        assert owned_by(lab, "node1", "node2") and sorted(hypervisor.flows()) == flows
        assert hypervisor.vsctl("get-controller", "br-int") == target

        first.kill()
        wait_until(lambda: owned_by(lab, "node2", "node2"), "node2 to take over", 30)
        second.client.wait_ports([red.vms["web3"].port.id], timeout=30)
        first.start()
        wait_until(lambda: owned_by(lab, "node2", "node1"), "node1 to know", 15)
        wait_until(
            lambda: [one["node"] for one in standing_by()] == ["node1"], "node1 standing by", 15
        )
    finally:
        # Back to one target: the records are right without a restart.
        hypervisor.join([first.ovsdb_target])
    for asked in ("node1", "node2"):
        wait_until(lambda asked=asked: owned_by(lab, "node1", asked), f"{asked} to know", 20)
    first.client.wait_ports(ports, timeout=30)
    result = stream.stop()
    assert result.received > result.sent // 2, "it forwards on, whoever owns it"
    red.wait_reachable()
