"""Interfaces of a hypervisor that claim ports, and what the node writes beside them."""

from __future__ import annotations

from lab.beds.ovsdb_bed import until
from ryu_apps.control.messages import InterfacesChanged
from tests.ovs.ovsdb.session_support import claims, numbered, settled


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
