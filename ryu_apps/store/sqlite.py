"""The config database in one SQLite file: the embedded default, for a system of one node.

Write-ahead log with ``synchronous=FULL`` (https://www.sqlite.org/pragma.html#pragma_synchronous):
a transaction is on the disk when :meth:`~SqliteStore.transact` returns.  Reads come from memory.
The file belongs to one process at a time, which a lock on ``<file>.lock`` makes sure of.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from .base import Delete, Item, StoreError, Unavailable
from .local import LocalStore, Logged

LOG = logging.getLogger(__name__)

APPLICATION_ID = 0x564E4353
"""``PRAGMA application_id``: says to ``file`` and to us that the file is ours ("VNCS")."""


def _first_schema(db: sqlite3.Connection) -> None:
    db.execute(
        "CREATE TABLE item (key TEXT PRIMARY KEY, value BLOB NOT NULL, revision INTEGER NOT NULL,"
        " ephemeral INTEGER NOT NULL) WITHOUT ROWID"
    )
    db.execute(
        "CREATE TABLE change (revision INTEGER NOT NULL, key TEXT NOT NULL, value BLOB,"
        " before INTEGER NOT NULL, PRIMARY KEY (revision, key)) WITHOUT ROWID"
    )
    db.execute("CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL)")
    db.execute("INSERT INTO counter VALUES ('revision', 0), ('compacted', 0)")


UPGRADES: list[Callable[[sqlite3.Connection], None]] = [_first_schema]
"""``UPGRADES[n]`` makes schema n + 1 from n (``PRAGMA user_version``); 0 is an empty file."""


MIN_ROOM = 1024 * 1024
"""Bytes that the disk must have free again after it took a write no more."""
PROBE = (
    "INSERT INTO counter VALUES ('probe', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1"
)
"""A write that reaches the disk; one that leaves all values as they are does not."""
MEND = "put the file back, or restart the node to use the one that is there"


FULL = "make room on its disk; then it goes on by itself"
FAULTY = "see to its disk, and that it is not mounted read-only; then it goes on by itself"


def _advice(error: sqlite3.Error) -> str:
    """What is to be done so that writes succeed again."""
    return FULL if error.sqlite_errorcode == sqlite3.SQLITE_FULL else FAULTY


class SqliteStore(LocalStore):
    """``path``: the database file; it and its directory are made when absent.

    Raises StoreError when the file is in use by another process, is not ours, was written by a
    newer version, or cannot be read or written.
    """

    kind = "sqlite"

    def __init__(self, path: str | os.PathLike[str], history: int = 20_000) -> None:
        super().__init__(history)
        self._path = Path(path)
        self._broken = ""
        self._refused = ""
        """Why the last transaction was not written, or ""."""
        self._lock_file = self._lock()
        try:
            self._db = self._open()
            found = os.stat(self._path)
            self._identity = found.st_dev, found.st_ino
            self._load()
            self._written()
            self._drop_dead_session()
        except sqlite3.Error as error:
            self._release()
            raise StoreError(f"cannot open the database {self._path}: {error}") from error
        except BaseException:
            self._release()
            raise

    def _lock(self) -> int:
        name = f"{self._path}.lock"
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(f"cannot make {name}: {error.strerror}") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(file, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(file)
            raise StoreError(
                f"the database {self._path} is in use by process {holder}; one node, one file"
            ) from error
        os.ftruncate(file, 0)
        os.pwrite(file, b"%d\n" % os.getpid(), 0)
        return file

    def _open(self) -> sqlite3.Connection:
        if not self._path.exists():
            # Configuration is nobody else's to read.
            os.close(os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600))
        self._db = db = sqlite3.connect(
            self._path, isolation_level=None, check_same_thread=False, timeout=5
        )
        (version,) = db.execute("PRAGMA user_version").fetchone()
        (application,) = db.execute("PRAGMA application_id").fetchone()
        (objects,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if (objects or version) and application != APPLICATION_ID:
            raise StoreError(f"{self._path} is a database of something else")
        if version > len(UPGRADES):
            raise StoreError(
                f"{self._path} has schema {version}, this version knows up to {len(UPGRADES)}: "
                "it was written by a newer version"
            )
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        if version < len(UPGRADES):
            db.execute("BEGIN IMMEDIATE")
            for number in range(version, len(UPGRADES)):
                UPGRADES[number](db)
            db.execute(f"PRAGMA application_id={APPLICATION_ID}")
            db.execute(f"PRAGMA user_version={len(UPGRADES)}")
            db.execute("COMMIT")
            LOG.info("%s: schema %d made from %d", self._path, len(UPGRADES), version)
        return db

    def _load(self) -> None:
        db = self._db
        counters = dict(db.execute("SELECT name, value FROM counter"))
        self._revision, self._compacted = counters["revision"], counters["compacted"]
        for key, value, revision, ephemeral in db.execute("SELECT * FROM item"):
            self._data[key] = Item(key, value, revision)
            if ephemeral:
                self._ephemeral.add(key)
        log: list[list[Logged]] = [[] for _ in range(self._revision - self._compacted)]
        for revision, *change in db.execute("SELECT * FROM change ORDER BY revision, key"):
            log[revision - self._compacted - 1].append(Logged(*change))
        self._log = [tuple(changes) for changes in log]

    def _drop_dead_session(self) -> None:
        """The keys of the process before, which did not close."""
        self._commit((), [Delete(key) for key in self._ephemeral])

    def _foreign(self) -> str:
        """Why the file is not the one that this process works with any more, or "".

        Another file in its place gets none of the writes to the old one, which are lost with the
        process; another content makes a mixture of both.
        """
        try:
            there = os.stat(self._path)
        except OSError as error:
            return f"the database {self._path} is gone ({error.strerror})"
        if (there.st_dev, there.st_ino) != self._identity:
            return f"the database {self._path} was replaced by another file"
        stamp = there.st_mtime_ns, there.st_size
        if stamp != self._stamp:
            # Not through our connection: what it has read before it does not read again.
            try:
                with contextlib.closing(
                    sqlite3.connect(f"file:{quote(str(self._path))}?mode=ro", uri=True, timeout=1)
                ) as other:
                    found = dict(other.execute("SELECT key, revision FROM item"))
            except sqlite3.Error as error:
                return f"somebody else wrote the database {self._path}: {error}"
            if found != {item.key: item.revision for item in self._data.values()}:
                return f"somebody else wrote the database {self._path}: it has other records"
            self._stamp = stamp
        return ""

    def _written(self) -> None:
        """The file is as we left it now."""
        found = os.stat(self._path)
        self._stamp = found.st_mtime_ns, found.st_size

    def _persist(
        self, revision: int, changes: tuple[Logged, ...], ephemeral: frozenset[str]
    ) -> None:
        if self._broken:
            raise Unavailable(self._broken, definite=True)
        db = self._db
        foreign = self._foreign()
        if foreign:
            raise Unavailable(f"{foreign}; {MEND}", definite=True)
        try:
            db.execute("BEGIN IMMEDIATE")
            db.executemany(
                "INSERT OR REPLACE INTO item VALUES (?, ?, ?, ?)",
                [
                    (change.key, change.value, revision, change.key in ephemeral)
                    for change in changes
                    if change.value is not None
                ],
            )
            deleted = [(change.key,) for change in changes if change.value is None]
            if deleted:
                db.executemany("DELETE FROM item WHERE key = ?", deleted)
            db.executemany(
                "INSERT INTO change VALUES (?, ?, ?, ?)",
                [(revision, *change) for change in changes],
            )
            db.execute("UPDATE counter SET value = ? WHERE name = 'revision'", (revision,))
            db.execute("COMMIT")
            if self._refused and self._has_room():
                self._refused = ""
            self._written()
        except sqlite3.Error as error:
            self._after_failure(revision, error)
            self._written()
        except BaseException:  # a value that SQLite cannot take
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise

    def _after_failure(self, revision: int, error: sqlite3.Error) -> None:
        """Find out whether the failed transaction stands; returns if it does."""
        try:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            query = "SELECT value FROM counter WHERE name = 'revision'"
            (stored,) = self._db.execute(query).fetchone()
        except sqlite3.Error as worse:
            self._broken = (
                f"the database {self._path} failed ({error}; then {worse}); mend it and restart"
            )
            raise Unavailable(self._broken) from error
        if stored != revision:
            self._refused = f"the database {self._path} took no write: {error}; {_advice(error)}"
            raise Unavailable(self._refused, definite=True) from error
        LOG.warning("%s: revision %d stands despite %s", self._path, revision, error)

    def _forget(self, revision: int) -> None:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute("DELETE FROM change WHERE revision <= ?", (revision,))
            self._db.execute("UPDATE counter SET value = ? WHERE name = 'compacted'", (revision,))
            self._db.execute("COMMIT")
            self._written()
        except sqlite3.Error as error:
            # A longer log than needed does no harm; the next round deletes it.
            LOG.warning("%s: cannot shorten the change log: %s", self._path, error)
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def _release(self) -> None:
        db = self.__dict__.pop("_db", None)
        if db is not None:
            db.close()
        os.close(self._lock_file)

    def _has_room(self) -> bool:
        """Whether more than a small transaction fits on the disk."""
        disk = os.statvfs(self._path)
        return disk.f_bavail * disk.f_frsize >= MIN_ROOM

    def _fault(self) -> str:
        """Why a write would fail now, or ""."""
        if not self._write_lock.acquire(timeout=1):
            return f"a write to the database {self._path} has been under way for a second"
        try:
            if self._closed or self._broken:
                return self._broken
            foreign = self._foreign()
            if foreign:
                return f"{foreign}; {MEND}"
            if self._refused and self._has_room():
                try:
                    self._db.execute("BEGIN IMMEDIATE")
                    self._db.execute(PROBE)
                    self._db.execute("COMMIT")
                    self._refused = ""
                    self._written()
                except sqlite3.Error:
                    if self._db.in_transaction:
                        self._db.execute("ROLLBACK")
            return self._refused
        finally:
            self._write_lock.release()

    def status(self) -> dict:
        status = super().status()
        status["endpoints"] = [str(self._path)]
        error = self._fault() if status["ok"] else ""
        if error:
            status.update(ok=False, error=error)
        return status
