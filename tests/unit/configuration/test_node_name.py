"""Two nodes with one name: the second does not start while the first lives."""

from __future__ import annotations

import json
import threading

import pytest

from ryu_apps.node_name import NameTaken, wait_for_name
from ryu_apps.store.base import Delete, Put, Unavailable
from ryu_apps.store.memory import MemoryStore

KEY = "/status/nodes/one"
OWN = {"node": "one", "url": "http://198.51.100.1:9696", "host": "a"}


def stored(**other) -> MemoryStore:
    store = MemoryStore()
    store.transact([], [Put(KEY, json.dumps(OWN | other).encode())])
    return store


@pytest.mark.parametrize("other", [{"url": "http://198.51.100.2:9696"}, {"host": "b"}])
def test_a_twin_is_refused(other):
    with pytest.raises(NameTaken, match=r"\[node\] name of its own"):
        wait_for_name(stored(**other), KEY, OWN, 0.3)


def test_the_node_itself_goes_on_at_once():
    wait_for_name(stored(started_at="earlier"), KEY, OWN, 0)


def test_nobody_has_it():
    wait_for_name(MemoryStore(), KEY, OWN, 0)


@pytest.mark.parametrize("value", [b"", b"null", b"[]", b"{"])
def test_what_is_no_record_has_no_name(value):
    store = MemoryStore()
    store.transact([], [Put(KEY, value)])
    wait_for_name(store, KEY, OWN, 0)


def test_a_dead_nodes_lease_is_waited_for():
    store = stored(host="b")
    threading.Timer(0.3, store.transact, ([], [Delete(KEY)])).start()
    wait_for_name(store, KEY, OWN, 20)


def test_a_store_that_does_not_answer_is_not_waited_for(monkeypatch):
    def get(self, key):
        raise Unavailable("away")

    monkeypatch.setattr(MemoryStore, "get", get)
    wait_for_name(stored(host="b"), KEY, OWN, 20)
