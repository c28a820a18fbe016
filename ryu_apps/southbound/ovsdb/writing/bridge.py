"""The integration bridge: how it is made, and what is put right about it.  Pure.

Its controllers are state objects: :mod:`ryu_apps.southbound.ovsdb.objects.controllers`.

Sources: ovs-vswitchd.conf.db(5), tables Bridge and Flow_Table.
"""

from __future__ import annotations

from collections.abc import Mapping

from ryu_apps.control.ids import bridge_datapath_id
from ryu_apps.southbound.ovsdb.contents.rows import bridge_name, datapath_id
from ryu_apps.southbound.ovsdb.protocol.replica import Replica, Row
from ryu_apps.southbound.ovsdb.protocol.transaction import Transaction, json_map
from ryu_apps.southbound.ovsdb.writing.spec import HypervisorSpec, controller_row

PROTOCOLS = ("OpenFlow10", "OpenFlow13", "OpenFlow14", "OpenFlow15")


def create_bridge(
    transaction: Transaction, replica: Replica, root_uuid: str, root: Row, spec: HypervisorSpec
) -> None:
    """Make the bridge.  Where that is not possible yet, ``transaction.problems`` says why."""
    name = bridge_name(root)
    datapath_type = _datapath_type(replica, root)
    if datapath_type is None:
        transaction.problems.append(f"{name} is not made yet: ovs-vswitchd is not running there")
        return
    if name in replica.ports_by_name or name in replica.interfaces_by_name:
        transaction.problems.append(
            f"{name} can't be made: a port of another bridge has this name; run on it: "
            f"ovs-vsctl del-port {name}"
        )
        return
    interface = transaction.insert("Interface", {"name": name, "type": "internal"}, "interface")
    port = transaction.insert("Port", {"name": name, "interfaces": interface}, "port")
    controller = transaction.insert("Controller", controller_row(spec.controller), "controller")
    tables = [
        [number, transaction.insert("Flow_Table", {"name": text}, f"table{number}")]
        for number, text in sorted(spec.table_names.items())
    ]
    bridge = transaction.insert(
        "Bridge",
        {
            "name": name,
            "ports": port,
            "controller": controller,
            "fail_mode": "secure",
            "protocols": ["set", list(PROTOCOLS)],
            "datapath_type": datapath_type,
            "flow_tables": ["map", tables],
            "other_config": json_map({
                "disable-in-band": "true",
                "datapath-id": f"{bridge_datapath_id(spec.element):016x}",
            }),
        },
        "bridge",
    )
    transaction.mutate("Open_vSwitch", root_uuid, ["bridges", "insert", ["set", [bridge]]])


def check_bridge(
    transaction: Transaction,
    replica: Replica,
    root: Row,
    bridge: tuple[str, Row],
    spec: HypervisorSpec,
) -> None:
    """Put right what is wrong about ``bridge``: (UUID, row)."""
    uuid, row = bridge
    update: dict = {}
    if row["fail_mode"] != "secure":
        update["fail_mode"] = "secure"
    given = _given_datapath_type(root)
    if given and row["datapath_type"] != given:
        update["datapath_type"] = given
    if update:
        transaction.update("Bridge", uuid, update)
    missing = [item for item in PROTOCOLS if item not in row["protocols"]]
    if missing:
        transaction.mutate("Bridge", uuid, ["protocols", "insert", ["set", missing]])
    options = {"disable-in-band": "true"}
    if "datapath-id" not in row["other_config"]:
        current = spec.datapath_id or datapath_id(row)
        if current:
            options["datapath-id"] = f"{current:016x}"
    transaction.set_keys("Bridge", uuid, "other_config", row, options)
    _check_table_names(transaction, replica, uuid, row, spec.table_names)


def _check_table_names(
    transaction: Transaction, replica: Replica, uuid: str, row: Row, names: Mapping[int, str]
) -> None:
    """Each table by its name.  A Flow_Table row that several tables share is not renamed: each of
    them gets one of its own."""
    rows = replica.tables["Flow_Table"]
    tables = row["flow_tables"]
    holders: dict[str, int] = {}
    for reference in tables.values():
        holders[reference] = holders.get(reference, 0) + 1
    fresh = []
    replaced = []
    for number, text in sorted(names.items()):
        reference = tables.get(number)
        present = rows.get(reference) if reference is not None else None
        if present is not None and present["name"] == text:
            continue
        if present is not None and holders[reference] == 1:
            transaction.update("Flow_Table", reference, {"name": text})
            continue
        if reference is not None:
            replaced.append(number)
        fresh.append([number, transaction.insert("Flow_Table", {"name": text}, f"table{number}")])
    if fresh:
        mutations = [["flow_tables", "insert", ["map", fresh]]]
        if replaced:
            mutations.insert(0, ["flow_tables", "delete", ["set", replaced]])
        transaction.mutate("Bridge", uuid, *mutations)


def _given_datapath_type(root: Row) -> str:
    """What the operator asks for; empty where nothing."""
    given = root["external_ids"].get("vnc-datapath-type")
    return given if isinstance(given, str) else ""


def _datapath_type(replica: Replica, root: Row) -> str | None:
    """The type for a new bridge; None while ovs-vswitchd has not told what it can do."""
    given = _given_datapath_type(root)
    if given:
        return given
    bridges = replica.tables["Bridge"]
    if any(bridges[uuid]["datapath_type"] == "netdev"
           for uuid in root["bridges"] if uuid in bridges):
        return "netdev"
    if "datapath_types" in root:
        if not root["datapath_types"]:
            return None
        if "system" not in root["datapath_types"]:
            return "netdev"
    return ""
