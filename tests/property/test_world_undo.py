"""A change and its inverse leave every table and every route as they were."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ryu_apps.control import messages as msg

from .operations import operations
from .world_model import DEEPER, Driver, Node, assert_equal, of_switch

CONFIG = ("network", "subnet", "port", "port", "router", "attach", "attach", "swap",
          "group", "rule", "remac", "readdress", "resubnet", "regroup")
change = st.tuples(
    st.sampled_from(
        (*CONFIG, "interface", "rename", "tunnel", "path", "withdraw", "peer", "element")
    ),
    st.integers(0, 14),
    st.integers(0, 24),
    st.integers(0, 29),
)


def _apply(driver: Driver, kind: str, a: int, b: int, c: int) -> list:
    """Make one change; returns the calls that undo it."""
    node = driver.node
    inputs = node.inputs
    if kind == "peer":
        peer = ("p1", "p2")[a % 2]
        held = list(inputs.paths.get(peer, {}).values())
        if any(stale for _, stale in held):
            return []
        node.peer_down(peer)
        return [
            (node.receive, peer, tuple(path for path, _ in held)),
            (node.end_of_rib, peer),
        ]
    if kind == "element":
        name = f"e{a % 3}"
        if name not in inputs.elements or not inputs.elements[name].connected:
            return []
        old = inputs.elements[name].info.vtep
        node.change_vtep(name, f"172.16.0.20{a % 3}")
        return [(node.change_vtep, name, old)]
    config = dict(inputs.config)
    rows = {name: (dict(one.interfaces), dict(one.tunnels), one.info)
            for name, one in inputs.elements.items()}
    paths = {peer: dict(held) for peer, held in inputs.paths.items()}
    getattr(driver, kind)(a, b, c)
    undo = [
        (node.set, *place, config.get(place))
        for place in config.keys() | inputs.config.keys()
        if config.get(place) != inputs.config.get(place)
    ]
    for name, one in inputs.elements.items():
        taps, tunnels, _ = rows[name]
        undo += [(node.interface, name, tap, taps.get(tap))
                 for tap in taps.keys() | one.interfaces.keys()
                 if taps.get(tap) != one.interfaces.get(tap)]
        undo += [(node.tunnel, name, far, tunnels.get(far))
                 for far in tunnels.keys() | one.tunnels.keys()
                 if tunnels.get(far) != one.tunnels.get(far)]
    for peer, held in inputs.paths.items():
        before = paths.get(peer, {})
        for nlri in before.keys() | held.keys():
            if before.get(nlri) != held.get(nlri):
                old = before.get(nlri)
                undo.append((node.receive, peer, (old[0],), ()) if old
                            else (node.receive, peer, (), (nlri,)))
    return undo


def _state(node: Node) -> dict:
    """Tables and routes; sequence numbers of moves are history."""
    state = {name: of_switch(objects) for name, objects in node.tables.items()}
    state["announced"] = {
        nlri: path._replace(attrs=path.attrs._replace(mobility=0))
        for nlri, path in node.announced.items()
    }
    return state


@settings(
    max_examples=300 * DEEPER, deadline=None, suppress_health_check=list(HealthCheck)
)
@given(operations, st.lists(change, min_size=1, max_size=4), st.booleans())
def test_undoing_a_change_restores_everything(history, changes, between):
    # Without ports claimed twice: a claim that was taken away comes back as the younger one.
    node = Node()
    driver = Driver(node, conflicts=False)
    driver.populate()
    node.settle()
    driver.run(history)
    for peer in ("p1", "p2"):
        node.end_of_rib(peer)  # A stale route that is announced again is not stale any more.
    node.settle()
    refused = dict(node.inputs.refused)
    before = _state(node)
    undo: list = []
    for one in changes:
        undo.append(_apply(driver, *one))
        if between:
            node.settle()
    for calls in reversed(undo):
        for call, *arguments in calls:
            call(*arguments)
    node.settle()
    for element, key in refused:
        # What the switch refused was tried again, and confirmed this time; refuse it once more.
        if (element, key) not in node.inputs.refused and key in node.tables.get(element, {}):
            node.refuse(element, key)
    node.settle()
    after = _state(node)
    for place in before.keys() | after.keys():
        assert_equal(before.get(place, {}), after.get(place, {}), place)
    assert not any(isinstance(effect, msg.Program) for effect in node.flush())
