"""What the switch answers to flows that it refuses, alone and in bundles."""

from __future__ import annotations

import pytest

from lab.beds.sandbox import OpenFlow, Sandbox
from tests.ovs.vrouter.bundles import commit
from vrouter_ovs.schema.tables import TABLE_IDS
from vrouter_ovs.state import Evi, Route
from vrouter_ovs.wire import encode
from vrouter_ovs.wire.encode import ADD, Encoded

COOKIE = encode.cookie(("test",))
BAD = {
    "prerequisite": (Encoded(bytes.fromhex("000001" "80001604" "0a000001"), COOKIE, b""), 4, 9),
    "table id": (Encoded(bytes((254, 0, 1)), COOKIE, b""), 1, 5),
    "goto backwards": (
        Encoded(bytes((3, 0, 1)), COOKIE, bytes.fromhex("0001000801000000")),
        3,
        2,
    ),
    "output port": (
        Encoded(
            bytes((3, 0, 1)),
            COOKIE,
            bytes.fromhex("0004001800000000" "00000010ffffff000000000000000000"),
        ),
        2,
        4,
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_refused_flow(openflow: OpenFlow, name: str) -> None:
    flow, kind, code = BAD[name]
    (error,) = openflow.flow_mods(ADD, [flow])
    xid, *found, text = encode.decode_error(error)
    assert (xid, found) == (openflow.xid - 1, [kind, code])
    assert text


@pytest.mark.parametrize("name", BAD)
def test_a_refused_flow_in_a_bundle(openflow: OpenFlow, name: str) -> None:
    """It is named by its own xid, and the commit does the rest."""
    flow, kind, code = BAD[name]
    (good,) = encode.encode_object(Evi(100))
    (error,) = commit(openflow, [(ADD, good), (ADD, flow)])
    xid, *found, _ = encode.decode_error(error)
    assert (xid, found) == (openflow.xid - 1, [kind, code])
    assert openflow.read_flows() == {good.key: good}


def test_a_failed_commit_does_nothing(sandbox: Sandbox, openflow: OpenFlow) -> None:
    table = sandbox.vsctl("get", "bridge", "br-int", f"flow_tables:{TABLE_IDS['route']}").strip()
    sandbox.vsctl("set", "Flow_Table", table, "flow_limit=1", "overflow_policy=refuse")
    try:
        flows = [
            flow
            for prefix in ("10.0.0.0/8", "11.0.0.0/8")
            for flow in encode.encode_object(Route(9, prefix, ()))
        ]
        bundle, first = openflow.next_xid(), openflow.xid + 1
        openflow.send(
            encode.bundle_open(bundle, first)
            + encode.bundle_flow_mod(bundle, ADD, flows[0], first + 1)
            + encode.bundle_flow_mod(bundle, ADD, flows[1], first + 2)
            + encode.bundle_commit(bundle, first + 3)
            + encode.barrier(first + 4)
        )
        _, errors = openflow.until(21, first + 4)
        said = [encode.decode_error(error)[:3] for error in errors]
        assert said == [(first + 2, 5, 1), (first + 3, 17, 13)]
        assert openflow.read_flows() == {}
    finally:
        sandbox.vsctl("clear", "Flow_Table", table, "flow_limit", "overflow_policy")
