"""Counters of security group rules, read from a real switch that forwarded packets by them."""

from __future__ import annotations

import re

import pytest

from lab.beds.openflow_bed import Node, Switch, eventually
from vrouter_ovs.cookies import cookie
from vrouter_ovs.state import EGRESS, INGRESS, Evi, LocalPort, Policy, Rule, Vrouter
from vrouter_ovs.wire.counters import totals

EVI, SET = 5001, 7
MACS = {1: "02:00:00:00:00:01", 2: "02:00:00:00:00:02"}
ADDRESSES = {1: "10.0.0.1", 2: "10.0.0.2"}
OUT = Rule(SET, EGRESS, 4, rules=("out",))
DNS = Rule(SET, INGRESS, 4, 17, 53, 53, rules=("dns",))
RANGE = Rule(SET, INGRESS, 4, 17, 1000, 1006, rules=("range",))


@pytest.fixture
def bed():
    node, switch = Node(), Switch()
    try:
        for number in MACS:
            switch.vsctl("add-port", "br-int", f"p{number}", "--", "set", "interface",
                         f"p{number}", "type=dummy", f"ofport_request={number}")
        switch.connect(node.port)
        southbound = node.begin()
        southbound.accept("hv1", switch.datapath_id)
        eventually(lambda: southbound.status("hv1")["connected"], "connected")
        southbound.defer("hv1", False)
        yield node, switch
    finally:
        node.close()
        switch.close()


def send(switch: Switch, port: int, count: int = 1) -> None:
    """A UDP datagram from port 1 to port 2 of the switch, ``count`` times."""
    flow = (
        f"in_port(1),eth(src={MACS[1]},dst={MACS[2]}),eth_type(0x0800),"
        f"ipv4(src={ADDRESSES[1]},dst={ADDRESSES[2]},proto=17,tos=0,ttl=64,frag=no),"
        f"udp(src=4000,dst={port})"
    )
    for _ in range(count):
        switch._run("ovs-appctl", f"--target={switch.directory}/ovs-vswitchd.ctl",
                    "netdev-dummy/receive", "p1", flow)


def test_packets_of_a_rule_are_counted(bed):
    node, switch = bed
    ports = [LocalPort(f"vm{n}", n, EVI, MACS[n], ((MACS[n], ADDRESSES[n]),), True, SET)
             for n in MACS]
    node.acked("hv1", node.program(
        "hv1", Vrouter("02:00:00:00:ff:ff"), Evi(EVI), *ports, Policy(SET), OUT, DNS, RANGE))
    send(switch, 53, 3)
    send(switch, 1000)
    send(switch, 1005, 2)
    send(switch, 99, 4)  # no rule: it counts for the sender's rule only

    def counted(rule: Rule) -> int:
        return node.southbound.counters("hv1").get(cookie(rule.key), (0, 0))[0]

    eventually(lambda: counted(OUT) >= 10, "the sender's rule counts")
    assert (counted(OUT), counted(DNS), counted(RANGE)) == (10, 3, 3)
    shown: dict[int, list[int]] = {}
    for line in switch.ofctl("--no-names", "dump-flows", switch.bridge).splitlines():
        match = re.search(r"cookie=(0x\w+),.* n_packets=(\d+), n_bytes=(\d+)", line)
        if match and int(match[2]):
            total = shown.setdefault(int(match[1], 16), [0, 0])
            total[0] += int(match[2])
            total[1] += int(match[3])
    ours = node.southbound.counters("hv1")
    assert ours == {number: tuple(shown[number]) for number in ours}
    with pytest.raises(KeyError):
        node.southbound.counters("hv9")


def test_statistics_that_lie_about_their_length():
    assert totals([]) == {} == totals([b""])
    for bad in (b"\0", b"\0" * 47, b"\0" * 56, b"\0\x2f" + b"\0" * 60, b"\xff\xff" + b"\0" * 60):
        with pytest.raises(ValueError, match="flow stats"):
            totals([bad])
