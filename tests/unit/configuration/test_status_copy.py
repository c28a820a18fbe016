"""When deletions of records are passed on."""

from __future__ import annotations

import pytest

from ryu_apps.configuration.status_copy import GRACE, SETTLE, StatusCopy
from ryu_apps.configuration.status_writer import StatusWriter
from ryu_apps.store.base import Batch
from ryu_apps.store.memory import MemoryStore


@pytest.fixture
def events():
    return []


@pytest.fixture
def copy(events):
    store = MemoryStore()
    writer = StatusWriter(store, 128)
    writer.put("/status/nodes/own", {"node": "own"}, ephemeral=True)
    yield StatusCopy(events.append, writer, lambda: False)
    store.close()


def gone(*keys: str, restarted: bool = False) -> Batch:
    return Batch(7, tuple((key, None) for key in keys), restarted)


def test_the_whole_is_told_also_where_there_is_nothing(copy, events):
    copy.loaded([], 1)
    assert events[0].whole and events[0].changes == ()


@pytest.mark.parametrize("key", ["/status/nodes/other", "/status/reach/other/hv1"])
def test_that_a_node_is_gone_is_told_at_once(copy, events, key):
    copy.changed(gone(key), 0.0)
    assert [event.changes for event in events] == [((key, None),)]


def test_other_deletions_settle_first(copy, events):
    copy.changed(gone("/status/owners/hv1"), 0.0)
    copy.tick(SETTLE - 0.1)
    assert not events
    copy.tick(SETTLE)
    assert [event.changes for event in events] == [(("/status/owners/hv1", None),)]


@pytest.mark.parametrize("batch", [
    gone("/status/nodes/other", restarted=True),
    gone("/status/nodes/other", "/status/nodes/own"),
], ids=["another history", "with this node's own"])
def test_an_emptied_store_says_nothing_of_nodes(copy, events, batch):
    copy.changed(batch, 0.0)
    copy.tick(GRACE - 1)
    assert not events
