"""A part of the control core's graph: some worklists with their consumers, and the effects."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from ryu_apps.control.graph.graph import Graph


class Part:
    """``consume`` binds consumers; ``flush`` drains what is marked and returns the effects."""

    def __init__(self) -> None:
        self.effects: list = []
        self.graph = Graph(self.effects)
        self.marks = self.graph.marks

    def consume(self, **consumers: Callable) -> None:
        for name, consumer in consumers.items():
            self.graph.worklists[name].consumer = consumer

    def mark(self, name: str, *keys: Hashable) -> None:
        self.graph.worklists[name].mark_all(keys)

    def marked(self, name: str) -> set[Hashable]:
        return set(self.graph.worklists[name])

    def flush(self) -> list:
        self.graph.flush()
        effects = list(self.effects)
        self.effects.clear()
        return effects
