"""Sessions with hypervisors: who joins, who is refused, who of two stays; real databases."""

from __future__ import annotations

import shutil

from lab.beds.ovsdb_bed import until
from ryu_apps.control.messages import (
    ElementChanged,
    ElementConnected,
    ElementDisconnected,
    ElementUnusable,
    InterfacesChanged,
)
from tests.ovs.ovsdb.session_support import claims, endpoints, settled
from vrouter_ovs.schema.tables import TABLE_IDS, TABLE_NAMES


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
