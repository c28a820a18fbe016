"""A store that was emptied, restored or exchanged does not empty the node's configuration.

Real stores; what the node holds is what the events that it posted add up to.
"""

from __future__ import annotations

import time

from ryu_apps.control.config.model import Change
from ryu_apps.control.messages import ConfigAccepted
from ryu_apps.store.base import Delete, Put
from ryu_apps.store.memory import MemoryStore
from tests.unit.configuration.doubt_support import Node, everything, fill, wipe
from tests.unit.store.store_support import until


def test_an_emptied_store_deletes_nothing_and_the_right_one_heals(nodes):
    store = MemoryStore()
    one, two = nodes(store), nodes(store)
    one.add("n1", "n2")
    until(lambda: two.held == {"n1", "n2"})
    items = wipe(store)
    for node in (one, two):
        assert "holds no configuration" in node.doubts()
        node.refuses()
        assert node.held == {"n1", "n2"}
    fill(store, items)
    for node in (one, two):
        node.trusts()
    two.add("n3")
    until(lambda: one.held == {"n1", "n2", "n3"})


def test_an_operator_accepts_for_all_nodes(nodes):
    store = MemoryStore()
    one, two = nodes(store), nodes(store)
    one.add("n1", "n2")
    until(lambda: two.held == {"n1", "n2"})
    wipe(store)
    one.doubts(), two.doubts()
    two.configuration.accept()
    for node in (one, two):
        node.trusts()
        until(lambda node=node: node.held == set())
    assert any(isinstance(event, ConfigAccepted) for event in one.events)
    one.add("n5")
    until(lambda: two.held == {"n5"})
    two.configuration.accept()  # nothing to accept
    assert two.held == {"n5"}


def test_an_older_copy(nodes):
    store = MemoryStore()
    node = nodes(store)
    node.add("n1")
    older = everything(store, "/config/")
    node.add("n2")
    node.remove("n1")
    wipe(store)
    node.doubts()
    fill(store, older)
    time.sleep(0.1)
    until(lambda: "older copy" in node.configuration.doubt)
    assert node.held == {"n2"}
    node.configuration.accept()
    assert node.held == {"n1"}
    node.add("n3")
    assert node.held == {"n1", "n3"}


def test_another_systems_configuration(nodes):
    mine, other = MemoryStore(), MemoryStore()
    node, stranger = nodes(mine), nodes(other)
    node.add("n1"), stranger.add("n7")
    mine.transact([], [
        Delete("/config/network/n1"), Delete("/config/port/n1"),
        *(Put(item.key, item.value) for item in everything(other, "/config/")),
    ])  # fmt: skip
    assert "another system" in node.doubts()
    assert node.held == {"n1"}
    node.refuses()


def test_ports_deleted_behind_the_nodes_back(nodes):
    store = MemoryStore()
    node = nodes(store)
    node.add(*(f"n{number}" for number in range(1, 11)))
    store.transact([], [Delete("/config/port/n1")])
    until(lambda: len(node.held) == 9)
    store.transact([], [Delete(f"/config/port/n{number}") for number in range(2, 8)])
    assert "6 of 9 ports are missing" in node.doubts()
    assert len(node.held) == 9
    node.configuration.accept()
    assert len(node.held) == 3


def test_a_node_that_deletes_much_is_no_doubt(nodes):
    store = MemoryStore()
    one, two = nodes(store), nodes(store)
    one.add(*(f"n{number}" for number in range(1, 9)))
    one.configuration.commit(lambda config: ([
        Change(kind, id, None) for kind in ("port", "network") for id in config.tables[kind]
    ], None))  # fmt: skip
    def has_followed() -> bool:
        lineage = two.configuration._copy.lineage
        return two.held == set() and lineage is not None and lineage.number == 2

    until(has_followed)
    assert not two.configuration.doubt


def test_a_node_of_an_older_version_goes_on_with_the_line(nodes, tmp_path):
    store = MemoryStore()
    node, away = nodes(store), Node(store, tmp_path / "state")
    node.add("n1")
    until(lambda: away.held == {"n1"})
    away.end()
    line = node.configuration.status()["line"]
    store.transact([], [Put("/config/generation", b"0f" * 16), Delete("/config/port/n1")])
    until(lambda: not node.held)
    node.add("n2")
    assert node.configuration.status()["line"] == line and not node.configuration.doubt
    away.begin()
    assert away.held == {"n2"} and not away.configuration.doubt
    away.end()


def test_a_bad_record_is_no_doubt_and_no_deletion(nodes):
    store = MemoryStore()
    node = nodes(store)
    node.add("n1")
    items = wipe(store)
    node.doubts()
    fill(store, [
        item._replace(value=b"{") if item.key == "/config/port/n1" else item for item in items
    ])  # fmt: skip
    node.trusts()
    assert node.held == {"n1"}


def test_status_records_of_an_emptied_store_stay_and_ones_own_are_written_again(nodes):
    store = MemoryStore()
    one, two = nodes(store), nodes(store)
    one.add("n1")
    one.configuration.put_status("/status/elements/hv1", {"owner": "one"})
    two.configuration.put_status("/status/elements/hv2", {"owner": "two"})
    store.transact([], [Put("/status/elements/hv3", b'{"owner": "dead"}')])
    for node in (one, two):
        until(lambda node=node: len(node.status) == 3)
    wipe(store, "/")
    one.doubts()
    until(lambda: {item.key for item in everything(store, "/status/")} >= {
        "/status/elements/hv1", "/status/elements/hv2"})  # fmt: skip
    for node in (one, two):
        assert len(node.status) == 3  # who is away has not gone
    one.configuration.put_status("/status/elements/hv1", None)
    until(lambda: "/status/elements/hv1" not in [
        item.key for item in everything(store, "/status/")])  # fmt: skip


def test_a_record_that_nobody_writes_again_goes_once_there_is_no_doubt(nodes):
    store = MemoryStore()
    node = nodes(store)
    node.add("n1")
    store.transact([], [Put("/status/elements/hv3", b'{"owner": "dead"}')])
    until(lambda: len(node.status) == 1)
    items = wipe(store, "/")
    node.doubts()
    status = node.configuration._status
    status.tick(time.monotonic() + 1)
    assert len(node.status) == 1
    fill(store, [item for item in items if item.key.startswith("/config/")])
    node.trusts()
    status.tick(time.monotonic() + 1)
    assert len(node.status) == 1
    status.tick(time.monotonic() + 1000)
    assert not node.status
