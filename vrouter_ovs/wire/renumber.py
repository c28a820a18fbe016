"""Flows as an earlier version numbered its tables, with the ids that the tables have now.

Until tables had ids of their own, an id was the place in the pipeline, 0 to 31.  Today's ids
(:mod:`vrouter_ovs.schema.tables`) are none of these but for the first table's, which must be 0:
so a flow of ours in a table below :data:`FIRST_ID`, or one that leads to one, is of that numbering,
whatever else the switch holds, and the two numberings can stand in a switch side by side.  A packet
passes one of them alone: the flows of the first table decide, and change all at once.
"""

from __future__ import annotations

from collections.abc import Iterable

from vrouter_ovs.schema.tables import TABLE_IDS
from vrouter_ovs.wire import flows as wire
from vrouter_ovs.wire.flows import Encoded

_FORMER = (
    "classify", "claim", "guard", "target", "announce", "proxy", "answer", "advertise", "track",
    "policy_out", "permit_out", "whole_out", "bridge", "route", "gateway", "nexthop", "flood",
    "encap", "send", "arrive", "deliver", "receive", "policy_in", "permit_in", "whole_in", "output",
    "punt", "connect", "port", "known", "peer", "policy",
)  # fmt: skip
FIRST_ID = len(_FORMER)
"""All ids but that of the first table are this or higher."""
_RETIRED = {"peer": 185}
"""Tables that had an id of their own later, and are none of today's: what leads there stays right
until nothing does."""
_NOW = {**_RETIRED, **TABLE_IDS}
_IDS = {former: _NOW[name] for former, name in enumerate(_FORMER) if name in _NOW}
_NICIRA = wire.NICIRA.to_bytes(4, "big")
_RESUBMIT = _NICIRA + wire.RESUBMIT_TABLE.to_bytes(2, "big")
_CONNTRACK = _NICIRA + wire.CONNTRACK.to_bytes(2, "big")


def renumbered(flows: Iterable[Encoded]) -> list[Encoded]:
    """Those of ``flows`` that are numbered as an earlier version did, with today's ids; those of
    the first table last."""
    found = []
    for flow in flows:
        key, cookie, body = flow
        table = _IDS.get(key[0])
        if table is None:
            continue
        moved = Encoded(bytes((table,)) + key[1:], cookie, _instructions(body))
        if moved != flow:
            found.append(moved)
    found.sort(key=lambda flow: flow.key[0] == 0)
    return found


def _instructions(body: bytes) -> bytes:
    data = bytearray(body)
    at = 0
    while at + 8 <= len(data):
        kind, size = int.from_bytes(data[at : at + 2], "big"), _size(data, at)
        if kind == wire.OFPIT_GOTO_TABLE:
            _move(data, at + 4)
        elif kind == wire.OFPIT_APPLY_ACTIONS:
            _actions(data, at + 8, at + size)
        at += size
    return bytes(data)


def _actions(data: bytearray, at: int, end: int) -> None:
    while at + 8 <= end:
        named = data[at + 4 : at + 10]
        if int.from_bytes(data[at : at + 2], "big") == wire.OFPAT_EXPERIMENTER:
            if named == _RESUBMIT:
                _move(data, at + 12)
            elif named == _CONNTRACK:
                _move(data, at + 18)
        at += _size(data, at)


def _size(data: bytearray, at: int) -> int:
    # Never less than a header, so that a malformed length ends the walk.
    return max(8, int.from_bytes(data[at + 2 : at + 4], "big"))


def _move(data: bytearray, at: int) -> None:
    if at < len(data):
        data[at] = _IDS.get(data[at], data[at])
