"""Who should be in charge of an element: balanced, sticky, and on all nodes alike."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from ryu_apps.control.ownership.load import BARE, INTERVAL, LoadMeter, coarse
from ryu_apps.control.ownership.plan import EPSILON, WORTH, ElementState, Move, NodeState, Plan
from ryu_apps.control.ownership.rendezvous import position, ranking

WEIGHTS = st.integers(1, 8).map(lambda number: number * 25)
LOADS = st.sampled_from((16, 17, 24, 48, 144))


@dataclass
class System:
    """Nodes with their weights; every element is reached by all of them, and all are warm."""

    weights: dict[str, int]
    loads: dict[str, int]
    owners: dict[str, str] = field(default_factory=dict)
    draining: frozenset[str] = frozenset()

    def plan(self) -> Plan:
        reach = frozenset(self.weights)
        return Plan(
            {name: NodeState(weight, name in self.draining)
             for name, weight in self.weights.items()},
            {
                name: ElementState(load, self.owners.get(name, ""), reach, reach)
                for name, load in self.loads.items()
            },
        )

    def rest(self) -> list[Move]:
        """Place, then balance until nothing moves; the moves."""
        for name, nodes in self.plan().place().items():
            self.owners[name] = nodes[0]
        moves = []
        while (move := self.plan().balance()) is not None:
            assert self.owners[move.element] == move.source != move.target
            self.owners[move.element] = move.target
            moves.append(move)
            assert len(moves) <= 4 * len(self.loads), "moves do not end"
        return moves

    def remove(self, node: str) -> list[str]:
        """A node dies; what it had."""
        del self.weights[node]
        lost = [name for name, owner in self.owners.items() if owner == node]
        for name in lost:
            del self.owners[name]
        return lost


@st.composite
def systems(draw, alike: bool = False, least: int = 1) -> System:
    count = draw(st.integers(least, 6))
    weights = {f"node{n}": 100 if alike else draw(WEIGHTS) for n in range(count)}
    names = [f"hv{n}" for n in range(draw(st.integers(0, 60)))]
    salt = draw(st.integers(0, 1000))
    return System(weights, {
        f"{name}-{salt}": 16 if alike else draw(LOADS) for name in names
    })  # fmt: skip


@given(systems(alike=True))
@example(System({f"node{n}": 100 for n in range(4)}, {f"hv{n}-0": 16 for n in range(6)}))
def test_where_all_are_alike_placing_leaves_nothing_to_move(system):
    assert not system.rest()


@given(systems())
def test_every_element_is_placed_and_moves_end(system):
    system.rest()
    assert system.owners.keys() == system.loads.keys()
    assert system.plan().balance() is None and not system.plan().place()


@given(systems())
def test_loads_follow_the_weights_up_to_epsilon_and_one_element(system):
    """At most ``1 + EPSILON`` shares, or no more than the least loaded would have with one more
    element, and WORTH."""
    system.rest()
    plan = system.plan()
    largest = max(system.loads.values(), default=0)
    if not largest:
        return
    least = min(plan.shares(node, largest) for node in system.weights)
    for node in system.weights:
        assert plan.shares(node) <= max(1 + EPSILON, least + WORTH)


@given(systems(), st.randoms())
def test_all_nodes_compute_the_same(system, random):
    def shuffled(table: dict) -> dict:
        items = list(table.items())
        random.shuffle(items)
        return dict(items)

    other = System(shuffled(system.weights), shuffled(system.loads))
    assert system.plan().place() == other.plan().place()
    system.rest()
    other.rest()
    assert system.owners == other.owners


@given(systems(alike=True))
def test_a_node_that_comes_takes_its_share_and_nothing_else_moves(system):
    system.rest()
    system.weights["new"] = 100
    moves = system.rest()
    share = len(system.loads) / len(system.weights)
    assert {move.target for move in moves} <= {"new"}
    assert len(moves) <= math.ceil(share)
    assert len(moves) >= math.floor((1 - EPSILON) * share)


@given(systems(alike=True, least=2), st.integers(0, 5))
def test_a_node_that_goes_moves_its_own_alone(system, which):
    """One that had its share; where it had much less the others were out of balance before."""
    system.rest()
    node = sorted(system.weights)[which % len(system.weights)]
    assume(system.plan().shares(node) >= 1 - EPSILON)
    before = dict(system.owners)
    lost = system.remove(node)
    assert not system.rest()
    assert {name for name in before if system.owners[name] != before[name]} == set(lost)


@given(st.integers(1, 10**6), st.lists(st.floats(0.51, 1.99), max_size=20))
def test_noise_changes_no_load(ports, factors):
    load = coarse(ports)
    assert ports / 2 < load <= ports
    for factor in factors:
        assert coarse(load * factor, load) == load


def test_loads_are_counted_over_a_while():
    meter = LoadMeter()
    ports = [("hv1", 5), ("hv2", 0)]
    assert not meter.tick(ports, 0.0)
    for _ in range(90):
        meter.count("hv1")
    assert not meter.tick(ports, INTERVAL - 1) and meter.of("hv1") == BARE
    assert meter.tick(ports, INTERVAL)
    assert (meter.of("hv1"), meter.of("hv2")) == (BARE + 4 + 8, BARE)
    assert meter.totals() == {"elements": 2, "ports": 4, "messages": 8}
    for _ in range(60):
        meter.count("hv1")
    assert not meter.tick([("hv1", 7), ("hv2", 0)], 2 * INTERVAL), "noise"


@given(systems(least=2), st.integers(0, 5))
def test_a_node_that_is_drained_gives_all_away_and_takes_nothing(system, which):
    system.rest()
    node = sorted(system.weights)[which % len(system.weights)]
    system.draining = frozenset((node,))
    for name in [name for name, owner in system.owners.items() if owner == node]:
        move = system.plan().wish(name, system.draining)
        assert move is not None and move.target != node
        system.owners[name] = move.target
    system.rest()
    assert node not in system.owners.values()


def test_the_last_node_keeps_what_it_has_though_it_is_drained():
    system = System({"node0": 100}, {"hv0": 16}, draining=frozenset(("node0",)))
    system.rest()
    assert system.owners == {"hv0": "node0"}
    assert system.plan().wish("hv0", system.draining) is None


def test_a_pin_places_moves_and_holds():
    nodes = {"a": NodeState(100), "b": NodeState(100)}
    both = frozenset(nodes)

    def one(owner: str, warm: frozenset[str] = both) -> ElementState:
        return ElementState(16, owner, both, warm, "b")

    assert Plan(nodes, {"hv": one("")}).place() == {"hv": ["b", "a"]}
    move = Plan(nodes, {"hv": one("a")}).wish("hv", ())
    assert (move.target, move.why) == ("b", "pinned to b")
    assert Plan(nodes, {"hv": one("a", frozenset("a"))}).wish("hv", ()) is None, "it is not warm"
    crowded = {f"hv{n}": one("b") for n in range(8)}
    assert Plan(nodes, crowded).balance() is None, "those that are pinned stay"


def test_nobody_takes_what_it_does_not_reach():
    nodes = {"a": NodeState(100), "b": NodeState(100)}
    elements = {f"hv{n}": ElementState(16, "", frozenset("a"), frozenset("a")) for n in range(9)}
    assert all(found == ["a"] for found in Plan(nodes, elements).place().values())
    elements["dark"] = ElementState(16, "", frozenset())
    assert "dark" not in Plan(nodes, elements).place()


@pytest.mark.parametrize("weights", [(100, 100, 100), (100, 200, 300)])
def test_winners_are_spread_by_weight(weights):
    nodes = {f"node{n}": weight for n, weight in enumerate(weights)}
    count = Counter(ranking(f"hv{n}", nodes)[0] for n in range(20_000))
    for node, weight in nodes.items():
        assert abs(count[node] / 20_000 - weight / sum(weights)) < 0.02


@given(st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=6, unique=True), st.text())
def test_a_node_more_changes_no_rank_among_the_others(names, element):
    before = ranking(element, dict.fromkeys(names, 1))
    after = ranking(element, dict.fromkeys([*names, "another node"], 1))
    after.remove("another node")
    assert after == before


def test_the_hash_is_the_one_that_other_versions_have():
    """Nodes of different versions have to agree."""
    assert position("node1", "hv1") == 0.7739466302850969
    nodes = dict.fromkeys(("node1", "node2", "node3"), 100)
    winners = [ranking(f"hv{n}", nodes)[0] for n in range(1, 5)]
    assert winners == ["node1", "node1", "node2", "node3"]
