"""Events are taken in by marking: whether a flush follows each of them or all together, the end is
the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from vrouter_ovs.state import Arrived, InterfaceInstalled

from .world_fresh import installed, no_segment_lingers
from .world_model import DEEPER, Driver, Node, assert_equal

# What switches answer depends on what they were told, and a port that is claimed twice is had by
# whoever was first when somebody looked.
HISTORY = {"flush", "reject", "ack", "ack_all", "move"}
OPERATIONS = [name for name in dict.fromkeys(Driver.OPERATIONS) if name not in HISTORY]
operation = st.tuples(
    st.sampled_from(OPERATIONS), st.integers(0, 14), st.integers(0, 24), st.integers(0, 29)
)


class Recorder(Node):
    """A node that remembers its events, and computes nothing while ``batch`` lasts."""

    batch = False

    def __init__(self) -> None:
        super().__init__()
        self.events: list[tuple[Any, float]] = []

    def handle(self, event: Any) -> None:
        if self.batch:
            self.events.append((event, self.now))
        super().handle(event)

    def flush(self) -> list:
        return [] if self.batch else super().flush()


def populated(node: Node) -> Node:
    Driver(node, conflicts=False).populate()
    node.settle()
    return node


def rest(node: Node) -> None:
    """Everything is confirmed, and the host's own software is told: that takes a second."""
    node.settle()
    node.tick(1)
    node.settle()
    no_segment_lingers(node)
    node.settle()


HISTORY = (InterfaceInstalled.kind, Arrived.kind)


def outcome(node: Node) -> dict[str, dict]:
    """Tables, routes and what the edge answers; sequence numbers are history, and so are what was
    said before and is taken back, and whether a port has left and come again."""
    assert not node.world.graph.failing()
    found: dict[str, dict] = {
        name: {key: item for key, item in objects.items() if item.kind not in HISTORY}
        for name, objects in node.tables.items()
    }
    found["installed"] = {name: installed(node, name) for name in node.tables}
    found["announced"] = {
        nlri: path._replace(attrs=path.attrs._replace(mobility=0))
        for nlri, path in node.announced.items()
    }
    found["edges"] = {
        place: replace(port, withdrawn=()) for place, port in node.edges.items()
    }
    return found


@settings(max_examples=300 * DEEPER, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(operation, min_size=1, max_size=14))
# A port is in another subnet while the targets of the router of its own change.
@example([("swap", 1, 23, 29), ("resubnet", 9, 17, 6), ("router", 13, 1, 26), ("swap", 4, 8, 25)])
# Two hypervisors have other VTEPs, and one claims what waits for a port of the other.
@example([("vtep", 2, 1, 0), ("connect", 1, 11, 0)])
# A port has the MAC that another had elsewhere, and is out for a moment.
@example([("swap", 0, 0, 0), ("replug", 0, 0, 1)])
# What is renamed keeps the port that its former name stands for.
@example([("rename", 0, 0, 2), ("interface", 0, 0, 1)])
def test_a_batch_ends_where_its_events_one_by_one_do(history):
    together = populated(Recorder())
    together.batch = True
    driver = Driver(together, conflicts=False)
    for name, *numbers in history:
        getattr(driver, name)(*numbers)
    together.batch = False
    rest(together)
    apart = populated(Node())
    for event, now in together.events:
        apart.now = now
        apart.handle(event)
        apart.flush()
    rest(apart)
    one, other = outcome(together), outcome(apart)
    for place in one.keys() | other.keys():
        assert_equal(one.get(place, {}), other.get(place, {}), place)
