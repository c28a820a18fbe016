"""The OpenFlow southbound against a real ovs-vswitchd over TCP."""

from __future__ import annotations

import signal
import time

import pytest

from lab.beds.openflow_bed import BedApp, eventually
from lab.beds.openflow_bed import Monitor as FlowChanges
from ryu_apps.control.messages import (
    ObjectRefused,
    PortStatus,
    VrouterAcked,
    VrouterConnected,
    VrouterDisconnected,
)
from ryu_apps.southbound.base import NotConnected
from ryu_apps.southbound.openflow.channel import VrouterChannel
from tests.ovs.openflow.channel_support import BRIDGE, EVI, FOREIGN, FakeSwitch, join, macs
from vrouter_ovs.state import OPENFLOW, Endpoint, Evi, Neighbor, Tunnel


def test_program_modify_delete(node, switch):
    switch.ofctl("add-flow", switch.bridge, FOREIGN)
    foreign = switch.flows()
    join(node, switch)
    node.acked("hv1", node.program("hv1", *macs(20), Evi(EVI)))
    assert len(switch.flows()) > 21
    node.acked("hv1", node.program("hv1", *macs(10, "192.0.2.2")))
    flows = switch.flows()
    assert sum("set_field:0xc0000202->" in line for line in flows) == 10
    assert sum("set_field:0xc0000201->" in line for line in flows) == 10
    shown = node.southbound.flows("hv1")
    assert len(shown) == len(flows) - 1
    last = node.program("hv1", delete=[item.key for item in [*macs(20), Evi(EVI)]])
    node.acked("hv1", last)
    assert switch.flows() == foreign
    assert node.seen[0] == VrouterConnected("hv1")
    assert node.seen[-1] == VrouterAcked("hv1", last, OPENFLOW)
    status = node.southbound.status("hv1")
    assert status["installed_flows"] == 0 and status["errors"] == 0


def test_effects_that_queue_up_share_a_bundle(node, switch):
    join(node, switch)
    for mac in macs(300):
        revision = node.program("hv1", mac)
    node.acked("hv1", revision)
    status = node.southbound.status("hv1")
    assert status["installed_flows"] == 300
    assert status["bundles"] < 300
    acks = [event.revision for event in node.seen if isinstance(event, VrouterAcked)]
    assert acks == sorted(acks) and acks[-1] == 300


def test_an_object_that_cannot_be_parsed_blocks_nobody(node, switch):
    join(node, switch)
    bad = Tunnel(Endpoint("192.0.2.9"), 0xFFFFFF10)
    node.acked("hv1", node.program("hv1", *macs(5), bad))
    refusals = [event for event in node.seen if isinstance(event, ObjectRefused)]
    assert [event.key for event in refusals] == [bad.key]
    assert refusals[0].reason and refusals[0].revision == 1
    assert len(switch.flows()) == 5
    assert node.southbound.status("hv1")["rejected"][0]["object"] == list(bad.key)
    good = Tunnel(Endpoint("192.0.2.9"), 1)
    node.acked("hv1", node.program("hv1", good))
    assert len(switch.flows()) > 5
    before = switch.flows()
    # A bad new version leaves the good one in place.
    node.acked("hv1", node.program("hv1", bad))
    assert switch.flows() == before
    assert node.southbound.status("hv1")["rejected"]


def test_a_full_table_refuses_some_and_takes_the_rest(node, switch):
    join(node, switch)
    switch.vsctl("--id=@t", "create", "Flow_Table", "flow_limit=6", "overflow_policy=refuse",
                 "--", "set", "Bridge", "br-int", f"flow_tables:{BRIDGE}=@t")
    try:
        node.acked("hv1", node.program("hv1", *macs(20), Neighbor(EVI, "10.0.0.9", macs(1)[0].mac)))
        refused = {event.key for event in node.seen if isinstance(event, ObjectRefused)}
        assert len(refused) == 14
        assert "table full" in node.southbound.status("hv1")["rejected"][0]["reason"]
        assert sum(f"table={BRIDGE}," in line for line in switch.flows()) == 6
        assert len(switch.flows()) > 6
    finally:
        switch.vsctl("clear", "Bridge", "br-int", "flow_tables")
    # A new connection tries them again.
    node.disconnect_all()
    eventually(lambda: sum(f"table={BRIDGE}," in line for line in switch.flows()) == 20,
               "all of them")
    eventually(lambda: not node.southbound.status("hv1")["rejected"], "nothing refused")


def test_a_restarted_switch_gets_everything_back(node, switch):
    join(node, switch)
    node.acked("hv1", node.program("hv1", *macs(50), Evi(EVI)))
    flows = switch.flows()
    switch.kill()
    switch.start()
    eventually(switch.is_up, "the switch is back")
    eventually(lambda: any(isinstance(e, VrouterDisconnected) for e in node.seen), "told")
    eventually(lambda: switch.flows() == flows, "all flows back", 30)
    kinds = [type(event) for event in node.seen]
    assert kinds.count(VrouterConnected) == 2
    eventually(lambda: [type(e) for e in node.seen][-1] is VrouterAcked, "confirmed again")


def test_a_restarted_node_changes_nothing(node, switch):
    join(node, switch)
    node.acked("hv1", node.program("hv1", *macs(100), Evi(EVI)))
    flows = switch.flows()
    monitor = FlowChanges(switch)
    try:
        node.end()
        node.disconnect_all()
        node.begin()
        node.southbound.accept("hv1", switch.datapath_id)
        node.acked("hv1", node.program("hv1", *macs(60)))
        node.acked("hv1", node.program("hv1", *macs(100)[60:], Evi(EVI)))
        node.southbound.defer("hv1", False)
        node.acked("hv1", node.program("hv1"))
        assert node.southbound.status("hv1")["flow_mods"] == 0
        assert switch.flows() == flows
        assert monitor.changes() == []
        # The monitor does see a change.
        node.acked("hv1", node.program("hv1", delete=[macs(1)[0].key]))
        eventually(lambda: len(monitor.changes()) == 1, "one change seen")
    finally:
        monitor.close()


def test_held_channels_add_and_defer(node, switch):
    join(node, switch)
    evi, other = Evi(EVI), Evi(EVI + 1)
    node.acked("hv1", node.program("hv1", *macs(10), evi))
    before = switch.flows()
    join(node, switch, deferred=True)
    # A new object is added; a changed one that depends on peers, and leftovers, stay as they were.
    moved = macs(2, "192.0.2.9")
    node.acked("hv1", node.program("hv1", *moved, other))
    held = switch.flows()
    assert set(before) < set(held)
    assert not any("set_field:0xc0000209->" in line for line in held)
    node.acked("hv1", node.program("hv1", delete=[other.key]))
    assert switch.flows() == held
    node.southbound.defer("hv1", False)
    eventually(lambda: len(switch.flows()) == 2, "converged")
    assert all("set_field:0xc0000209->" in line for line in switch.flows())


def test_connection_before_acceptance_and_a_second_connection(node, switch):
    southbound = node.begin()
    eventually(lambda: switch.datapath_id in BedApp.datapaths, "connected")
    time.sleep(0.1)
    node.program("hv1", *macs(3))
    assert switch.flows() == []
    with pytest.raises(NotConnected):
        southbound.flows("hv1")
    southbound.accept("hv1", switch.datapath_id)
    node.acked("hv1", 1)
    assert len(switch.flows()) == 3
    # The switch connects again before its old connection is known to be dead.
    with FakeSwitch(node.port, switch.datapath_id):
        eventually(lambda: node.southbound.status("hv1")["reconnects"] >= 2, "the newer counts")
    eventually(lambda: node.southbound.status("hv1")["connected"], "the real one is back")
    node.acked("hv1", 1)


def test_a_switch_that_stops_answering_is_cut_off(node, switch, monkeypatch):
    monkeypatch.setattr(VrouterChannel, "answer_timeout", 0.5)
    join(node, switch)
    switch.vswitchd.send_signal(signal.SIGSTOP)
    try:
        node.program("hv1", *macs(3))
        gone = eventually(lambda: [e for e in node.seen if isinstance(e, VrouterDisconnected)],
                          "disconnected")
        assert "no answer to 3 flow changes" in gone[0].reason
    finally:
        switch.vswitchd.send_signal(signal.SIGCONT)
    node.acked("hv1", 1)
    assert len(switch.flows()) == 3


def test_stop_and_forget_touch_no_flow(node, switch):
    join(node, switch)
    node.acked("hv1", node.program("hv1", *macs(5)))
    flows = switch.flows()
    node.southbound.forget("hv1")
    with pytest.raises(KeyError):
        node.southbound.status("hv1")
    node.southbound.stop()
    assert switch.flows() == flows


def test_the_number_of_a_new_port_is_told_by_the_switch(node, switch):
    """Before ovs-vswitchd writes it to its database, hence while ``--no-wait`` does not wait."""
    join(node, switch)
    switch.vsctl("--no-wait", "add-port", "br-int", "told",
                 "--", "set", "Interface", "told", "type=dummy", "ofport_request=77")  # fmt: skip
    eventually(lambda: PortStatus("hv1", "told", 77) in node.seen, "the port's number")
    switch.vsctl("--no-wait", "del-port", "told")
    eventually(lambda: PortStatus("hv1", "told", None) in node.seen, "the port's end")
