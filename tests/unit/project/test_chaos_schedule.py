"""The order in which a run of chaos breaks things follows from its seed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lab.chaos.faults import FAULTS
from lab.chaos.schedule import HOLD, schedule

PARTS = {
    "nodes": {"kill node": ("node1", "node2"), "kill all nodes": ("",)},
    "links": {"cut link": ("a", "b", "c")},
    "store": {"kill member": ("etcd1",), "pause member": ("etcd1", "leader")},
}
KINDS = {kind for kinds in PARTS.values() for kind in kinds}


@given(st.integers(0, 2**31), st.integers(1, 60))
def test_a_seed_says_it_all(seed: int, count: int) -> None:
    steps = schedule(seed, count, PARTS)
    assert steps == schedule(seed, count, PARTS) and len(steps) == count
    assert schedule(seed, count + 5, PARTS)[:count] == steps


@given(st.integers(0, 2**31))
def test_faults_of_a_step_are_of_different_parts_and_each_kind_comes_in_turn(seed: int) -> None:
    steps = schedule(seed, 40, PARTS)
    part_of = {kind: part for part, kinds in PARTS.items() for kind in kinds}
    for step in steps:
        parts = [part_of[fault.kind] for fault in step.faults]
        assert 1 <= len(parts) == len(set(parts)) <= 2
        assert HOLD[0] <= step.hold <= HOLD[1]
        assert all(fault.target in PARTS[part_of[fault.kind]][fault.kind] for fault in step.faults)
    flat = [fault.kind for step in steps for fault in step.faults]
    for first in range(0, len(flat) - len(KINDS), len(KINDS)):
        assert set(flat[first:first + len(KINDS)]) == KINDS


def test_every_kind_says_what_it_may_cost() -> None:
    assert all(kind.part and callable(kind.apply) for kind in FAULTS.values())
    assert any(kind.lossless for kind in FAULTS.values())
    assert not all(kind.lossless for kind in FAULTS.values())
