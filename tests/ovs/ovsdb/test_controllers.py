"""The bridge has a connection to each node that may have to take it over."""

from __future__ import annotations

from lab.beds.ovsdb_bed import until
from tests.ovs.ovsdb.session_support import settled
from vrouter_ovs.state import ControllerTarget

OWN, OTHER, THIRD = "tcp:127.0.0.1:6653", "tcp:192.0.2.2:6653", "tcp:192.0.2.3:6653"


def targets(hypervisor) -> set[str]:
    return set(hypervisor.vsctl("get-controller", "br-int").split())


def test_the_nodes_that_stand_by_have_a_row_each(bed):
    node = bed.node()
    hypervisor = bed.hypervisor("hv1", "10.0.0.1")
    hypervisor.join(*node.bound)
    settled(node, "hv1")
    node.shell.defer("hv1", False)
    node.program("hv1", ControllerTarget(OTHER), ControllerTarget(THIRD))
    until(lambda: targets(hypervisor) == {OWN, OTHER, THIRD}, "all three")
    rows = hypervisor.find("Controller", "target", "max_backoff", "inactivity_probe")
    assert {(row["max_backoff"], row["inactivity_probe"]) for row in rows} == {(1000, 5000)}
    hypervisor.vsctl("set-controller", "br-int", OWN, "tcp:192.0.2.9:6653")
    until(lambda: targets(hypervisor) == {OWN, OTHER, THIRD}, "put right")
    node.program("hv1", delete=[ControllerTarget(OTHER).key])
    until(lambda: targets(hypervisor) == {OWN, THIRD}, "one less")


def test_other_nodes_stay_until_it_is_known_which_there_are(bed):
    node = bed.node(accept=False)
    hypervisor = bed.hypervisor("hv1", "10.0.0.1")
    hypervisor.vsctl("add-br", "br-int", "--", "set-controller", "br-int", OTHER, THIRD)
    hypervisor.join(*node.bound)
    session = node.connected("hv1").session
    node.shell.accept(session, "hv1", 4)
    settled(node, "hv1")
    until(lambda: targets(hypervisor) == {OWN, OTHER, THIRD}, "its own added")
    node.program("hv1", ControllerTarget(OTHER))
    node.shell.defer("hv1", False)
    until(lambda: targets(hypervisor) == {OWN, OTHER}, "the one that is no node's is gone")


def test_managers_that_lead_to_other_nodes_come_back_as_soon(bed):
    node = bed.node()
    hypervisor = bed.hypervisor("hv1", "10.0.0.1")
    hypervisor.join(*node.bound, ("tcp", "192.0.2.2", 6640), ("tcp", "192.0.2.7", 6640))
    settled(node, "hv1")
    node.program("hv1", ControllerTarget(OTHER))

    def backoffs():
        rows = hypervisor.find("Manager", "target", "max_backoff")
        return {row["target"]: row["max_backoff"] for row in rows}

    until(lambda: backoffs()["tcp:192.0.2.2:6640"] == 1000, "the other node's manager")
    assert backoffs()["tcp:192.0.2.7:6640"] == ["set", []], "nobody's we know of"


def test_nodes_that_write_against_each_other_never_leave_it_without_one(bed):
    """A bridge whose last controller goes loses its flows: Open vSwitch flushes them.  Nodes that
    share no epochs, those of two systems or of an earlier version, take away each other's rows."""
    hypervisor = bed.hypervisor("hv1", "10.0.0.1")
    hypervisor.vsctl("add-br", "br-int", "--", "set-controller", "br-int", OTHER)
    hypervisor.ofctl("-O", "OpenFlow14", "add-flow", "br-int", "cookie=0x7,table=250,actions=drop")
    nodes = [bed.node(openflow_port=port) for port in (6653, 6654, 6655)]
    with hypervisor.watch_writes() as lines:
        hypervisor.join(*(node.bound[0] for node in nodes))
        until(lambda: sum("tcp:127.0.0.1:665" in line for line in lines) > 80, "that they do")
    assert "cookie=0x7" in hypervisor.ofctl("-O", "OpenFlow14", "dump-flows", "br-int")
