"""Whatever is deleted in whatever order, with its ports plugged and its switches behind: nothing of
it stays, and at the end there is nothing."""

from __future__ import annotations

import random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ryu_apps.control import messages as msg
from ryu_apps.southbound.openflow.reconcile import VrouterFlows
from vrouter_ovs.state import FLOWS, TARGET_OF
from vrouter_ovs.wire.encode import encode_object

from .operations import operations
from .world_model import DEEPER, Driver, Node, of_switch

OF_PORTS = ("port", "punt")


class Switches:
    """What the switches hold when each takes all that it is told."""

    def __init__(self) -> None:
        self.flows: dict[str, VrouterFlows] = {}

    def follow(self, node: Node) -> None:
        for effect in node.effects:
            if isinstance(effect, msg.Program):
                flows = self.flows.setdefault(effect.element, VrouterFlows())
                flows.defer(False)
                flows.change(effect.part(FLOWS))
                flows.confirm([one for batch in flows.operations() for one in batch])
                flows.finish()
            elif isinstance(effect, msg.ReleaseElement):
                self.flows.pop(effect.element, None)

    def check(self, node: Node) -> None:
        for element, table in node.tables.items():
            fresh = {
                flow.key: flow for item in table.values() if TARGET_OF[item.kind] == FLOWS
                for flow in encode_object(item)
            }
            held = self.flows[element].installed if element in self.flows else {}
            assert held == fresh


def named(node: Node, kind: str, id: str) -> bool:
    """Whether an object of a vrouter, or what is answered to VMs, is of this port or network."""
    if kind == "port":
        return any((of, id) in table for table in node.tables.values() for of in OF_PORTS) or any(
            port.port_id == id for port in node.edges.values()
        )
    return any(port.network_id == id for port in node.edges.values()) and kind == "network"


@settings(max_examples=120 * DEEPER, deadline=None, suppress_health_check=list(HealthCheck))
@given(operations, st.integers(0, 1 << 16))
def test_deletion_in_any_order_leaves_nothing(history, seed):
    node, switches, rng = Node(), Switches(), random.Random(seed)
    flush, driver = node.flush, Driver(node)

    def followed() -> list:
        effects = flush()
        switches.follow(node)
        return effects

    node.flush = followed  # type: ignore[method-assign]
    driver.populate()
    node.settle()
    switches.check(node)
    driver.run(history)
    node.flush()
    switches.check(node)
    for name, element in node.inputs.elements.items():
        if not element.connected:
            node.connect(name)
    acts = [("config", place) for place in node.inputs.config]
    acts += [("tap", (name, tap)) for name, element in node.inputs.elements.items()
             for tap in element.interfaces]
    acts += [("path", (peer, nlri)) for peer, held in node.inputs.paths.items() for nlri in held]
    rng.shuffle(acts)
    for what, place in acts:
        if what == "config":
            node.set(*place, None)
        elif what == "tap":
            node.interface(*place, None)
        else:
            node.receive(place[0], (), (place[1],))
        if rng.random() < 0.5:
            node.flush()
            assert what != "config" or not named(node, *place)
        if rng.random() < 0.3:
            node.ack(rng.choice(list(node.inputs.elements) or ["e0"]))
    node.settle()
    for table in node.tables.values():
        assert {key[0] for key in of_switch(table)} <= {"meterpool", "vrouter", "tunnel"}
    assert not node.announced and not node.edges
    switches.check(node)
