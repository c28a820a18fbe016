"""Flows as the version before tables had ids of their own made them: an id was a place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from unittest.mock import patch

from vrouter_ovs.pipeline import render
from vrouter_ovs.schema.flow import Flow
from vrouter_ovs.schema.tables import BY_NAME, TABLE_IDS
from vrouter_ovs.state import (
    ExternalNeighbor,
    FloatingErrors,
    FloatingIp,
    GatewayPort,
    Limits,
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


RETIRED = {"peer": 185}
_NOW = {"peer": "membership"}
"""A table that was led to from where another is today, and from there to the rules."""
SINCE = {"mark": "bridge", "limited_in": "output"}
"""Tables that came since, and where packets went before there were any."""


def single(obj: StateObject) -> StateObject:
    """A tunnel without its further underlay paths."""
    return replace(obj, others=()) if type(obj) is Tunnel else obj


def was_there(obj: StateObject) -> bool:
    """Whether that version had such objects: no router had a way out, no network a physical
    segment, nothing a floating IP."""
    since = (
        GatewayPort, Limits, NatRefusals, PhysicalNetwork, Segment, ServiceInstance, Steering,
        FloatingIp, FloatingErrors, ExternalNeighbor,
    )
    if type(obj) in since:
        return False
    if type(obj) in (Route, RemoteMac) and obj.watch:
        return False
    return type(obj) is not Route or not any(type(hop) is OutsideHop for hop in obj.hops)


def encode_former(*objects: StateObject) -> list[Encoded]:
    """Their flows with the ids of that version; all else is as it was, byte for byte.  A tunnel was
    one port, and tables that there are since are left out."""
    ids = {_NOW.get(name, name): place for place, name in enumerate(FORMER)}
    return _encoded(objects, ids)


def encode_since(obj: StateObject) -> list[Encoded]:
    """The same with today's ids: what a switch has that was taken over from that version, until the
    tables that came since are led to."""
    ids = {_NOW.get(name, name): RETIRED.get(name) or TABLE_IDS[name] for name in FORMER}
    return _encoded((obj,), ids)


def _encoded(objects: Iterable[StateObject], ids: dict[str, int]) -> list[Encoded]:
    tables = {
        name: replace(BY_NAME[name], id=id, next=(*BY_NAME[name].next, *SINCE.values()))
        for name, id in ids.items()
    }
    wire.encode_action.cache_clear()
    try:
        with patch.dict(TABLE_IDS, ids), patch.dict(BY_NAME, tables):
            return [
                wire.encode(_as_then(flow))
                for obj in objects for flow in render(single(obj)) if flow.table in ids
            ]
    finally:
        wire.encode_action.cache_clear()


def _as_then(flow: Flow) -> Flow:
    return flow._replace(actions=tuple(
        ("goto", SINCE.get(action[1], action[1])) if action[0] == "goto" else action
        for action in flow.actions
    ))
