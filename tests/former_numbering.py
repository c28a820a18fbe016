"""Flows as the version before tables had ids of their own made them: an id was a place."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import patch

from vrouter_ovs.pipeline import render
from vrouter_ovs.schema.tables import BY_NAME, TABLE_IDS
from vrouter_ovs.state import (
    GatewayPort,
    NatRefusals,
    OutsideHop,
    PhysicalNetwork,
    RemoteMac,
    Route,
    Segment,
    ServiceInstance,
    StateObject,
    Steering,
    Tunnel,
)
from vrouter_ovs.wire import flows as wire
from vrouter_ovs.wire.flows import Encoded

FORMER = (
    "classify", "claim", "guard", "target", "announce", "proxy", "answer", "advertise", "track",
    "policy_out", "permit_out", "whole_out", "bridge", "route", "gateway", "nexthop", "flood",
    "encap", "send", "arrive", "deliver", "receive", "policy_in", "permit_in", "whole_in", "output",
    "punt", "connect", "port", "known", "peer", "policy",
)  # fmt: skip


def single(obj: StateObject) -> StateObject:
    """A tunnel without its further underlay paths."""
    return replace(obj, others=()) if type(obj) is Tunnel else obj


def was_there(obj: StateObject) -> bool:
    """Whether that version had such objects: no router had a way out, no network a physical
    segment."""
    if type(obj) in (GatewayPort, NatRefusals, PhysicalNetwork, Segment, ServiceInstance, Steering):
        return False
    if type(obj) in (Route, RemoteMac) and obj.watch:
        return False
    return type(obj) is not Route or not any(type(hop) is OutsideHop for hop in obj.hops)


def encode_former(*objects: StateObject) -> list[Encoded]:
    """Their flows with the ids of that version; all else is as it was, byte for byte.  A tunnel was
    one port."""
    ids = {name: place for place, name in enumerate(FORMER)}
    tables = {name: replace(BY_NAME[name], id=place) for name, place in ids.items()}
    wire.encode_action.cache_clear()
    try:
        with patch.dict(TABLE_IDS, ids), patch.dict(BY_NAME, tables):
            return [wire.encode(flow) for obj in objects for flow in render(single(obj))]
    finally:
        wire.encode_action.cache_clear()
