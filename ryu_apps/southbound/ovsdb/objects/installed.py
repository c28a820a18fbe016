"""The marks of interfaces whose port's flows are confirmed, for the host's own software.  Pure."""

from __future__ import annotations

from collections.abc import Mapping

from ryu_apps.southbound.ovsdb.contents.rows import INSTALLED_MARK
from ryu_apps.southbound.ovsdb.objects.context import Context
from vrouter_ovs.state import InterfaceInstalled, Key


def installed_interfaces(context: Context, objects: Mapping[Key, InterfaceInstalled]) -> None:
    """Write ``external_ids:vnc-installed=true``, or remove it.  An interface that is not on the
    integration bridge is left alone: it is about to come, or to go."""
    transaction, replica, view = context.transaction, context.replica, context.view
    rows, by_name = replica.tables["Interface"], replica.interfaces_by_name
    for key, item in objects.items():
        uuid = by_name.get(item.interface)
        if uuid is None:
            continue
        row = rows[uuid]
        mark = row["external_ids"].get(INSTALLED_MARK)
        # There are thousands, and almost all are right.
        if mark == "true" if item.installed else mark is None:
            continue
        if view.member(uuid) is None or key in context.failing:
            continue
        with transaction.of(key):
            if item.installed:
                transaction.set_keys(
                    "Interface", uuid, "external_ids", row, {INSTALLED_MARK: "true"}
                )
            else:
                transaction.mutate(
                    "Interface", uuid, ["external_ids", "delete", ["set", [INSTALLED_MARK]]]
                )
