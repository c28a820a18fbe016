"""The configuration as a file that people can read: resources in their stored form, and what
operators wish of nodes and hypervisors."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterable, Iterator
from typing import Any

from ryu_apps import __version__
from ryu_apps.configuration.records import (
    IDENTITY,
    IDENTITY_GENERATION,
    IDENTITY_REVOCATIONS,
    IDENTITY_SECRETS,
    WISHES,
)
from ryu_apps.configuration.transfer import lines
from ryu_apps.configuration.transfer.lines import FileError
from ryu_apps.control.config import consistency, stored
from ryu_apps.control.config.config import Config
from ryu_apps.control.config.lineage import Lineage
from ryu_apps.control.config.model import KINDS, Change, Resource

FORMAT, VERSION = "vnc-configuration", 1
MAX_FAULTS = 20
"""So many are told."""

Wishes = dict[str, Any]
"""Key of a record below one of WISHES or IDENTITY -> the record."""


def export(
    resources: Iterable[tuple[str, Resource]], wishes: Wishes, lineage: Lineage | None
) -> Iterator[bytes]:
    """The lines of the file: resources by kind and id, so that two files can be compared."""
    header = {
        "format": FORMAT, "version": VERSION, "schema": stored.SCHEMA, "program": __version__,
        "made_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "line": lineage.line if lineage else "", "changes": lineage.number if lineage else 0,
    }
    order = {name: number for number, name in enumerate(KINDS)}
    ordered = sorted(resources, key=lambda one: (order[one[0]], one[1].id))
    return lines.write(header, _entries(ordered, wishes))


def _entries(
    resources: Iterable[tuple[str, Resource]], wishes: Wishes
) -> Iterator[dict[str, Any]]:
    for kind, resource in resources:
        yield {"kind": kind, **stored.plain(resource)}
    for key in sorted(wishes):
        yield {"record": key, "value": wishes[key]}


@dataclasses.dataclass
class Document:
    """What such a file has.  ``warnings``: for who reads it in."""

    header: dict[str, Any]
    config: Config = dataclasses.field(default_factory=Config)
    wishes: Wishes = dataclasses.field(default_factory=dict)
    warnings: list[str] = dataclasses.field(default_factory=list)


def read(source: Iterable[bytes]) -> Document:
    """The whole file, checked: form, digest, schema, and that the configuration is consistent.

    An older schema is brought up to date.  Raises FileError.
    """
    entries = lines.Entries(source, FORMAT, VERSION)
    document = Document(entries.header)
    schema = entries.header.get("schema")
    if type(schema) is not int or schema > stored.SCHEMA:
        raise FileError(
            f"the file has schema {schema!r:.20}, this version reads up to {stored.SCHEMA}: it is "
            "of a newer version; upgrade first"
        )
    upgraded, left_out = 0, set()
    for entry in entries:
        if "record" in entry:
            _take_wish(document, entry, entries.number)
            continue
        kind = entry.pop("kind", None)
        if not isinstance(kind, str) or kind not in KINDS:
            raise FileError(f"line {entries.number}: this version knows no kind {kind!r:.60}")
        its = entry.get("schema")
        upgraded += type(its) is int and its < KINDS[kind].resource.schema
        left_out |= {f"{kind} {name}" for name in stored.unknown_fields(kind, entry)}
        try:
            resource = stored.read(kind, entry)
        except stored.ModelError as error:
            raise FileError(f"line {entries.number}: {error}") from error
        if type(resource.id) is not str or not resource.id or "/" in resource.id:
            raise FileError(f"line {entries.number}: {resource.id!r:.60} is no id")
        if resource.id in document.config.tables[kind]:
            raise FileError(f"line {entries.number}: {kind} {resource.id} stands twice in the file")
        try:
            document.config.apply(Change(kind, resource.id, resource))
        except (TypeError, ValueError, AttributeError) as error:
            raise FileError(f"line {entries.number}: {kind} {resource.id} has a value of the "
                            f"wrong form: {error}") from error
    if schema < stored.SCHEMA or upgraded:
        document.warnings.append(
            f"the file is of an older version (schema {schema}); {upgraded} resources are brought "
            f"up to schema {stored.SCHEMA}"
        )
    if left_out:
        document.warnings.append(
            f"left out, as this version does not know it: {', '.join(sorted(left_out))}")
    _check(document.config)
    return document


def is_record(key: str) -> bool:
    """Whether it is the key of a record that stands in such a file beside the resources."""
    if key.startswith(IDENTITY):
        return key != IDENTITY_GENERATION and not key.startswith(
            (IDENTITY_SECRETS, IDENTITY_REVOCATIONS))
    return key.startswith(WISHES)


def _take_wish(document: Document, entry: dict[str, Any], number: int) -> None:
    key = entry["record"]
    if type(key) is not str or not is_record(key) or key in document.wishes:
        raise FileError(f"line {number}: {key!r:.100} is no record that a configuration has, or "
                        "stands twice")
    document.wishes[key] = entry.get("value")


def _check(config: Config) -> None:
    found = []
    for fault in consistency.faults(config):
        found.append(fault)
        if len(found) > MAX_FAULTS:
            found[-1] = "and more"
            break
    if found:
        raise FileError("the configuration in the file is not consistent, and nothing was changed:"
                        + "".join(f"\n  {fault}" for fault in found))
