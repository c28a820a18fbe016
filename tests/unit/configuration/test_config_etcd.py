"""An etcd that comes back empty, late or from a snapshot does not empty a node's configuration."""

from __future__ import annotations

import shutil

import pytest

from ryu_apps.store.base import Unavailable
from tests.unit.configuration.doubt_support import Node
from tests.unit.store.etcd_cluster import Cluster
from tests.unit.store.store_support import cluster, open_store, until


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
