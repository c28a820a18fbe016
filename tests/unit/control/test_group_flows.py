"""What security groups cost a switch: not by the square of how they are combined."""

from __future__ import annotations

import pytest

from bench.group_flows import CASES, counts
from ryu_apps.control.policy.pages import (
    ADDRESS_GROUP,
    FEWEST,
    SECURITY_GROUP,
    Named,
    PageKey,
    places,
    slots,
)
from vrouter_ovs.state import BITS

MOST = {"default": 1_010, "combinations": 2_000, "ring": 13_000, "addresses": 4_200}


@pytest.mark.parametrize("name", MOST)
def test_flows_of_groups(name: str) -> None:
    found = counts(CASES[name]())
    assert sum(found[kind] for kind in ("policy", "membership", "rule", "peer")) <= MOST[name]


def groups(count: int) -> list[Named]:
    kinds = SECURITY_GROUP, ADDRESS_GROUP
    return [Named(kinds[number % 2], f"group {number}") for number in range(count)]


@pytest.mark.parametrize("count", [0, 1, 12, 13, 96, 97, 1000])
def test_each_group_has_a_bit_of_its_own(count: int) -> None:
    found = places("red", groups(count))
    assert len(set(found.values())) == count
    assert all(0 <= one.bit < min(BITS, slots(count)) for one in found.values())
    assert found == places("red", groups(count)[::-1])
    pages = {one.page for one in found.values()}
    assert pages <= {PageKey("red", number) for number in range(max(1, slots(count) // BITS))}


def test_pages_are_at_most_three_quarters_full() -> None:
    assert slots(0) == slots(12) == FEWEST and slots(13) == 2 * FEWEST
    assert all(3 * slots(count) >= 4 * count for count in range(2000))
    assert slots(96) == BITS


@pytest.mark.parametrize("count", [5, 11, 60, 500])
def test_a_group_more_moves_few(count: int) -> None:
    """And one less as few, as it is the way back."""
    moved = 0
    for extra in range(50):
        before = groups(count)
        after = places("red", [*before, Named(SECURITY_GROUP, f"more {extra}")])
        known = places("red", before)
        moved += sum(known[one] != after[one] for one in before)
    assert moved <= 50


def test_twice_as_many_bits_leave_half_where_they_were() -> None:
    before, after = places("red", groups(48)), places("red", groups(49))
    stay = [one for one in before if before[one] == after[one]]
    assert len(stay) >= 48 // 3
