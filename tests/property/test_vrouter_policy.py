"""Port ranges as masked matches, and rules that do not overlap as flows that do not either."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ovs.vrouter.objects import is_tracked, overlap, peer_addresses, rules
from vrouter_ovs.pipeline import render
from vrouter_ovs.pipeline.security.port_blocks import blocks
from vrouter_ovs.state import PeerAddress, Rule
from vrouter_ovs.wire import encode

PORTS = st.tuples(st.integers(0, 65535), st.integers(0, 65535)).map(sorted)


@settings(max_examples=500, deadline=None)
@given(PORTS)
def test_blocks_are_the_range(ports: list[int]) -> None:
    first, last = ports
    place = first
    for value, mask in blocks(first, last):
        size = 0x10000 - mask
        assert value == place and value & mask == value and size & size - 1 == 0
        place += size
    assert place == last + 1


def fewest(first: int, last: int, low: int = 0, high: int = 65535) -> int:
    """Of the binary tree of all ports the fewest nodes that make the range."""
    if first <= low and high <= last:
        return 1
    if last < low or high < first:
        return 0
    middle = (low + high) // 2
    return fewest(first, last, low, middle) + fewest(first, last, middle + 1, high)


@settings(max_examples=300, deadline=None)
@given(PORTS)
def test_there_are_no_fewer_blocks(ports: list[int]) -> None:
    assert len(blocks(*ports)) == fewest(*ports) <= 30


def alike(rule: Rule) -> tuple:
    """All that rules of a set may have in common where their ports differ: a bit is one group's."""
    return rule.key[:5], rule.remote, rule.page, rule.bit


@settings(max_examples=300, deadline=None)
@given(st.lists(rules(st.integers(1, 2)), max_size=20))
def test_rules_of_a_set_share_no_flow(found: list[Rule]) -> None:
    chosen: list[Rule] = []
    for rule in found:
        if not any(alike(o) == alike(rule) and overlap(o, rule) for o in chosen):
            chosen.append(rule)
    owners: dict[bytes, Rule] = {}
    for rule in chosen:
        for flow in encode.encode_object(rule):
            assert flow.key not in owners, (rule, owners[flow.key])
            owners[flow.key] = rule


@settings(max_examples=500, deadline=None)
@given(st.one_of(rules(), peer_addresses()))
def test_templates_equal_the_pipeline(obj: Rule | PeerAddress) -> None:
    assert encode.encode_object(obj) == tuple(map(encode.encode, render(obj)))


def test_the_strategies_make_sets_of_both_kinds() -> None:
    assert {is_tracked(policy) for policy in range(1, 9)} == {True, False}
