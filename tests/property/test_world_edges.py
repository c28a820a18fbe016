"""What the edge answers follows the configuration, step by step (checked by each flush)."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .world_model import DEEPER, Driver, Node

OPERATIONS = ("network", "subnet", "subnet", "port", "router", "attach", "swap", "interface",
              "connect", "vtep", "forget")  # fmt: skip
operation = st.tuples(
    st.sampled_from(OPERATIONS), st.integers(0, 14), st.integers(0, 24), st.integers(0, 29)
)


@settings(max_examples=100 * DEEPER, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(operation, min_size=10, max_size=40))
def test_edges_follow_each_change(operations):
    node = Node()
    driver = Driver(node)
    driver.populate()
    node.settle()
    assert node.edges
    for name, a, b, c in operations:
        getattr(driver, name)(a, b, c)
        node.flush()  # Folds the effects and compares them with what is bound.
    for name in list(node.inputs.elements):
        node.forget(name)
    node.flush()
    assert not node.edges
