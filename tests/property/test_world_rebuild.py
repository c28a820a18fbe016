"""Whatever happened in whatever order: the tables are what the final inputs alone give."""

from __future__ import annotations

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.property.operations import operation, operations

from .world_model import DEEPER, Driver, Node, check_collisions, rebuild, same


def _check(node: Node, seed: int) -> None:
    node.settle()
    for objects in node.world.desired.objects.values():
        check_collisions(objects)
    same(node, rebuild(node, seed))


@settings(
    max_examples=400 * DEEPER, deadline=None, suppress_health_check=list(HealthCheck)
)
@given(st.booleans(), st.lists(operations, min_size=1, max_size=3), st.integers(0, 9))
# A hypervisor gives up the VTEP through which a peer announces the MAC of a port held here.
@example(True, [[(22, 0, 12, 11), (30, 0, 0, 0), (11, 8, 1, 0)]], 0)
def test_random_history_equals_a_fresh_world_with_the_final_inputs(populated, parts, seed):
    node = Node()
    driver = Driver(node)
    if populated:
        driver.populate()
        node.settle()
    for part in parts:
        driver.run(part)
    _check(node, seed)


@settings(
    max_examples=100 * DEEPER, deadline=None, suppress_health_check=list(HealthCheck)
)
@given(st.lists(operation, min_size=60, max_size=150), st.integers(0, 9))
def test_long_history_equals_a_fresh_world(operations, seed):
    node = Node()
    driver = Driver(node)
    driver.populate()
    node.settle()
    driver.run(operations)
    _check(node, seed)
