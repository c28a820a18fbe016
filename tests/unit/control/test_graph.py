"""The graph of the control core: its table tells the truth, and no mark is lost."""

from __future__ import annotations

import ast
import inspect
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.beds.option_values import world_settings
from ryu_apps import control
from ryu_apps.control.graph.graph import GOING_BACK, GRAPH, LINES, RARELY, Graph, Marks
from ryu_apps.control.messages import Notice
from ryu_apps.control.world import World

SOURCES = sorted(Path(inspect.getfile(control)).parent.rglob("*.py"))


class Part(Graph):
    """A graph whose stages ``first``, ``second`` ... of the table have consumers of a test."""

    def __init__(self, **consumers) -> None:
        self.effects: list = []
        super().__init__(self.effects)
        for name, consumer in consumers.items():
            self.worklists[name].consumer = consumer

    def mark(self, name: str, *keys) -> None:
        self.worklists[name].mark_all(keys)


def marked(classdef: ast.ClassDef) -> Iterator[str]:
    """The names in ``marks.NAME.mark...`` within a class."""
    for node in ast.walk(classdef):
        if isinstance(node, ast.Attribute) and node.attr in ("mark", "mark_all"):
            worklist = node.value
            if isinstance(worklist, ast.Attribute):
                owner = ast.unparse(worklist.value)
                if owner.endswith("marks"):
                    yield worklist.attr


def test_the_table_names_who_marks_and_nobody_else() -> None:
    """That nobody else does, :class:`Marks` sees to; and who is named does it somewhere."""
    found: dict[str, set[str]] = {}
    for path in SOURCES:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef):
                for name in marked(node):
                    found.setdefault(name, set()).add(node.name)
    # Instances hands the lookups on to each Instance.
    found["lookups"].add("Instances")
    assert found == {stage.name: set(stage.marked_by) for stage in GRAPH}


def test_the_table_names_the_methods_that_drain() -> None:
    world = World(world_settings("node", 64512))
    for stage in GRAPH:
        consumer = world.graph.worklists[stage.name].consumer
        assert consumer.__qualname__ == stage.drained_by
        assert consumer.__doc__
    with pytest.raises(ValueError, match=r"Vrouters\.program"):
        Graph([]).connect()


def test_a_class_marks_what_is_declared_alone() -> None:
    marks = Graph([]).marks("Names")
    assert isinstance(marks, Marks)
    marks.networks.mark("n")
    with pytest.raises(AttributeError, match="Names is not declared to mark 'claims'"):
        _ = marks.claims


def test_names_and_order_are_those_of_the_table() -> None:
    done: list[str] = []
    part = Part(**{
        stage.name: lambda key, name=stage.name: done.append(name)
        for stage in GRAPH if not stage.together
    })
    names = [stage.name for stage in GRAPH if not stage.together]
    for name in reversed(names):
        part.mark(name, "key")
    part.flush()
    assert done == names and len(set(names)) == len(names)


def test_a_flush_goes_back_to_what_is_marked_earlier() -> None:
    done: list[tuple[str, str]] = []

    def route(key: str) -> None:
        done.append(("route", key))
        if key == "a":
            part.mark("claims", "b")

    def claim(key: str) -> None:
        done.append(("claim", key))
        part.mark("port_routes", key)

    part = Part(claims=claim, port_routes=route, edges=lambda key: done.append(("edge", key)))
    part.mark("claims", "a")
    part.mark("edges", "a")
    part.flush()
    assert done == [
        ("claim", "a"), ("route", "a"), ("claim", "b"), ("route", "b"), ("edge", "a")
    ]


def test_what_fails_is_set_aside_and_nothing_else() -> None:
    done: list[str] = []
    broken = {"b"}

    def consume(key: str) -> None:
        if key in broken:
            raise LookupError(key)
        done.append(key)

    part = Part(claims=consume, edges=done.append)
    part.mark("claims", "a", "b", "c")
    part.mark("edges", "edge")
    part.flush()
    assert done == ["a", "c", "edge"] and part.failures == 1
    ((stage, key, failure),) = part.failing()
    assert (stage.name, key, failure.count) == ("claims", "b", 1)
    part.flush()
    assert part.failures == 1, "it waits for a tick"
    part.tick()
    part.flush()
    assert part.failures == 2
    broken.clear()
    part.mark("claims", "b")
    part.flush()
    assert done[-1] == "b" and not part.failing(), "marked anew it is tried at once"


def test_what_goes_on_failing_is_tried_and_told_ever_more_rarely() -> None:
    tried = 0
    gaps: list[int] = []

    def consume(key: str) -> None:
        nonlocal tried
        tried += 1
        raise LookupError(key)

    part = Part(claims=consume)
    part.mark("claims", "a")
    part.flush()
    for tick in range(1, 2001):
        before = tried
        part.tick()
        part.flush()
        if tried > before:
            gaps.append(tick)
    assert gaps[:6] == [1, 3, 7, 15, 31, 63]
    assert {after - before for before, after in itertools.pairwise(gaps[6:])} == {RARELY}
    told = len(part.effects)
    assert told == len([count for count in range(1, tried + 1) if not count & (count - 1)])
    assert "Traceback" in part.effects[0].text and "Traceback" not in part.effects[1].text


def test_many_failures_are_told_in_few_lines() -> None:
    def consume(key: int) -> None:
        raise LookupError(key)

    part = Part(claims=consume)
    part.mark("claims", *range(1000))
    part.flush()
    assert len(part.effects) == LINES + 1 and f"{1000 - LINES} more" in part.effects[-1].text
    assert len(part.failing()) == 1000


def test_of_keys_that_are_done_together_only_the_guilty_one_is_set_aside() -> None:
    done: set[str] = set()

    def consume(keys: list[str]) -> None:
        if "b" in keys:
            raise LookupError("b")
        done.update(keys)

    part = Part(vteps=consume)
    part.mark("vteps", "a", "b", "c")
    part.flush()
    assert done == {"a", "c"}
    assert [key for _, key, _ in part.failing()] == ["b"]


def test_what_ends_the_thread_leaves_everything_marked() -> None:
    def consume(key: str) -> None:
        if key == "b":
            raise KeyboardInterrupt

    part = Part(claims=consume)
    part.mark("claims", "a", "b", "c")
    with pytest.raises(KeyboardInterrupt):
        part.flush()
    assert set(part.worklists["claims"]) == {"b", "c"}


def test_consumers_that_keep_each_other_busy_end_for_this_flush() -> None:
    """And what comes after them is done all the same."""
    done: list[str] = []
    part = Part(
        claims=lambda key: part.mark("port_routes", key),
        port_routes=lambda key: part.mark("claims", key),
        edges=done.append,
    )
    part.mark("claims", "a")
    part.mark("edges", "edge")
    for count in (1, 2, 3):
        part.flush()
        assert done == ["edge"] and part.unfinished == count
        assert part.worklists["claims"] or part.worklists["port_routes"], "nothing is lost"
    assert part.most_back <= GOING_BACK + 1
    assert len(part.effects) == 2, "told at the first and the second time, and not at the third"


@pytest.mark.parametrize("part,method", [
    ("probes", "flush"), ("moves", "due"), ("publisher", "flush"), ("convergence", "step"),
])
def test_a_step_that_fails_holds_nothing_up(monkeypatch, part, method) -> None:
    """What the worklists gave leaves with the same flush, however often the step fails."""
    world = World(world_settings("node", 64512))

    def fail(*arguments):
        raise ValueError("broken")

    monkeypatch.setattr(getattr(world, part), method, fail)
    reported = []
    for number in range(1, 9):
        world._effects.append(Notice("info", "test", str(number)))
        effects = world.flush(float(number))
        assert Notice("info", "test", str(number)) in effects
        reported.append(any("broken" in one.text for one in effects if type(one) is Notice))
    assert world.graph.failures == 8
    assert [n for n, told in enumerate(reported, 1) if told] == [1, 2, 4, 8]
