"""A switch that is changed message by message lets nothing in before what is behind it is there."""

from __future__ import annotations

import itertools
import struct

from hypothesis import given
from hypothesis import strategies as st

from ryu_apps.southbound.openflow.reconcile import Operation, one_by_one
from vrouter_ovs.wire.encode import ADD, DELETE_STRICT, Encoded


def change(command: int, table: int, priority: int, number: int) -> Operation:
    key = struct.pack("!BHB", table, priority, number)
    return Operation(command, Encoded(key, 1, b""), None)


CHANGES = st.lists(
    st.builds(change, st.sampled_from((ADD, DELETE_STRICT)), st.integers(0, 254),
              st.integers(0, 65535), st.integers(0, 255)),
    unique_by=lambda one: one.flow.key,
)


@given(CHANGES)
def test_later_tables_and_higher_priorities_come_first_and_go_last(
    changes: list[Operation],
) -> None:
    ordered = one_by_one(changes)
    assert sorted(ordered, key=repr) == sorted(changes, key=repr)
    for one, other in itertools.pairwise(ordered):
        assert (one.command, other.command) != (DELETE_STRICT, ADD)
        if one.command == other.command == ADD:
            assert one.flow.key[:3] >= other.flow.key[:3]
        elif one.command == other.command:
            assert one.flow.key[:3] <= other.flow.key[:3]


def test_a_denial_is_there_before_what_it_is_an_exception_from() -> None:
    permit, deny, enter = change(ADD, 20, 10, 1), change(ADD, 20, 90, 2), change(ADD, 0, 1, 3)
    assert one_by_one([enter, permit, deny]) == [deny, permit, enter]
    assert one_by_one([one._replace(command=DELETE_STRICT) for one in (deny, permit, enter)]) == [
        one._replace(command=DELETE_STRICT) for one in (enter, permit, deny)]
