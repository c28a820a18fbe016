"""That all which the store had is known is said after it was told, and is said in any case."""

from __future__ import annotations

import threading

import pytest

from ryu_apps.configuration import catching_up
from ryu_apps.control.messages import CatchUp, CaughtUp, StatusChanged
from ryu_apps.store.base import Delete, Put, Unavailable
from ryu_apps.store.memory import MemoryStore
from tests.unit.store.store_support import open_store, until

OWNER = "/status/owners/hv1"


class Slow(MemoryStore):
    """``told``: while it is not set, no watch tells anything.  ``looks``: at the newest record."""

    def __init__(self) -> None:
        super().__init__()
        self.told = threading.Event()
        self.told.set()
        self.looks: list[int] = []
        self.silent = False

    def watch(self, prefix, revision, on_batch):
        def later(batch) -> None:
            self.told.wait()
            on_batch(batch)

        return super().watch(prefix, revision, later)

    def newest(self, prefix):
        if self.silent:
            raise Unavailable("cut off")
        found = super().newest(prefix)
        self.looks.append(found)
        return found


@pytest.fixture
def store():
    made = Slow()
    yield made
    made.told.set()
    made.close()


def ask(node, token: int) -> None:
    node.configuration.subscriptions()[CatchUp](CatchUp(token))


def answers(node) -> list[int]:
    return [event.token for event in list(node.events) if isinstance(event, CaughtUp)]


def told(node) -> list[str]:
    """What was told, in this order: the owners of hv1, and that this was all."""
    found = []
    for event in list(node.events):
        if isinstance(event, CaughtUp):
            found.append("all")
        elif isinstance(event, StatusChanged):
            found += [value["owner"] for key, value in event.changes if key == OWNER]
    return found


def test_it_is_said_after_what_the_store_had(nodes, store):
    node = nodes(store)
    store.told.clear()
    store.transact([], [Put(OWNER, b'{"owner": "n2"}')])
    store.transact([], [Put("/config/else", b"x"), Put("/status/claims/p/hv1", b"1")])
    store.transact([], [Delete("/status/claims/p/hv1")])
    ask(node, 1)
    until(lambda: store.looks)
    assert told(node) == []
    store.told.set()
    until(lambda: answers(node))
    assert told(node) == ["n2", "all"]


def test_a_store_where_nothing_changed_is_known_at_once(nodes, store):
    node = nodes(store)
    for token in (1, 2):
        ask(node, token)
        until(lambda token=token: answers(node)[-1:] == [token])


def test_one_look_serves_all_that_asked_before_it(nodes, store):
    node = nodes(store)
    store.told.clear()
    store.transact([], [Put(OWNER, b'{"owner": "n2"}')])
    ask(node, 1)
    until(lambda: store.looks)
    for token in (2, 3, 4):
        ask(node, token)
    store.told.set()
    until(lambda: answers(node)[-1:] == [4])
    assert answers(node) == [1, 4] and len(store.looks) == 2


def test_a_store_that_does_not_answer_holds_nobody_up(nodes, store, caplog):
    node = nodes(store)
    store.silent = True
    ask(node, 1)
    until(lambda: answers(node) == [1])
    assert "without a look at the store: cut off" in caplog.text


def test_nor_does_an_etcd_that_was_never_there(nodes):
    store = open_store("etcd", endpoints=["http://127.0.0.1:1"])
    node = nodes(store)
    ask(node, 1)
    until(lambda: answers(node) == [1])
    assert not any(isinstance(event, StatusChanged) for event in node.events)
    store.close()


def test_a_watch_that_stays_behind_holds_nobody_up_for_long(nodes, store, monkeypatch, caplog):
    monkeypatch.setattr(catching_up, "PATIENCE", 0.1)
    node = nodes(store)
    store.told.clear()
    store.transact([], [Put(OWNER, b'{"owner": "n2"}')])
    ask(node, 1)
    until(lambda: answers(node) == [1])
    assert "the watch of the store is behind" in caplog.text


def test_the_end_waits_for_no_watch(nodes, store):
    node = nodes(store)
    store.told.clear()
    store.transact([], [Put(OWNER, b'{"owner": "n2"}')])
    ask(node, 1)
    until(lambda: store.looks)
    ended = threading.Thread(target=node.configuration._catching_up.stop)
    ended.start()
    ended.join(catching_up.PATIENCE - 1)
    assert not ended.is_alive()
