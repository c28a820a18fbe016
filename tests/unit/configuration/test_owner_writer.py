"""Owners of elements are written by compare-and-swap: on one store at most one proposal wins."""

from __future__ import annotations

import json
import time

import pytest

from ryu_apps.configuration.owner_writer import OwnerWriter
from ryu_apps.control.messages import AssignElement
from ryu_apps.control.ownership.records import NODES, OWNERS, OwnerRecord, read_owner
from ryu_apps.store.base import Put, Unavailable
from ryu_apps.store.memory import MemoryStore


class Store(MemoryStore):
    """``away``: it does not answer."""

    away = False

    def list(self, prefix):
        if self.away:
            raise Unavailable("away")
        return super().list(prefix)


@pytest.fixture
def store():
    """Of n1 and n2 it knows that they live."""
    one = Store()
    one.transact([], [Put(NODES + node, b"{}") for node in ("n1", "n2")])
    yield one
    one.close()


@pytest.fixture
def writer(store):
    one = OwnerWriter(store, 128)
    one.start()
    yield one
    one.stop()


def owner(store: MemoryStore, element: str) -> OwnerRecord | None:
    item = store.get(OWNERS + element)
    try:
        return read_owner(json.loads(item.value)) if item is not None else None
    except ValueError:
        return None


def until(condition, what: str) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, f"never came: {what}"
        time.sleep(0.01)


def test_the_first_of_two_proposals_wins(store, writer):
    other = OwnerWriter(store, 128)
    other.start()
    try:
        for number in range(200):
            for one, node in ((writer, "n1"), (other, "n2")):
                one.propose(AssignElement(f"hv{number}", None, node, 1, "first"))
        until(lambda: sum(sum(one.counts.values()) for one in (writer, other)) == 400, "all")
        assert writer.counts["written"] + other.counts["written"] == 200
        found = [owner(store, f"hv{number}").owner for number in range(200)]
        assert found.count("n1") == writer.counts["written"]
    finally:
        other.stop()


def test_each_change_has_a_higher_epoch_and_rests_on_what_there_was(store, writer):
    writer.propose(AssignElement("hv", None, "n1", 7, "first"))
    until(lambda: owner(store, "hv"), "the record")
    first = owner(store, "hv")
    assert (first.owner, first.epoch, first.why) == ("n1", 7, "first") and first.since
    writer.propose(AssignElement("hv", first._replace(epoch=6), "n2", 8, "from old data"))
    until(lambda: writer.counts["lost"] == 1, "the loss")
    assert owner(store, "hv") == first
    for number in range(20):
        store.transact([], [Put("/x", b"%d" % number)])
    writer.propose(AssignElement("hv", first, "n2", 8, "moved"))
    until(lambda: owner(store, "hv") != first, "the second")
    assert owner(store, "hv").owner == "n2" and owner(store, "hv").epoch >= 20


def test_what_cannot_be_read_counts_as_not_there(store, writer):
    for value in (b"garbage", b"[]", b'{"owner": 7, "epoch": 1}'):
        store.transact([], [Put(OWNERS + "hv", value)])
        lost = writer.counts["lost"]
        writer.propose(AssignElement("hv", None, "n1", 1, ""))
        until(lambda: owner(store, "hv"), "the record")
        assert writer.counts["lost"] == lost


def test_a_proposal_waits_for_the_store_while_it_is_wanted(store, writer):
    store.away = True
    writer.propose(AssignElement("kept", None, "n1", 1, ""))
    writer.propose(AssignElement("dropped", None, "n1", 1, ""))
    time.sleep(0.2)
    writer.propose(AssignElement("dropped", None, ""))
    store.away = False
    until(lambda: owner(store, "kept"), "the record")
    assert owner(store, "dropped") is None


def test_a_node_without_a_record_of_its_own_has_to_wait_for_that(store, writer):
    """Others take an owner without one for dead: they would take its elements from it."""
    heard = []
    watch = store.watch("/status/", store.list("/status/")[1],
                        lambda batch: heard.extend(key for key, _ in batch.changes))
    writer.propose(AssignElement("hv", None, "n3", 1, ""))
    writer.propose(AssignElement("other", None, "n1", 1, ""))
    until(lambda: owner(store, "other"), "the other's")
    assert owner(store, "hv") is None
    store.transact([], [Put(NODES + "n3", b"{}")])
    until(lambda: len(heard) == 3, "the record")
    watch.cancel()
    assert heard == [OWNERS + "other", NODES + "n3", OWNERS + "hv"]
    assert sum(writer.counts.values()) == 2
