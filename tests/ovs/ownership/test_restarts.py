"""The hypervisor's own processes restart, its database is lost, a node dies: the owner stays, or
another takes its place."""

from __future__ import annotations

from lab.beds.openflow_bed import eventually
from lab.beds.ownership_bed import Shared
from ryu_apps.control.messages import ElementConnected, RefuseElement, ReleaseElement
from tests.ovs.openflow.channel_support import macs
from tests.ovs.ownership.monitor import flow_changes

OBJECTS = macs(100)


def start(shared: Shared) -> None:
    one, two = shared.nodes[:2]
    one.program(shared.name, *OBJECTS)
    eventually(lambda: one.is_served(shared.name), "programmed")
    eventually(lambda: two.status(shared.name)["installed_flows"] == 100, "followed")


def back(node, shared: Shared, sessions: int) -> None:
    """The hypervisor has a new session with the node, which does with it as before."""
    eventually(lambda: len(node.of(ElementConnected)) > sessions, "back")
    # What the switch writes into the database is not kept with it.
    eventually(lambda: node.session(shared.name)[1].facts.datapath_id, "its switch told")
    epoch = node.epoch
    if epoch is None:
        node.stand_by(shared.name)
    else:
        node.own(shared.name, epoch)


def test_the_database_server_restarts_and_no_flow_is_touched(shared):
    start(shared)
    one, two = shared.nodes
    sessions = [len(node.of(ElementConnected)) for node in shared.nodes]
    with flow_changes(shared.hypervisor) as changes:
        shared.hypervisor.stop_database()
        eventually(lambda: not two.is_ready(shared.name), "two knows less")
        assert one.status(shared.name)["role"] == "master", "its switch has not gone"
        shared.hypervisor.start_database()
        for node, count in zip(shared.nodes, sessions, strict=True):
            back(node, shared, count)
        eventually(lambda: two.is_ready(shared.name), "two stands by again")
        shared.hand_over(two, 2, *OBJECTS)
    assert not changes
    assert two.status(shared.name)["resyncs"] == 1, "it had followed the switch meanwhile"


def test_the_database_is_lost_with_its_epoch(shared):
    start(shared)
    one, two = shared.nodes
    sessions = [len(node.of(ElementConnected)) for node in shared.nodes]
    shared.hypervisor.wipe()
    shared.hypervisor.join(*(node.bound for node in shared.nodes))
    for node, count in zip(shared.nodes, sessions, strict=True):
        eventually(lambda node=node, count=count: len(node.of(ElementConnected)) > count, "back")
    assert one.of(ElementConnected)[-1].info.epoch == 0
    # The bridge went with the database.
    one.own(shared.name, 1, *shared.controllers(one), *OBJECTS)
    eventually(lambda: one.session(shared.name)[1].facts.datapath_id, "its bridge")
    one.own(shared.name, 1)
    eventually(lambda: one.session(shared.name)[1].epoch == 1, "claimed anew")
    eventually(lambda: one.is_served(shared.name) and len(shared.flows()) == 100, "programmed", 30)
    two.stand_by(shared.name)
    eventually(lambda: two.is_ready(shared.name)
               and two.status(shared.name)["installed_flows"] == 100, "two stands by", 30)
    shared.hand_over(two, 2, *OBJECTS)
    assert len(shared.flows()) == 100


def test_the_switch_restarts_and_its_owner_has_it_back(shared):
    start(shared)
    one, two = shared.nodes
    shared.hypervisor.stop_switch()
    eventually(lambda: not two.is_ready(shared.name), "gone")
    shared.hypervisor.start_switch()
    eventually(lambda: one.is_served(shared.name) and len(shared.flows()) == 100, "full", 30)
    eventually(lambda: two.is_ready(shared.name)
               and two.status(shared.name)["installed_flows"] == 100, "two knows it again", 30)
    assert two.status(shared.name)["role"] == "slave"
    assert not one.lost()


def test_of_three_nodes_two_die_one_after_the_other(listener):
    shared = Shared(listener, 3)
    try:
        start(shared)
        one, two, three = shared.nodes
        eventually(lambda: three.status(shared.name)["installed_flows"] == 100, "followed")
        with flow_changes(shared.hypervisor) as changes:
            for epoch, (former, node) in enumerate(((one, two), (two, three)), 2):
                former.stop()
                node.own(shared.name, epoch, *shared.controllers(node), *OBJECTS)
                eventually(lambda node=node: node.is_served(shared.name), "taken over")
                assert node.status(shared.name)["flow_mods"] == 0
        assert not changes
    finally:
        shared.stop()


def test_released_and_wanted_by_nobody_the_connection_ends(shared):
    start(shared)
    one = shared.nodes[0]
    session, info = one.session(shared.name)
    one.southbound.release(ReleaseElement(shared.name))
    one.southbound.refuse(RefuseElement(session, info, "not wanted here"))
    eventually(lambda: shared.name not in one.openflow._channels, "forgotten", 30)
    assert len(shared.flows()) == 100
