"""A port that moves while its VM runs, with everything that may come between: claims in any order,
requests, frames of the guest, sessions that are cut, nodes that are killed."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ryu_apps.control.config.rules.ports import port_bindings

from .moving import HOSTS, PLACES, Moving
from .world_model import DEEPER

places = st.sampled_from(PLACES)
step = st.one_of(
    st.tuples(st.sampled_from(("claim", "unclaim", "send", "bind", "unbind", "activate")), places),
    st.tuples(st.just("restart"), st.integers(0, 1)),
    st.tuples(st.sampled_from(("cut", "mend")), st.none()),
    st.tuples(st.just("deliver"), st.integers(0, 1)),
    st.tuples(st.sampled_from(("watch", "flush", "ack")), st.integers(0, 1)),
)


def do(moving: Moving, action: str, word: object) -> None:
    node = moving.nodes[word] if isinstance(word, int) else None
    match action:
        case "claim":
            moving.claim(word)
        case "unclaim":
            if moving.claimed(word):
                moving.unclaim(word)
        case "send":
            moving.send(word)
        case "bind":
            moving.request(port_bindings.create, {"host": HOSTS[word]})
        case "unbind":
            moving.request(port_bindings.delete, HOSTS[word])
        case "activate":
            moving.request(port_bindings.activate, HOSTS[word])
        case "restart":
            moving.restart(word)
        case "cut":
            moving.cut(0, 1)
        case "mend":
            moving.mend(0, 1)
        case "deliver":
            moving.deliver(word, 1 - word)
        case "watch":
            while moving.watch(word):
                pass
            moving.flush(word)
        case "flush":
            moving.flush(word)
        case "ack":
            moving.flush(word)
            for name in list(node.revisions):
                node.ack(name)
            moving.flush(word)


def settled(moving: Moving) -> None:
    """One place at most has the port, and that is the one that is announced."""
    moving.settle()
    senders, announced = moving.senders(), moving.announced()
    assert len(senders) <= 1, senders
    assert [path.attrs.next_hop for path in announced] == [
        moving.node_of(name).inputs.elements[name].info.vtep for name in senders
    ]


@settings(max_examples=150 * DEEPER, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.booleans(), st.lists(step, max_size=25), st.permutations(PLACES))
def test_whatever_happens_the_guest_ends_at_one_place(home, steps, order):
    """``order``: the guest ends at the first of these; there it is claimed, and nowhere else."""
    moving = Moving(home)
    moving.claim("e0")
    for action, word in steps:
        do(moving, action, word)
    settled(moving)
    target = order[0]
    moving.claim(target)
    moving.request(port_bindings.create, {"host": HOSTS[target]})
    settled(moving)
    for _ in range(2):
        moving.send(target)
        settled(moving)
    if moving.port.requested_host and moving.port.requested_host != HOSTS[target]:
        moving.request(port_bindings.activate, HOSTS[target])
        settled(moving)
    assert moving.senders() == [target] or not moving.port.requested_host
    for name in order[1:]:
        if moving.claimed(name):
            moving.unclaim(name)
    settled(moving)
    moving.send(target)
    settled(moving)
    assert moving.senders() == [target]
    moving.unclaim(target)
    settled(moving)
    assert not moving.senders() and not moving.announced()


def test_a_guest_comes_to_where_the_port_was_announced_before():
    """While the nodes did not hear one another both announced it, with the same sequence number."""
    moving = Moving(False)
    moving.cut(0, 1)
    for name in ("e0", "e1"):
        moving.claim(name)
    moving.rest()
    assert moving.senders() == ["e0", "e1"]
    assert {path.attrs.mobility for path in moving.announced()} == {0}
    settled(moving)
    assert moving.senders() == ["e0"]
    assert moving.request(port_bindings.create, {"host": HOSTS["e1"]})
    moving.settle()
    moving.send("e1")
    settled(moving)
    assert moving.senders() == ["e1"]


def test_a_guest_that_never_came_loses_nothing():
    """The target is claimed and taken back: nothing was announced otherwise, or stopped."""
    moving = Moving()
    moving.claim("e0")
    moving.rest()
    before = moving.announced()
    for target in ("e1", "e2"):
        assert moving.request(port_bindings.create, {"host": HOSTS[target]})
        moving.claim(target)
        moving.rest()
        assert moving.node_of(target).tables[target]["port", "vm"].standby == "watched"
        assert moving.senders() == ["e0"] and moving.announced() == before
        assert moving.request(port_bindings.delete, HOSTS[target])
        moving.rest()
        assert ("port", "vm") not in moving.node_of(target).tables[target]
        moving.unclaim(target)
        moving.rest()
        assert moving.senders() == ["e0"] and moving.announced() == before


wire = st.one_of(
    st.tuples(st.just("deliver"), st.integers(0, 1)),
    st.tuples(st.sampled_from(("watch", "flush", "ack")), st.integers(0, 1)),
)


@settings(max_examples=150 * DEEPER, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.booleans(), st.permutations(PLACES), st.lists(st.lists(wire, max_size=12), min_size=2),
    st.booleans(),
)
def test_a_guest_that_came_stays_in_whatever_order_that_is_heard(home, order, orders, late):
    """By way of all places; ``late``: what the guest's former place still sends comes last."""
    moving = Moving(home)
    source = "e0" if home else order[0]
    moving.claim(source)
    settled(moving)
    assert moving.senders() == [source]
    for number, steps in enumerate(orders):
        target = [name for name in order if name != source][number % 2]
        assert moving.request(port_bindings.create, {"host": HOSTS[target]})
        moving.claim(target)
        settled(moving)
        assert moving.senders() == [source]
        assert not moving.send(target)
        for action, word in steps:
            do(moving, action, word)
        if late:
            moving.send(source)
        settled(moving)
        assert moving.senders() == [target]
        assert moving.port.requested_host == HOSTS[target]
        moving.unclaim(source)
        moving.request(port_bindings.delete, HOSTS[source])
        settled(moving)
        assert moving.senders() == [target]
        source = target
