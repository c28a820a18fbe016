"""The pairs of patch ports to the bridges of physical networks.  Pure.

Source: ovs-vswitchd.conf.db(5), table Interface, "Patch Options".
"""

from __future__ import annotations

from collections.abc import Mapping

from ryu_apps.southbound.ovsdb.contents.physical_networks import PATCH_MARK, patch_names
from ryu_apps.southbound.ovsdb.objects.context import Context
from ryu_apps.southbound.ovsdb.protocol.transaction import json_map
from vrouter_ovs.state import Key, PatchPort


def patch_ports(context: Context, objects: Mapping[Key, PatchPort]) -> None:
    """One pair to each bridge that is asked for; none of ours besides, unless deferred.  A port
    that has one of their names and not our mark is somebody's, and stays."""
    replica = context.replica
    wanted: set[str] = set()
    bridges = {
        row["name"]: uuid for uuid in context.root["bridges"]
        if (row := replica.tables["Bridge"].get(uuid)) is not None
    }
    for key, item in sorted(objects.items()):
        ours, theirs = patch_names(item.physical_network)
        wanted |= {ours, theirs}
        there = bridges.get(item.bridge)
        if there is None:
            context.transaction.refuse(key, f"there is no bridge {item.bridge}")
            continue
        foreign = [name for name in (ours, theirs) if not _is_ours(context, name)]
        if foreign:
            context.transaction.refuse(
                key, f"no way to {item.physical_network}: there is another port {foreign[0]}"
            )
        elif key not in context.failing:
            with context.transaction.of(key):
                _end(context, item.physical_network, ours, theirs, context.bridge[0])
                _end(context, item.physical_network, theirs, ours, there)
    if not context.deferred:
        for name in sorted(context.view.patches - wanted):
            port = replica.ports_by_name.get(name)
            if port is not None and _is_ours(context, name):
                _leave(context, port)


def _is_ours(context: Context, name: str) -> bool:
    """Whether there is no such port, or it is one of ours."""
    replica = context.replica
    uuid = replica.interfaces_by_name.get(name)
    if uuid is None:
        return name not in replica.ports_by_name
    return PATCH_MARK in replica.tables["Interface"][uuid]["external_ids"]


def _end(context: Context, physical: str, name: str, peer: str, bridge: str) -> None:
    """One of a pair, at the bridge with this UUID."""
    transaction, replica = context.transaction, context.replica
    uuid, port = replica.interfaces_by_name.get(name), replica.ports_by_name.get(name)
    options, mark = {"peer": peer}, {PATCH_MARK: physical}
    if uuid is None or port is None:
        inserted = transaction.insert("Interface", {
            "name": name, "type": "patch", "options": json_map(options),
            "external_ids": json_map(mark),
        }, f"i{_symbol(name)}")
        added = transaction.insert(
            "Port", {"name": name, "interfaces": inserted}, f"p{_symbol(name)}"
        )
    else:
        row = replica.tables["Interface"][uuid]
        if row["type"] != "patch":
            transaction.update("Interface", uuid, {"type": "patch"})
        transaction.set_keys("Interface", uuid, "options", row, options)
        transaction.set_keys("Interface", uuid, "external_ids", row, mark)
        if port in replica.tables["Bridge"][bridge]["ports"]:
            return
        _leave(context, port)
        added = ["uuid", port]
    transaction.mutate("Bridge", bridge, ["ports", "insert", ["set", [added]]])


def _leave(context: Context, port: str) -> None:
    """A port goes from the bridge that has it, and is no more where no other takes it."""
    for uuid in context.root["bridges"]:
        row = context.replica.tables["Bridge"].get(uuid)
        if row is not None and port in row["ports"]:
            context.transaction.mutate(
                "Bridge", uuid, ["ports", "delete", ["set", [["uuid", port]]]]
            )


def _symbol(name: str) -> str:
    """A name as a part of an <id>, which has letters, digits and underscores (RFC 7047 section
    3.1)."""
    return "_" + "".join(one if one.isalnum() else f"_{ord(one):x}_" for one in name)
