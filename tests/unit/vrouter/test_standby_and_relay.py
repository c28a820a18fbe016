"""Ports that move: flows where one stands by, where it has come, and where it has left."""

from __future__ import annotations

import pytest

from tests.hops import bridged, routed
from vrouter_ovs.edge import PuntReason
from vrouter_ovs.pipeline import render
from vrouter_ovs.schema.flow import DROP
from vrouter_ovs.state import (
    STANDBY,
    STANDBY_WATCHED,
    Arrived,
    LocalPort,
    RemoteMac,
    Route,
)
from vrouter_ovs.wire.encode import encode_object
from vrouter_ovs.wire.flows import encode

MAC = "52:54:00:00:00:01"
PORT = ("p", 5, 100, MAC, ((MAC, "10.0.0.1"), (MAC, "fd00::1")))


@pytest.mark.parametrize("mode", (STANDBY, STANDBY_WATCHED))
def test_a_port_that_stands_by_differs_in_what_passes_alone(mode):
    here, away = (
        {(flow.table, flow.match): flow for flow in render(LocalPort(*PORT, standby=standby))}
        for standby in ("", mode)
    )
    to_it = ("bridge", (("evi", 100), ("eth_dst", MAC)))
    assert here.keys() - away.keys() == {to_it}
    more = {key: away[key].actions for key in away.keys() - here.keys()}
    told = (("set_field", "punt_reason", int(PuntReason.ACTIVATION)), ("goto", "punt"))
    expected = {("classify", (("in_port", 5),)): DROP}
    if mode == STANDBY_WATCHED:
        expected["classify", (("in_port", 5), ("eth_src", MAC))] = told
    assert more == expected
    assert all(here[key] == away[key] for key in here.keys() & away.keys())


def test_what_comes_out_of_a_tunnel_goes_on_to_where_the_port_is():
    for plain, relayed in (
        (RemoteMac(100, MAC, (bridged("192.0.2.1", 100),)),
         RemoteMac(100, MAC, (bridged("192.0.2.1", 100),), relay=True)),
        (Route(900, "10.0.0.1/32", (routed("192.0.2.1", 900, MAC),)),
         Route(900, "10.0.0.1/32", (routed("192.0.2.1", 900, MAC),), relay=True)),
        (Route(900, "fd00::1/128", (routed("192.0.2.1", 900, MAC),)),
         Route(900, "fd00::1/128", (routed("192.0.2.1", 900, MAC),), relay=True)),
    ):
        (first,) = render(plain)
        usual, more = render(relayed)
        assert usual == first
        assert ("from_tunnel", 1) in more.match and ("load", "from_tunnel", 0) in more.actions
        assert more.actions[-1] == ("goto", "send"), "it was measured, and lost its hop, before"
        # The templates of the fast path leave it to them.
        assert list(encode_object(relayed)) == [encode(flow) for flow in render(relayed)]


def test_a_port_that_has_come_gets_tcp_that_begins_nothing():
    flows = render(Arrived("p", 5))
    assert [flow.table for flow in flows] == ["permit_in", "permit_in", "midstream"]
    assert all(("out_port", 5) in flow.match for flow in flows)
    assert ("seen_flags", 0x10, 0x12) in flows[2].match
