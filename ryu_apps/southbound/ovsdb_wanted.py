"""What must stand in a hypervisor's database, and the operations that make it so.  Pure.

Everything is compared first: where the database is right there are no operations.  Sets and maps
are changed by ``mutate``, never rewritten, so that what ``ovs-vsctl`` writes at the same moment is
kept; only scalars and the integration bridge's controllers, which are the node's alone, are set.

Sources: ovs-vswitchd.conf.db(5); RFC 7047 section 5.2.
"""

from __future__ import annotations

import functools
import hashlib
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field

from ryu_apps.southbound.ovsdb_replica import Replica, Row
from ryu_apps.southbound.ovsdb_rows import TUNNEL_MARK, bridge_name, datapath_id
from ryu_apps.southbound.ovsdb_view import View

PROTOCOLS = ("OpenFlow10", "OpenFlow13", "OpenFlow14", "OpenFlow15")
VXLAN_PORT = 4789
MAX_BACKOFF = 1000
INACTIVITY_PROBE = 5000
INSTALLED_MARK = "vnc-installed"
OWNER_MARK = "vnc-owner"
Operation = dict


@dataclass(frozen=True)
class Wish:
    """What the node wants of one hypervisor.

    ``vtep``: its own; ``tunnels``: the remote VTEPs, or None while not known, and then tunnel
    ports are left as they are.  ``controller``: OpenFlow target of the bridge.  ``local``: (scheme
    "tcp" or "ssl", address, port) that the hypervisor connected to.  ``table_names``: OpenFlow
    table -> name.  ``bfd_interval``: milliseconds.  ``datapath_id``: what the bridge was last
    configured with, 0 where that is not known: when it is lost, it is put back, because what
    ovs-vswitchd reports by then may be its own choice already.
    """

    element: str
    vtep: str
    tunnels: frozenset[str] | None
    controller: str
    local: tuple[str, str, int]
    table_names: Mapping[int, str]
    bfd_interval: int
    owner: str = ""
    datapath_id: int = 0


@dataclass
class Result:
    """``operations``: of one transaction, empty where all is right.  ``problems``: what can't be
    done now, for people to read."""

    operations: list[Operation] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@functools.lru_cache(maxsize=16384)
def tunnel_name(vtep: str) -> str:
    """The tunnel port's name, at most 15 characters, the same on every hypervisor and node."""
    address = ipaddress.ip_address(vtep)
    if address.version == 4:
        return f"vx{int(address):08x}"
    return "vx" + hashlib.blake2b(address.packed, digest_size=6).hexdigest()


def bridge_datapath_id(element: str) -> int:
    """The datapath id of a hypervisor's new bridge: by its name, so that it outlives a wiped
    database.  OVS would otherwise derive it from the ports' MACs and drop its controllers whenever
    a port with a lower MAC comes."""
    digest = hashlib.blake2b(element.encode("utf-8", "replace"), digest_size=8, person=b"vnc-dpid")
    return int.from_bytes(digest.digest(), "big") | 1


def operations(replica: Replica, view: View, wish: Wish) -> Result:
    """What to write now."""
    result = Result()
    if replica.root is None:
        result.problems.append("the database has no Open_vSwitch row")
        return result
    root_uuid, root = replica.root
    if wish.owner:
        _map(result, "Open_vSwitch", root_uuid, "external_ids", root, {OWNER_MARK: wish.owner})
    _managers(result, replica, root, wish)
    if view.bridge is None:
        _create_bridge(result, replica, root_uuid, root, wish)
    else:
        _check_bridge(result, replica, root, view, wish)
        if wish.tunnels is not None:
            _tunnels(result, replica, root, view, wish)
    return result


def mark_operations(
    replica: Replica, view: View, marks: Mapping[str, bool]
) -> list[Operation]:
    """Writes ``external_ids:vnc-installed=true`` (or removes it) on interfaces by name."""
    result = Result()
    for name, installed in marks.items():
        uuid = replica.interfaces_by_name.get(name)
        if uuid is None or view.member(uuid) is None:
            continue
        row = replica.tables["Interface"][uuid]
        if installed:
            _map(result, "Interface", uuid, "external_ids", row, {INSTALLED_MARK: "true"})
        elif INSTALLED_MARK in row["external_ids"]:
            _mutate(result, "Interface", uuid,
                    ["external_ids", "delete", ["set", [INSTALLED_MARK]]])
    return result.operations


def _where(uuid: str) -> list:
    return [["_uuid", "==", ["uuid", uuid]]]


def _mutate(result: Result, table: str, uuid: str, *mutations: list) -> None:
    result.operations.append(
        {"op": "mutate", "table": table, "where": _where(uuid), "mutations": list(mutations)}
    )


def _update(result: Result, table: str, uuid: str, row: dict) -> None:
    result.operations.append(
        {"op": "update", "table": table, "where": _where(uuid), "row": row}
    )


def _insert(result: Result, table: str, row: dict, name: str) -> list:
    result.operations.append({"op": "insert", "table": table, "row": row, "uuid-name": name})
    return ["named-uuid", name]


def _json_map(values: Mapping) -> list:
    return ["map", [[key, value] for key, value in values.items()]]


def _map(
    result: Result, table: str, uuid: str, column: str, row: Row, wanted: Mapping[str, str]
) -> None:
    """Make ``column`` hold ``wanted``; other keys stay."""
    present = row[column]
    wrong = {key: value for key, value in wanted.items() if present.get(key) != value}
    if wrong:
        mutations = []
        old = [key for key in wrong if key in present]
        if old:
            mutations.append([column, "delete", ["set", old]])
        mutations.append([column, "insert", _json_map(wrong)])
        _mutate(result, table, uuid, *mutations)


def _managers(result: Result, replica: Replica, root: Row, wish: Wish) -> None:
    rows = replica.tables["Manager"]
    for uuid in root["manager_options"]:
        row = rows.get(uuid)
        if row is None or not _points_to(row["target"], wish.local):
            continue
        wrong = {
            column: value
            for column, value in (
                ("max_backoff", MAX_BACKOFF), ("inactivity_probe", INACTIVITY_PROBE)
            )
            if row[column] != value
        }
        if wrong:
            _update(result, "Manager", uuid, wrong)


def _points_to(target: str, local: tuple[str, str, int]) -> bool:
    scheme, _, rest = target.partition(":")
    host, port = rest, "6640"
    if rest.startswith("["):
        host, _, after = rest[1:].partition("]")
        port = after.lstrip(":") or port
    elif ":" in rest:
        host, _, port = rest.rpartition(":")
    if scheme != local[0] or port != str(local[2]):
        return False
    try:
        return ipaddress.ip_address(host) == ipaddress.ip_address(local[1])
    except ValueError:
        return bool(host)


def _datapath_type(replica: Replica, root: Row) -> str | None:
    """The type for a new bridge; None while ovs-vswitchd has not told what it can do."""
    given = root["external_ids"].get("vnc-datapath-type")
    if isinstance(given, str) and given:
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


def _controller_row(wish: Wish) -> dict:
    return {
        "target": wish.controller,
        "max_backoff": MAX_BACKOFF,
        "inactivity_probe": INACTIVITY_PROBE,
        "connection_mode": "out-of-band",
    }


def _create_bridge(
    result: Result, replica: Replica, root_uuid: str, root: Row, wish: Wish
) -> None:
    name = bridge_name(root)
    datapath_type = _datapath_type(replica, root)
    if datapath_type is None:
        result.problems.append(f"{name} is not made yet: ovs-vswitchd is not running there")
        return
    if name in replica.ports_by_name or name in replica.interfaces_by_name:
        result.problems.append(
            f"{name} can't be made: a port of another bridge has this name; run on it: "
            f"ovs-vsctl del-port {name}"
        )
        return
    interface = _insert(result, "Interface", {"name": name, "type": "internal"}, "interface")
    port = _insert(result, "Port", {"name": name, "interfaces": interface}, "port")
    controller = _insert(result, "Controller", _controller_row(wish), "controller")
    tables = [
        [number, _insert(result, "Flow_Table", {"name": text}, f"table{number}")]
        for number, text in sorted(wish.table_names.items())
    ]
    bridge = _insert(
        result,
        "Bridge",
        {
            "name": name,
            "ports": port,
            "controller": controller,
            "fail_mode": "secure",
            "protocols": ["set", list(PROTOCOLS)],
            "datapath_type": datapath_type,
            "flow_tables": ["map", tables],
            "other_config": _json_map({
                "disable-in-band": "true",
                "datapath-id": f"{bridge_datapath_id(wish.element):016x}",
            }),
        },
        "bridge",
    )
    _mutate(result, "Open_vSwitch", root_uuid, ["bridges", "insert", ["set", [bridge]]])


def _check_bridge(
    result: Result, replica: Replica, root: Row, view: View, wish: Wish
) -> None:
    assert view.bridge is not None
    uuid, row = view.bridge
    update: dict = {}
    if row["fail_mode"] != "secure":
        update["fail_mode"] = "secure"
    given = root["external_ids"].get("vnc-datapath-type")
    if isinstance(given, str) and given and row["datapath_type"] != given:
        update["datapath_type"] = given
    controllers = replica.tables["Controller"]
    ours = sorted(
        item for item in row["controller"]
        if item in controllers and controllers[item]["target"] == wish.controller
    )
    if not ours:
        update["controller"] = _insert(result, "Controller", _controller_row(wish), "controller")
    else:
        if len(row["controller"]) > 1:
            update["controller"] = ["uuid", ours[0]]
        wrong = {
            column: value for column, value in _controller_row(wish).items()
            if controllers[ours[0]][column] != value
        }
        if wrong:
            _update(result, "Controller", ours[0], wrong)
    if update:
        _update(result, "Bridge", uuid, update)
    missing = [item for item in PROTOCOLS if item not in row["protocols"]]
    if missing:
        _mutate(result, "Bridge", uuid, ["protocols", "insert", ["set", missing]])
    options = {"disable-in-band": "true"}
    if "datapath-id" not in row["other_config"]:
        current = wish.datapath_id or datapath_id(row)
        if current:
            options["datapath-id"] = f"{current:016x}"
    _map(result, "Bridge", uuid, "other_config", row, options)
    _table_names(result, replica, uuid, row, wish)


def _table_names(result: Result, replica: Replica, uuid: str, row: Row, wish: Wish) -> None:
    rows = replica.tables["Flow_Table"]
    tables = row["flow_tables"]
    holders: dict[str, int] = {}
    for reference in tables.values():
        holders[reference] = holders.get(reference, 0) + 1
    fresh = []
    replaced = []
    for number, text in sorted(wish.table_names.items()):
        reference = tables.get(number)
        present = rows.get(reference) if reference is not None else None
        if present is not None and present["name"] == text:
            continue
        if present is not None and holders[reference] == 1:
            _update(result, "Flow_Table", reference, {"name": text})
            continue
        if reference is not None:
            replaced.append(number)
        fresh.append([number, _insert(result, "Flow_Table", {"name": text}, f"table{number}")])
    if fresh:
        mutations = [["flow_tables", "insert", ["map", fresh]]]
        if replaced:
            mutations.insert(0, ["flow_tables", "delete", ["set", replaced]])
        _mutate(result, "Bridge", uuid, *mutations)


def _tunnels(result: Result, replica: Replica, root: Row, view: View, wish: Wish) -> None:
    assert view.bridge is not None and wish.tunnels is not None
    bridge = view.bridge[0]
    port = str(root["external_ids"].get("vnc-vxlan-port", ""))
    port = port if port.isdigit() and 0 < int(port) < 65536 else str(VXLAN_PORT)
    interval = str(wish.bfd_interval)
    bfd = {"enable": "true", "min_rx": interval, "min_tx": interval}
    rows = replica.tables["Interface"]
    present: set[str] = set()
    insert_ports: list = []
    delete_ports: list = []
    for vtep in sorted(wish.tunnels):
        if vtep == wish.vtep:
            continue
        name = tunnel_name(vtep)
        options = {"remote_ip": vtep, "local_ip": wish.vtep, "key": "flow", "dst_port": port}
        uuid = replica.interfaces_by_name.get(name)
        if uuid is None:
            if name in replica.ports_by_name:
                result.problems.append(f"no tunnel to {vtep}: there is another port {name}")
                continue
            interface = _insert(
                result, "Interface",
                {
                    "name": name,
                    "type": "vxlan",
                    "options": _json_map(options),
                    "bfd": _json_map(bfd),
                    "external_ids": _json_map({TUNNEL_MARK: vtep}),
                },
                f"i{name}",
            )
            insert_ports.append(
                _insert(result, "Port", {"name": name, "interfaces": interface}, f"p{name}")
            )
            continue
        if view.member(uuid) is None:
            result.problems.append(f"no tunnel to {vtep}: another bridge has a port {name}")
            continue
        present.add(uuid)
        row = rows[uuid]
        if row["type"] != "vxlan":
            _update(result, "Interface", uuid, {"type": "vxlan"})
        _map(result, "Interface", uuid, "options", row, options)
        _map(result, "Interface", uuid, "bfd", row, bfd)
        _map(result, "Interface", uuid, "external_ids", row, {TUNNEL_MARK: vtep})
    for uuid, _ in view.our_interfaces():
        if uuid in present:
            continue
        holder = view.member(uuid)
        if holder is None:
            continue
        if len(replica.tables["Port"][holder]["interfaces"]) > 1:
            _mutate(result, "Port", holder, ["interfaces", "delete", ["set", [["uuid", uuid]]]])
        else:
            delete_ports.append(["uuid", holder])
    mutations = []
    if delete_ports:
        mutations.append(["ports", "delete", ["set", delete_ports]])
    if insert_ports:
        mutations.append(["ports", "insert", ["set", insert_ports]])
    if mutations:
        _mutate(result, "Bridge", bridge, *mutations)
