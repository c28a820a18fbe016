"""What a table of the pipeline declares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vrouter_ovs.errors import PipelineError


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the pipeline.

    ``matches``, ``sets``: fields and registers.  ``next``: tables reached by goto or resubmit (its
    own name: resubmit of a part of it).  ``outputs``: whether packets may leave the switch here.
    ``meters``: whether a meter may count and drop them; ``punts``: whether they may go to the node.
    ``miss``: "drop" or a table.
    """

    name: str
    doc: str
    matches: frozenset[str]
    sets: frozenset[str] = frozenset()
    next: tuple[str, ...] = ()
    outputs: bool = False
    miss: str = "drop"
    punts: bool = False
    meters: bool = False


def check_order(tables: Sequence[Table]) -> None:
    """Refuse a table that leads back to an earlier one.  Raises PipelineError."""
    numbers = {table.name: number for number, table in enumerate(tables)}
    for number, table in enumerate(tables):
        for target in (*table.next, table.miss):
            if target != "drop" and numbers[target] < number:
                raise PipelineError(f"table {table.name} leads back to {target}")
