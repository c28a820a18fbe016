"""Random histories of a node: changes of its configuration, hypervisors, routes and time."""

from __future__ import annotations

from hypothesis import strategies as st

from .world_model import Driver

operation = st.tuples(
    st.integers(0, len(Driver.OPERATIONS) - 1),
    st.integers(0, 14),
    st.integers(0, 24),
    st.integers(0, 29),
)
operations = st.lists(operation, max_size=60)
