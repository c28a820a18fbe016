"""vnctl config export, import, backup, restore: the configuration and the store as files.

A running node is asked, or with ``--config-file`` the store is opened that the file names.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from ryu_apps.cli.client import Client
from ryu_apps.cli.command import Result
from ryu_apps.cli.config.progress import Progress
from ryu_apps.cli.errors import CliError

SHOWN = 10
"""So many of what would be added, changed or removed are named, each."""
READ, TRY, WRITE = "read", "try", "write"
PATIENCE = 900
"""Seconds that a node may take to import."""

# The parts of the node are imported where they are used: the other commands need not wait for it.


@contextlib.contextmanager
def opened(file: str, use: str) -> Iterator[Any]:
    """The store that a node's configuration file names.  ``use``: READ, TRY, WRITE; to TRY,
    one that is not there is empty.  Raises CliError, also for what goes wrong meanwhile."""
    from oslo_config import cfg

    from ryu_apps import settings
    from ryu_apps.configuration.transfer.lines import FileError
    from ryu_apps.store import open_store
    from ryu_apps.store.base import StoreError

    conf = cfg.ConfigOpts()
    settings.register(conf)
    try:
        conf(["--config-file", file], project="vnc", default_config_files=[],
             default_config_dirs=[])
        backend = conf.store.backend
        if backend == "memory":
            raise CliError("a store in memory is in its node alone: ask that, without "
                           "--config-file")
        if backend == "sqlite" and use != WRITE and not os.path.exists(conf.store.path):
            if use == READ:
                raise CliError(f"there is no database {conf.store.path}; [store] path of {file}")
            conf.set_override("backend", "memory", "store")  # as empty as it would be
        store = open_store(conf.store)
    except (cfg.Error, ValueError) as error:
        raise CliError(f"{file}: {error}") from error
    except StoreError as error:
        hint = "; while a node runs, ask it: leave --config-file out" if "in use" in str(error) \
            else ""
        raise CliError(f"{error}{hint}") from error
    try:
        yield store
    except (StoreError, FileError) as error:
        raise CliError(str(error)) from error
    finally:
        store.close()


# ------------------------------------------------------------ to a file


def export(client: Client, options: Any) -> Result:
    return _save(client, options, "export")


def backup(client: Client, options: Any) -> Result:
    return _save(client, options, "backup")


def _save(client: Client, options: Any, what: str) -> Result:
    with Progress(f"{what} to {options.file}") as progress:
        if options.config_file:
            with opened(options.config_file, READ) as store:
                return _write(_of_store(store, what), options.file, what, progress)
        return _write(client.lines(f"/v1/configuration/{what}"), options.file, what, progress)


def _of_store(store: Any, what: str) -> Iterator[bytes]:
    from ryu_apps.configuration.transfer import backup, document, imports

    if what == "backup":
        return backup.backup(store, secrets=True)
    there = imports.read_store(store)
    resources = ((kind, one) for kind, table in there.config.tables.items()
                 for one in table.values())
    return document.export(resources, there.wishes, there.lineage)


def _write(lines: Iterable[bytes], name: str, what: str, progress: Progress) -> Result:
    """To the file, which appears when it is whole and was checked; "-": to the output."""
    if name == "-":
        for line in lines:
            sys.stdout.buffer.write(line)
        sys.stdout.flush()
        return Result(None, "")
    fresh = f"{name}.new"
    try:
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            for count, line in enumerate(lines):
                file.write(line)
                progress.text = f"{what} to {name}: {count:,} records"
            file.flush()
            os.fsync(file.fileno())
        header, entries = _checked(fresh, what)
        os.replace(fresh, name)
    except OSError as error:
        raise CliError(f"cannot write {name}: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            os.unlink(fresh)
    size = os.path.getsize(name)
    return Result(
        {"file": name, "entries": entries, "bytes": size, "line": header.get("line"),
         "changes": header.get("changes")},
        f"{name}: {entries:,} records, {size:,} bytes, schema {header['schema']}, after "
        f"{header['changes']} changes of line {header['line'] or '-'}",
    )


def _checked(name: str, what: str) -> tuple[dict[str, Any], int]:
    """Header and number of entries of a file that was written.  Raises CliError."""
    from ryu_apps.configuration.transfer import backup, document, lines

    form = backup if what == "backup" else document
    with open(name, "rb") as file, _reading(name):
        entries = lines.Entries(file, form.FORMAT, form.VERSION)
        return entries.header, sum(1 for _ in entries)


@contextlib.contextmanager
def _reading(name: str) -> Iterator[None]:
    from ryu_apps.configuration.transfer.lines import FileError

    try:
        yield
    except FileError as error:
        raise CliError(f"{name}: {error}") from error


@contextlib.contextmanager
def _input(name: str) -> Iterator[IO[bytes]]:
    """The file, or with "-" the input.  Raises CliError."""
    if name == "-":
        yield sys.stdin.buffer
        return
    try:
        file = open(name, "rb")  # noqa: SIM115 - closed below
    except OSError as error:
        raise CliError(f"cannot read {name}: {error.strerror}") from error
    with file:
        yield file


# ------------------------------------------------------------ from a file


def import_(client: Client, options: Any) -> Result:
    with _input(options.file) as file:
        source = file.read()
    label = Path(options.file).name
    with Progress(f"import of {label}") as progress:
        if options.config_file:
            answer = _import_into(options, source, label, progress)
        else:
            answer = _import_over(client, options, source)
    return Result(answer, _difference(answer, options))


def _import_into(options: Any, source: bytes, label: str, progress: Progress) -> dict[str, Any]:
    from ryu_apps.configuration.transfer import document, imports

    with _reading(options.file):
        found = document.read(source.splitlines(keepends=True))
    with opened(options.config_file, TRY if options.dry_run else WRITE) as store:
        made = imports.Import(store, found)
        if not options.dry_run:
            _consent(made.answer(), options)
            made.write(f"import of {label}", progress.count)
        return made.answer()


def _import_over(client: Client, options: Any, source: bytes) -> dict[str, Any]:
    path = "/v1/configuration/import"
    shown = client.send(f"{path}?dry_run=true", source, PATIENCE)
    if options.dry_run:
        return shown
    _consent(shown, options)
    return client.send(path, source, PATIENCE)


def _consent(shown: dict[str, Any], options: Any) -> None:
    removed = len(shown["removed"])
    if removed and not options.yes:
        raise CliError(
            f"nothing was changed: {removed} resources that the file lacks would be removed. Look "
            "at them with --dry-run, then give --yes"
        )


def _difference(answer: dict[str, Any], options: Any) -> str:
    lines = [f"warning: {text}" for text in answer["warnings"]]
    for name in ("added", "changed", "removed"):
        rows = answer[name]
        kinds: dict[str, int] = {}
        for row in rows:
            kinds[row["kind"]] = kinds.get(row["kind"], 0) + 1
        counts = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
        lines.append(f"{name}: {counts or 'nothing'}")
        lines += [f"  {row['kind']} {row['id']} {row['name']}".rstrip() for row in rows[:SHOWN]]
        if len(rows) > SHOWN:
            lines.append(f"  and {len(rows) - SHOWN} more (-o json shows all)")
    if options.dry_run:
        lines.append("nothing was written (--dry-run)")
    elif not answer["written"]:
        lines.append("nothing had to be written")
    else:
        lines.append("written in stages, and finished" if answer["staged"]
                     else "written in one transaction")
    return "\n".join(lines)


def restore(client: Client | None, options: Any) -> Result:
    from ryu_apps.configuration.transfer import backup

    with _input(options.file) as file, _reading(options.file):
        found = backup.read(file)
    label = f"restoration of {Path(options.file).name}"
    use = TRY if options.dry_run else WRITE
    with Progress(label) as progress, opened(options.config_file, use) as store:
        done = backup.restore(
            store, found, options.replace, options.dry_run, label, progress.count)
    made = found.lineage
    data = {**done._asdict(), "changes": made.number if made else 0, "dry_run": options.dry_run}
    verb = "would be" if options.dry_run else "were"
    return Result(data, "\n".join((
        f"{done.written:,} records {verb} written, {done.removed:,} removed",
        "nodes that know more changes than the backup has go on with what they have, until: vnctl "
        "config accept",
    )))
