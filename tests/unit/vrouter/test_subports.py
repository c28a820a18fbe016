"""Numbers of subports, and the flows that they have."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vrouter_ovs.errors import PipelineError
from vrouter_ovs.numbers import SUBPORT_NUMBERS
from vrouter_ovs.pipeline import render
from vrouter_ovs.pipeline.ports.subport import SUBPORT_BIT
from vrouter_ovs.state import LAST_NAT_ZONE, LocalPort
from vrouter_ovs.wire.packets import packet_out

MAC = "52:54:00:00:00:05"
PORT = LocalPort("p", SUBPORT_NUMBERS[0], 100, MAC, ((MAC, "10.0.0.5"),), parent=7, vlan=10)


def test_a_number_is_a_zone_of_nobody_else() -> None:
    first, last = SUBPORT_NUMBERS
    assert LAST_NAT_ZONE < first < last < 0xFF00
    assert all(number & SUBPORT_BIT for number in SUBPORT_NUMBERS)


def test_a_subport_is_a_port_with_three_flows_more() -> None:
    other = replace(PORT, parent=0, vlan=0)
    more = set(render(PORT)) - set(render(other))
    assert {(flow.table, flow.priority) for flow in more} == {
        ("classify", "subport"), ("output", "subport"), ("output", "sender")}
    assert set(render(other)) < set(render(PORT))


@pytest.mark.parametrize("wrong", [
    {"ofport": 5}, {"ofport": 0xFF00}, {"vlan": 4095}, {"vlan": -1}, {"parent": 0},
    {"parent": SUBPORT_NUMBERS[0]},
])
def test_what_is_no_subport_is_refused(wrong: dict) -> None:
    with pytest.raises(PipelineError):
        render(replace(PORT, **wrong))


def test_what_the_node_sends_out_of_one_gets_its_tag_in_the_last_table() -> None:
    plain, tagged = packet_out(7, b"frame", 1), packet_out(PORT.ofport, b"frame", 1)
    for message in (plain, tagged):
        actions = int.from_bytes(message[16:18], "big")
        assert int.from_bytes(message[2:4], "big") == len(message) == 24 + actions + len(b"frame")
    assert PORT.ofport.to_bytes(4, "big") in tagged
