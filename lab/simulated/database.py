"""The database of a simulated hypervisor: as much of ovsdb-server as a node asks for.  Pure.

Values are kept as plain Python: atoms (a UUID is ``("uuid", text)``), frozensets for columns that
hold several, dicts for maps.  Constraints of the schema are not checked.

Sources: RFC 7047 sections 4.1, 5.1 and 5.2; ovsdb-server(7), "Monitor_Cond" and "Update2
Notification".
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, NamedTuple

from lab.hosts.open_vswitch import schema_path

Row = dict[str, Any]
Updates = dict[str, dict[str, dict[str, Any]]]
"""A ``<table-updates2>``."""


class Column(NamedTuple):
    """``map``: it holds a map; else ``many``: it may hold other than exactly one value."""

    map: bool
    many: bool
    default: Any


@cache
def schema() -> dict[str, Any]:
    """The schema of the Open vSwitch that is installed, as it is sent."""
    return json.loads(schema_path().read_text())


@cache
def columns() -> Mapping[str, Mapping[str, Column]]:
    """Table -> column -> what it holds."""
    return {
        table: {name: _column(one["type"]) for name, one in each["columns"].items()}
        for table, each in schema()["tables"].items()
    }


def _column(kind: Any) -> Column:
    if not isinstance(kind, dict):
        kind = {"key": kind}
    if "value" in kind:
        return Column(True, True, {})
    if kind.get("min", 1) != 1 or kind.get("max", 1) != 1:
        return Column(False, True, frozenset())
    key = kind["key"]
    atom = key["type"] if isinstance(key, dict) else key
    return Column(False, False, {"string": "", "boolean": False, "real": 0.0}.get(atom, 0))


class Refused(Exception):
    """An operation cannot be carried out: (the error's name, details)."""


def to_json(value: Any) -> Any:
    """A value as RFC 7047 section 5.1 writes it."""
    if isinstance(value, frozenset):
        return ["set", [to_json(item) for item in value]]
    if isinstance(value, dict):
        return ["map", [[to_json(key), to_json(item)] for key, item in value.items()]]
    return list(value) if isinstance(value, tuple) else value


class Database:
    """``tables``: table -> UUID -> row."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[str, Row]] = {table: {} for table in columns()}
        self._names: dict[str, str] = {}
        self._changed: dict[tuple[str, str], Row | None] = {}
        """Rows that the transaction under way changed -> how they were before; None: not there."""

    # ------------------------------------------------------------ transactions

    def transact(self, operations: Iterable[Any]) -> tuple[list[Any], Updates]:
        """Carry out a transaction, whole or not at all: (its result, what changed)."""
        self._names, self._changed = {}, {}
        results: list[Any] = []
        try:
            for operation in operations:
                results.append(self._operate(operation))
        except Refused as refused:
            error, details = refused.args
            results.append({"error": error, "details": details})
            for (table, row_id), old in self._changed.items():
                if old is None:
                    del self.tables[table][row_id]
                else:
                    self.tables[table][row_id] = old
            return results, {}
        self._collect()
        return results, self._updates()

    def _operate(self, operation: Mapping[str, Any]) -> dict[str, Any]:
        what = operation["op"]
        if what == "comment":
            return {}
        table = operation["table"]
        if what == "insert":
            return {"uuid": ["uuid", self._insert(table, operation)]}
        found = self._select(table, operation["where"])
        if what == "wait":
            self._wait(table, found, operation)
            return {}
        for row_id in found:
            row = self._change(table, row_id)
            if what == "update":
                row.update(self._row(table, operation["row"]))
            elif what == "mutate":
                for mutation in operation["mutations"]:
                    self._mutate(table, row, *mutation)
            elif what == "delete":
                del self.tables[table][row_id]
            else:
                raise Refused("unknown operation", what)
        return {"count": len(found)}

    def _insert(self, table: str, operation: Mapping[str, Any]) -> str:
        row_id = self._names.get(operation.get("uuid-name", "")) or str(uuid.uuid4())
        if "uuid-name" in operation:
            self._names[operation["uuid-name"]] = row_id
        row = {name: column.default for name, column in columns()[table].items()}
        row.update(self._row(table, operation["row"]))
        self._changed[table, row_id] = None
        self.tables[table][row_id] = row
        return row_id

    def _change(self, table: str, row_id: str) -> Row:
        """The row, to be changed: what it was is remembered."""
        row = self.tables[table][row_id]
        if (table, row_id) not in self._changed:
            self._changed[table, row_id] = row
            row = self.tables[table][row_id] = dict(row)
        return row

    def _wait(self, table: str, found: list[str], operation: Mapping[str, Any]) -> None:
        names = operation.get("columns", list(columns()[table]))
        have = [{name: self._value(table, row_id, name) for name in names} for row_id in found]
        want = [
            {name: self._read(table, name, row[name]) for name in names if name in row}
            for row in operation["rows"]
        ]
        same = len(have) == len(want) and all(row in want for row in have)
        if same != (operation["until"] == "=="):
            raise Refused("timed out", '"where" clause test failed')

    def _value(self, table: str, row_id: str, name: str) -> Any:
        return ("uuid", row_id) if name == "_uuid" else self.tables[table][row_id][name]

    # ------------------------------------------------------------ what operations name

    def _atom(self, value: Any) -> Any:
        if isinstance(value, list):
            kind, text = value
            if kind == "named-uuid":
                text = self._names.setdefault(text, str(uuid.uuid4()))
            return ("uuid", text)
        return value

    def _read(self, table: str, name: str, value: Any) -> Any:
        if name == "_uuid":
            return self._atom(value)
        column = columns()[table].get(name)
        if column is None:
            raise Refused("unknown column", f"{table}.{name}")
        if column.map:
            return {self._atom(key): self._atom(item) for key, item in value[1]}
        if column.many:
            if isinstance(value, list) and value[0] == "set":
                return frozenset(map(self._atom, value[1]))
            return frozenset((self._atom(value),))
        return self._atom(value)

    def _row(self, table: str, row: Mapping[str, Any]) -> Row:
        return {name: self._read(table, name, value) for name, value in row.items()}

    def _select(self, table: str, where: Iterable[Any]) -> list[str]:
        found = list(self.tables[table])
        for name, function, value in where:
            if name == "_uuid" and function == "==":
                wanted = self._atom(value)[1]
                found = [wanted] if wanted in found else []
                continue
            asked = self._read(table, name, value)
            found = [
                row_id for row_id in found
                if _holds(function, self._value(table, row_id, name), asked)
            ]
        return found

    def _mutate(self, table: str, row: Row, name: str, mutator: str, value: Any) -> None:
        old = row[name]
        column = columns()[table][name]
        if mutator == "+=":
            row[name] = old + value
        elif mutator == "insert":
            given = self._read(table, name, value)
            row[name] = {**given, **old} if column.map else old | given
        elif mutator == "delete" and column.map:
            if value[0] == "map":
                gone = {self._atom(key): self._atom(item) for key, item in value[1]}
                row[name] = {key: item for key, item in old.items() if gone.get(key) != item}
            else:
                keys = set(map(self._atom, value[1])) if value[0] == "set" else {self._atom(value)}
                row[name] = {key: item for key, item in old.items() if key not in keys}
        elif mutator == "delete":
            row[name] = old - self._read(table, name, value)
        else:
            raise Refused("unknown mutator", mutator)

    # ------------------------------------------------------------ garbage, updates

    def _collect(self) -> None:
        """Rows that nothing refers to go, where something was referred to before."""
        waiting = [
            reference
            for (table, row_id), old in self._changed.items() if old is not None
            for reference in _references(old) - _references(self.tables[table].get(row_id, {}))
        ]
        roots = {name for name, one in schema()["tables"].items() if one.get("isRoot")}
        while waiting:
            gone = waiting.pop()
            for table, rows in self.tables.items():
                if table in roots or gone[1] not in rows or self._is_referred_to(gone):
                    continue
                row = self._change(table, gone[1])
                del rows[gone[1]]
                waiting += _references(row)

    def _is_referred_to(self, reference: tuple[str, str]) -> bool:
        return any(
            reference in _references(row) for rows in self.tables.values() for row in rows.values()
        )

    def _updates(self) -> Updates:
        updates: Updates = {}
        for (table, row_id), old in self._changed.items():
            new = self.tables[table].get(row_id)
            if old is None and new is None:
                continue
            if new is None:
                update: dict[str, Any] = {"delete": None}
            elif old is None:
                update = {"insert": {
                    name: to_json(value) for name, value in new.items()
                    if value != columns()[table][name].default
                }}
            else:
                update = {"modify": {
                    name: _difference(columns()[table][name], old[name], value)
                    for name, value in new.items() if value != old[name]
                }}
            updates.setdefault(table, {})[row_id] = update
        return updates

    def contents(self, requests: Mapping[str, Any]) -> Updates:
        """All rows, for a monitor that asks with the ``<monitor-cond-requests>`` ``requests``."""
        return only(requests, {
            table: {
                row_id: {"initial": {name: to_json(value) for name, value in row.items()}}
                for row_id, row in self.tables[table].items()
            }
            for table in requests
        })


def only(requests: Mapping[str, Any], updates: Updates) -> Updates:
    """Of ``updates`` what a monitor asked for."""
    found: Updates = {}
    for table, rows in updates.items():
        if table not in requests:
            continue
        wanted = set(requests[table][0]["columns"])
        for row_id, update in rows.items():
            (how, body), = update.items()
            if body is not None:
                body = {name: value for name, value in body.items() if name in wanted}
                if not body and how == "modify":
                    continue
            found.setdefault(table, {})[row_id] = {how: body}
    return found


def _references(row: Row) -> set[tuple[str, str]]:
    found = set()
    for value in row.values():
        if isinstance(value, tuple):
            found.add(value)
        elif isinstance(value, frozenset):
            found.update(item for item in value if isinstance(item, tuple))
        elif isinstance(value, dict):
            found.update(item for item in value.values() if isinstance(item, tuple))
    return found


def _holds(function: str, value: Any, asked: Any) -> bool:
    if function in ("==", "!="):
        return (value == asked) == (function == "==")
    if isinstance(value, dict):
        includes = asked.items() <= value.items()
        excludes = not asked.items() & value.items()
    elif isinstance(value, frozenset):
        includes, excludes = asked <= value, not asked & value
    else:
        includes, excludes = value == asked, value != asked
    if function == "includes":
        return includes
    if function == "excludes":
        return excludes
    raise Refused("unknown function", function)


def _difference(column: Column, old: Any, new: Any) -> Any:
    if column.map:
        return to_json(
            {key: item for key, item in new.items() if old.get(key) != item}
            | {key: item for key, item in old.items() if key not in new}
        )
    if column.many and len(old) <= 1 and len(new) <= 1:
        return to_json(new if not isinstance(next(iter(old | new)), tuple) else old ^ new)
    return to_json(old ^ new if column.many else new)
