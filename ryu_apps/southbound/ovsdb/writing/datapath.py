"""How many connections one port of a hypervisor can have tracked.  Pure.

Each port has a conntrack zone of its own, so the limit that the datapath has for every zone is one
for each port.  It stands in the database of Open vSwitch 3.4 and later; whether it can is read from
the schema.  What an operator wrote there stays: the node keeps beside its own value what that was.

Sources: ovs-vswitchd.conf.db(5), tables Open_vSwitch (datapaths) and Datapath
(ct_zone_default_limit); RFC 7047 section 5.2 (conditions, and insertion into maps).
"""

from __future__ import annotations

from ryu_apps.southbound.ovsdb.protocol.replica import Replica, Row
from ryu_apps.southbound.ovsdb.protocol.transaction import Transaction, json_map

LIMIT = "ct_zone_default_limit"
LIMIT_MARK = "vnc-connections-per-port"


def connection_limit(replica: Replica, root: Row, bridge: Row | None) -> int | None:
    """The limit of each zone of ``bridge``'s datapath, 0 where there is none; None where the
    database cannot hold one."""
    if not _available(replica, root):
        return None
    found = _datapath(replica, root, bridge) if bridge is not None else None
    value = found[1][LIMIT] if found is not None else None
    return value if type(value) is int else 0


def check_connection_limit(
    transaction: Transaction, replica: Replica, root_uuid: str, root: Row, bridge: Row, limit: int
) -> None:
    """Have each zone of ``bridge``'s datapath limited to ``limit`` connections, unless somebody
    else limited them; 0 leaves what is there."""
    if not limit or not _available(replica, root):
        return
    found = _datapath(replica, root, bridge)
    if found is None:
        # An insertion leaves a key that somebody else made meanwhile, and a Datapath row that
        # nothing refers to goes by itself.
        row = transaction.insert(
            "Datapath",
            {LIMIT: limit, "external_ids": json_map({LIMIT_MARK: str(limit)})},
            "datapath",
        )
        transaction.mutate(
            "Open_vSwitch", root_uuid,
            ["datapaths", "insert", ["map", [[_datapath_type(bridge), row]]]],
        )
        return
    uuid, row = found
    present = row[LIMIT]
    ours = present is None or row["external_ids"].get(LIMIT_MARK) == str(present)
    if present == limit or not ours:
        return
    # With both conditions, what an operator writes at the same moment stays, unmarked.
    transaction.update("Datapath", uuid, {LIMIT: limit},
                       [LIMIT, "==", ["set", []] if present is None else present])
    transaction.set_keys("Datapath", uuid, "external_ids", row, {LIMIT_MARK: str(limit)},
                         [LIMIT, "==", limit])


def _available(replica: Replica, root: Row) -> bool:
    return "Datapath" in replica.tables and isinstance(root.get("datapaths"), dict)


def _datapath_type(bridge: Row) -> str:
    """The key of ``datapaths``: the column Bridge.datapath_type is empty for "system"."""
    return bridge["datapath_type"] or "system"


def _datapath(replica: Replica, root: Row, bridge: Row) -> tuple[str, Row] | None:
    """(UUID, row) of the datapath that ``bridge`` is on; None where the database has none."""
    uuid = root["datapaths"].get(_datapath_type(bridge))
    row = replica.tables["Datapath"].get(uuid) if uuid is not None else None
    return (uuid, row) if row is not None else None
