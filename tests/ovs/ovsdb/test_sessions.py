"""The OVSDB shell against real ovsdb-server and ovs-vswitchd processes."""

from __future__ import annotations

import shutil
import signal
import threading

import pytest

from lab.beds.ovsdb_bed import Hypervisor, Node, until
from ryu_apps.control.messages import (
    ElementChanged,
    ElementConnected,
    ElementDisconnected,
    ElementUnusable,
    InterfacesChanged,
    ObjectRefused,
    TunnelsChanged,
    VrouterAcked,
)
from vrouter_ovs.schema.tables import TABLE_IDS, TABLE_NAMES
from vrouter_ovs.state import OVSDB, Endpoint, TunnelPort, tunnel_port_key


@pytest.fixture
def bed():
    """Makes hypervisors and nodes, and ends them."""
    made: list = []

    class Bed:
        @staticmethod
        def hypervisor(name, vtep=None, switch=True, **more):
            made.append(Hypervisor(name, vtep, **more))
            return made[-1].start(switch)

        @staticmethod
        def node(**settings):
            made.append(Node(**settings))
            return made[-1]

    yield Bed
    for item in reversed(made):
        item.stop()


def settled(node, element):
    """Everything is written: accepted, no error, datapath id known, and nothing more to do."""
    def check():
        row = node.state(element)
        return row.get("state") == "accepted" and row["datapath_id"] and not row["problem"]
    return until(check, f"{element} settled: {node.state(element)}")


def claims(node, element):
    """Interface name -> claim, put together from the events of the current session."""
    connected = node._current(element)
    if connected is None:
        return {}
    shown = {claim.name: claim for claim in connected.interfaces}
    for event in node.of(InterfacesChanged):
        if event.session == connected.session:
            for name, claim in event.changes:
                shown.pop(name, None) if claim is None else shown.update({name: claim})
    return shown


def numbered(node, element, name):
    """Wait until the claim ``name`` has its OpenFlow port number."""
    def check():
        claim = claims(node, element).get(name)
        return claim is not None and claim.ofport > 0
    until(check, f"{name} with a port number")


def endpoints(*vteps):
    return frozenset(map(Endpoint, vteps))


def tunnels(node, element):
    connected = node._current(element)
    if connected is None:
        return {}
    shown = {status.endpoint.vtep: status for status in connected.tunnels}
    for event in node.of(TunnelsChanged):
        if event.session == connected.session:
            for endpoint, status in event.changes:
                if status is None:
                    shown.pop(endpoint.vtep, None)
                else:
                    shown[endpoint.vtep] = status
    return shown


def up(node, element, *vteps):
    def check():
        shown = tunnels(node, element)
        return set(shown) == set(vteps) and all(item.ofport > 0 for item in shown.values())
    until(check, f"tunnels {vteps} of {element}")


def test_two_hypervisors_join_and_are_configured(bed):
    node = bed.node(node_name="node-1", openflow_port=16653)
    first, second = bed.hypervisor("hv1", "10.0.0.1"), bed.hypervisor("hv2", "10.0.0.2")
    for hypervisor in (first, second):
        hypervisor.join(*node.bound)
    for hypervisor in (first, second):
        event = node.connected(hypervisor.name)
        assert event.info.vtep == hypervisor.vtep
        assert event.info.hostname == f"{hypervisor.name}.lan"
        assert event.info.address == "127.0.0.1"
        settled(node, hypervisor.name)
        bridge, = hypervisor.find(
            "Bridge", "name", "fail_mode", "protocols", "flow_tables", "other_config"
        )
        assert bridge["name"] == "br-int"
        assert bridge["fail_mode"] == "secure"
        assert set(bridge["protocols"][1]) >= {"OpenFlow10", "OpenFlow13", "OpenFlow14"}
        assert ["disable-in-band", "true"] in bridge["other_config"][1]
        assert {number for number, _ in bridge["flow_tables"][1]} == set(TABLE_NAMES)
        assert {row["name"] for row in hypervisor.find("Flow_Table", "name")} \
            == set(TABLE_NAMES.values())
        changed = [e for e in node.of(ElementChanged) if e.info.element == hypervisor.name]
        datapath_id = dict(bridge["other_config"][1])["datapath-id"]
        assert changed[-1].info.facts.datapath_id == int(datapath_id, 16)
        until(lambda wanted=datapath_id, one=hypervisor:
              one.find("Bridge", "datapath_id")[0]["datapath_id"] == wanted, "the id in use")
        controller, = hypervisor.find(
            "Controller", "target", "max_backoff", "inactivity_probe", "connection_mode"
        )
        assert controller == {
            "target": "tcp:127.0.0.1:16653", "max_backoff": 1000, "inactivity_probe": 5000,
            "connection_mode": "out-of-band",
        }
        manager, = hypervisor.find("Manager", "max_backoff", "inactivity_probe")
        assert manager == {"max_backoff": 1000, "inactivity_probe": 5000}
        owner = hypervisor.vsctl("get", "Open_vSwitch", ".", "external_ids:vnc-owner")
        assert owner.strip('"') == "node-1"
    ids = {event.info.facts.datapath_id for event in node.of(ElementChanged)}
    assert len(ids - {0}) == 2
    first.ofctl("-OOpenFlow14", "add-flow", "br-int", f"table={TABLE_IDS['claim']},actions=drop")
    assert "table=claim," in first.ofctl(
        "--names", "-OOpenFlow14", "dump-flows", "br-int")


def test_before_accept_nothing_is_written(bed):
    node = bed.node(accept=False, node_name="n")
    hypervisor = bed.hypervisor("hv1", "10.0.0.1")
    with hypervisor.watch_writes() as writes:
        node.set_tunnels("hv1", endpoints("10.0.0.2"))
        hypervisor.join(*node.bound)
        node.connected("hv1")
        until(lambda: node.state("hv1")["state"] == "connected", "connected")
    assert not [line for line in writes if "br-int" in line or "vnc-owner" in line]
    assert hypervisor.vsctl("list-br") == ""
    assert node.state("hv1")["transactions"] == 0


def test_what_is_missing_is_told_and_the_session_waits(bed):
    node = bed.node()
    hypervisor = bed.hypervisor("hv1")
    hypervisor.join(*node.bound)
    row = until(lambda: [r for r in node.shell.status() if r["problem"]], "a problem")[0]
    assert row["state"] == "waiting"
    assert "ovs-vsctl set Open_vSwitch . external_ids:vnc-encap-ip=" in row["problem"]
    (event,) = node.events
    assert (type(event), event.element, event.reason) == (ElementUnusable, "hv1", row["problem"])
    hypervisor.vsctl("set", "Open_vSwitch", ".", "external_ids:vnc-encap-ip=banana")
    until(lambda: "banana" in node.shell.status()[0]["problem"], "the bad address told")
    hypervisor.vsctl("--no-wait", "set", "Open_vSwitch", ".",
                     "external_ids:vnc-encap-ip=10.0.0.9")
    assert node.connected("hv1").info.vtep == "10.0.0.9"
    assert [bool(event.reason) for event in node.of(ElementUnusable)] == [True, True, False]


def test_claims_come_change_and_go(bed):
    node = bed.node()
    hypervisor = bed.hypervisor("hv1", "10.0.0.1")
    hypervisor.join(*node.bound)
    settled(node, "hv1")
    hypervisor.add_port("tap1", "port-1")
    numbered(node, "hv1", "tap1")
    assert claims(node, "hv1")["tap1"].iface_id == "port-1"
    hypervisor.add_port("tap2", "port-1")
    until(lambda: set(claims(node, "hv1")) == {"tap1", "tap2"}, "both claims of one port")
    hypervisor.vsctl("set", "Interface", "tap2", "external_ids:iface-id=port-2")
    until(lambda: claims(node, "hv1")["tap2"].iface_id == "port-2", "another iface-id")
    hypervisor.vsctl("set", "Interface", "tap2", f"external_ids:iface-id={'x' * 256}")
    until(lambda: "tap2" not in claims(node, "hv1"), "an iface-id that is too long is ignored")
    hypervisor.vsctl("--no-wait", "add-br", "br-other")
    hypervisor.add_port("tap3", "port-3", bridge="br-other")
    hypervisor.add_port("tap4", "port-4")
    until(lambda: "tap4" in claims(node, "hv1"), "tap4")
    assert "tap3" not in claims(node, "hv1")
    hypervisor.vsctl("--no-wait", "del-port", "tap3", "--", "add-port", "br-int", "tap3", "--",
                     "set", "Interface", "tap3", "type=dummy", "external_ids:iface-id=port-3")
    until(lambda: "tap3" in claims(node, "hv1"), "tap3 moved")
    hypervisor.vsctl("del-port", "tap1")
    until(lambda: "tap1" not in claims(node, "hv1"), "tap1 gone")
    hypervisor.vsctl("--no-wait", "add-port", "br-int", "nodev", "--", "set", "Interface", "nodev",
                     "type=bogus", "external_ids:iface-id=port-5")
    until(lambda: claims(node, "hv1").get("nodev") and claims(node, "hv1")["nodev"].error, "error")
    assert claims(node, "hv1")["nodev"].ofport == -1


def test_a_thousand_claims_in_one_transaction_are_one_event_each_stage(bed):
    node = bed.node()
    hypervisor = bed.hypervisor("hv1", "10.0.0.1")
    hypervisor.join(*node.bound)
    settled(node, "hv1")
    hypervisor.stop_switch()
    arguments = ["--no-wait"]
    for number in range(1000):
        arguments += ["--", "add-port", "br-int", f"t{number}", "--", "set", "Interface",
                      f"t{number}", "type=dummy", f"external_ids:iface-id=port-{number}"]
    hypervisor.vsctl(*arguments)
    until(lambda: len(claims(node, "hv1")) == 1000, "1,000 claims")
    assert len(node.of(InterfacesChanged)) == 1


def test_tunnels_are_made_repaired_and_removed(bed):
    node = bed.node()
    hypervisor = bed.hypervisor("hv1", "10.0.0.1")
    hypervisor.join(*node.bound)
    settled(node, "hv1")
    hypervisor.vsctl("add-port", "br-int", "mine", "--", "set", "Interface", "mine", "type=vxlan",
                     "options:remote_ip=10.9.9.9", "options:key=7")
    node.set_tunnels("hv1", endpoints("10.0.0.1", "10.0.0.2", "10.0.0.3"))
    up(node, "hv1", "10.0.0.2", "10.0.0.3")
    rows = hypervisor.find("Interface", "name", "options", "bfd", "external_ids",
                           where="external_ids:vnc-vtep=10.0.0.2")
    assert rows == [{
        "name": "vx0a000002",
        "options": ["map", [["dst_port", "4789"], ["key", "flow"], ["local_ip", "10.0.0.1"],
                            ["remote_ip", "10.0.0.2"]]],
        "bfd": ["map", [["enable", "true"], ["min_rx", "1000"], ["min_tx", "1000"]]],
        "external_ids": ["map", [["vnc-vtep", "10.0.0.2"]]],
    }]
    until(lambda: tunnels(node, "hv1")["10.0.0.2"].bfd == "down", "BFD state")
    # Somebody deletes one and breaks the other.
    hypervisor.vsctl("del-port", "vx0a000002", "--", "set", "Interface", "vx0a000003",
                     "options:remote_ip=10.7.7.7", "type=gre", "--", "clear", "Interface",
                     "vx0a000003", "bfd")
    until(lambda: "vx0a000002" in hypervisor.vsctl("list-ports", "br-int").split(), "repaired")
    until(lambda: hypervisor.vsctl("get", "Interface", "vx0a000003", "options:remote_ip").strip('"')
          == "10.0.0.3", "the address repaired")
    assert hypervisor.vsctl("get", "Interface", "vx0a000003", "type") == "vxlan"
    assert "min_tx" in hypervisor.vsctl("get", "Interface", "vx0a000003", "bfd")
    up(node, "hv1", "10.0.0.2", "10.0.0.3")
    # The mark is lost: the port is taken back, not doubled.
    hypervisor.vsctl("remove", "Interface", "vx0a000003", "external_ids", "vnc-vtep")
    up(node, "hv1", "10.0.0.2", "10.0.0.3")
    # The VTEP's own address moves: options change in place.
    before = hypervisor.vsctl("get", "Interface", "vx0a000002", "_uuid")
    hypervisor.vsctl("set", "Open_vSwitch", ".", "external_ids:vnc-encap-ip=10.0.0.11")
    until(lambda: hypervisor.vsctl("get", "Interface", "vx0a000002", "options:local_ip").strip('"')
          == "10.0.0.11", "the new local address")
    assert hypervisor.vsctl("get", "Interface", "vx0a000002", "_uuid") == before
    node.set_tunnels("hv1", endpoints("10.0.0.4"))
    up(node, "hv1", "10.0.0.4")
    assert set(hypervisor.vsctl("list-ports", "br-int").split()) == {"mine", "vx0a000004"}


def test_a_name_that_is_taken_elsewhere_is_told_and_the_rest_is_done(bed):
    node = bed.node()
    hypervisor = bed.hypervisor("hv1", "10.0.0.1")
    hypervisor.vsctl("add-br", "br-other", "--", "add-port", "br-other", "vx0a000002", "--", "set",
                     "Interface", "vx0a000002", "type=dummy")
    hypervisor.join(*node.bound)
    settled(node, "hv1")
    node.set_tunnels("hv1", endpoints("10.0.0.2", "10.0.0.3"))
    up(node, "hv1", "10.0.0.3")
    assert "vx0a000002" in node.state("hv1")["problem"]
    until(lambda: node.of(VrouterAcked), "confirmed, but for what was refused")
    (refused,) = node.of(ObjectRefused)
    key = tunnel_port_key(Endpoint("10.0.0.2"))
    assert (refused.key, refused.revision) == (key, 1) and "another bridge" in refused.reason
    hypervisor.vsctl("del-port", "vx0a000002")
    up(node, "hv1", "10.0.0.2", "10.0.0.3")
    until(lambda: not node.state("hv1")["problem"], "the problem gone")
    until(lambda: node.of(VrouterAcked)[-1].recovered == (key,), "told that it is there after all")
    assert len(node.of(ObjectRefused)) == 1


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


def test_nothing_of_concurrent_writers_is_lost(bed):
    node = bed.node()
    hypervisor = bed.hypervisor("hv1", "10.0.0.1")
    hypervisor.join(*node.bound)
    settled(node, "hv1")
    vteps = [f"10.1.0.{number}" for number in range(1, 61)]

    def operator():
        for number in range(60):
            hypervisor.add_port(f"u{number}", f"port-{number}")

    writer = threading.Thread(target=operator)
    writer.start()
    for count in range(1, len(vteps) + 1):
        node.set_tunnels("hv1", endpoints(*vteps[:count]))
        until(lambda count=count: len(tunnels(node, "hv1")) == count, "a tunnel more")
    writer.join()
    until(lambda: len(claims(node, "hv1")) == 60, "every port of the operator")
    assert len(hypervisor.vsctl("list-ports", "br-int").split()) == 120


def test_a_refused_session_stays_quiet_and_tells_when_it_is_mended(bed):
    node = bed.node(accept=False)
    hypervisor = bed.hypervisor("hv1", "10.0.0.1")
    hypervisor.join(*node.bound)
    event = node.connected("hv1")
    node.shell.refuse(event.session, "hv9 has the VTEP 10.0.0.1 already")
    until(lambda: node.state("hv1")["state"] == "refused", "refused")
    assert "hv9" in node.state("hv1")["problem"]
    hypervisor.vsctl("--no-wait", "add-br", "br-int", "--", "add-port", "br-int", "tap1", "--",
                     "set", "Interface", "tap1", "type=dummy", "external_ids:iface-id=port-1")
    hypervisor.vsctl("--no-wait", "set", "Open_vSwitch", ".", "external_ids:vnc-encap-ip=10.0.0.5")
    until(lambda: [e for e in node.of(ElementChanged) if e.info.vtep == "10.0.0.5"], "told")
    assert not node.of(ElementDisconnected) and not node.of(InterfacesChanged)


def twins(bed, node):
    """(the one that is accepted, with its session's number; one with a copy of its disk)."""
    first = bed.hypervisor("same", "10.0.0.1", switch=False)
    first.join(*node.bound)
    old = node.connected("same").session
    node.shell.accept(old, "same")
    until(lambda: node.state("same")["state"] == "accepted", "accepted")
    second = bed.hypervisor("same", "10.0.0.1", switch=False)
    second.stop_database()
    shutil.copy(first.database, second.database)
    return first, old, second


def test_of_two_with_one_disk_the_one_that_answers_stays(bed):
    node = bed.node(accept=False)
    _, old, second = twins(bed, node)
    second.start_database()
    until(lambda: len(node.of(ElementConnected)) == 2, "the copy is told of")
    new = node.of(ElementConnected)[1]
    assert new.info == node.of(ElementConnected)[0].info
    assert not node.of(ElementDisconnected), "the older stays until the core says otherwise"
    assert {row["session"]: row["state"] for row in node.shell.status()} \
        == {old: "accepted", new.session: "connected"}


def test_a_session_that_is_dead_gives_its_place_to_the_next(bed):
    """As after the hypervisor got another address: nothing ends the older connection."""
    node = bed.node(accept=False, probe_interval=60)
    first, old, second = twins(bed, node)
    first.pause_database(True)
    second.start_database()
    until(lambda: len(node.of(ElementConnected)) == 2, "the newer")
    order = [event for event in node.events
             if isinstance(event, (ElementConnected, ElementDisconnected))]
    assert [event.session == old for event in order] == [True, True, False]
    assert isinstance(order[1], ElementDisconnected)
    assert "another session of the hypervisor came" in order[1].reason
    node.shell.accept(order[2].session, "same")
    until(lambda: node.state("same")["state"] == "accepted", "the newer is accepted")


def test_one_that_was_refused_or_stands_by_is_told_of_again_with_what_it_has_now(bed):
    node = bed.node(accept=False)
    hypervisor = bed.hypervisor("hv1", "10.0.0.1")
    hypervisor.join(*node.bound)
    session = node.connected("hv1").session
    for standby, state in ((True, "standby"), (False, "refused")):
        node.shell.refuse(session, "another has it", standby)
        until(lambda state=state: node.state("hv1")["state"] == state, state)
        count = len(node.of(ElementConnected))
        hypervisor.vsctl("--no-wait", "--may-exist", "add-br", "br-int", "--",
                         "add-port", "br-int", f"tap-{state}", "--", "set", "Interface",
                         f"tap-{state}", "type=dummy", f"external_ids:iface-id={state}")
        node.shell.reconsider(session)
        until(lambda count=count: len(node.of(ElementConnected)) > count, "told of again")
        event = node.of(ElementConnected)[-1]
        assert event.session == session
        until(lambda state=state: f"tap-{state}" in claims(node, "hv1"), "what it has")
        assert node.state("hv1")["state"] == "connected"
    assert node.state("hv1")["transactions"] == 0


def test_an_existing_bridge_is_kept_and_completed(bed):
    node = bed.node()
    hypervisor = bed.hypervisor("hv1", "10.0.0.1")
    hypervisor.vsctl("add-br", "br-int", "--", "set", "Bridge", "br-int", "datapath_type=netdev",
                     "fail_mode=standalone", "protocols=OpenFlow11", "other_config:hwaddr="
                     "02:00:00:00:00:01", "--", "set-controller", "br-int", "tcp:192.0.2.1:6653")
    hypervisor.add_port("tap1", "port-1")
    uuid = hypervisor.vsctl("get", "Bridge", "br-int", "_uuid")
    current = hypervisor.vsctl("get", "Bridge", "br-int", "datapath_id")
    hypervisor.join(*node.bound)
    assert node.connected("hv1").interfaces[0].iface_id == "port-1"
    settled(node, "hv1")
    until(lambda: hypervisor.vsctl("get-fail-mode", "br-int") == "secure", "fail mode")
    assert hypervisor.vsctl("get", "Bridge", "br-int", "_uuid") == uuid
    assert hypervisor.vsctl("get", "Bridge", "br-int", "datapath_id") == current
    assert hypervisor.vsctl("get", "Bridge", "br-int", "datapath_type") == "netdev"
    assert "OpenFlow11" in hypervisor.vsctl("get", "Bridge", "br-int", "protocols")
    assert "02:00:00:00:00:01" in hypervisor.vsctl("get", "Bridge", "br-int", "other_config")
    assert hypervisor.vsctl("get-controller", "br-int") == "tcp:127.0.0.1:6653"


def test_bridge_name_and_datapath_type_can_be_given(bed):
    node = bed.node()
    hypervisor = bed.hypervisor("hv1", "10.0.0.1")
    hypervisor.vsctl("set", "Open_vSwitch", ".", "external_ids:vnc-bridge=br-vnc",
                     "external_ids:vnc-datapath-type=netdev", "external_ids:vnc-vxlan-port=8472")
    hypervisor.join(*node.bound)
    settled(node, "hv1")
    node.set_tunnels("hv1", endpoints("10.0.0.2"))
    up(node, "hv1", "10.0.0.2")
    assert hypervisor.vsctl("list-br") == "br-vnc"
    assert hypervisor.vsctl("get", "Bridge", "br-vnc", "datapath_type") == "netdev"
    assert hypervisor.vsctl("get", "Interface", "vx0a000002", "options:dst_port") == '"8472"'


def test_the_bridge_waits_for_the_switch(bed):
    node = bed.node()
    hypervisor = bed.hypervisor("hv1", "10.0.0.1", switch=False)
    hypervisor.join(*node.bound)
    until(lambda: "ovs-vswitchd is not running" in node.state("hv1").get("problem", ""), "told")
    hypervisor.start_switch()
    settled(node, "hv1")


def test_marks_are_written_and_removed(bed):
    node = bed.node()
    hypervisor = bed.hypervisor("hv1", "10.0.0.1")
    hypervisor.join(*node.bound)
    settled(node, "hv1")
    hypervisor.add_port("tap1", "port-1")
    until(lambda: "tap1" in claims(node, "hv1"), "tap1")
    node.mark("hv1", "tap1")
    node.mark("hv1", "gone")
    until(lambda: "vnc-installed" in hypervisor.vsctl("get", "Interface", "tap1", "external_ids"),
          "the mark")
    assert len(node.of(InterfacesChanged)) <= 3
    node.mark("hv1", "tap1", False)
    until(lambda: "vnc-installed" not in hypervisor.vsctl(
        "get", "Interface", "tap1", "external_ids"), "the mark removed")
    assert "port-1" in hypervisor.vsctl("get", "Interface", "tap1", "external_ids:iface-id")


def test_each_revision_is_confirmed_when_it_stands_in_the_database(bed):
    node = bed.node()
    hypervisor = bed.hypervisor("hv1", "10.0.0.1")
    revision = node.program("hv1", TunnelPort(Endpoint("10.0.0.2")))
    hypervisor.join(*node.bound)
    settled(node, "hv1")
    confirmed = VrouterAcked("hv1", revision, (OVSDB,))
    until(lambda: confirmed in node.of(VrouterAcked), "what was asked for before it joined")
    assert "vx0a000002" in hypervisor.vsctl("list-ports", "br-int")
    hypervisor.stop_database()
    revision = node.program("hv1", TunnelPort(Endpoint("10.0.0.3")))
    until(lambda: node.of(ElementDisconnected), "away")
    assert all(event.revision < revision for event in node.of(VrouterAcked))
    hypervisor.start_database()
    confirmed = VrouterAcked("hv1", revision, (OVSDB,))
    until(lambda: confirmed in node.of(VrouterAcked), "confirmed by the next session")
    assert "vx0a000003" in hypervisor.vsctl("list-ports", "br-int")


def test_while_held_nothing_is_deleted_and_then_what_no_object_asks_for_goes(bed):
    node = bed.node()
    hypervisor = bed.hypervisor("hv1", "10.0.0.1")
    hypervisor.join(*node.bound)
    settled(node, "hv1")
    node.set_tunnels("hv1", endpoints("10.0.0.2", "10.0.0.3"))
    up(node, "hv1", "10.0.0.2", "10.0.0.3")
    _, address, port = node.bound[0]
    node.stop()
    again = bed.node(listen=(f"ptcp:{port}:{address}",))
    settled(again, "hv1")
    revision = again.program("hv1", TunnelPort(Endpoint("10.0.0.3")),
                             TunnelPort(Endpoint("10.0.0.4")))
    confirmed = VrouterAcked("hv1", revision, (OVSDB,))
    until(lambda: confirmed in again.of(VrouterAcked), "confirmed while it is held")
    up(again, "hv1", "10.0.0.2", "10.0.0.3", "10.0.0.4")
    again.shell.defer("hv1", False)
    until(lambda: "vx0a000002" not in hypervisor.vsctl("list-ports", "br-int"), "the old one gone")


def test_forget_leaves_the_hypervisor_as_it_is(bed):
    node = bed.node()
    hypervisor = bed.hypervisor("hv1", "10.0.0.1")
    hypervisor.join(*node.bound)
    settled(node, "hv1")
    node.set_tunnels("hv1", endpoints("10.0.0.2"))
    up(node, "hv1", "10.0.0.2")
    node.shell.forget("hv1")
    until(lambda: node.state("hv1")["state"] == "connected", "released")
    before = node.state("hv1")["transactions"]
    hypervisor.vsctl("del-port", "vx0a000002")
    hypervisor.add_port("tap1", "port-1")
    until(lambda: "tap1" in claims(node, "hv1"), "still followed")
    assert node.state("hv1")["transactions"] == before
    node.shell.accept(node.connected("hv1").session, "hv1")
    node.set_tunnels("hv1", endpoints("10.0.0.2"))
    up(node, "hv1", "10.0.0.2")
