"""A node starts on what became of its store, or on another one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ryu_apps.control.messages import ConfigDoubted, ConfigLoaded
from ryu_apps.store.memory import MemoryStore
from tests.unit.configuration.doubt_support import Node, everything, fill, wipe
from tests.unit.store.store_support import open_store, until


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
