"""A copy of the needed part of one hypervisor's database, kept current by ``update2``.  Pure.

Values are plain Python: scalar columns a value, optional columns a value or None, sets a frozenset,
maps a dict; UUIDs are strings.  (``ovs.db.idl`` can't take over an accepted connection, parses JSON
in Python, and builds ``Datum`` and ``Atom`` objects for each value.)

Sources: RFC 7047 sections 4.1 and 5.1; ovsdb-server(7), "Monitor_Cond" and "Update2 Notification".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ryu_apps.southbound.ovsdb.protocol.framing import ProtocolError

SCALAR, OPTION, SET, MAP = range(4)
Kinds = Mapping[str, Mapping[str, int]]
"""Table -> column -> SCALAR..MAP."""
_EMPTY = {SCALAR: "", OPTION: None, SET: frozenset()}
"""``update2`` leaves out columns at their default; all needed SCALAR columns are strings."""

Row = dict[str, Any]
RowChange = tuple[Row | None, Row | None]
"""(old row or None where it is new, new row or None where it is gone)."""
TableChanges = dict[str, dict[str, RowChange]]
"""Table -> UUID -> what one update did to the row."""


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
        if tag == "uuid" and kind != MAP:
            return frozenset((_atom(value),)) if kind == SET else _atom(value)
        if tag == "set" and type(body) is list:
            if kind == SET:
                return frozenset(map(_atom, body))
            if kind == OPTION and len(body) <= 1:
                return _atom(body[0]) if body else None
    except (TypeError, ValueError) as error:
        raise ProtocolError("bad value in an update") from error
    raise ProtocolError("bad value in an update")


def _default(kind: int) -> Any:
    return {} if kind == MAP else _EMPTY[kind]


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


def _updated(kinds: Mapping[str, int], old: Row | None, update: Any) -> Row | None:
    """The row after a ``<row-update2>``; None where that deletes it."""
    if type(update) is not dict or len(update) != 1:
        raise ProtocolError("bad row update")
    (how, body), = update.items()
    if how == "delete":
        if old is None:
            raise ProtocolError("an update deletes a row that is not there")
        return None
    if type(body) is not dict:
        raise ProtocolError("bad row update")
    if how == "modify":
        if old is None:
            raise ProtocolError("an update modifies a row that is not there")
        new = dict(old)
        for column, value in body.items():
            kind = kinds.get(column)
            if kind is not None:
                new[column] = apply_difference(kind, old[column], read_value(kind, value))
        return new
    if how in ("insert", "initial"):
        new = {column: _default(kind) for column, kind in kinds.items()}
        for column, value in body.items():
            kind = kinds.get(column)
            if kind is not None:
                new[column] = read_value(kind, value)
        return new
    raise ProtocolError("bad row update")


class Replica:
    """The tables of one database.

    ``kinds``: the tables and columns that are followed.  ``tables``: table -> UUID -> row.  Rows
    are replaced, never changed in place, so a row that was handed out stays as it was.
    ``ports_by_name``, ``interfaces_by_name``: name -> UUID.
    """

    def __init__(self, kinds: Kinds) -> None:
        self.kinds = kinds
        self.tables: dict[str, dict[str, Row]] = {table: {} for table in kinds}
        self.ports_by_name: dict[str, str] = {}
        self.interfaces_by_name: dict[str, str] = {}

    def apply(self, updates: Any) -> TableChanges:
        """Apply a ``<table-updates2>`` and tell what it did.

        Raises :class:`ProtocolError` where it does not fit.
        """
        if type(updates) is not dict:
            raise ProtocolError("an update is not an object")
        changes: TableChanges = {}
        for table, rows in updates.items():
            kinds = self.kinds.get(table)
            if kinds is None or type(rows) is not dict:
                raise ProtocolError(f"an update of table {str(table)[:40]!r}, which is not wanted")
            changed = changes[table] = {}
            stored = self.tables[table]
            for uuid, update in rows.items():
                old = stored.get(uuid)
                new = _updated(kinds, old, update)
                if new is None:
                    del stored[uuid]
                else:
                    stored[uuid] = new
                changed[uuid] = (old, new)
        self._index(self.ports_by_name, changes.get("Port"))
        self._index(self.interfaces_by_name, changes.get("Interface"))
        return changes

    @staticmethod
    def _index(index: dict[str, str], changed: dict[str, RowChange] | None) -> None:
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
