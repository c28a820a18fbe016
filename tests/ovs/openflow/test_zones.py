"""An OpenFlow number that passes to another port brings no connections along (real switch)."""

from __future__ import annotations

import re
import time

import pytest

from lab.beds.openflow_bed import Node, Switch, eventually
from vrouter_ovs.state import EGRESS, Evi, LocalPort, Neighbor, Policy, Rule, Vrouter

EVI, SET = 5002, 77
NUMBERS = (5, 6, 7)


def mac(number: int) -> str:
    return f"02:00:00:00:00:{number:02x}"


def port(name: str, number: int, policy: int = SET) -> LocalPort:
    allowed = ((mac(number), f"10.0.0.{number}"),)
    return LocalPort(name, number, EVI, mac(number), allowed, policy=policy)


BASE = (Vrouter("02:00:00:00:01:01"), Evi(EVI), Policy(SET), Rule(SET, EGRESS, 4),
        Policy(SET + 1), Rule(SET + 1, EGRESS, 4),
        *(Neighbor(EVI, f"10.0.0.{n}", mac(n)) for n in NUMBERS))  # fmt: skip


@pytest.fixture(scope="module")
def node():
    node = Node()
    yield node
    node.close()


@pytest.fixture(scope="module")
def shared_switch(node):
    switch = Switch()
    switch.connect(node.port)
    for number in NUMBERS:
        switch.vsctl("add-port", "br-int", f"p{number}", "--", "set", "interface", f"p{number}",
                     "type=dummy", f"ofport_request={number}")
    yield switch
    switch.close()


@pytest.fixture
def switch(node, shared_switch):
    node.end()
    shared_switch.ofctl("del-flows", shared_switch.bridge)
    shared_switch.appctl("dpctl/flush-conntrack")
    yield shared_switch
    node.end()


def join(node: Node, switch: Switch, **options) -> None:
    southbound = node.begin(**options)
    southbound.accept("hv1", switch.datapath_id)
    eventually(lambda: southbound.status("hv1")["connected"], "connected")
    southbound.defer("hv1", False)


def send(switch: Switch, source: int, target: int) -> None:
    """A datagram of one port to another, which its own set allows and tracks."""
    switch.appctl(
        "netdev-dummy/receive", f"p{source}",
        f"in_port({source}),eth(src={mac(source)},dst={mac(target)}),eth_type(0x0800),"
        f"ipv4(src=10.0.0.{source},dst=10.0.0.{target},proto=17,tos=0,ttl=64,frag=no),"
        "udp(src=4000,dst=53)",
    )


def zones(switch: Switch) -> list[int]:
    found = re.findall(r"zone=(\d+)", switch.appctl("dpctl/dump-conntrack"))
    return sorted(map(int, found))


def flushes(node: Node) -> int:
    status = node.southbound.status("hv1")
    assert status["errors"] == 0
    return status["zone_flushes"]


def begin(node: Node, switch: Switch) -> None:
    """Ports a, b, c at 5, 6, 7; a and b have a connection each."""
    join(node, switch)
    node.acked("hv1", node.program("hv1", *BASE, port("a", 5), port("b", 6), port("c", 7)))
    assert flushes(node) == 3
    send(switch, 5, 7)
    send(switch, 6, 7)
    eventually(lambda: zones(switch) == [5, 6], "two connections")


@pytest.mark.parametrize("pause", [False, True])
def test_another_port_inherits_nothing(node, switch, pause):
    begin(node, switch)
    if pause:
        node.acked("hv1", node.program("hv1", delete=[("port", "a")]))
        assert zones(switch) == [5, 6]
    node.acked("hv1", node.program("hv1", port("new", 5), delete=[("port", "a")]))
    assert zones(switch) == [6]
    assert flushes(node) == 4
    send(switch, 5, 7)
    eventually(lambda: zones(switch) == [5, 6], "a connection of the new port")


def test_a_node_that_starts_again_keeps_the_connections(node, switch):
    begin(node, switch)
    join(node, switch)
    node.acked("hv1", node.program("hv1", *BASE, port("a", 5), port("b", 6), port("c", 7)))
    assert zones(switch) == [5, 6] and flushes(node) == 0
    # While it was away the number of one went to another.
    join(node, switch)
    node.acked("hv1", node.program("hv1", *BASE, port("a", 5), port("new", 6), port("c", 7)))
    assert zones(switch) == [5] and flushes(node) == 1


def test_changes_of_the_port_keep_its_connections(node, switch):
    begin(node, switch)
    node.acked("hv1", node.program("hv1", port("a", 5, SET + 1)))
    node.acked("hv1", node.program("hv1", port("a", 5, 0)))
    other = LocalPort("a", 5, EVI + 1, mac(9), ((mac(9), "10.0.0.9"),), False, SET)
    node.acked("hv1", node.program("hv1", other))
    assert zones(switch) == [5, 6] and flushes(node) == 3


def test_what_an_audit_puts_right_keeps_its_connections(node, switch):
    join(node, switch, audit_interval=0.3)
    node.acked("hv1", node.program("hv1", *BASE, port("a", 5)))
    send(switch, 5, 7)
    eventually(lambda: zones(switch) == [5], "a connection")
    before = switch.flows()
    switch.ofctl("del-flows", switch.bridge)
    eventually(lambda: switch.flows() == before, "the flows to be back")
    assert zones(switch) == [5] and flushes(node) == 1


def test_first_fragments_are_matched_by_their_ports(node, switch):
    """From before the first flow, and again after somebody else set it otherwise."""
    switch.ofctl("set-frags", switch.bridge, "normal")
    join(node, switch, audit_interval=0.3)
    node.acked("hv1", node.program("hv1", *BASE))
    assert "nx-match" in switch.ofctl("get-frags", switch.bridge)
    switch.ofctl("set-frags", switch.bridge, "normal")
    eventually(lambda: "nx-match" in switch.ofctl("get-frags", switch.bridge), "set again")
    assert node.southbound.status("hv1")["errors"] == 0


def test_a_thousand_ports_at_once(node, switch):
    """Each zone is flushed, in one write; the switch does it while connections of others stand."""
    join(node, switch)
    node.acked("hv1", node.program("hv1", *BASE, port("a", 5)))
    send(switch, 5, 7)
    eventually(lambda: zones(switch) == [5], "a connection")
    many = [LocalPort(f"m{n}", n, EVI, f"02:00:00:01:{n >> 8:02x}:{n & 255:02x}",
                      ((f"02:00:00:01:{n >> 8:02x}:{n & 255:02x}", f"10.1.{n >> 8}.{n & 255}"),),
                      policy=SET) for n in range(1000, 2250)]
    begun = time.monotonic()
    node.acked("hv1", node.program("hv1", *many), 60)
    print(f"1,250 ports in {time.monotonic() - begun:.2f} s")
    assert flushes(node) == 1251 and zones(switch) == [5]
