"""Nodes, databases and switches that start again: what is right stays, what is lost comes back."""

from __future__ import annotations

import signal

from lab.beds.ovsdb_bed import until
from ryu_apps.control.messages import ElementChanged, ElementDisconnected
from tests.ovs.ovsdb.session_support import claims, endpoints, numbered, settled, up


def test_a_restarted_node_writes_nothing_where_all_is_right(bed):
    node = bed.node(node_name="n")
    hypervisor = bed.hypervisor("hv1", "10.0.0.1")
    hypervisor.join(*node.bound)
    settled(node, "hv1")
    hypervisor.add_port("tap1", "port-1")
    wanted = endpoints("10.0.0.2", "10.0.0.3")
    node.set_tunnels("hv1", wanted)
    node.mark("hv1", "tap1")
    up(node, "hv1", "10.0.0.2", "10.0.0.3")
    until(lambda: "vnc-installed" in hypervisor.vsctl("get", "Interface", "tap1", "external_ids"),
          "the mark")
    _, address, port = node.bound[0]
    node.stop()  # writes nothing, just as being killed does
    with hypervisor.watch_writes() as writes:
        again = bed.node(node_name="n", listen=(f"ptcp:{port}:{address}",))
        event = again.connected("hv1")
        assert {item.endpoint for item in event.tunnels} == wanted
        assert [item.name for item in event.interfaces] == ["tap1"]
        settled(again, "hv1")
        again.mark("hv1", "tap1")
        # Not told the tunnels yet: those from before stay.
        until(lambda: not again.shell.waiting, "the commands taken")
        again.set_tunnels("hv1", wanted)
        until(lambda: not again.shell.waiting, "the commands taken")
    assert again.state("hv1")["transactions"] == 0
    assert not [line for line in writes if "Interface" in line or "Bridge" in line]
    assert not [line for line in writes if "vx0a0000" in line or "br-int" in line]


def test_a_wiped_database_is_filled_again(bed):
    node = bed.node()
    hypervisor = bed.hypervisor("hv1", "10.0.0.1")
    hypervisor.join(*node.bound)
    settled(node, "hv1")
    node.set_tunnels("hv1", endpoints("10.0.0.2"))
    up(node, "hv1", "10.0.0.2")
    before = node.connected("hv1")
    hypervisor.wipe()
    hypervisor.join(*node.bound)
    until(lambda: node.of(ElementDisconnected), "the old session ended")
    after = node.connected("hv1")
    assert after.session > before.session
    assert after.info.identity != before.info.identity
    settled(node, "hv1")
    up(node, "hv1", "10.0.0.2")
    known = {event.info.facts.datapath_id for event in node.of(ElementChanged)} - {0}
    assert len(known) == 1, "the datapath id outlives the database"


def test_a_restarted_switch_gets_new_port_numbers(bed):
    node = bed.node()
    hypervisor = bed.hypervisor("hv1", "10.0.0.1")
    hypervisor.join(*node.bound)
    settled(node, "hv1")
    hypervisor.add_port("tap1", "port-1")
    numbered(node, "hv1", "tap1")
    hypervisor.stop_switch()
    hypervisor.vsctl("--no-wait", "set", "Interface", "tap1", "ofport_request=77")
    hypervisor.start_switch()
    until(lambda: claims(node, "hv1")["tap1"].ofport == 77, "the new port number")
    assert not node.of(ElementDisconnected)


def test_a_database_that_restarts_comes_back_as_a_new_session(bed):
    node = bed.node()
    hypervisor = bed.hypervisor("hv1", "10.0.0.1")
    hypervisor.join(*node.bound)
    settled(node, "hv1")
    first = node.connected("hv1").session
    hypervisor.stop_database(signal.SIGTERM)
    until(lambda: node.of(ElementDisconnected), "disconnected")
    assert node.of(ElementDisconnected)[0].session == first
    assert node.of(ElementDisconnected)[0].reason
    hypervisor.start_database()
    assert node.connected("hv1").session > first
    settled(node, "hv1")
    assert node.state("hv1")["transactions"] == 0
