"""Observers in every order of offers and takes: what is missing, and where, is known exactly."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ryu_apps.observers import Observer

OTHER = ""
"""Of a class that is not wanted."""


@given(
    st.integers(0, 5),
    st.lists(st.one_of(st.lists(st.sampled_from([0, OTHER]), max_size=8), st.none())),
)
def test_items_and_gaps_make_up_all_that_was_offered(limit, steps):
    """``steps``: a list is offered, None takes."""
    seen = Observer("test", (int,), limit)
    offered, known = 0, []
    for step in [*steps, None, None]:
        if step is None:
            items, dropped = seen.take(0)
            assert len(items) <= limit
            known += items + [None] * dropped
        else:
            numbered = []
            for item in step:
                if item != OTHER:
                    item = offered
                    offered += 1
                numbered.append(item)
            seen.offer(numbered)
            assert seen.waiting <= limit
    assert len(known) == offered
    assert all(item in (None, place) for place, item in enumerate(known))
    assert known.count(None) == seen.dropped
