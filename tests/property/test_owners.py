"""Hypervisors with several manager targets: whatever comes first, late or not at all, at most one
node writes with an epoch, and one is in charge in the end."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ryu_apps.control.ownership.plan import EPSILON
from ryu_apps.control.ownership.records import MAINTENANCE, OWNERS, PINS

from .owners_model import ELEMENTS, System

NAMES = ("n1", "n2", "n3")
TURNS = ("join", "leave", "write", "propose", "watch", "act", "tick", "die", "start", "expire",
         "drain", "undrain", "pin", "unpin")  # fmt: skip
STEPS = st.lists(
    st.tuples(st.sampled_from(TURNS), st.integers(0, 2), st.sampled_from(ELEMENTS)), max_size=80
)


def step(system: System, what: str, which: int, element: str) -> None:
    node = system.nodes[which]
    match what:
        case "start":
            node.start()
        case "expire":
            system.store.expire(node.name)
        case "drain":
            system.store.put(MAINTENANCE + node.name, {"drain": True})
        case "undrain":
            system.store.put(MAINTENANCE + node.name, None)
        case "pin":
            system.store.put(PINS + element, {"node": node.name})
        case "unpin":
            system.store.put(PINS + element, None)
        case "join" | "leave" if node.alive:
            getattr(node, what)(element)
        case "write" | "propose" | "watch" | "act" | "tick" | "die" if node.alive:
            getattr(node, what)()


@settings(max_examples=300, deadline=None)
@given(STEPS, st.sampled_from((1, 2, 3)))
def test_one_node_is_in_charge_when_all_have_heard(steps, size):
    system = System(NAMES[:size])
    for what, which, element in steps:
        step(system, what, which % size, element)
    system.rest()
    system.check()


@settings(max_examples=100, deadline=None)
@given(STEPS)
def test_wishes_come_true_and_loads_are_even(steps):
    system = System(NAMES)
    for what, which, element in steps:
        step(system, what, which, element)
    for name in NAMES[1:]:
        system.store.put(MAINTENANCE + name, None)
    system.store.put(MAINTENANCE + "n1", {"drain": True})
    system.store.put(PINS + "e0", {"node": "n3"})
    system.store.put(PINS + "e1", None)
    system.rest()
    system.check()
    owners = {name: system.store.owner(name).owner for name in ELEMENTS}
    assert owners == {"e0": "n3", "e1": "n2"}, "and e1 where there is room"
    shares = system.nodes[0].world.assignment.plan().imbalance()
    assert shares <= EPSILON


def started() -> System:
    system = System(NAMES)
    system.rest()
    system.check()
    return system


def test_a_dead_owner_is_replaced_and_stands_by_when_it_is_back():
    system = started()
    owner = system.store.owner("e0").owner
    node = next(one for one in system.nodes if one.name == owner)
    node.die()
    system.store.expire(owner)
    others = [one for one in system.nodes if one is not node]
    for one in others:
        while one.read < len(system.store.log):
            one.watch()
        one.propose()
    assert system.store.owner("e0").owner in {one.name for one in others}, "no time passed"
    system.rest()
    system.check()


def test_an_owner_that_was_paused_changes_nothing_afterwards():
    system = started()
    record = system.store.owner("e0")
    node = next(one for one in system.nodes if one.name == record.owner)
    system.store.expire(record.owner)
    others = [one for one in system.nodes if one is not node]
    for _ in range(10):
        for one in others:
            one.write()
            one.propose()
            while one.read < len(system.store.log):
                one.watch()
            while one.orders:
                one.act()
            one.tick()
    later = system.store.owner("e0")
    assert later.owner != record.owner and system.hypervisors["e0"].epoch == later.epoch
    assert not system.hypervisors["e0"].write(node.name, record.epoch)
    # It goes on, and has not heard anything yet.
    node.claim("e0")
    assert node.world.elements.accepted["e0"].leaving is not None
    node.propose()
    assert system.store.owner("e0") == later, "what it proposes rests on an old record"
    system.rest()
    system.check()


def test_without_a_store_owners_stay_owners_and_nothing_is_assigned():
    """No node writes or reads; sessions end and come back."""
    system = started()
    before = {name: system.store.owner(name) for name in ELEMENTS}
    for _ in range(30):
        for node in system.nodes:
            node.tick()
            while node.orders:
                node.act()
    for node in system.nodes:
        for name in ELEMENTS:
            assert (name in node.world.elements.accepted) == (before[name].owner == node.name)
    system.rest()
    system.check()
    assert {name: system.store.owner(name) for name in ELEMENTS} == before


def test_malformed_records_are_left_out_and_counted():
    system = started()
    known = system.nodes[0].world.elements.ownership
    for value in ({"owner": 7}, [], "n1", 3, {"owner": "n1", "epoch": 2**70}, {"drain": "no"}):
        for prefix in (MAINTENANCE, PINS, OWNERS):
            for node in system.nodes:
                node.world.elements.ownership.changed(f"{prefix}odd", value)
        assert len(known.malformed) == 3 and not known.pins and not known.draining
        assert "odd" not in known.owners
    system.rest()
    system.check()
    known.changed(PINS + "odd", None)
    assert len(known.malformed) == 2
