"""Random transactions and watches: whoever replays a watch has what the store lists."""

from __future__ import annotations

import shutil
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ryu_apps.store.base import Compare, Conflict, Delete, Put, Store, StoreError
from tests.unit.store.store_support import Replica, cluster, open_store, until

KEYS = [f"/{group}/{number}" for group in "ab" for number in range(3)]
PREFIXES = ["/", "/a/", "/b/", "/a/1"]

keys = st.sampled_from(KEYS)
operation = st.one_of(
    st.builds(Put, keys, st.binary(max_size=3), st.booleans()),
    st.builds(Delete, keys),
)
operations = st.lists(operation, max_size=4, unique_by=lambda one: one.key)
step = st.one_of(
    # Compares: of the key's true revision, or of a wrong one.
    st.tuples(
        st.just("transact"), st.lists(st.tuples(keys, st.booleans()), max_size=2), operations
    ),
    st.tuples(st.just("watch"), st.sampled_from(PREFIXES)),
    st.tuples(st.just("past"), st.sampled_from(PREFIXES), st.integers(0, 20)),
    st.tuples(st.just("cancel"), st.integers(0, 5)),
    st.tuples(st.just("reopen")),
)
steps = st.lists(step, max_size=25)


class Model:
    """The store's contract in the fewest words: a dict, and the list of revisions that were."""

    def __init__(self, revision: int) -> None:
        self.data: dict[str, tuple[bytes, int]] = {}
        self.history: list[tuple[int, dict[str, bytes]]] = [(revision, {})]
        self.ephemeral: set[str] = set()

    def revision_of(self, key: str) -> int:
        return self.data[key][1] if key in self.data else 0

    def apply(self, operations: list, revision: int) -> None:
        for one in operations:
            self.ephemeral.discard(one.key)
            if isinstance(one, Put):
                if one.ephemeral:
                    self.ephemeral.add(one.key)
                self.data[one.key] = (one.value, revision)
            else:
                self.data.pop(one.key, None)
        now = {key: value for key, (value, _) in self.data.items()}
        self.history.append((revision, now))


class PastReplica(Replica):
    """Begins at a past revision, from what the model knows of it."""

    def __init__(self, store: Store, prefix: str, revision: int, data: dict[str, bytes]) -> None:
        self.prefix, self.revision = prefix, revision
        self.data = {key: value for key, value in data.items() if key.startswith(prefix)}
        self.batches, self.faults = [], []
        self._lock = threading.Lock()
        self.watch = store.watch(prefix, revision, self.apply)


def run(steps: list, reopen) -> None:
    store: Store = reopen(None)
    model = Model(store.list("/")[1])
    replicas: list[Replica] = []

    def settle() -> None:
        items, _ = store.list("/")
        assert {item.key: (item.value, item.revision) for item in items} == model.data
        for replica in replicas:
            below = [item for item in items if item.key.startswith(replica.prefix)]
            until(lambda r=replica, below=below: r.matches(below))
            assert not replica.faults

    for action, *arguments in steps:
        if action == "transact":
            truths, ops = arguments
            compares = [
                Compare(key, model.revision_of(key) + (0 if true else 1)) for key, true in truths
            ]
            before = store.list("/")[1]
            effective = [o for o in ops if isinstance(o, Put) or o.key in model.data]
            if all(true for _, true in truths):
                revision = store.transact(compares, ops)
                assert revision > before if effective else revision >= before
                if effective:
                    model.apply(ops, revision)
            else:
                with pytest.raises(Conflict):
                    store.transact(compares, ops)
        elif action == "watch":
            replicas.append(Replica(store, arguments[0]))
        elif action == "past":
            prefix, back = arguments
            revision, data = model.history[max(-len(model.history), -1 - back)]
            replicas.append(PastReplica(store, prefix, revision, data))
        elif action == "cancel":
            if replicas:
                replicas.pop(arguments[0] % len(replicas)).watch.cancel()
        else:
            settle()
            before, store = store, reopen(store)
            if store is not before:
                replicas.clear()
                gone = [Delete(key) for key in model.ephemeral]
                model.apply(gone, store.list("/")[1])
    settle()
    for replica in replicas:
        replica.watch.cancel()
    store.close()


@settings(max_examples=60, deadline=None)
@given(steps)
def test_memory(steps: list):
    run(steps, lambda store: store or open_store("memory"))


@settings(max_examples=60, deadline=None)
@given(steps)
def test_memory_with_a_log_shorter_than_the_consumers_need(steps: list):
    """Watches from a past that is gone are refused; all others stay exact."""
    store = open_store("memory", history=2)
    replicas = []
    for action, *arguments in steps:
        if action == "transact":
            store.transact([], arguments[1])
        elif action == "watch":
            replicas.append(Replica(store, arguments[0]))
        elif action == "past":
            revision = max(0, store.list("/")[1] - arguments[1])
            try:
                store.watch(arguments[0], revision, lambda batch: None)
            except StoreError:
                assert arguments[1] > 2
    for replica in replicas:
        until(lambda r=replica: r.equals(store))
        assert not replica.faults
    store.close()


@settings(max_examples=25, deadline=None)
@given(steps)
def test_sqlite(steps: list):
    directory = Path(tempfile.mkdtemp(prefix="st-replay-"))

    def reopen(store):
        if store is not None:
            store.close()
        return open_store("sqlite", path=str(directory / "config.db"))

    try:
        run(steps, reopen)
    finally:
        shutil.rmtree(directory)


@pytest.fixture(scope="module")
def etcd():
    with cluster() as one:
        yield one


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps)
def test_etcd(etcd, steps: list):
    place = tempfile.mktemp(prefix="/", dir="")

    def reopen(store):
        if store is not None:
            store.close()
        return open_store("etcd", endpoints=etcd.urls, prefix=f"/replay{place}")

    run(steps, reopen)
