"""Watches of an etcd that compacted its history, or was restored from an older one."""

from __future__ import annotations

import pytest

from ryu_apps.store.base import Batch, Delete, Put
from tests.unit.store.etcd_cluster import Cluster, free_ports
from tests.unit.store.store_support import Replica, cluster, opened, until


def test_compaction_while_the_watch_is_away(healed: Cluster):
    with opened(healed) as store:
        for key in ("/x", "/y", "/z"):
            store.transact([], [Put(key, b"0")])
        replica = Replica(store)
        fresh = store.list("/")[1]  # listed, and watched only after the compaction
        store.transact([], [Put("/x", b"1")])
        until(lambda: replica.batches)
        # The watch is held up by its own consumer, and its endpoint goes away meanwhile.
        with replica._lock:
            store.transact([], [Put("/y", b"2")])
            store.transact([], [Delete("/z")])
            store.transact([], [Put("/t", b"")])
            last = store.transact([], [Delete("/t"), Put("/x", b"3")])
            healed.kill(store.gateway.current)
            other = next(n for n in range(3) if healed.processes[n])
            until(lambda: _compacted(healed, last, other))
        until(lambda: replica.equals(store))
        assert not replica.faults
        late: list = []
        store.watch("/", fresh, late.append)
        until(lambda: late)
        assert late == [Batch(last, (("/x", b"3"), ("/y", b"2"), ("/z", None)))]
        store.transact([], [Put("/y", b"4")])
        until(lambda: len(late) == 2 and replica.equals(store))
        assert late[1].changes == (("/y", b"4"),) and not replica.faults


def _compacted(etcd: Cluster, revision: int, member: int) -> bool:
    try:
        etcd.call("/v3/kv/compaction", {"revision": str(revision), "physical": True}, member)
        return True
    except OSError:
        return False


def test_a_watch_from_a_past_that_nobody_remembers(healed: Cluster, caplog):
    with opened(healed) as store:
        old = store.transact([], [Put("/kept", b"0"), Put("/changed", b"0"), Put("/gone", b"0")])
        newest = store.transact([], [Put("/changed", b"1"), Put("/new", b"1")])
        last = store.transact([], [Delete("/gone")])
        healed.compact(last)
        got: list = []
        store.watch("/", old, got.append)
        until(lambda: got)
        assert got == [Batch(newest, (("/changed", b"1"), ("/new", b"1")))]
        assert "keys deleted between" in caplog.text


@pytest.mark.parametrize("overtake", [False, True])
def test_a_restored_cluster_is_noticed(overtake: bool):
    """The old data is gone; the new is either behind our revision or has overtaken it."""
    with cluster() as etcd, opened(etcd, prefix="/vnc", timeout=20) as store:
        for number in range(8):
            store.transact([], [Put(f"/k/{number}", b"old")])
        replica = Replica(store)
        store.transact([], [Put("/k/0", b"newer")])
        until(lambda: replica.batches)
        replica.revision = 0  # it may go back, now
        etcd.kill()
        etcd.wipe(0)
        hold = _port_holder(etcd) if overtake else None
        if hold:
            hold()
        etcd.start()
        store.transact([], [Put("/k/1", b"restored")])
        until(lambda: replica.equals(store))
        assert replica.data == {"/k/1": b"restored"} and not replica.faults
        store.transact([], [Put("/k/2", b"on")])
        until(lambda: replica.equals(store))


def _port_holder(etcd: Cluster):
    """Writes many revisions into the new cluster on other ports before clients can reach it."""

    def write() -> None:
        ports = free_ports(1)
        real, etcd.urls = etcd.urls, [f"http://127.0.0.1:{ports[0]}"]
        etcd.start()
        with opened(etcd, prefix="/else") as other:
            for number in range(60):
                other.transact([], [Put("/n", b"%d" % number)])
        etcd.kill()
        etcd.urls = real

    return write
