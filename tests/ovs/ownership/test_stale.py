"""A node that was paused, or does not know yet that the hypervisor is another's, changes nothing
there."""

from __future__ import annotations

import threading
import time

import pytest

from lab.beds.openflow_bed import eventually
from lab.beds.ownership_bed import BedApp, Shared
from lab.beds.owning_process import churned, remote_macs
from ryu_apps.control.messages import ObjectRefused
from tests.ovs.ownership.child import Child
from tests.ovs.ownership.monitor import flow_changes
from vrouter_ovs.state import ControllerTarget


def dump(shared: Shared, what: str) -> str:
    return shared.hypervisor.ofctl(
        "-O", "OpenFlow14", what, f"{shared.hypervisor.directory}/br-int.mgmt")


def picture(shared: Shared) -> tuple:
    """All that a node can change of a hypervisor."""
    return (shared.flows(), dump(shared, "dump-groups"), dump(shared, "dump-meters"),
            sorted(row["name"] for row in shared.hypervisor.find("Interface", "name")))


def test_what_was_on_its_way_when_another_took_over_is_refused(shared):
    """The worker of the first node stands in the middle of sending until the second has taken over,
    then all that it has to say reaches the switch."""
    one, two = shared.nodes
    one.program(shared.name, *remote_macs(20))
    eventually(lambda: one.is_served(shared.name), "programmed")
    channel = one.openflow._channels[shared.name]
    datapath = channel._session.datapath
    send, gate, held = datapath.send, threading.Event(), threading.Event()
    sent: list[int] = []

    def gated(data: bytes, *arguments, **more) -> bool:
        held.set()
        gate.wait(60)
        sent.append(len(data))
        return send(data, *arguments, **more)

    datapath.send = gated
    one.program(shared.name, *churned(3))
    assert held.wait(20)
    # The first hears nothing from its core yet.
    two.own(shared.name, 2, *shared.controllers(two), *remote_macs(20))
    eventually(lambda: two.is_served(shared.name), "taken over")
    before = picture(shared)
    with flow_changes(shared.hypervisor) as changes:
        gate.set()
        eventually(lambda: 2 in one.lost(), "told by the switch or the database")
        eventually(lambda: one.status(shared.name)["role"] == "slave", "it knows")
        assert not one.southbound.packet_out(shared.name, 1, bytes(60))
    assert sum(sent) > 5000, "it has tried"
    assert not changes
    assert picture(shared) == before
    assert not one.of(ObjectRefused), "no object was at fault"
    one.stand_by(shared.name)
    eventually(lambda: one.is_ready(shared.name), "stands by")


def test_a_switch_that_has_just_started_is_not_taken_with_an_old_epoch(shared):
    """It remembers no generation, and the stale node is the first to connect."""
    one, two = shared.nodes
    shared.hand_over(two, 2, *remote_macs(20))
    # The first thinks that it is the owner all the same.
    one.own(shared.name, 1, *remote_macs(99))
    eventually(lambda: one.lost(), "told")
    BedApp.held.add(two.address)
    shared.hypervisor.stop_switch()
    shared.hypervisor.start_switch()
    eventually(lambda: one.status(shared.name)["reconnects"] > 1
               and one.status(shared.name)["role"] == "slave", "the stale one is there")
    time.sleep(1)
    assert one.status(shared.name)["role"] == "slave"
    assert shared.flows() == []
    BedApp.held.discard(two.address)
    for datapath in list(BedApp.connections.get(two.address, ())):
        datapath.disconnect("so that it comes again")
    eventually(lambda: two.is_served(shared.name), "the owner has it", 30)
    assert len(shared.flows()) == 20


@pytest.mark.parametrize("seconds", [4])
def test_a_process_that_was_stopped_changes_nothing_when_it_goes_on(listener, seconds):
    child = Child("127.1.0.9")
    shared = Shared(listener, 1, join=[child.bound])
    try:
        node, name = shared.nodes[0], shared.name
        node.program(name, ControllerTarget(child.controller))
        child.ask("stand_by", name)
        eventually(lambda: child.ask("status", name)["ready"], "the child stands by")
        child.ask("own", name, 2, 100, node.controller)
        eventually(lambda: child.ask("status", name)["role"] == "master", "the child owns it")
        node.stand_by(name)
        eventually(lambda: node.is_ready(name), "this one stands by")
        child.ask("churn", name)
        eventually(lambda: len(shared.flows()) > 100, "busy")
        time.sleep(1)
        child.pause()
        shared.nodes = [node]
        node.own(name, 3, ControllerTarget(child.controller), *remote_macs(100))
        eventually(lambda: node.is_served(name), "taken over")
        eventually(lambda: len(shared.flows()) == 100, "as asked for")
        eventually(lambda: not [
            row for row in shared.hypervisor.find("Interface", "name") if row["name"][:2] == "vx"
        ], "no tunnel ports")
        before = picture(shared)
        time.sleep(seconds)
        with flow_changes(shared.hypervisor) as changes, shared.hypervisor.watch_writes() as writes:
            child.go_on()
            lost = eventually(lambda: child.ask("status", name)["lost"], "told")
            time.sleep(2)
        assert set(lost) == {3}
        assert not changes
        assert not [line for line in writes if "vx" in line.replace("vxlan", "")]
        assert picture(shared) == before
        status = child.ask("status", name)
        assert (status["role"], status["rejected"]) == ("slave", [])
    finally:
        shared.stop()
        child.close()
