"""The controllers of the integration bridge: this node, and the nodes that stand by.  Pure.

Open vSwitch tells controllers apart by their targets, so a row that comes or goes ends no
connection but its own (tests/ovs/ovsdb/test_controllers.py).  Source: ovs-vswitchd.conf.db(5),
tables Bridge and Controller.
"""

from __future__ import annotations

from collections.abc import Mapping

from ryu_apps.southbound.ovsdb.objects.context import Context
from ryu_apps.southbound.ovsdb.writing.spec import controller_row
from vrouter_ovs.state import ControllerTarget, Key


def controllers(context: Context, objects: Mapping[Key, ControllerTarget]) -> None:
    """One row to each target that is asked for, and one to this node; none besides.

    Deferred, others stay: it is not known yet which nodes there are.  A node that nobody shares the
    element with (epoch 0) needs not wait for that.

    Others are taken away only where this node's row is there at that moment: Open vSwitch deletes
    all flows of a bridge that loses its last controller, and who shares no epochs with this node
    may be taking away its row just then.
    """
    transaction, spec, (uuid, bridge) = context.transaction, context.spec, context.bridge
    rows = context.replica.tables["Controller"]
    wanted: dict[str, Key | None] = {item.method: key for key, item in objects.items()}
    wanted[spec.controller] = None
    surplus = []
    conditions: list[list] = []
    for reference in sorted(bridge["controller"]):
        row = rows.get(reference)
        method = row["target"] if row is not None else ""
        if row is None or method not in wanted:
            surplus.append(["uuid", reference])
            continue
        key = wanted.pop(method)
        if key is None:
            conditions = [["controller", "includes", ["uuid", reference]]]
        wrong = {
            column: value for column, value in controller_row(method).items()
            if row[column] != value
        }
        if wrong and key not in context.failing:
            with transaction.of(key):
                transaction.update("Controller", reference, wrong)
    fresh = []
    for at, (method, key) in enumerate(sorted(wanted.items())):
        if key not in context.failing:
            with transaction.of(key):
                fresh.append(
                    transaction.insert("Controller", controller_row(method), f"controller{at}")
                )
    mutations = []
    if surplus and not (context.deferred and spec.epoch):
        mutations.append(["controller", "delete", ["set", surplus]])
    if fresh:
        mutations.append(["controller", "insert", ["set", fresh]])
    if mutations:
        transaction.mutate("Bridge", uuid, *mutations, conditions=conditions)
