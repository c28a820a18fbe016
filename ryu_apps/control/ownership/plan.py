"""Who should be in charge of an element.  Pure, and on all nodes alike.

The *share* of a node is its part of the whole load by its weight; at most it should have
``1 + EPSILON`` shares, and at least ``1 - EPSILON``: rendezvous hashing with a bound on load (after
Mirrokni, Thorup and Zadimoghaddam 2018, "Consistent hashing with bounded loads").

*Placing* is for an element without an owner: it goes to the node of highest rank among those that
have at most one share with it; where there is none, at most ``1 + EPSILON``; then to the one that
has least with it.

*Balancing* is for one whose owner is well.  It stays where it is, unless its owner has more than
its share and another less than ``1 - EPSILON``, or its owner more than ``1 + EPSILON`` and another
less than its share; and with it the other still has less than its owner had, by WORTH.  Of the
elements that may go the one goes for which the other node has the best rank, and one at a time in
the whole system: from the node that has most to the one that has least.  So moves end, a node that
comes takes up to its share, rounded up to whole elements, and nothing moves for noise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import NamedTuple

from ryu_apps.control.ownership.rendezvous import ranking

EPSILON = Fraction(1, 4)
WORTH = EPSILON / 2
"""What a move must leave between the two nodes, in shares, to be worth it."""


class NodeState(NamedTuple):
    """A node that is alive and takes part.  ``weight``: above 0."""

    weight: int
    draining: bool = False


class ElementState(NamedTuple):
    """``owner``: a node that is alive and reaches it, or "".  ``reach``: the nodes that do.
    ``warm``: those of them that know what they need to take it over.  ``pin``: the node that an
    operator wants it at, or ""."""

    load: int
    owner: str
    reach: frozenset[str]
    warm: frozenset[str] = frozenset()
    pin: str = ""


class Move(NamedTuple):
    element: str
    source: str
    target: str
    why: str


class Plan:
    """``others``: load of nodes by elements that are not in ``elements``."""

    def __init__(
        self, nodes: Mapping[str, NodeState], elements: Mapping[str, ElementState]
    ) -> None:
        self._elements = elements
        serving = {name: one.weight for name, one in nodes.items() if not one.draining}
        self._weights = serving or {name: one.weight for name, one in nodes.items()}
        self._total_weight = sum(self._weights.values())
        self._total = sum(one.load for one in elements.values())
        self.loads = dict.fromkeys(self._weights, 0)
        for one in elements.values():
            if one.owner in self.loads:
                self.loads[one.owner] += one.load

    # ------------------------------------------------------------ loads

    def shares(self, node: str, more: int = 0) -> Fraction:
        """How many shares a node has; ``more``: with so much beside what it has."""
        if not self._total:
            return Fraction(0)
        return Fraction(
            (self.loads[node] + more) * self._total_weight, self._total * self._weights[node]
        )

    def _band(self, node: str, load: int) -> tuple[int, Fraction]:
        """How little a node should be given so much more; equal for those that rank decides of."""
        shares = self.shares(node, load)
        band = (shares > 1) + (shares > 1 + EPSILON)
        return band, shares if band == 2 else Fraction(0)

    def imbalance(self) -> Fraction:
        """By how many shares the node that is farthest from its own is away from it."""
        return max((abs(self.shares(node) - 1) for node in self.loads), default=Fraction(0))

    # ------------------------------------------------------------ placing

    def candidates(self, element: str, only: frozenset[str] | None = None) -> list[str]:
        """The nodes that may have it, the best first.  ``only``: among these; else among those
        that reach it.  Those that are being drained come last, where there is no other."""
        one = self._elements[element]
        reach = one.reach if only is None else only
        weights = {name: self._weights[name] for name in reach if name in self._weights}
        if not weights:
            return sorted(reach)
        ranked = ranking(element, weights)
        ranked.sort(key=lambda node: self._band(node, one.load))
        if one.pin in weights:
            ranked.remove(one.pin)
            ranked.insert(0, one.pin)
        return ranked

    def place(self) -> dict[str, list[str]]:
        """For each element without an owner that a node reaches: the nodes to take it, the best
        first.  They count as if it had it."""
        placed = {}
        for name in sorted(self._elements):
            one = self._elements[name]
            if not one.owner and one.reach:
                placed[name] = found = self.candidates(name)
                if found[0] in self.loads:
                    self.loads[found[0]] += one.load
        return placed

    # ------------------------------------------------------------ moving

    def wish(self, element: str, draining: Iterable[str]) -> Move | None:
        """Where an operator wants an element that is somewhere else, if that node is warm."""
        one = self._elements[element]
        warm = one.warm & self._weights.keys()
        if one.owner in draining and one.owner not in self._weights:
            found = self.candidates(element, frozenset(warm))
            if found:
                return Move(element, one.owner, found[0], f"{one.owner} is being drained")
        elif one.owner and one.pin in warm and one.pin != one.owner:
            return Move(element, one.owner, one.pin, f"pinned to {one.pin}")
        return None

    def balance(self) -> Move | None:
        """The next move for the balance of the whole system."""
        by_load = sorted(self.loads, key=lambda node: (self.shares(node), node))
        for source in reversed(by_load):
            above = self.shares(source)
            if above <= 1:
                return None
            bound = 1 if above > 1 + EPSILON else 1 - EPSILON
            for target in by_load:
                if self.shares(target) >= bound:
                    break
                found = self._best(source, target)
                if found is not None:
                    why = f"{source} has {float(above):.2f} of its share, " \
                          f"{target} {float(self.shares(target)):.2f}"
                    return Move(found, source, target, why)
        return None

    def _best(self, source: str, target: str) -> str | None:
        above = self.shares(source)
        best: tuple[int, str] | None = None
        for name, one in self._elements.items():
            if one.owner != source or target not in one.warm or one.pin == source:
                continue
            if self.shares(target, one.load) + WORTH > above:
                continue
            rank = ranking(name, {node: self._weights[node] for node in one.reach
                                  if node in self._weights}).index(target)
            if best is None or (rank, name) < best:
                best = rank, name
        return best[1] if best is not None else None
