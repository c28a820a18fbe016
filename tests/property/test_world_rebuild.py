"""Whatever happened in whatever order: the tables are what the final inputs alone give."""

from __future__ import annotations

from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from tests.property.operations import operation, operations

from .world_model import DEEPER, Driver, Node, check_collisions, rebuild, same


def _contested(node: Node) -> bool:
    """Whether a switch refused a port that a peer says it has: who had it first is history, which
    nobody announces any more."""
    said = {
        getattr(nlri, "mac", "") for held in node.inputs.paths.values() for nlri in held
    }
    bound = node.world.ports.bound
    return any(
        key[0] == "port" and key[1] in bound and bound[key[1]].mac in said
        for _, key in node.inputs.refused
    )


def _check(node: Node, seed: int) -> None:
    node.settle()
    assume(not _contested(node))
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
