"""Flows that a test commits to a switch as one bundle."""

from __future__ import annotations

from lab.beds.sandbox import OpenFlow
from vrouter_ovs.wire import encode
from vrouter_ovs.wire.encode import Encoded


def commit(openflow: OpenFlow, changes: list[tuple[int, Encoded]]) -> list[bytes]:
    """One bundle; returns the errors before the commit's reply."""
    bundle = openflow.next_xid()
    data = [encode.bundle_open(bundle, openflow.next_xid())]
    for command, flow in changes:
        data.append(encode.bundle_flow_mod(bundle, command, flow, openflow.next_xid()))
    xid = openflow.next_xid()
    data.append(encode.bundle_commit(bundle, xid))
    openflow.send(b"".join(data))
    return openflow.until(33, xid)[1]
