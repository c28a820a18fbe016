"""The integration bridge: found or made, named, and complete before the switch runs."""

from __future__ import annotations

from lab.beds.ovsdb_bed import until
from tests.ovs.ovsdb.session_support import endpoints, settled, up


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
