"""The marks of interfaces whose port's flows are confirmed, for the host's own software.  Pure."""

from __future__ import annotations

from collections.abc import Mapping

from ryu_apps.southbound.ovsdb.objects.context import Context
from ryu_apps.southbound.ovsdb.rows import INSTALLED_MARK
from vrouter_ovs.state import InterfaceInstalled, Key


def installed_interfaces(context: Context, objects: Mapping[Key, InterfaceInstalled]) -> None:
    """Write ``external_ids:vnc-installed=true``, or remove it.  An interface that is not on the
    integration bridge is left alone: it is about to come, or to go."""
    transaction, replica, view = context.transaction, context.replica, context.view
    rows = replica.tables["Interface"]
    for key, item in objects.items():
        uuid = replica.interfaces_by_name.get(item.interface)
        if uuid is None or view.member(uuid) is None or key in context.failing:
            continue
        ids = rows[uuid]["external_ids"]
        if item.installed:
            if ids.get(INSTALLED_MARK) != "true":
                with transaction.of(key):
                    transaction.set_keys(
                        "Interface", uuid, "external_ids", rows[uuid], {INSTALLED_MARK: "true"}
                    )
        elif INSTALLED_MARK in ids:
            with transaction.of(key):
                transaction.mutate(
                    "Interface", uuid, ["external_ids", "delete", ["set", [INSTALLED_MARK]]]
                )
