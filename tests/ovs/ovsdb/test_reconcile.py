"""Objects of a hypervisor's database: made, repaired, confirmed and removed."""

from __future__ import annotations

import threading

from lab.beds.ovsdb_bed import until
from ryu_apps.control.messages import ElementDisconnected, ObjectRefused, VrouterAcked
from tests.ovs.ovsdb.session_support import claims, endpoints, settled, tunnels, up
from vrouter_ovs.state import OVSDB, Endpoint, TunnelPort, tunnel_port_key


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
        "bfd": ["map", [["enable", "true"], ["min_rx", "100"], ["min_tx", "100"], ["mult", "3"]]],
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
