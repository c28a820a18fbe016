"""What only the stores in one process have: a bounded log, a file, its lock and its schema."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ryu_apps.store import sqlite
from ryu_apps.store.base import Batch, Compare, Conflict, Delete, Put, StoreError, Unavailable
from ryu_apps.store.local import Logged
from ryu_apps.store.memory import MemoryStore
from ryu_apps.store.sqlite import SqliteStore
from tests.unit.store.store_support import Replica, open_store, until


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "made" / "config.db"


def test_the_log_is_bounded_and_says_where_it_begins(path: Path):
    for make in (lambda: MemoryStore(history=5), lambda: SqliteStore(path, history=5)):
        store = make()
        for number in range(40):
            store.transact([], [Put("/a", b"%d" % number)])
        with pytest.raises(StoreError, match="list again"):
            store.watch("/", 3, print)
        got: list = []
        store.watch("/", 36, got.append)
        until(lambda got=got: len(got) == 4)
        assert [batch.revision for batch in got] == [37, 38, 39, 40]
        store.close()
    with sqlite3.connect(path) as db:
        (count,) = db.execute("SELECT count(*) FROM change").fetchone()
    assert 5 <= count <= 10


def test_a_consumer_slower_than_the_log_gets_the_difference():
    store = MemoryStore(history=4)
    for key in ("/x", "/y", "/z"):
        store.transact([], [Put(key, b"0")])
    blocked, go_on = threading.Event(), threading.Event()
    got: list = []

    def on_batch(batch):
        got.append(batch)
        blocked.set()
        go_on.wait(20)

    store.watch("/", store.list("/")[1], on_batch)
    store.transact([], [Put("/first", b"1")])
    blocked.wait(20)
    store.transact([], [Delete("/x"), Delete("/first")])
    for number in range(30):
        store.transact([], [Put("/y", b"%d" % number), Put(f"/t{number}", b"")])
        store.transact([], [Delete(f"/t{number}")])
    last = store.list("/")[1]
    assert store.get("/y").revision == last - 1
    go_on.set()
    until(lambda: len(got) == 2)
    # Its revision is that of the newest value, one before the last delete.
    assert got[1:] == [Batch(last - 1, (("/first", None), ("/x", None), ("/y", b"29")))]
    store.close()


def test_a_slow_consumer_delays_nobody():
    store = MemoryStore()
    go_on = threading.Event()
    store.watch("/", 0, lambda batch: go_on.wait(20))
    replica = Replica(store)
    for number in range(10):
        store.transact([], [Put("/a", b"%d" % number)])
    until(lambda: len(replica.batches) == 10)
    go_on.set()
    store.close()


def test_ephemeral_keys_of_a_killed_process_go_at_the_next_start(path: Path):
    child = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time\n"
            "from tests.unit.store.store_support import open_store\n"
            "from ryu_apps.store.base import Put\n"
            "store = open_store('sqlite', path=sys.argv[1])\n"
            "store.transact([], [Put('/node', b'1', ephemeral=True), Put('/config', b'1')])\n"
            "print('ready', flush=True)\n"
            "time.sleep(60)\n",
            str(path),
        ],
        stdout=subprocess.PIPE,
    )
    assert child.stdout.readline() == b"ready\n"
    with pytest.raises(StoreError, match=f"in use by process {child.pid}"):
        SqliteStore(path)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    store = SqliteStore(path)
    assert [item.key for item in store.list("/")[0]] == ["/config"]
    got: list = []
    store.watch("/node", 0, got.append)
    until(lambda: len(got) == 2)
    assert got[-1].changes == (("/node", None),)
    store.close()


def test_a_write_that_was_acknowledged_survives_kill_9(path: Path):
    """A writer says each number after it was written, and is killed in the middle, four times."""
    script = (
        "import sys\n"
        "from tests.unit.store.store_support import open_store\n"
        "from ryu_apps.store.base import Put\n"
        "store = open_store('sqlite', path=sys.argv[1])\n"
        "number = int(sys.argv[2])\n"
        "while True:\n"
        "    store.transact([], [Put('/last', b'%d' % number), Put(f'/n/{number}', b'x' * 200)])\n"
        "    sys.stdout.write(f'{number}\\n'); sys.stdout.flush()\n"
        "    number += 1\n"
    )
    start = 0
    for _ in range(4):
        child = subprocess.Popen(
            [sys.executable, "-c", script, str(path), str(start)], stdout=subprocess.PIPE
        )
        lines = [child.stdout.readline() for _ in range(60)]
        child.send_signal(signal.SIGKILL)
        lines += child.communicate()[0].splitlines(keepends=True)
        acknowledged = max(int(line) for line in lines if line.endswith(b"\n"))
        store = SqliteStore(path)
        stored = int(store.get("/last").value)
        # One more may have been written and not said.
        assert stored in (acknowledged, acknowledged + 1)
        assert {item.key for item in store.list("/n/")[0]} == {
            f"/n/{number}" for number in range(stored + 1)
        }
        start = stored + 1
        store.close()


def test_the_file_is_private_and_has_the_promised_pragmas(path: Path):
    store = SqliteStore(path)
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert store._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert store._db.execute("PRAGMA synchronous").fetchone() == (2,)
    store.close()


def test_foreign_and_damaged_files_are_refused(tmp_path: Path):
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE somebody_elses (x)")
    with pytest.raises(StoreError, match="something else"):
        SqliteStore(other)
    text = tmp_path / "text.db"
    text.write_text("no database " * 100)
    with pytest.raises(StoreError, match="not a database"):
        SqliteStore(text)
    with pytest.raises(StoreError, match="cannot make"):
        SqliteStore(text / "below" / "a-file.db")
    # A refusal keeps no lock.
    text.unlink()
    SqliteStore(text).close()


def test_schema_upgrade(path: Path, monkeypatch):
    store = SqliteStore(path)
    store.transact([], [Put("/kept", b"1")])
    store.close()
    added = "CREATE TABLE added (x)"
    monkeypatch.setattr(sqlite, "UPGRADES", [*sqlite.UPGRADES, lambda db: db.execute(added)])
    store = SqliteStore(path)
    assert store.get("/kept").value == b"1"
    assert store._db.execute("PRAGMA user_version").fetchone() == (2,)
    assert store._db.execute("SELECT count(*) FROM added").fetchone() == (0,)
    store.close()
    monkeypatch.undo()
    with pytest.raises(StoreError, match="newer version"):
        SqliteStore(path)


def test_an_upgrade_that_fails_leaves_the_old_schema(path: Path, monkeypatch):
    SqliteStore(path).close()
    bad = lambda db: (db.execute("CREATE TABLE half (x)"), db.execute("nonsense"))  # noqa: E731
    monkeypatch.setattr(sqlite, "UPGRADES", [*sqlite.UPGRADES, bad])
    with pytest.raises(StoreError):
        SqliteStore(path)
    monkeypatch.undo()
    store = SqliteStore(path)
    query = "SELECT count(*) FROM sqlite_master WHERE name = 'half'"
    assert store._db.execute(query).fetchone() == (0,)
    store.close()


def test_a_full_disk_refuses_and_keeps_what_there_was(path: Path):
    store = SqliteStore(path)
    revision = store.transact([], [Put("/a", b"1")])
    replica = Replica(store)
    (pages,) = store._db.execute("PRAGMA page_count").fetchone()
    store._db.execute(f"PRAGMA max_page_count={pages + 2}")
    with pytest.raises(Unavailable) as caught:
        store.transact([], [Put("/big", b"x" * 100_000)])
    assert caught.value.definite and "full" in str(caught.value)
    assert store.list("/")[1] == revision and store.get("/big") is None
    store._db.execute("PRAGMA max_page_count=100000")
    store.transact([Compare("/a", revision)], [Put("/a", b"2")])
    with pytest.raises(Conflict):
        store.transact([Compare("/a", revision)], [Put("/a", b"3")])
    until(lambda: replica.equals(store))
    store.close()
    again = open_store("sqlite", path=str(path))
    assert again.get("/a").value == b"2" and again.get("/big") is None
    again.close()


def test_a_full_disk_is_told_until_there_is_room(path: Path, monkeypatch):
    store = SqliteStore(path)
    store.transact([], [Put("/a", b"1")])
    assert store.status()["ok"]
    (pages,) = store._db.execute("PRAGMA page_count").fetchone()
    store._db.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(Unavailable):
        store.transact([], [Put("/big", b"x" * 100_000)])
    store._db.execute("PRAGMA query_only=1")  # as a disk that takes not even one page
    status = store.status()
    assert not status["ok"] and "full" in status["error"]
    store._db.execute("PRAGMA query_only=0")
    monkeypatch.setattr(sqlite, "MIN_ROOM", 1 << 62)
    store.transact([], [Put("/a", b"2")])
    assert not store.status()["ok"], "a small write proves little"
    monkeypatch.undo()
    assert store.status()["ok"]
    store.close()


def replaced(path: Path, older: bytes) -> None:
    fresh = path.with_name("fresh")
    fresh.write_bytes(older)
    fresh.replace(path)


def overwritten(path: Path, older: bytes) -> None:
    path.write_bytes(older)


def removed(path: Path, older: bytes) -> None:
    path.unlink()


@pytest.mark.parametrize("exchange", [replaced, overwritten, removed])
def test_a_file_that_was_exchanged_takes_no_write(path: Path, exchange):
    """What is acknowledged would be gone with the process, or be mixed with the other content."""
    store = SqliteStore(path)
    for number in range(20):
        store.transact([], [Put("/a", b"%d" % number)])
    store.close()
    older = path.read_bytes()
    store = SqliteStore(path)
    for number in range(20, 40):
        store.transact([], [Put("/b", b"%d" % number)])
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    other.close()
    assert store.status()["ok"]  # reading it, or moving its log into it, is no exchange
    store.transact([], [Put("/c", b"1")])
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    other.close()
    exchange(path, older)
    with pytest.raises(Unavailable) as caught:
        store.transact([], [Put("/d", b"1")])
    assert caught.value.definite and "restart the node" in str(caught.value)
    status = store.status()
    assert not status["ok"] and str(path) in status["error"]
    assert store.get("/b").value == b"39"  # what it has it keeps
    store.close()


def test_a_file_that_is_put_back_is_used_again(path: Path):
    store = SqliteStore(path)
    store.transact([], [Put("/a", b"1")])
    away = path.with_name("away")
    path.rename(away)
    SqliteStore(path.with_name("else.db")).close()
    path.with_name("else.db").rename(path)
    assert not store.status()["ok"]
    away.replace(path)
    assert store.status()["ok"]
    store.transact([], [Put("/a", b"2")])
    store.close()


def test_a_value_that_cannot_be_written_leaves_the_store_usable(path: Path):
    store = SqliteStore(path)
    with pytest.raises(UnicodeEncodeError):
        store._persist(1, (Logged("/\ud800", b"1", 0),), frozenset())
    store.transact([], [Put("/a", b"1")])
    store.close()
