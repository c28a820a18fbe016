"""Whatever the configuration: from any store through a file into any other it stays the same, an
import brings any store there, and a backup restores any."""

from __future__ import annotations

import itertools
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from ryu_apps.configuration.records import CONFIG, GENERATION, operation
from ryu_apps.configuration.transfer import backup, document, imports
from ryu_apps.control.config import lineage
from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import Change
from ryu_apps.store.base import Compare, Put, Store
from tests.property.configurations import made, steps
from tests.unit.store.store_support import cluster, open_store

BACKENDS = ("memory", "sqlite", "etcd")
WISHES = ({}, {"/status/pins/hv1": {"node": "n2"}}, {"/status/maintenance/n1": {"drain": True}})
number = itertools.count()


@pytest.fixture(scope="module")
def opening() -> Iterator:
    """Opens an empty store of a backend; all are closed in the end."""
    with cluster() as etcd, tempfile.TemporaryDirectory() as directory:

        def opened(backend: str) -> Store:
            place = f"{next(number)}"
            if backend == "sqlite":
                return open_store("sqlite", path=str(Path(directory) / f"{place}.db"))
            if backend == "etcd":
                return open_store(
                    "etcd", endpoints=etcd.urls, prefix=f"/p{place}", max_operations=16)
            return open_store("memory")

        yield opened


def fill(store: Store, config: Config, wishes: dict, seed: str) -> None:
    """As if a node had made it, in several changes."""
    changes = [
        operation(Change(kind, id, item)) for kind, table in config.tables.items()
        for id, item in table.items()
    ]
    changes += [Put(key, json.dumps(value).encode()) for key, value in wishes.items()]
    known, revision = lineage.first(seed), 0
    for start in range(0, max(1, len(changes)), 10):
        revision = store.transact(
            [Compare(GENERATION, revision)],
            [*changes[start:start + 10], Put(GENERATION, known.encode())])
        known = known.next(f"{seed}{start}")


def exported(store: Store) -> list[bytes]:
    there = imports.read_store(store)
    return list(document.export(
        ((kind, one) for kind, table in there.config.tables.items() for one in table.values()),
        there.wishes, there.lineage))


def entries(lines: list[bytes]) -> list[bytes]:
    """Without the header and the end, which name the time and the line."""
    return lines[1:-1]


@pytest.mark.parametrize("origin", BACKENDS)
@pytest.mark.parametrize("target", BACKENDS)
@settings(max_examples=8, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps, steps)
def test_round_trip(opening, origin: str, target: str, first: list, second: list):
    """Into a store that has another configuration already; and again, which changes nothing."""
    a, b = opening(origin), opening(target)
    try:
        fill(a, made(first), WISHES[len(first) % 3], "a")
        fill(b, made(second), WISHES[len(second) % 3], "b")
        lines = exported(a)
        found = document.read(lines)
        assert found.warnings == []
        before = exported(b)
        line = imports.read_store(b).lineage
        done = imports.Import(b, found)
        assert not done.written and entries(exported(b)) == entries(before)
        done.write("test")
        assert entries(exported(b)) == entries(lines)
        after = imports.read_store(b).lineage
        if done.written:
            # Every node that knew what was there follows, whatever is missing now.
            assert lineage.doubt(line, after, 99, (99, 0), 0) == ""
        again = imports.Import(b, document.read(lines))
        again.write("again")
        assert not again.written and not again.difference.operations

        saved = list(backup.backup(b, secrets=True))
        c = opening(origin)
        try:
            fill(c, made(first), {}, "c")
            backup.restore(c, backup.read(saved), True, False, "restoration")
            assert [(i.key, i.value) for i in c.list(CONFIG)[0]] == [
                (i.key, i.value) for i in b.list(CONFIG)[0]]
            assert list(backup.backup(c, secrets=True))[1:-1] == saved[1:-1]
        finally:
            c.close()
    finally:
        a.close()
        b.close()


@settings(max_examples=30, deadline=None)
@given(steps)
def test_a_file_that_was_damaged_is_refused(made_by: list):
    """A line that is missing, twice, changed, or cut: none is taken for the file."""
    store = open_store("memory")
    fill(store, made(made_by), WISHES[1], "a")
    lines = exported(store)
    store.close()
    for at in range(len(lines)):
        for damaged in (
            lines[:at] + lines[at + 1:], lines[:at] + lines[at:at + 1] * 2 + lines[at + 1:],
            lines[:at], [*lines[:at], lines[at][:-2]],
            [*lines[:at], lines[at].replace(b"e", b"f", 1), *lines[at + 1:]],
        ):
            if damaged == lines or damaged[:len(lines)] == lines:
                continue  # what follows the end is not read
            with pytest.raises(document.FileError):
                document.read(damaged)
