"""The whole of a store as a file, byte for byte, and back: besides the configuration what nodes
observed and remember, but for what belongs to processes that run (their sessions' records)."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from ryu_apps import __version__
from ryu_apps.configuration.records import (
    CONFIG,
    GENERATION,
    IDENTITY,
    IDENTITY_REVOCATIONS,
    IDENTITY_SECRETS,
    STATUS,
    of_sessions,
)
from ryu_apps.configuration.transfer import lines
from ryu_apps.configuration.transfer.lines import FileError
from ryu_apps.configuration.transfer.writing import Progress, replace
from ryu_apps.control.config import lineage, stored
from ryu_apps.control.config.lineage import Lineage
from ryu_apps.store.base import Delete, Item, Put, Store
from ryu_apps.store.keys import check_key

FORMAT, VERSION = "vnc-backup", 1


def backup(store: Store, secrets: bool) -> Iterator[bytes]:
    """The lines of the file.  The configuration is of one moment.  ``secrets``: also hashes of
    passwords and the keys of tokens; without them a restoration leaves those that the store has.
    Raises StoreError; FileError where the store holds half a configuration."""
    config, revision = store.list(CONFIG)
    records, _ = store.list(STATUS)
    identity, _ = store.list(IDENTITY)
    if not secrets:
        identity = [one for one in identity if not one.key.startswith(IDENTITY_SECRETS)]
    base = next((item for item in config if item.key == GENERATION), None)
    made = lineage.decode(base.value) if base else None
    if made is not None and made.unfinished:
        raise FileError(f"the store holds half a configuration: {made.unfinished}")
    header = {
        "format": FORMAT, "version": VERSION, "schema": stored.SCHEMA, "program": __version__,
        "made_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "revision": revision,
        "line": made.line if made else "", "changes": made.number if made else 0,
        "secrets": secrets,
    }
    kept = [*config, *identity, *(item for item in records if not of_sessions(item.key))]
    return lines.write(header, map(_entry, kept))


def _entry(item: Item) -> dict[str, Any]:
    try:
        return {"key": item.key, "value": item.value.decode()}
    except UnicodeDecodeError:
        return {"key": item.key, "base64": base64.b64encode(item.value).decode()}


class Backup(NamedTuple):
    """What such a file has."""

    header: dict[str, Any]
    values: dict[str, bytes]

    @property
    def secrets(self) -> bool:
        """Whether it says what there is of them.  Older ones are of systems that had none."""
        return self.header.get("secrets") is True

    @property
    def lineage(self) -> Lineage | None:
        value = self.values.get(GENERATION)
        return lineage.decode(value) if value is not None else None


def read(source: Iterable[bytes]) -> Backup:
    """The whole file, checked.  Raises FileError."""
    entries = lines.Entries(source, FORMAT, VERSION)
    schema = entries.header.get("schema")
    if type(schema) is not int or schema > stored.SCHEMA:
        raise FileError(
            f"the backup has schema {schema!r:.20}, this version reads up to {stored.SCHEMA}: it "
            "is of a newer version; upgrade first"
        )
    values: dict[str, bytes] = {}
    for entry in entries:
        try:
            key = check_key(entry["key"])
            value = (entry["value"].encode() if "value" in entry
                     else base64.b64decode(entry["base64"], validate=True))
        except (KeyError, ValueError, AttributeError, TypeError) as error:
            raise FileError(f"line {entries.number} is no record of a store: {error}") from error
        if key in values or not key.startswith((CONFIG, STATUS, IDENTITY)):
            raise FileError(f"line {entries.number}: {key!r:.100} stands twice, or is none of ours")
        values[key] = value
    return Backup(entries.header, values)


class Restored(NamedTuple):
    written: int
    removed: int
    staged: bool


def restore(
    store: Store, found: Backup, over: bool, dry_run: bool, what: str,
    progress: Progress = lambda done, total: None,
) -> Restored:
    """Make the store what the backup says.  ``over``: also where it holds a configuration.

    Raises FileError where it does and may not; else as :func:`.writing.replace`.
    """
    there = {item.key: item for prefix in (CONFIG, STATUS, IDENTITY)
             for item in store.list(prefix)[0]}
    base = there.pop(GENERATION, None)
    if not over and (base is not None or any(key.startswith(CONFIG) for key in there)):
        raise FileError("the store holds a configuration; --replace puts the backup in its place")
    values = dict(found.values)
    final = values.pop(GENERATION, None)
    operations: list[Put | Delete] = [
        Put(key, value) for key, value in values.items()
        if key not in there or there[key].value != value
    ]
    gone = [key for key in there if key not in values and not of_sessions(key)
            and not key.startswith(IDENTITY_REVOCATIONS)
            and (found.secrets or not key.startswith(IDENTITY_SECRETS))]
    counts = len(operations) + (final is not None), len(gone)
    if dry_run:
        return Restored(*counts, False)
    operations += [Delete(key) for key in gone]
    return Restored(*counts, replace(store, base, operations, final, what, progress))
