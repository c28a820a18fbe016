"""A transaction on a hypervisor's database, as it is put together.  Pure.

Sources: RFC 7047 sections 5.1 and 5.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from ryu_apps.southbound.ovsdb.protocol.replica import Row

Operation = dict


class Transaction:
    """What to write, in order, and what can't be written now.

    ``operations``: empty where nothing is to be changed.  ``owners``: for each, the key of the
    object that it is for, or None.  ``problems``: why the rest can't be done now, for people to
    read.  ``refused``: objects that cannot be had now, and why.
    """

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self.owners: list[tuple | None] = []
        self.problems: list[str] = []
        self.refused: dict[tuple, str] = {}
        self._owner: tuple | None = None

    @contextmanager
    def of(self, owner: tuple | None) -> Iterator[None]:
        """The operations within are for the object with this key; None: for none."""
        self._owner = owner
        try:
            yield
        finally:
            self._owner = None

    def refuse(self, owner: tuple, reason: str) -> None:
        """The object cannot be had now."""
        self.refused[owner] = reason

    def _add(self, operation: Operation) -> None:
        self.operations.append(operation)
        self.owners.append(self._owner)

    def insert(self, table: str, row: dict, name: str) -> list:
        """A new row.  ``name``: once in a transaction; what is returned stands for the row's UUID
        in the other operations."""
        self._add({"op": "insert", "table": table, "row": row, "uuid-name": name})
        return ["named-uuid", name]

    def update(self, table: str, uuid: str, row: dict, *conditions: list) -> None:
        """Set the columns in ``row``, whatever they hold, where ``conditions`` hold then."""
        self._add(
            {"op": "update", "table": table, "where": _where(uuid, conditions), "row": row}
        )

    def mutate(
        self, table: str, uuid: str, *mutations: list, conditions: Sequence[list] = ()
    ) -> None:
        """Change columns where ``conditions`` hold then; what somebody else writes into them at the
        same moment is kept."""
        self._add({
            "op": "mutate", "table": table, "where": _where(uuid, conditions),
            "mutations": list(mutations),
        })

    def set_keys(
        self, table: str, uuid: str, column: str, row: Row, values: Mapping[str, str],
        *conditions: list,
    ) -> None:
        """Make the map ``column`` of ``row`` hold ``values`` where ``conditions`` hold then; other
        keys stay."""
        present = row[column]
        wrong = {key: value for key, value in values.items() if present.get(key) != value}
        if wrong:
            mutations = []
            old = [key for key in wrong if key in present]
            if old:
                # An insertion leaves a key that is there as it is.
                mutations.append([column, "delete", ["set", old]])
            mutations.append([column, "insert", json_map(wrong)])
            self.mutate(table, uuid, *mutations, conditions=conditions)

    def comment(self, text: str) -> None:
        """A line for the database's log."""
        self._add({"op": "comment", "comment": text})


def json_map(values: Mapping) -> list:
    """A map of atoms as JSON."""
    return ["map", [[key, value] for key, value in values.items()]]


def _where(uuid: str, conditions: Sequence[list]) -> list:
    return [["_uuid", "==", ["uuid", uuid]], *conditions]
