"""A hypervisor goes from node to node; no flow is touched that should stay."""

from __future__ import annotations

import random

from lab.beds.openflow_bed import eventually
from tests.ovs.openflow.channel_support import macs
from tests.ovs.ownership.monitor import flow_changes
from vrouter_ovs.state.meters import meter_pools


def test_back_and_forth_no_flow_is_touched(shared):
    one, two = shared.nodes
    objects = [*meter_pools(0), *macs(300)]
    one.program(shared.name, *objects)
    eventually(lambda: one.is_served(shared.name), "programmed")
    eventually(lambda: two.status(shared.name)["installed_flows"] == 300, "followed")
    before = shared.flows()
    resyncs = [node.status(shared.name)["resyncs"] for node in shared.nodes]
    with flow_changes(shared.hypervisor) as changes:
        epoch = 1
        for _ in range(3):
            for node in (two, one):
                epoch += 1
                shared.hand_over(node, epoch, *objects)
                former = one if node is two else two
                eventually(lambda former=former: former.is_ready(shared.name), "stands by")
                assert former.status(shared.name)["role"] == "slave"
                assert node.status(shared.name)["flow_mods"] == (300 if node is one else 0)
    assert not changes
    assert shared.flows() == before
    assert [node.status(shared.name)["resyncs"] for node in shared.nodes] == resyncs
    assert all(node.status(shared.name)["reconnects"] == 1 for node in shared.nodes)


def test_the_new_owner_sends_the_difference_alone(shared):
    one, two = shared.nodes
    one.program(shared.name, *macs(300))
    eventually(lambda: two.status(shared.name)["installed_flows"] == 300, "followed")
    with flow_changes(shared.hypervisor) as changes:
        shared.hand_over(two, 2, *macs(305)[10:])
    assert two.status(shared.name)["flow_mods"] == 15
    assert len(changes) == 15
    eventually(lambda: one.is_ready(shared.name) and
               one.status(shared.name)["installed_flows"] == 295, "the former follows")


def test_handovers_with_changes_under_way(shared):
    """50 in a row, each in the middle of changes that the former owner is making."""
    chosen = random.Random(9)
    objects = macs(400)
    owner, other = shared.nodes
    for epoch in range(2, 52):
        wanted = chosen.sample(objects, 200)
        owner.program(shared.name, *chosen.sample(objects, 100))
        owner.program(shared.name, delete=tuple(
            item.key for item in chosen.sample(objects, 100)))
        shared.hand_over(other, epoch, *wanted)
        assert len(shared.flows()) == 200
        owner, other = other, owner
    assert owner.status(shared.name)["rejected"] == []
    assert {event for node in shared.nodes for event in node.lost()} <= set(range(2, 52))
    eventually(lambda: other.is_ready(shared.name) and
               other.status(shared.name)["installed_flows"] == 200, "the other follows")


def test_a_standby_is_told_of_the_owners_changes(shared):
    one, two = shared.nodes
    one.program(shared.name, *macs(10))
    eventually(lambda: two.status(shared.name)["installed_flows"] == 10, "added")
    one.program(shared.name, delete=tuple(item.key for item in macs(10)[:4]))
    eventually(lambda: two.status(shared.name)["installed_flows"] == 6, "removed")
    assert two.status(shared.name)["repairs"] == 0
    assert two.status(shared.name)["flow_mods"] == 0
