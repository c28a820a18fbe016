"""What others do to flows, meters and groups of a switch is found and put back; on a real one."""

from __future__ import annotations

import re

from lab.beds.openflow_bed import Node, eventually
from ryu_apps.southbound.openflow import monitor as openflow_monitor
from ryu_apps.southbound.openflow.monitor import Monitor
from tests.ovs.openflow.channel_support import BRIDGE, EVI, FOREIGN, join, macs
from vrouter_ovs.state import Evi, LocalPort, Punt
from vrouter_ovs.state.meters import meter_pools


def test_what_others_delete_or_change_is_found_by_an_audit(node, switch, monkeypatch):
    monkeypatch.setattr(Monitor, "wants", lambda self, message: False)
    join(node, switch, audit_interval=0.2)
    node.southbound._channels["hv1"].audits.full_every = 2
    node.acked("hv1", node.program("hv1", *macs(30)))
    flows = switch.flows()
    switch.ofctl("del-flows", switch.bridge)
    eventually(lambda: switch.flows() == flows, "put back after del-flows")
    eventually(lambda: node.southbound.status("hv1")["repairs"] == 30, "counted")
    switch.ofctl("mod-flows", switch.bridge, f"table={BRIDGE},actions=drop")
    eventually(lambda: switch.flows() == flows, "put back after mod-flows")


def repairs(node: Node) -> int:
    return node.southbound.status("hv1")["repairs"]


def test_what_others_do_to_flows_is_told_by_the_switch_and_put_back(node, switch):
    join(node, switch, audit_interval=3600)
    node.acked("hv1", node.program("hv1", *macs(30)))
    flows = switch.flows()
    match = f"table={BRIDGE},reg0=0x1389,dl_dst=02:00:00:00:00:05"
    for number, damage in enumerate((
        ("del-flows", switch.bridge),
        ("mod-flows", switch.bridge, f"table={BRIDGE},actions=drop"),
        ("del-flows", switch.bridge, match),
        ("add-flow", switch.bridge, f"cookie=0x77,priority=200,{match},actions=drop"),
        ("add-flow", switch.bridge, "cookie=0x564e000000000001,table=3,priority=9,actions=drop"),
    )):
        before = repairs(node)
        switch.ofctl(*damage)
        eventually(lambda before=before: repairs(node) > before, f"repair {number}")
        eventually(lambda: switch.flows() == flows, f"put back {number}")
    status = node.southbound.status("hv1")
    assert (status["audits"], status["foreign_flows"]) == (0, 0)
    count = repairs(node)
    node.acked("hv1", node.program("hv1", *macs(900), delete=[macs(1)[0].key]))
    node.acked("hv1", node.program("hv1", *macs(900, "192.0.2.9")))
    node.acked("hv1", node.program("hv1", delete=[item.key for item in macs(900)]))
    assert switch.flows() == []
    assert (repairs(node), node.southbound.status("hv1")["audits"]) == (count, 0), "its own work"


def test_a_meter_that_others_delete_takes_its_flows_along_and_both_come_back(node, switch):
    join(node, switch, audit_interval=3600)
    node.acked("hv1", node.program(
        "hv1", Evi(EVI), LocalPort("p", 5, EVI, "02:00:00:00:00:01", (), False),
        Punt("p", 5), *meter_pools(0),
    ))
    flows = switch.flows()
    meter = re.search(r"meter:(\d+)", "".join(flows))
    assert meter is not None, flows
    switch.ofctl("del-meter", switch.bridge, f"meter={meter[1]}")
    eventually(lambda: repairs(node), "repaired")
    eventually(lambda: switch.flows() == flows, "put back")
    assert f"meter={meter[1]} " in switch.ofctl("dump-meters", switch.bridge, f"meter={meter[1]}")


def test_flows_of_others_are_left_alone_counted_and_named(node, switch):
    switch.ofctl("add-flow", switch.bridge, FOREIGN)
    join(node, switch, audit_interval=3600)
    node.acked("hv1", node.program("hv1", *macs(3)))

    def foreign() -> tuple[int, int]:
        status = node.southbound.status("hv1")
        return status["foreign_flows"], status["foreign_in_front"]

    assert foreign() == (1, 0)
    switch.ofctl("add-flow", switch.bridge,
                 f"cookie=0x99,table={BRIDGE},priority=65535,actions=drop")
    eventually(lambda: foreign() == (2, 1), "seen")
    assert node.southbound.status("hv1")["foreign_examples"] == [
        "table bridge, priority 65535, cookie 0x99"
    ]
    switch.ofctl("add-flow", switch.bridge, f"cookie=0x98,table={BRIDGE},priority=1,actions=drop")
    eventually(lambda: foreign() == (3, 1), "one that is behind ours")
    switch.ofctl("del-flows", switch.bridge, "cookie=0x99/-1")
    eventually(lambda: foreign() == (2, 0), "gone")
    assert repairs(node) == 0


def test_too_much_news_is_an_audit(node, switch, monkeypatch):
    monkeypatch.setattr(openflow_monitor, "MAX_UNREAD", -1)
    join(node, switch, audit_interval=3600)
    node.acked("hv1", node.program("hv1", *macs(30)))
    flows = switch.flows()
    switch.ofctl("del-flows", switch.bridge)
    node.southbound.defer("hv1", False)  # The worker looks at its clock once a second at most.
    eventually(lambda: switch.flows() == flows, "put back")
    assert node.southbound.status("hv1")["audits"] == 1
