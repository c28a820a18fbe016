"""What the store's tests share: the three backends, and a consumer that checks what it is told."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from oslo_config import cfg

import ryu_apps.store
from ryu_apps import settings
from ryu_apps.store.base import Batch, Item, Store
from tests.unit.store.etcd_cluster import Cluster, ram_directory


def open_store(backend: str, **options) -> Store:
    """A store by the options of ``[store]``, those that are not given with their defaults; what is
    none of them goes to its constructor."""
    conf = cfg.ConfigOpts()
    settings.register(conf)
    conf([], default_config_files=[], default_config_dirs=[])
    conf.set_override("backend", backend, "store")
    names = set(conf.store) & options.keys()
    for name in names:
        conf.set_override(name, options.pop(name), "store")
    return ryu_apps.store.open_store(conf.store, **options)


@contextmanager
def cluster(members: int = 1, options: tuple[str, ...] = ()) -> Iterator[Cluster]:
    with tempfile.TemporaryDirectory(dir=ram_directory(), prefix="st-etcd-") as directory:
        etcd = Cluster(Path(directory), members, options)
        try:
            yield etcd.start()
        finally:
            etcd.kill()


class Opener:
    """Opens stores of one backend.  ``place``: another place is another, empty database."""

    def __init__(self, backend: str, directory: Path, etcd: Cluster | None) -> None:
        self.backend = backend
        self._directory = directory
        self._etcd = etcd
        self._opened: list[Store] = []

    def __call__(self, place: str = "main", **options) -> Store:
        if self.backend == "sqlite":
            options["path"] = str(self._directory / f"{place}.db")
        elif self.backend == "etcd":
            assert self._etcd is not None
            options.setdefault("endpoints", self._etcd.urls)
            options["prefix"] = f"/{self._directory.name}/{place}"
        store = open_store(self.backend, **options)
        self._opened.append(store)
        return store

    def close(self) -> None:
        for store in self._opened:
            store.close()


@contextmanager
def opened(etcd: Cluster, order=(0, 1, 2), **options):
    options.setdefault("prefix", f"/t{time.monotonic_ns()}")
    urls = [etcd.urls[number] for number in order if number < len(etcd.urls)]
    store = open_store("etcd", endpoints=urls, **options)
    try:
        yield store
    finally:
        store.close()


def until(condition: Callable[[], object], seconds: float = 20) -> None:
    """Wait for what must happen; the limit only ends a test that failed."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)


class Replica:
    """A consumer: applies batches to what it listed, and insists on the watch's promises."""

    def __init__(self, store: Store, prefix: str = "/") -> None:
        self.prefix = prefix
        items, self.revision = store.list(prefix)
        self.data = {item.key: item.value for item in items}
        self.batches: list[Batch] = []
        self.faults: list[str] = []
        self._lock = threading.Lock()
        self.watch = store.watch(prefix, self.revision, self.apply)

    def apply(self, batch: Batch) -> None:
        with self._lock:
            if batch.revision <= self.revision and not batch.restarted:
                self.faults.append(f"revision {batch.revision} after {self.revision}")
            keys = [key for key, _ in batch.changes]
            if keys != sorted(set(keys)) or not (keys or batch.restarted):
                self.faults.append(f"keys {keys}")
            if any(not key.startswith(self.prefix) for key in keys):
                self.faults.append(f"keys {keys} below {self.prefix}")
            for key, value in batch.changes:
                if value is None:
                    if self.data.pop(key, None) is None:
                        self.faults.append(f"{key} deleted twice")
                else:
                    self.data[key] = value
            self.revision = batch.revision
            self.batches.append(batch)

    def equals(self, store: Store) -> bool:
        items, _ = store.list(self.prefix)
        return self.matches(items)

    def matches(self, items: list[Item]) -> bool:
        with self._lock:
            return self.data == {item.key: item.value for item in items}
