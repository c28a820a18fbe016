"""Which tables and columns of a hypervisor's database are needed, and their types in its schema.

The schema is read and checked by ``ovs.db.schema``.  Sources: RFC 7047 section 3.2;
ovsdb-server(7), "Monitor_Cond".
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from ryu_apps.southbound.ovsdb.protocol.framing import ProtocolError
from ryu_apps.southbound.ovsdb.protocol.ovs_package import DbSchema, OvsError
from ryu_apps.southbound.ovsdb.protocol.replica import MAP, OPTION, SCALAR, SET, Kinds

DATABASE = "Open_vSwitch"

NEEDED: dict[str, tuple[str, ...]] = {
    "Open_vSwitch": ("bridges", "manager_options", "external_ids", "ovs_version"),
    "Bridge": (
        "name", "ports", "datapath_id", "datapath_type", "fail_mode", "protocols", "controller",
        "flow_tables", "other_config",
    ),
    "Port": ("name", "interfaces"),
    "Interface": (
        "name", "type", "ofport", "external_ids", "link_state", "admin_state", "options", "bfd",
        "bfd_status",
    ),
    "Controller": ("target", "max_backoff", "inactivity_probe", "connection_mode"),
    "Manager": ("target", "max_backoff", "inactivity_probe"),
    "Flow_Table": ("name",),
}
OPTIONAL: Kinds = {
    "Open_vSwitch": {"datapath_types": SET, "datapaths": MAP, "iface_types": SET},
    "Bridge": {"datapath_version": SCALAR},
    "Interface": {
        "error": OPTION, "link_speed": OPTION, "mtu": OPTION, "mac_in_use": OPTION, "status": MAP,
    },
    "Datapath": {"capabilities": MAP},
}
"""Columns that older schemas lack, or have with another type; they are then not in the rows."""
OPTIONAL_TABLES: Kinds = {
    "Datapath": {"ct_zone_default_limit": OPTION, "external_ids": MAP},
}
"""Tables that are followed only where the schema has all of these columns, with these types."""


@dataclass(frozen=True)
class Plan:
    """What to monitor on databases with one schema.

    ``version``: the schema's.  ``requests``: the ``<monitor-cond-requests>``, by table.
    ``kinds``: the types of the columns in them.
    """

    version: str
    requests: dict[str, list[dict]]
    kinds: Kinds


_plans: dict[bytes, Plan] = {}
_MAX_PLANS = 16


def plan_for(schema: Any, raw: bytes) -> Plan:
    """The plan for the reply ``schema`` of ``get_schema``; ``raw``: its bytes, by which the result
    is remembered, for a fleet has few versions.  Raises :class:`ProtocolError`."""
    digest = hashlib.blake2b(raw, digest_size=16).digest()
    plan = _plans.get(digest)
    if plan is None:
        plan = _make_plan(schema)
        if len(_plans) >= _MAX_PLANS:
            del _plans[next(iter(_plans))]
        _plans[digest] = plan
    return plan


def _make_plan(json_schema: Any) -> Plan:
    try:
        schema = DbSchema.from_json(json_schema, allow_extensions=True)
    except (OvsError, AttributeError, TypeError, ValueError, KeyError) as error:
        raise ProtocolError(f"bad database schema: {error}") from error
    if schema.name != DATABASE:
        raise ProtocolError(f"the schema is of the database {schema.name}, not {DATABASE}")
    kinds: dict[str, dict[str, int]] = {}
    for table, columns in NEEDED.items():
        present = schema.tables.get(table)
        if present is None:
            raise ProtocolError(f"the schema {schema.version} has no table {table}")
        for column in columns:
            if column not in present.columns:
                raise ProtocolError(
                    f"the schema {schema.version} has no column {table}.{column}"
                )
        kinds[table] = {
            name: _kind(present.columns[name].type) for name in columns
        } | _optional(table, present)
    for table, columns in OPTIONAL_TABLES.items():
        present = schema.tables.get(table)
        if present is not None and all(
            name in present.columns and _kind(present.columns[name].type) == kind
            for name, kind in columns.items()
        ):
            kinds[table] = dict(columns) | _optional(table, present)
    requests = {table: [{"columns": list(columns)}] for table, columns in kinds.items()}
    return Plan(schema.version or "", requests, kinds)


def _optional(name: str, table: Any) -> dict[str, int]:
    return {
        column: kind for column, kind in OPTIONAL.get(name, {}).items()
        if column in table.columns and _kind(table.columns[column].type) == kind
    }


def _kind(column_type: Any) -> int:
    if column_type.is_map():
        return MAP
    if column_type.n_max > 1:
        return SET
    return OPTION if column_type.n_min == 0 else SCALAR
