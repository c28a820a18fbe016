"""The declared pipeline: what each table may match and set, in which order its flows stand, where
it may send a packet and why it drops one.

How to add a table:

1. Add a :class:`~vrouter_ovs.schema.declaration.Table` to one of these files, with an id between
   those of the tables that lead to it and those that it leads to.  Ids stand five apart for this:
   **no other table's changes**, so an upgrade rewrites no flow but those that lead to the new one.
   Nothing else names the number, and Open vSwitch gets the name for ``ovs-ofctl --names
   dump-flows``.
2. Write it into the ``next`` of the tables that send packets to it.  A table sends to later tables
   only, which is what OpenFlow's goto allows and what makes a loop impossible.
3. Render its flows in a file of ``vrouter_ovs/pipeline/``, from the object they belong to, and list
   that function in ``vrouter_ovs/pipeline/__init__.py``.  A flow which belongs to no single object
   belongs to the Vrouter.
4. A new register goes into :mod:`vrouter_ovs.schema.registers`, a new packet field into
   :mod:`vrouter_ovs.schema.fields`; a new action needs its bytes in ``wire.py``, its words in
   ``describe.py``, and what a table must declare for it in ``checks.py``.
5. ``python -m vrouter_ovs.document`` writes docs/pipeline.md anew.

A flow that matches, sets or reaches what its table did not declare, has a priority that it did not
name, or drops without a reason, is refused with PipelineError (:mod:`vrouter_ovs.schema.checks`).
"""

from __future__ import annotations

from vrouter_ovs.schema.declaration import Table, check_order, check_priorities
from vrouter_ovs.schema.drops import DropReason
from vrouter_ovs.schema.tables import (
    answers,
    delivery,
    external,
    forwarding,
    ingress,
    limits,
    policy,
)

TABLES: tuple[Table, ...] = tuple(
    sorted(
        (
            *ingress.TABLES, *answers.TABLES, *policy.TABLES, *limits.TABLES, *forwarding.TABLES,
            *external.TABLES, *delivery.TABLES,
        ),
        key=lambda table: table.id,
    )
)
BY_NAME: dict[str, Table] = {table.name: table for table in TABLES}
TABLE_IDS: dict[str, int] = {table.name: table.id for table in TABLES}
TABLE_NAMES: dict[int, str] = {table.id: table.name for table in TABLES}



def drop_reason(table_id: int, priority: int | None = None) -> DropReason | None:
    """Why a packet ended in a table: at a flow of this priority, or, with None, where no flow
    matched.  None where that is not declared to drop."""
    table = BY_NAME.get(TABLE_NAMES.get(table_id, ""))
    if table is None:
        return None
    if priority is None:
        return table.miss if isinstance(table.miss, DropReason) else None
    found = table.priority_at(priority)
    return found.drop if found is not None else None


check_order(TABLES)
for _table in TABLES:
    check_priorities(_table)
