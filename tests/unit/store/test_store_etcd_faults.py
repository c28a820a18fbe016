"""What becomes of watches, leases and writes while etcd is compacted, defragmented, full, or loses
the member that a watch is at, many times.

``VNC_WATCH_KILLS=100`` kills so many members under a watch instead of ten.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time

import pytest

from ryu_apps.store.base import Put, StoreError, Unavailable
from ryu_apps.store.etcd.store import EtcdStore
from tests.unit.store.etcd_cluster import Cluster
from tests.unit.store.etcd_writers import Writers
from tests.unit.store.numbered import Numbered
from tests.unit.store.store_support import Replica, cluster, opened, until

KILLS = int(os.environ.get("VNC_WATCH_KILLS", "10"))


@contextlib.contextmanager
def numbered(etcd: Cluster):
    """A writer and a watcher that are two clients, as two nodes are."""
    with opened(etcd) as writer, opened(etcd, prefix=writer.root) as watcher:
        one = Numbered(writer, watcher)
        try:
            one.wait()
            yield one, watcher
            one.finish()
        finally:
            one._ended.set()


def cut(store: EtcdStore) -> None:
    """End the connections of its watches."""
    for watch in list(store._watches):
        connection = watch._connection
        if connection is not None:
            connection.close()


def test_the_endpoint_of_a_watch_is_killed_many_times(healed: Cluster):
    with numbered(healed) as (changes, watcher):
        for _ in range(KILLS):
            member = next(iter(watcher._watches))._index
            healed.kill(member)
            changes.wait()
            healed.start(member)


def test_the_connection_of_a_watch_is_cut_a_hundred_times(healed: Cluster):
    with numbered(healed) as (changes, watcher):
        for _ in range(100):
            cut(watcher)
            changes.wait(1)


def test_a_hundred_compactions(healed: Cluster):
    """Up to the newest revision, every other time while the watch is away."""
    with numbered(healed) as (changes, watcher):
        for number in range(100):
            if number % 2:
                cut(watcher)
            healed.compact(watcher.list("/none")[1])
            changes.wait(1)


def test_defragmentation_under_writers_and_watches(healed: Cluster):
    with opened(healed) as store:
        replica = Replica(store)
        writers = Writers(store)
        for number in range(12):
            healed.call("/v3/maintenance/defragment", {}, number % 3)
            writers.progress(3)
        writers.finish()
        until(lambda: replica.equals(store))
        assert not replica.faults


def keeps_its_lease(etcd: Cluster, store: EtcdStore, watcher: EtcdStore, harm) -> None:
    """``harm`` is done, and for some TTLs nobody sees the ephemeral key go."""
    store.transact([], [Put("/node", b"1", ephemeral=True)])
    replica = Replica(watcher, "/node")
    harm()
    time.sleep(2 * store._session._ttl)
    assert store.get("/node") is not None
    assert replica.batches == [] and not replica.faults


@pytest.mark.parametrize("which", ["leader", "endpoint"])
def test_a_lease_outlives_a_member_that_hangs(healed: Cluster, which: str):
    leader = healed.leader()
    member = leader if which == "leader" else (leader + 1) % 3
    order = [member, *(n for n in range(3) if n != member)]
    with opened(healed, order, session_ttl=3) as store, (
        opened(healed, order[1:], prefix=store.root)
    ) as watcher:
        keeps_its_lease(
            healed, store, watcher, lambda: healed.signal(member, signal.SIGSTOP))


def test_a_lease_outlives_callers_that_wait(healed: Cluster):
    """All that other threads ask hangs; the renewal goes on at the members that answer."""
    leader = healed.leader()
    order = [(leader + 1) % 3, leader, (leader + 2) % 3]
    with opened(healed, order, session_ttl=3) as store, (
        opened(healed, order[1:], prefix=store.root)
    ) as watcher:
        ended = threading.Event()

        def ask() -> None:
            while not ended.is_set():
                store.gateway.current = 0
                with contextlib.suppress(StoreError):
                    store.get("/a")

        callers = [threading.Thread(target=ask) for _ in range(8)]

        def harm() -> None:
            healed.signal(order[0], signal.SIGSTOP)
            for caller in callers:
                caller.start()

        try:
            keeps_its_lease(healed, store, watcher, harm)
        finally:
            ended.set()
            for caller in callers:
                caller.join()


def test_many_records_of_a_lost_lease_are_put_again_and_it_stays(healed: Cluster):
    with opened(healed, session_ttl=3) as store:
        keys = [f"/reach/{number}" for number in range(600)]
        for start in range(0, 600, 100):
            store.transact([], [Put(key, b"1", ephemeral=True) for key in keys[start:start + 100]])
        healed.call("/v3/lease/revoke", {"ID": str(store._session.lease())})
        assert store.list("/reach/")[0] == []
        until(lambda: len(store.list("/reach/")[0]) == 600, 60)
        lease = store._session.lease()
        time.sleep(3)
        assert len(store.list("/reach/")[0]) == 600 and store._session.lease() == lease


def test_without_a_leader_it_is_known_that_nothing_was_done(healed: Cluster):
    """The last member says so, where one that is asked in vain could yet do it."""
    with opened(healed) as store:
        store.transact([], [Put("/a", b"1")])
        healed.kill(0, 1)
        until(lambda: _definite(store))
        assert not store.answers
        healed.start(0, 1)
        until(lambda: store.transact([], [Put("/a", b"3")]))
        assert store.answers


def _definite(store) -> bool:
    try:
        store.transact([], [Put("/a", b"2")])
    except Unavailable as error:
        return error.definite
    return False


def test_a_database_that_is_full_is_told_and_mended():
    """etcd's quota: reads and leases go on, and writes after compaction, defragmentation and the
    end of the alarm, without a restart of anything."""
    with cluster(3, ("--quota-backend-bytes=4194304",)) as etcd, (
        opened(etcd, session_ttl=3)
    ) as store:
        revision = store.transact([], [Put("/node", b"1", ephemeral=True), Put("/a", b"1")])
        replica = Replica(store)
        with pytest.raises(StoreError, match=r"database is full.*alarm disarm"):
            for _ in range(30):
                store.transact([], [Put("/big", os.urandom(500_000))])
        assert store.get("/a").value == b"1"
        assert "NOSPACE" in str(store.status()["endpoints"])
        time.sleep(4)
        assert store.get("/node").revision == revision  # it was renewed meanwhile
        etcd.compact(store.list("/none")[1])
        for member in range(3):
            etcd.call("/v3/maintenance/defragment", {}, member)
        etcd.etcdctl("alarm", "disarm")
        until(lambda: _writes(store))
        assert store.status()["ok"]
        until(lambda: replica.equals(store))
        assert not replica.faults


def _writes(store) -> bool:
    try:
        store.transact([], [Put("/a", b"2")])
    except StoreError:
        return False
    return True
