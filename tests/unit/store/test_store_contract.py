"""The contract of ``ryu_apps.store.base``, run against each backend; etcd is a real one."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from ryu_apps.store import BACKENDS
from ryu_apps.store.base import Compare, Conflict, Delete, Item, Put, Store, StoreError
from tests.unit.store.store_support import Opener, Replica, cluster, open_store, until


@pytest.fixture(scope="module")
def etcd():
    with cluster() as one:
        yield one


@pytest.fixture(params=BACKENDS)
def opener(request, tmp_path: Path):
    etcd = request.getfixturevalue("etcd") if request.param == "etcd" else None
    opener = Opener(request.param, tmp_path, etcd)
    yield opener
    opener.close()


@pytest.fixture
def store(opener: Opener) -> Store:
    return opener()


def put(store: Store, key: str, value: bytes = b"v", **options) -> int:
    return store.transact([], [Put(key, value, **options)])


def test_put_get_list_delete(store: Store):
    first = put(store, "/config/b", b"\x00\xff")
    second = put(store, "/config/a", b"")
    third = put(store, "/config0", b"not below /config/")
    assert first < second < third
    assert store.get("/config/b") == Item("/config/b", b"\x00\xff", first)
    assert store.get("/config/none") is None
    items, revision = store.list("/config/")
    assert items == [
        Item("/config/a", b"", second),
        Item("/config/b", b"\x00\xff", first),
    ]
    assert revision == third
    gone = store.transact([], [Delete("/config/b"), Delete("/config/none")])
    assert gone > third
    assert store.get("/config/b") is None
    assert [item.key for item in store.list("/")[0]] == ["/config/a", "/config0"]


def test_the_newest_below_a_prefix(store: Store):
    assert store.newest("/status/") == 0
    first = put(store, "/status/b")
    second = put(store, "/status/a")
    put(store, "/config/a")
    put(store, "/status0", b"not below /status/")
    assert store.newest("/status/") == second
    assert store.newest("/status/b") == first
    again = put(store, "/status/b", b"")
    assert store.newest("/status/") == again
    store.transact([], [Delete("/status/b")])
    assert store.newest("/status/") == second


def test_a_transaction_has_one_revision(store: Store):
    revision = store.transact([], [Put("/a", b"1"), Put("/b", b"2"), Delete("/c")])
    items, at = store.list("/")
    assert {item.revision for item in items} == {revision} and at == revision


def test_compares(store: Store):
    first = store.transact([Compare("/a", 0)], [Put("/a", b"1")])
    with pytest.raises(Conflict):
        store.transact([Compare("/a", 0)], [Put("/a", b"2"), Put("/b", b"2")])
    second = store.transact([Compare("/a", first), Compare("/b", 0)], [Put("/a", b"2")])
    with pytest.raises(Conflict):
        store.transact([Compare("/a", second), Compare("/b", 7)], [Delete("/a")])
    items, revision = store.list("/")
    assert items == [Item("/a", b"2", second)] and revision == second
    # The failures left nothing behind that stands in the way.
    assert store.transact([Compare("/a", second)], [Delete("/a")]) > second


def test_nothing_to_do_changes_nothing(store: Store):
    revision = put(store, "/a")
    assert store.transact([], []) == revision
    assert store.transact([Compare("/a", revision)], []) == revision
    with pytest.raises(Conflict):
        store.transact([Compare("/a", 0)], [])
    assert store.list("/")[1] == revision


def test_keys_are_ordered_by_code_point_and_may_be_any_text(store: Store):
    keys = ["/a", "/a/", "/a b", "/a\"\\%_", "/ü", "/€", "/\U0001f600", "/Z", "/a~"]
    store.transact([], [Put(key, key.encode()) for key in keys])
    items, _ = store.list("/")
    assert [item.key for item in items] == sorted(keys)
    assert all(item.value == item.key.encode() for item in items)
    assert [item.key for item in store.list("/a")[0]] == sorted(
        key for key in keys if key.startswith("/a")
    )


@pytest.mark.parametrize(
    "key", ["", "a", "/nul\0", None, b"/bytes", "/surrogate\ud800", "/long" + "g" * 4096]
)
def test_bad_keys_are_refused(store: Store, key):
    for action in (
        lambda: store.get(key),
        lambda: store.list(key),
        lambda: store.transact([], [Put(key, b"")]),
        lambda: store.transact([Compare(key, 0)], []),
        lambda: store.watch(key, 0, print),
    ):
        with pytest.raises(ValueError):
            action()


def test_bad_transactions_are_refused(store: Store):
    with pytest.raises(ValueError):
        store.transact([], [Put("/a", b"1"), Delete("/a")])
    with pytest.raises(ValueError):
        store.transact([], [Put("/a", "text")])
    assert store.list("/")[0] == []


def test_many_items_are_listed_whole(opener: Opener):
    store = opener()
    for start in range(0, 6000, 100):
        store.transact([], [Put(f"/k/{n:05}", b"%d" % n) for n in range(start, start + 100)])
    items, _ = store.list("/k/")
    assert [item.value for item in items] == [b"%d" % n for n in range(6000)]


def test_watch_delivers_whole_revisions_in_order(store: Store):
    replica = Replica(store, "/w/")
    expected = []
    for number in range(30):
        key = f"/w/{number % 4}"
        value = b"%d" % number
        revision = store.transact(
            [], [Put(key, value), Put(f"/other/{number}", b""), Put("/w/z", value)]
        )
        expected.append((revision, ((key, value), ("/w/z", value))))
        put(store, "/elsewhere")
    expected.append((store.transact([], [Delete("/w/0"), Delete("/w/9")]), (("/w/0", None),)))
    until(lambda: len(replica.batches) >= len(expected))
    assert [tuple(batch)[:2] for batch in replica.batches] == expected
    assert not replica.faults and replica.equals(store)


def test_watch_from_a_past_revision(store: Store):
    revisions = [put(store, "/a", b"%d" % number) for number in range(5)]
    got: list = []
    watch = store.watch("/a", revisions[1], got.append)
    until(lambda: len(got) == 3)
    revisions.append(put(store, "/a", b"5"))
    until(lambda: len(got) == 4)
    watch.cancel()
    assert [batch.revision for batch in got] == revisions[2:]
    assert [batch.changes for batch in got] == [(("/a", b"%d" % n),) for n in range(2, 6)]


def test_a_cancelled_watch_is_silent(store: Store):
    got: list = []
    watch = store.watch("/", store.list("/")[1], got.append)
    put(store, "/a")
    until(lambda: got)
    watch.cancel()
    watch.cancel()
    put(store, "/b")
    other = Replica(store)
    put(store, "/c")
    until(lambda: other.batches)
    assert len(got) == 1


def test_a_watch_can_be_cancelled_from_its_callback(store: Store):
    got: list = []
    watches: list = []
    ready = threading.Event()

    def on_batch(batch):
        ready.wait(20)
        got.append(batch)
        watches[0].cancel()

    watches.append(store.watch("/", store.list("/")[1], on_batch))
    ready.set()
    for number in range(5):
        put(store, f"/{number}")
    other = Replica(store)
    put(store, "/end")
    until(lambda: other.batches and got)
    assert len(got) == 1


def test_a_failing_consumer_gets_what_follows(store: Store, caplog):
    got: list = []

    def on_batch(batch):
        got.append(batch)
        if len(got) == 1:
            raise RuntimeError("a consumer's bug")

    store.watch("/", store.list("/")[1], on_batch)
    put(store, "/a")
    put(store, "/b")
    until(lambda: len(got) == 2)
    assert "a consumer's bug" in caplog.text


def test_concurrent_increments_lose_nothing(store: Store):
    put(store, "/counter", b"0")
    replica = Replica(store)
    threads, rounds = 8, 25
    faults: list = []

    def work() -> None:
        try:
            for _ in range(rounds):
                while True:
                    item = store.get("/counter")
                    try:
                        store.transact(
                            [Compare("/counter", item.revision)],
                            [Put("/counter", b"%d" % (int(item.value) + 1))],
                        )
                        break
                    except Conflict:
                        continue
        except Exception as error:  # the thread's boundary: the test must hear of it
            faults.append(error)

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not faults
    assert store.get("/counter").value == b"%d" % (threads * rounds)
    until(lambda: replica.equals(store))
    # Every value once and in order: neither a gap nor a repetition.
    values = [int(batch.changes[0][1]) for batch in replica.batches]
    assert values == list(range(1, threads * rounds + 1)) and not replica.faults


def test_ephemeral_keys_go_at_close_and_others_stay(opener: Opener):
    if opener.backend == "memory":
        pytest.skip("a closed memory store has nothing left to look at")
    store = opener()
    put(store, "/node", b"here", ephemeral=True)
    put(store, "/lasting", b"1", ephemeral=True)
    put(store, "/lasting", b"2")
    put(store, "/config")
    assert store.get("/node").value == b"here"
    store.close()
    again = opener()
    assert [item.key for item in again.list("/")[0]] == ["/config", "/lasting"]


def test_reopened_with_everything_in_its_place(opener: Opener):
    if opener.backend == "memory":
        pytest.skip("memory does not last")
    store = opener()
    first = put(store, "/a", b"1")
    put(store, "/b", b"2")
    store.transact([], [Delete("/a"), Put("/c", b"3")])
    items, revision = store.list("/")
    store.close()
    again = opener()
    assert again.list("/")[0] == items and again.list("/")[1] >= revision
    got: list = []
    again.watch("/", first, got.append)
    last = put(again, "/d", b"4")
    until(lambda: len(got) == 3)
    assert [batch.changes for batch in got] == [
        (("/b", b"2"),),
        (("/a", None), ("/c", b"3")),
        (("/d", b"4"),),
    ]
    assert got[-1].revision == last


def test_a_closed_store_says_so(store: Store):
    replica = Replica(store)
    store.close()
    store.close()
    assert not store.status()["ok"]
    for action in (
        lambda: store.get("/a"),
        lambda: store.list("/"),
        lambda: put(store, "/a"),
        lambda: store.watch("/", 0, print),
    ):
        with pytest.raises(StoreError):
            action()
    replica.watch.cancel()


def test_status(store: Store, opener: Opener):
    revision = put(store, "/a")
    status = store.status()
    assert status["kind"] == opener.backend and status["ok"] and not status["error"]
    assert status["revision"] == revision
    assert isinstance(status["endpoints"], list)


def test_an_unknown_backend_is_refused():
    with pytest.raises(ValueError, match="sqlite"):
        open_store("oracle")
