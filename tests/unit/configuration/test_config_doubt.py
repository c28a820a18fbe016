"""A store that was emptied, restored or exchanged does not empty the node's configuration.

Real stores; what the node holds is what the events that it posted add up to.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from ryu_apps.configuration.service import Configuration
from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import Change, Network, Port
from ryu_apps.control.messages import (
    ConfigAccepted,
    ConfigChanged,
    ConfigDoubted,
    ConfigLoaded,
    StatusChanged,
)
from ryu_apps.store.base import Delete, Put, Unavailable
from ryu_apps.store.memory import MemoryStore
from tests.unit.northbound.api_client import options
from tests.unit.store.etcd_cluster import Cluster
from tests.unit.store.store_support import cluster, open_store, until


class Node:
    """A configuration and what the control core would hold."""

    def __init__(self, store, state: Path | str = "") -> None:
        self.store = store
        self.state = str(state)
        self.events: list = []
        self.begin()

    def begin(self) -> Node:
        self.configuration = Configuration(
            self.store, self.events.append, options(), self.state
        )
        self.configuration.start()
        self.configuration.doubted(ConfigDoubted("", True))  # the hypervisors say nothing else
        return self

    def end(self) -> None:
        self.configuration.stop()
        self.events.clear()

    def add(self, *names: str) -> None:
        self.configuration.commit(lambda config: ([
            change for name in names for change in (
                Change("network", name, Network(name, 1000 + int(name[1:]), int(name[1:]))),
                Change("port", name, Port(name, name, f"02:00:00:00:00:{int(name[1:]):02x}")),
            )
        ], None))  # fmt: skip

    def remove(self, name: str) -> None:
        self.configuration.commit(
            lambda config: ([Change("port", name, None), Change("network", name, None)], None)
        )

    @property
    def held(self) -> set[str]:
        config = Config()
        for event in list(self.events):
            if isinstance(event, ConfigChanged):
                for change in event.changes:
                    config.apply(change)
        assert set(config.ports) == self.configuration.read(lambda own: set(own.ports))
        return set(config.ports)

    @property
    def loaded(self) -> bool:
        return any(isinstance(event, ConfigLoaded) for event in self.events)

    @property
    def status(self) -> dict:
        found: dict = {}
        for event in list(self.events):
            if isinstance(event, StatusChanged):
                found.update(event.changes)
        return {key: value for key, value in found.items() if value is not None}

    def doubts(self) -> str:
        until(lambda: self.configuration.doubt)
        return self.configuration.doubt

    def refuses(self) -> None:
        with pytest.raises(Unavailable, match="vnctl config") as caught:
            self.add("n99")
        assert caught.value.definite

    def trusts(self) -> None:
        until(lambda: not self.configuration.doubt)


@pytest.fixture
def nodes():
    made: list[Node] = []

    def begin(store, state: Path | str = "") -> Node:
        made.append(Node(store, state))
        return made[-1]

    yield begin
    for node in made:
        node.configuration.stop()


def everything(store, prefix: str = "/") -> list:
    return store.list(prefix)[0]


def wipe(store, prefix: str = "/config/") -> list:
    items = everything(store, prefix)
    store.transact([], [Delete(item.key) for item in items])
    return items


def fill(store, items) -> None:
    store.transact([], [Put(item.key, item.value) for item in items])


# ---------------------------------------------------------------- while it runs


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


# ---------------------------------------------------------------- status records


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


# ---------------------------------------------------------------- over a restart


def restarted(store, state: Path, change) -> Node:
    """A node that ran, ended, and starts on what ``change`` made of its store."""
    node = Node(store, state)
    node.add("n1")
    older = everything(store, "/config/")
    node.add("n2")
    node.end()
    change(store, older)
    return node.begin()


def test_a_restart_on_the_same_store(tmp_path):
    node = restarted(MemoryStore(), tmp_path / "state", lambda store, older: None)
    assert node.held == {"n1", "n2"} and not node.configuration.doubt
    assert [e.known for e in node.events if isinstance(e, ConfigLoaded)] == [True]
    node.end()


def test_a_restart_after_others_went_on(tmp_path):
    def others(store, older):
        other = Node(store)
        other.remove("n1"), other.remove("n2"), other.add("n3")
        other.end()

    node = restarted(MemoryStore(), tmp_path / "state", others)
    assert node.held == {"n3"} and not node.configuration.doubt
    node.end()


def test_a_restart_on_an_emptied_store(tmp_path):
    node = restarted(MemoryStore(), tmp_path / "state", lambda store, older: wipe(store))
    assert "holds no configuration" in node.configuration.doubt
    node.refuses()
    assert not node.loaded  # so nothing is deleted in the switches
    node.configuration.accept()
    until(lambda: node.loaded)
    node.add("n4")
    assert node.held == {"n4"}
    node.end()


def test_a_restart_on_an_older_copy_serves_what_it_has(tmp_path):
    def older(store, items):
        wipe(store)
        fill(store, items)

    node = restarted(MemoryStore(), tmp_path / "state", older)
    assert "older copy" in node.configuration.doubt
    assert node.held == {"n1"} and not node.loaded
    node.end()
    node.begin()  # and it is not forgotten by another restart
    assert "older copy" in node.configuration.doubt
    node.configuration.accept()
    until(lambda: node.loaded)
    node.end()
    node.begin()
    assert not node.configuration.doubt and node.held == {"n1"}
    node.end()


def test_a_restart_on_another_systems_store_uses_nothing_of_it(tmp_path):
    def exchanged(store, items):
        wipe(store)
        stranger = Node(store)
        stranger.add("n7")
        stranger.end()

    node = restarted(MemoryStore(), tmp_path / "state", exchanged)
    assert "another system" in node.configuration.doubt
    assert node.held == set() and not node.loaded
    node.configuration.accept()
    until(lambda: node.loaded and node.held == {"n7"})
    node.end()


def test_a_right_store_that_comes_back_after_the_start_heals(tmp_path):
    kept: list = []
    node = restarted(
        MemoryStore(), tmp_path / "state", lambda store, older: kept.extend(wipe(store))
    )
    node.doubt = node.doubts()
    fill(node.store, kept)
    until(lambda: node.loaded)
    assert node.held == {"n1", "n2"}
    node.add("n3")
    node.end()


def test_an_sqlite_file_that_is_lost_or_older(tmp_path):
    path, state = tmp_path / "config.db", tmp_path / "state"
    store = open_store("sqlite", path=str(path))
    node = Node(store, state)
    node.add("n1")
    node.end(), store.close()
    shutil.copy(path, tmp_path / "older")
    node.store = store = open_store("sqlite", path=str(path))
    node.begin().add("n2")
    node.end(), store.close()
    for source, text in ((tmp_path / "older", "older copy"), (None, "holds no configuration")):
        path.rename(tmp_path / "right") if not (tmp_path / "right").exists() else path.unlink()
        if source is not None:
            shutil.copy(source, path)
        node.store = store = open_store("sqlite", path=str(path))
        assert text in node.begin().configuration.doubt
        node.end(), store.close()
    path.unlink()
    (tmp_path / "right").rename(path)
    node.store = store = open_store("sqlite", path=str(path))
    assert not node.begin().configuration.doubt and node.held == {"n1", "n2"}
    node.end(), store.close()


def test_what_the_hypervisors_doubt_is_not_remembered(tmp_path):
    """Until the configuration is known to be theirs, the next start must not take it for known."""
    store, state = MemoryStore(), tmp_path / "state"
    node = Node(store, state)
    node.configuration.doubted(ConfigDoubted("10 ports are unknown", False))
    node.refuses()
    node.end()
    assert not state.exists()
    node.begin().add("n1")
    node.end()
    assert state.exists()


@pytest.mark.parametrize("text", ["", "{", "null", '{"lineage": 1}', "[]"])
def test_a_damaged_state_file_is_left_out(tmp_path, text, caplog):
    (tmp_path / "state").write_text(text)
    node = Node(MemoryStore(), tmp_path / "state")
    assert "left out" in caplog.text and not node.configuration.doubt
    node.add("n1")
    node.end()
    assert not node.begin().configuration.doubt
    node.end()


# ---------------------------------------------------------------- etcd


@pytest.fixture
def etcd():
    with cluster() as one:
        yield one


def lose(etcd: Cluster) -> None:
    etcd.kill()
    shutil.rmtree(etcd.directory / "m0")
    etcd.start()


def test_etcd_that_comes_back_empty(nodes, etcd, tmp_path):
    stores = [open_store("etcd", endpoints=etcd.urls, session_ttl=2) for _ in range(2)]
    one, two = (nodes(store) for store in stores)
    one.add("n1", "n2")
    one.configuration.put_status("/status/nodes/one", {"node": "one"}, ephemeral=True)
    until(lambda: two.held == {"n1", "n2"} and two.status)
    etcd.kill()
    shutil.copytree(etcd.directory / "m0", tmp_path / "right")
    etcd.start()
    lose(etcd)
    for node in (one, two):
        until(lambda node=node: "holds no configuration" in node.configuration.doubt)
        node.refuses()
        assert node.held == {"n1", "n2"} and node.status
    until(lambda: stores[1].get("/status/nodes/one"))
    etcd.kill()
    shutil.rmtree(etcd.directory / "m0")
    shutil.copytree(tmp_path / "right", etcd.directory / "m0")
    etcd.start()
    for node in (one, two):
        until(lambda node=node: not node.configuration.doubt, 40)
    two.add("n3")
    until(lambda: one.held == {"n1", "n2", "n3"})
    lose(etcd)
    one.doubts(), two.doubts()
    until(lambda: "holds no configuration" in one.configuration.doubt)
    one.configuration.accept()
    for node in (one, two):
        until(lambda node=node: node.held == set() and not node.configuration.doubt)
    one.add("n4")
    until(lambda: two.held == {"n4"})
    for store in stores:
        store.close()


def test_a_node_that_starts_while_etcd_is_away(nodes, etcd):
    """It waits, and refuses changes meanwhile."""
    store = open_store("etcd", endpoints=etcd.urls, timeout=0.5)
    other = nodes(store)
    other.add("n1")
    etcd.kill()
    node = nodes(open_store("etcd", endpoints=etcd.urls, timeout=0.5))
    assert "does not answer" in node.configuration.doubt and not node.loaded
    node.refuses()
    node.configuration.put_status("/status/nodes/one", {"node": "one"}, ephemeral=True)
    etcd.start()
    until(lambda: node.loaded, 40)
    node.trusts()
    assert node.held == {"n1"}
    until(lambda: _writes(node))
    until(lambda: other.held == {"n1", "n2"} and other.status)
    store.close(), node.store.close()


def test_etcd_restored_from_a_snapshot(nodes, etcd, tmp_path):
    """The same configuration in a new cluster is no doubt; an older one is."""
    store = open_store("etcd", endpoints=etcd.urls)
    node = nodes(store)

    def restore():
        etcd.kill()
        shutil.rmtree(etcd.directory / "m0")
        etcd.restore(tmp_path / "snapshot")
        etcd.start()

    node.add("n1")
    etcd.snapshot(tmp_path / "snapshot")
    restore()
    until(lambda: _writes(node))
    restore()
    until(lambda: "older copy" in node.configuration.doubt)
    assert node.held == {"n1", "n2"}
    node.configuration.accept()
    assert node.held == {"n1"}
    node.add("n3")
    store.close()


def _writes(node: Node) -> bool:
    try:
        node.add("n2")
    except Unavailable:
        return False
    return True
