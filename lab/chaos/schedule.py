"""What is broken, in which order and for how long: a function of a seed.  Pure."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import NamedTuple

HOLD = (2.0, 12.0)
"""Seconds for which something stays broken."""
TOGETHER = 0.25
"""How often two things are broken at a time."""


class Fault(NamedTuple):
    """``kind``: a key of :data:`lab.chaos.faults.FAULTS`.  ``target``: what it is done to."""

    kind: str
    target: str

    def __str__(self) -> str:
        return f"{self.kind} {self.target}".rstrip()


class Step(NamedTuple):
    """Break ``faults``, one after the other, wait ``hold`` seconds, mend them in the opposite
    order."""

    number: int
    faults: tuple[Fault, ...]
    hold: float

    def __str__(self) -> str:
        return f"{self.number}: {', '.join(map(str, self.faults))} for {self.hold:.1f} s"


def schedule(
    seed: int, count: int, parts: Mapping[str, Mapping[str, Sequence[str]]]
) -> list[Step]:
    """``count`` steps.  ``parts``: part of the system -> kind of fault -> targets.  Two faults of a
    step are of two parts.  Each kind comes once before any comes twice."""
    rng = random.Random(seed)
    deck: list[tuple[str, str]] = []
    steps = []
    for number in range(1, count + 1):
        chosen: list[tuple[str, str]] = []
        wanted = 2 if rng.random() < TOGETHER else 1
        while len(chosen) < wanted:
            if not deck:
                deck = [(part, kind) for part, kinds in parts.items() for kind in kinds]
                rng.shuffle(deck)
            at = next(
                (at for at, (part, _) in enumerate(deck)
                 if part not in {taken for taken, _ in chosen}), None,
            )
            if at is None:
                break  # What is left is all of one part.
            chosen.append(deck.pop(at))
        faults = tuple(Fault(kind, rng.choice(parts[part][kind])) for part, kind in chosen)
        steps.append(Step(number, faults, round(rng.uniform(*HOLD), 1)))
    return steps
