"""Ids of tables: they stay, they leave room, and those of an earlier version are none of them."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ryu_apps.southbound.openflow.reconcile import VrouterFlows
from tests.former_numbering import (
    FORMER,
    RETIRED,
    encode_former,
    encode_since,
    single,
    was_there,
)
from tests.ovs.vrouter.objects import vrouters
from vrouter_ovs.errors import PipelineError
from vrouter_ovs.schema.declaration import MAX_TABLE_ID, check_order
from vrouter_ovs.schema.tables import BY_NAME, TABLE_IDS, TABLES
from vrouter_ovs.state import LocalPort, StateObject
from vrouter_ovs.wire.encode import ADD, DELETE_STRICT, Encoded, renumbered
from vrouter_ovs.wire.renumber import FIRST_ID

IDS = {
    "classify": 0, "claim": 40, "guard": 45, "target": 50, "announce": 55, "proxy": 60,
    "answer": 65, "advertise": 70, "track": 75, "policy_out": 80, "permit_out": 85,
    "whole_out": 90, "mark": 91, "bits_out": 92, "packets_out": 93, "bridge": 95,
    "floating": 96, "inbound": 98, "untranslated": 99, "route": 100, "floating_out": 101,
    "external": 102, "snat": 103, "outside": 104, "gateway": 105,
    "chain": 107, "nexthop": 110, "storm": 112, "flood": 115, "part": 117,
    "encap": 120, "segment": 122,
    "send": 125, "path": 127, "arrive": 130, "deliver": 135, "receive": 140,
    "policy_in": 145, "permit_in": 150, "midstream": 152, "whole_in": 155, "limited_in": 156,
    "bits_in": 157, "packets_in": 158, "output": 160, "sources": 162,
    "punt": 165, "connect": 170, "port": 175, "known": 180, "membership": 182,
    "peer_prefix": 184, "peer_address": 186, "peer_mac": 188, "policy": 190,
}  # fmt: skip

whole_vrouters = vrouters().map(lambda objects: list(map(single, filter(was_there, objects))))


def test_ids_stay() -> None:
    """A table that is new may be added here; one with another id rewrites the flows of all
    switches."""
    assert TABLE_IDS == IDS


FULL = frozenset((
    "untranslated", "route", "floating", "floating_out", "external", "snat", "outside",
    "gateway", "mark", "bits_out", "packets_out", "limited_in",
    "bits_in", "packets_in",
))
"""No id is left before these: a table on the way in or out goes before the whole of it."""


def test_there_is_room_for_a_table_before_each() -> None:
    for before, after in pairwise(TABLES):
        if after.name in FULL:
            continue
        new = replace(
            after, id=(before.id + after.id) // 2, name="new", next=(after.name,), miss=after.name
        )
        assert before.id < new.id < after.id
        leading = replace(before, next=(*before.next, "new"))
        check_order([leading if table is before else table for table in (*TABLES, new)])
    assert TABLES[-1].id < MAX_TABLE_ID


@pytest.mark.parametrize(
    "table",
    (
        replace(BY_NAME["bridge"], name="new"),
        replace(BY_NAME["bridge"], id=96),
        replace(BY_NAME["policy"], name="new", id=254),
        replace(BY_NAME["policy"], name="new", id=-1),
        replace(BY_NAME["policy"], name="new", id=191, next=("bridge",)),
        replace(BY_NAME["policy"], name="new", id=191, miss="bridge"),
        replace(BY_NAME["policy"], name="new", id=191, next=("nowhere",)),
    ),
)
def test_ids_that_cannot_be_are_refused(table) -> None:
    check_order(TABLES)
    with pytest.raises(PipelineError):
        check_order((*TABLES, table))


def test_the_numberings_share_the_first_table_alone() -> None:
    assert TABLE_IDS[FORMER[0]] == 0
    assert all(table.id >= FIRST_ID == len(FORMER) for table in TABLES[1:])


def of_then(flows: dict[bytes, Encoded]) -> dict[bytes, Encoded]:
    """Those in tables that there were."""
    ids = {RETIRED.get(name) or TABLE_IDS[name] for name in FORMER}
    return {key: flow for key, flow in flows.items() if key[0] in ids}


@settings(max_examples=60, deadline=None)
@given(whole_vrouters)
def test_former_flows_become_those_of_today(objects: list[StateObject]) -> None:
    former = encode_former(*objects)
    today = {flow.key: flow for obj in objects for flow in encode_since(obj)}
    moved = renumbered(former)
    kept = [flow for flow in former if flow.key in today and flow == today[flow.key]]
    assert {flow.key: flow for flow in (*moved, *kept)} == of_then(today)
    assert all(flow.key[0] == 0 for flow in kept)
    assert renumbered(today.values()) == []
    first = [flow.key[0] == 0 for flow in moved]
    assert first == sorted(first)


@given(st.binary(max_size=80), st.integers(0, 255), st.binary(max_size=8))
def test_bytes_that_are_none_of_ours_are_walked_to_their_end(body, table, match) -> None:
    found = renumbered([Encoded(bytes((table, 0, 1)) + match, 1, body)])
    assert all(len(flow.body) == len(body) for flow in found)


def rounds(flows: VrouterFlows, switch: dict[bytes, Encoded]) -> list[list]:
    """Make all changes; each round's, as one bundle."""
    found = []
    while flows.pending:
        operations = [operation for batch in flows.operations() for operation in batch]
        assert flows.zones_given(operations) == []
        for command, flow, _ in operations:
            if command is ADD:
                switch[flow.key] = flow
            else:
                del switch[flow.key]
        flows.confirm(operations)
        found.append(operations)
    return [operations for operations in found if operations]


@settings(max_examples=60, deadline=None)
@given(whole_vrouters, st.booleans(), st.data())
def test_a_switch_of_the_earlier_version_is_taken_over(objects, again, data) -> None:
    """First all flows are there under today's ids, in one bundle; while the vrouter is held nothing
    is deleted, and the former ones go when it no longer is.  No port's connections end."""
    former = {flow.key: flow for flow in encode_former(*objects)}
    today = {flow.key: flow for obj in objects for flow in encode_since(obj)}
    switch, flows = dict(former), VrouterFlows(encode_since)
    flows.replace_installed(dict(switch))
    (bundle,) = rounds(flows, switch) or [[]]
    assert {operation.command for operation in bundle} <= {ADD}
    assert of_then(today).items() <= switch.items()
    leftovers = {key: flow for key, flow in former.items() if key[0]}
    assert switch == of_then(today) | leftovers
    if again:
        # The node restarts in between.
        flows = VrouterFlows(encode_since)
        flows.replace_installed(dict(switch))
        assert not flows.renumbering
    known = data.draw(st.sets(st.sampled_from(objects))) if objects else set()
    flows.change([(obj.key, obj) for obj in known])
    for operations in rounds(flows, switch):
        # What is in tables that there are since.
        assert {operation.command for operation in operations} == {ADD}
        assert of_then({one.flow.key: one.flow for one in operations}) == {}
    flows.change([(obj.key, obj) for obj in objects])
    flows.defer(False)
    last = [one for operations in rounds(flows, switch) for one in operations]
    added = {one.flow.key: one.flow for one in last if one.command is not DELETE_STRICT}
    assert of_then(added) == {}
    assert switch == today


def test_a_change_that_was_refused_whole_is_made_again() -> None:
    port = LocalPort("p", 1, 100, "52:54:00:00:00:01", (("52:54:00:00:00:01", "10.0.0.1"),))
    flows = VrouterFlows()
    flows.replace_installed({flow.key: flow for flow in encode_former(port)})
    once = [operation for batch in flows.operations() for operation in batch]
    flows.retry(once)
    assert [operation for batch in flows.operations() for operation in batch] == once
