"""A copy of the needed part of one hypervisor's database, kept current by ``update2``.

Values are plain Python: scalar columns a value, optional columns a value or None, sets a frozenset,
maps a dict; UUIDs are strings.  (``ovs.db.idl`` can't take over an accepted connection, parses JSON
in Python, and builds ``Datum`` and ``Atom`` objects for each value.)  The schema itself is read and
checked by ``ovs.db.schema``.

Sources: RFC 7047 sections 4.1 and 5.1; ovsdb-server(7), "Monitor_Cond" and "Update2 Notification".
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from ryu_apps.southbound.ovsdb_lib import DbSchema, OvsError
from ryu_apps.southbound.ovsdb_rpc import ProtocolError

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
OPTIONAL: dict[str, tuple[str, ...]] = {
    "Open_vSwitch": ("datapath_types",),
    "Interface": ("error",),
}
"""Columns that older schemas lack; they then read as empty."""

SCALAR, OPTION, SET, MAP = range(4)
_EMPTY = {SCALAR: "", OPTION: None, SET: frozenset()}
"""``update2`` leaves out columns at their default; all needed SCALAR columns are strings."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """What to monitor on databases with one schema.  ``kinds``: table -> column -> SCALAR..MAP."""

    version: str
    requests: dict[str, list[dict]]
    kinds: dict[str, dict[str, int]]


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
    requests: dict[str, list[dict]] = {}
    kinds: dict[str, dict[str, int]] = {}
    for table, columns in NEEDED.items():
        present = schema.tables.get(table)
        if present is None:
            raise ProtocolError(f"the schema {schema.version} has no table {table}")
        wanted = list(columns)
        for column in columns:
            if column not in present.columns:
                raise ProtocolError(
                    f"the schema {schema.version} has no column {table}.{column}"
                )
        wanted += [name for name in OPTIONAL.get(table, ()) if name in present.columns]
        kinds[table] = {name: _kind(present.columns[name].type) for name in wanted}
        requests[table] = [{"columns": wanted}]
    return Plan(schema.version or "", requests, kinds)


def _kind(column_type: Any) -> int:
    if column_type.is_map():
        return MAP
    if column_type.n_max > 1:
        return SET
    return OPTION if column_type.n_min == 0 else SCALAR


def _atom(value: Any) -> Any:
    kind = type(value)
    if kind is str or kind is int or kind is bool or kind is float:
        return value
    if kind is list and len(value) == 2 and value[0] == "uuid" and type(value[1]) is str:
        return value[1]
    raise ProtocolError("bad value in an update")


def read_value(kind: int, value: Any) -> Any:
    """A column's value (RFC 7047 section 5.1) as plain Python.  Raises ProtocolError."""
    if kind == SCALAR:
        if type(value) is str:
            return value
        raise ProtocolError("a string was expected in an update")
    if type(value) is not list:
        if kind == SET:
            return frozenset((_atom(value),))
        if kind == MAP:
            raise ProtocolError("a map was expected in an update")
        return _atom(value)
    try:
        tag, body = value
        if tag == "map" and kind == MAP:
            return {_atom(key): _atom(item) for key, item in body}
        if tag == "uuid":
            return frozenset((_atom(value),)) if kind == SET else _atom(value)
        if tag == "set":
            if kind == SET:
                return frozenset(map(_atom, body))
            if kind == OPTION and len(body) <= 1:
                return _atom(body[0]) if body else None
    except (TypeError, ValueError) as error:
        raise ProtocolError("bad value in an update") from error
    raise ProtocolError("bad value in an update")


def apply_difference(kind: int, old: Any, change: Any) -> Any:
    """``old`` after an ``update2`` difference: symmetric for sets, by key for maps."""
    if kind == SET:
        return old ^ change
    if kind == MAP:
        new = dict(old)
        for key, item in change.items():
            if key in new and new[key] == item:
                del new[key]
            else:
                new[key] = item
        return new
    return change


class Replica:
    """The tables of one database.

    ``tables``: table -> UUID -> row.  Rows are replaced, never changed in place, so a row that was
    handed out stays as it was.
    """

    def __init__(self, plan: Plan) -> None:
        self.kinds = plan.kinds
        self.tables: dict[str, dict[str, Row]] = {table: {} for table in plan.kinds}
        self.ports_by_name: dict[str, str] = {}
        self.interfaces_by_name: dict[str, str] = {}

    def apply(self, updates: Any) -> dict[str, dict[str, tuple[Row | None, Row | None]]]:
        """Apply a ``<table-updates2>``; table -> UUID -> (old row or None, new row or None).

        Raises :class:`ProtocolError` where it does not fit.
        """
        if type(updates) is not dict:
            raise ProtocolError("an update is not an object")
        changes: dict[str, dict[str, tuple[Row | None, Row | None]]] = {}
        for table, rows in updates.items():
            kinds = self.kinds.get(table)
            if kinds is None or type(rows) is not dict:
                raise ProtocolError(f"an update of table {str(table)[:40]!r}, which is not wanted")
            changed = changes[table] = {}
            stored = self.tables[table]
            for uuid, update in rows.items():
                if type(update) is not dict or len(update) != 1:
                    raise ProtocolError("bad row update")
                (how, body), = update.items()
                old = stored.get(uuid)
                if how == "delete":
                    if old is None:
                        raise ProtocolError("an update deletes a row that is not there")
                    del stored[uuid]
                    changed[uuid] = (old, None)
                    continue
                if type(body) is not dict:
                    raise ProtocolError("bad row update")
                if how == "modify":
                    if old is None:
                        raise ProtocolError("an update modifies a row that is not there")
                    new = dict(old)
                    for column, value in body.items():
                        kind = kinds.get(column)
                        if kind is not None:
                            new[column] = apply_difference(
                                kind, old[column], read_value(kind, value)
                            )
                elif how in ("insert", "initial"):
                    new = {column: _default(kind) for column, kind in kinds.items()}
                    for column, value in body.items():
                        kind = kinds.get(column)
                        if kind is not None:
                            new[column] = read_value(kind, value)
                else:
                    raise ProtocolError("bad row update")
                stored[uuid] = new
                changed[uuid] = (old, new)
        self._index(self.ports_by_name, changes.get("Port"))
        self._index(self.interfaces_by_name, changes.get("Interface"))
        return changes

    @staticmethod
    def _index(index: dict[str, str], changed: dict | None) -> None:
        if not changed:
            return
        for uuid, (old, _) in changed.items():
            if old is not None and index.get(old["name"]) == uuid:
                del index[old["name"]]
        for uuid, (_, new) in changed.items():
            if new is not None:
                index[new["name"]] = uuid

    @property
    def root(self) -> tuple[str, Row] | None:
        """(UUID, row) of the one Open_vSwitch row."""
        for item in self.tables["Open_vSwitch"].items():
            return item
        return None


def _default(kind: int) -> Any:
    return {} if kind == MAP else _EMPTY[kind]
