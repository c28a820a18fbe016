"""A hypervisor goes to another node and back: its VMs go on, and no switch changes a flow."""

from __future__ import annotations

import time

from lab.tenants import Tenant
from lab.topology import Lab
from lab.traffic.capture import FlowMonitor
from lab.traffic.ping import PingStream
from lab.wait import wait_until
from ryu_apps.control.vpn.released import QUIET

PAIRS = (("web1", "web4"), ("db2", "web1"), ("db2", "db3"))


def test_no_flow_changes_and_no_packet_is_lost(lab: Lab, red: Tenant) -> None:
    moved = lab.hypervisors["hv2"]

    def settled(node: str) -> bool:
        found = {one["id"]: one for one in lab.nodes[node].client.v1("elements")}[moved.name]
        return found["owner"] == node and found.get("settled", False)

    wait_until(lambda: settled("node1"), "hv2 to be node1's and settled", 20)
    for target in ("node2", "node1"):
        monitors = [FlowMonitor(one) for one in lab.hypervisors.values()]
        streams = [
            PingStream(red.vms[one].space, red.vms[other].ip, interval=0.02)
            for one, other in PAIRS
        ]
        for stream in streams:
            stream.wait_reply()
        moved.join([lab.nodes[target].ovsdb_target])
        wait_until(lambda target=target: settled(target), f"hv2 to be {target}'s and settled", 30)
        time.sleep(QUIET + 3)  # By then the former owner has let go of what it kept.
        assert [stream.stop().lost for stream in streams] == [0] * len(streams)
        changes = [monitor.stop() for monitor in monitors]
        assert changes == [{"ADDED": 0, "DELETED": 0, "MODIFIED": 0}] * len(monitors), [
            monitor.text for monitor in monitors
        ]
        former = "node1" if target == "node2" else "node2"
        kept = [
            one for one in lab.nodes[former].client.v1("rib")
            if one["peer"].startswith("released")
        ]  # fmt: skip
        assert not kept
