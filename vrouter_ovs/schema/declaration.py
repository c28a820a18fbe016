"""What a table of the pipeline declares: its place, what its flows may do, and their order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from vrouter_ovs.errors import PipelineError
from vrouter_ovs.schema.drops import DropReason

TO_CALLER = "return"
"""Of a table that is run by resubmit: what misses goes on where it was run, with nothing found."""
TO_PORT = "a port"
"""What misses leaves by the port that was found."""
MAX_TABLE_ID = 253
"""254 is Open vSwitch's own (ovs-vswitchd(8), "internal" table), 255 means all (OFPTT_ALL)."""
MAX_PRIORITY = 0xFFFF


@dataclass(frozen=True, slots=True)
class Priority:
    """A name for flows of one kind: they stand above all those of the priorities that follow.

    ``drop``: why packets end that match a flow of it which drops.  ``last``: of a range, whose
    flows are ordered among themselves (by the length of a prefix), the highest number; ``number``
    is the lowest, and a flow says (name, distance from ``number``).
    """

    name: str
    number: int
    doc: str
    drop: DropReason | None = None
    last: int = 0

    @property
    def top(self) -> int:
        """The highest number."""
        return max(self.number, self.last)


@dataclass(frozen=True)
class Table:
    """One table of the pipeline.

    ``id``: its number in the switch, which never changes (:mod:`vrouter_ovs.schema.tables`).
    ``matches``, ``sets``: fields and registers.  ``next``: tables reached by goto or resubmit (its
    own name: resubmit of a part of it).  ``outputs``: whether packets may leave the switch here.
    ``meters``: whether a meter may count and drop them; ``punts``: whether they may go to the node.
    ``miss``: where a packet goes that no flow of an object takes: a table, :data:`TO_PORT`,
    :data:`TO_CALLER`, or nowhere, for this reason.  ``priorities``: from the highest down.
    """

    id: int
    name: str
    doc: str
    matches: frozenset[str]
    miss: str | DropReason
    priorities: tuple[Priority, ...]
    sets: frozenset[str] = frozenset()
    next: tuple[str, ...] = ()
    outputs: bool = False
    punts: bool = False
    meters: bool = False

    @cached_property
    def by_name(self) -> dict[str, Priority]:
        """The priorities by name."""
        return {priority.name: priority for priority in self.priorities}

    @cached_property
    def numbers(self) -> dict[str | tuple[str, int], int]:
        """What a flow may say as its priority -> the number on the wire."""
        found: dict[str | tuple[str, int], int] = {}
        for one in self.priorities:
            found[one.name] = one.number
            found.update(((one.name, d), one.number + d) for d in range(one.top - one.number + 1))
        return found

    def number_of(self, priority: str | tuple[str, int]) -> int:
        """The number of a flow's priority on the wire.  Raises PipelineError."""
        number = self.numbers.get(priority)
        if number is None:
            raise PipelineError(f"table {self.name} does not declare the priority {priority!r}")
        return number

    def priority_at(self, number: int) -> Priority | None:
        """The priority that a flow has with this number."""
        return next((one for one in self.priorities if one.number <= number <= one.top), None)


def names(text: str) -> frozenset[str]:
    """Fields and registers, separated by blanks."""
    return frozenset(text.split())


def check_order(tables: Sequence[Table]) -> None:
    """Refuse ids that are not unique or not the switch's to give, and a table that leads back to
    one before it: goto and resubmit go up alone, which makes a loop impossible.  Raises
    PipelineError."""
    by_id = {table.id: table for table in tables}
    by_name = {table.name: table for table in tables}
    if len(by_id) < len(tables) or len(by_name) < len(tables):
        raise PipelineError("two tables have the same id or name")
    for table in tables:
        if not 0 <= table.id <= MAX_TABLE_ID:
            raise PipelineError(f"table {table.name}: no id of a table: {table.id}")
        onward = {table.miss} - {TO_PORT, TO_CALLER} if isinstance(table.miss, str) else set()
        for target in (*table.next, *onward):
            if target not in by_name:
                raise PipelineError(f"table {table.name} leads to no table: {target!r}")
            if by_name[target].id < table.id:
                raise PipelineError(f"table {table.name} leads back to {target}")


def check_priorities(table: Table) -> None:
    """Refuse priorities that do not go down, and one that is named twice.  Raises PipelineError."""
    above = MAX_PRIORITY + 1
    for one in table.priorities:
        if not 0 <= one.number <= one.top < above:
            raise PipelineError(f"table {table.name}: {one.name!r} is not below what is above it")
        above = one.number
    if len(table.by_name) < len(table.priorities):
        raise PipelineError(f"table {table.name} names a priority twice")
