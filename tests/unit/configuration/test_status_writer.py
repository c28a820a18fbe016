"""The writer of status records goes on, whatever it is given and whatever the store says."""

from __future__ import annotations

import pytest

from ryu_apps.configuration.status_writer import MAX_RECORD, StatusWriter
from ryu_apps.store.base import TooLarge, Unavailable
from ryu_apps.store.memory import MemoryStore
from ryu_apps.store.sqlite import SqliteStore
from tests.unit.store.store_support import until


class Flaky(MemoryStore):
    """Raises what is in ``faults`` first; takes no more than ``most`` operations."""

    def __init__(self, *faults: Exception, most: int = 100):
        super().__init__()
        self.faults = list(faults)
        self.most = most

    def transact(self, compares, operations):
        if self.faults:
            raise self.faults.pop(0)
        if len(operations) > self.most:
            raise TooLarge("that many")
        return super().transact(compares, operations)


def written(store) -> set[str]:
    return {item.key for item in store.list("/status/")[0]}


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path):
    store = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "config.db")
    yield store
    store.close()


BAD = {
    "surrogate": ("/status/elements/\ud800", {}),
    "nul": ("/status/elements/a\0b", {}),
    "long": ("/status/elements/" + "a" * 5000, {}),
    "many bytes": ("/status/elements/" + "\N{SNOWMAN}" * 2000, {}),
    "large": ("/status/elements/large", {"hostname": "a" * MAX_RECORD}),
    "no JSON": ("/status/elements/json", {"hostname": b"hv1"}),
    "deleted": ("/status/elements/\udfff", None),
}


@pytest.mark.parametrize("bad", BAD)
def test_one_bad_record_is_left_out(store, bad, caplog):
    writer = StatusWriter(store, 100)
    writer.put("/status/elements/before", {"n": 1})
    writer.put(*BAD[bad])
    writer.put("/status/elements/after", {"n": 1})
    writer.start()
    until(lambda: len(written(store)) == 2)
    writer.put("/status/elements/later", {"n": 1})
    until(lambda: len(written(store)) == 3)
    assert writer.refused == 1 and "left out" in caplog.text
    writer.stop()


def test_odd_text_that_can_be_stored_is_stored(store):
    writer = StatusWriter(store, 100)
    writer.start()
    writer.put("/status/elements/a/b/../c%2f d", {"hostname": "\ud800\0"})
    until(lambda: written(store) == {"/status/elements/a/b/../c%2f d"})
    assert writer.refused == 0
    writer.stop()


@pytest.mark.parametrize("fault", [
    Unavailable("away"), KeyError("header"), TypeError("null"), RuntimeError("?"),
])  # fmt: skip
def test_what_waits_is_kept_whatever_the_store_raises(fault):
    store = Flaky(fault, fault)
    writer = StatusWriter(store, 100)
    writer.put("/status/nodes/one", {}, ephemeral=True)
    writer.start()
    until(lambda: written(store) == {"/status/nodes/one"})
    writer.put("/status/nodes/one", None)
    until(lambda: not written(store))
    assert writer.refused == 0
    writer.stop()


def test_what_is_too_large_together_is_written_one_by_one():
    store = Flaky(most=1)
    writer = StatusWriter(store, 100)
    for number in range(10):
        writer.put(f"/status/claims/port/{number}", {})
    writer.start()
    until(lambda: len(written(store)) == 10)
    assert writer.refused == 0
    writer.stop()


def test_what_is_too_large_alone_is_left_out():
    store = Flaky(most=0)
    writer = StatusWriter(store, 100)
    for number in range(3):
        writer.put(f"/status/claims/port/{number}", {})
    writer.start()
    until(lambda: writer.refused == 3)
    store.most = 1
    writer.put("/status/claims/port/after", {})
    until(lambda: written(store) == {"/status/claims/port/after"})
    writer.stop()
