"""Brings a store's configuration to what a document says, and shows the difference before."""

from __future__ import annotations

import json
import uuid
from typing import Any, NamedTuple

from ryu_apps.configuration.records import (
    CONFIG,
    GENERATION,
    IDENTITY,
    IDENTITY_GENERATION,
    WISHES,
    Reader,
    operation,
)
from ryu_apps.configuration.transfer.document import Document, Wishes, is_record
from ryu_apps.configuration.transfer.lines import FileError
from ryu_apps.configuration.transfer.writing import Progress, replace
from ryu_apps.control.config import lineage, stored
from ryu_apps.control.config.config import Config
from ryu_apps.control.config.lineage import Lineage
from ryu_apps.control.config.model import KINDS, Change
from ryu_apps.store.base import Delete, Item, Put, Store


class Stored(NamedTuple):
    """What a store has.  ``base``: its GENERATION; ``values``: key -> value of each resource."""

    config: Config
    wishes: Wishes
    base: Item | None
    values: dict[str, bytes]

    @property
    def lineage(self) -> Lineage | None:
        return lineage.decode(self.base.value) if self.base else None


def read_store(store: Store) -> Stored:
    """Raises StoreError, also for values of a newer schema; FileError for records of a kind that
    this version does not know."""
    items, _ = store.list(CONFIG)
    reader = Reader()
    config = Config()
    values: dict[str, bytes] = {}
    base = None
    for item in items:
        if item.key == GENERATION:
            base = item
            continue
        change = reader.loaded(item)
        if change is None:
            raise FileError(
                f"{item.key} in the store cannot be read by this version; use the program of the "
                "version that wrote it"
            )
        config.apply(change)
        values[item.key] = item.value
    return Stored(config, read_wishes(store), base, values)


def read_wishes(store: Store) -> Wishes:
    """The operators' wishes, and users, projects and roles without what proves who they are.
    Raises StoreError."""
    return {
        item.key: json.loads(item.value) for prefix in (*WISHES, IDENTITY)
        for item in store.list(prefix)[0] if is_record(item.key)
    }


class Difference(NamedTuple):
    """``added``, ``changed``, ``removed``: (kind, id, name) of resources, or ("record", key, "").
    ``operations``: what brings the store there."""

    added: list[tuple[str, str, str]]
    changed: list[tuple[str, str, str]]
    removed: list[tuple[str, str, str]]
    operations: list[Put | Delete]

    def shown(self) -> dict[str, list[dict[str, str]]]:
        """For clients."""
        return {
            name: [dict(zip(("kind", "id", "name"), one, strict=True))
                   for one in getattr(self, name)]
            for name in ("added", "changed", "removed")
        }


def compare(there: Stored, document: Document) -> Difference:
    found = Difference([], [], [], [])
    for kind in KINDS:
        before, after = there.config.tables[kind], document.config.tables[kind]
        for id, resource in after.items():
            old = before.get(id)
            key = f"{CONFIG}{kind}/{id}"
            if old is not None and there.values[key] == stored.encode(resource):
                continue
            row = kind, id, getattr(resource, "name", "")
            (found.added if old is None else found.changed).append(row)
            found.operations.append(operation(Change(kind, id, resource)))
        for id, resource in before.items():
            if id not in after:
                found.removed.append((kind, id, getattr(resource, "name", "")))
                found.operations.append(operation(Change(kind, id, None)))
    for key, value in document.wishes.items():
        if key.startswith(IDENTITY):
            value = _after(there.wishes.get(key), value)
        if there.wishes.get(key) != value:
            (found.changed if key in there.wishes else found.added).append(("record", key, ""))
            found.operations.append(Put(key, json.dumps(value, separators=(",", ":")).encode()))
    # A file without users is of a system that had none of its own: that is no wish to have none.
    users = any(key.startswith(IDENTITY) for key in document.wishes)
    for key in there.wishes.keys() - document.wishes.keys():
        if users or not key.startswith(IDENTITY):
            found.removed.append(("record", key, ""))
            found.operations.append(Delete(key))
    if any(operation.key.startswith(IDENTITY) for operation in found.operations):
        found.operations.append(Put(IDENTITY_GENERATION, uuid.uuid4().hex.encode()))
    return found


def _after(there: Any, value: Any) -> Any:
    """A record of a user or project as it follows on the one that is there: its generation grows,
    whatever the file has, so that no token from before is valid again."""
    if type(there) is not dict or type(value) is not dict or "generation" not in there:
        return value
    same = {**value, "generation": there["generation"]}
    if same == there:
        return there
    numbers = [one for one in (there["generation"], value.get("generation")) if type(one) is int]
    return {**value, "generation": max(numbers, default=0) + 1}


class Import:
    """One import into a store: compared when it is made, and then written.

    Raises FileError where the store has what cannot be compared, and StoreError.
    """

    def __init__(self, store: Store, document: Document) -> None:
        self._store = store
        self._there = read_store(store)
        self._warnings = document.warnings
        self.difference = compare(self._there, document)
        self.written = self.staged = False

    def write(
        self, what: str, progress: Progress = lambda done, total: None
    ) -> None:
        """Write what differs, if anything does or is left of an import that was interrupted.  See
        :mod:`.writing` for how, and for what is raised."""
        there = self._there
        unfinished = there.lineage is not None and bool(there.lineage.unfinished)
        if not (self.difference.operations or unfinished):
            return
        former = lineage.before_staged(there.base.value) if there.base else None
        token = uuid.uuid4().hex
        final = former.next(token) if former is not None else lineage.first(token)
        self.staged = replace(
            self._store, there.base, self.difference.operations, final.encode(), what, progress
        )
        self.written = True

    def answer(self) -> dict[str, Any]:
        """What clients are told."""
        return {
            **self.difference.shown(), "written": self.written, "staged": self.staged,
            "warnings": list(self._warnings),
        }
