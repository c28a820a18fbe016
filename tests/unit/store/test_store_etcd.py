"""etcd that dies, pauses and loses answers, while transactions and watches go on.

Real members on loopback; three of them where one is killed.
"""

from __future__ import annotations

import signal
import socket
import threading
import time

import pytest

from ryu_apps.store.base import Compare, Conflict, Delete, Put, TooLarge, Unavailable
from tests.unit.store.etcd_cluster import Cluster, free_ports
from tests.unit.store.etcd_writers import Writers
from tests.unit.store.store_support import Replica, open_store, opened, until


@pytest.mark.parametrize("victim", ["leader", "follower"])
def test_kill_9_of_the_endpoint_under_writers_and_watches(healed: Cluster, victim: str):
    leader = healed.leader()
    order = [leader, *(n for n in range(3) if n != leader)]
    if victim == "follower":
        order = order[1:] + order[:1]
    with opened(healed, order) as store:
        replicas = [Replica(store), Replica(store, "/counter/1")]
        writers = Writers(store)
        writers.progress(20)
        healed.kill(order[0])
        writers.progress(20)
        writers.finish()
        # The repeated transactions know what became of their first attempt.
        assert writers.in_doubt == [0, 0, 0, 0]
        for replica in replicas:
            until(lambda r=replica: r.equals(store))
            assert not replica.faults
        values = [int(batch.changes[0][1]) for batch in replicas[1].batches]
        assert values == list(range(1, len(values) + 1))


def test_a_paused_endpoint_is_left(healed: Cluster):
    """It still accepts connections, so only silence tells."""
    follower = (healed.leader() + 1) % 3
    order = [follower, *(n for n in range(3) if n != follower)]
    with opened(healed, order) as store, opened(healed, order[1:], prefix=store.root) as other:
        replica = Replica(store)
        other.transact([], [Put("/a", b"1")])
        until(lambda: replica.equals(other))
        healed.signal(follower, signal.SIGSTOP)
        for number in range(10):
            other.transact([], [Put(f"/b/{number}", b"2")])
        until(lambda: replica.equals(other))
        assert not replica.faults and len(replica.batches) == 11
        store.transact([Compare("/c", 0)], [Put("/c", b"3")])


def test_without_a_majority_nothing_is_claimed(healed: Cluster):
    with opened(healed, timeout=1.5) as store:
        revision = store.transact([], [Put("/a", b"1")])
        replica = Replica(store)
        healed.kill(0, 1)
        with pytest.raises(Unavailable) as caught:
            store.transact([Compare("/a", revision)], [Put("/a", b"2")])
        assert not caught.value.definite  # the last member took it and may yet see it through
        with pytest.raises(Unavailable):
            store.get("/a")
        status = store.status()
        assert [entry["ok"] for entry in status["endpoints"][:2]] == [False, False]
        healed.start(0, 1)
        until(lambda: _works(store))
        assert store.get("/a").value in (b"1", b"2")
        until(lambda: replica.equals(store))
        assert not replica.faults


def _works(store) -> bool:
    try:
        store.get("/a")
        return True
    except Unavailable:
        return False


def test_all_dead_is_definite():
    (port,) = free_ports(1)
    store = open_store("etcd", endpoints=[f"http://127.0.0.1:{port}"], timeout=0.5)
    with pytest.raises(Unavailable) as caught:
        store.transact([], [Put("/a", b"1")])
    assert caught.value.definite and "majority" in str(caught.value)
    status = store.status()
    assert not status["ok"] and "refused" in status["error"]
    store.close()


def test_an_answer_that_is_lost_is_found_again(healed: Cluster):
    """A proxy carries transactions to etcd and cuts the connection instead of answering."""
    with _Cutter(healed.urls[0]) as cutter:
        endpoints = [cutter.url, healed.urls[1]]
        store = open_store("etcd", endpoints=endpoints, prefix=f"/cut{time.monotonic_ns()}")
        replica = Replica(store)
        revision = store.transact([Compare("/n", 0)], [Put("/n", b"0")])
        for number in range(1, 6):
            store.gateway.current = 0
            cutter.cut.set()
            revision = store.transact([Compare("/n", revision)], [Put("/n", b"%d" % number)])
            assert not cutter.cut.is_set(), "the proxy was not asked"
            assert store.get("/n").revision == revision
        with pytest.raises(Conflict):
            store.gateway.current = 0
            cutter.cut.set()
            store.transact([Compare("/n", revision - 1)], [Delete("/n")])
        until(lambda: replica.equals(store))
        assert [batch.changes[0][1] for batch in replica.batches] == [
            b"%d" % number for number in range(6)
        ]
        # As large as etcd allows there is no room for the marker that tells; so nothing is claimed.
        store.gateway.current = 0
        cutter.cut.set()
        with pytest.raises(Unavailable) as caught:
            store.transact([], [Put(f"/m/{number}", b"") for number in range(128)])
        assert not caught.value.definite and store.get("/m/0") is not None
        store.close()


class _Cutter:
    """A proxy that, once ``cut`` is set, lets one transaction through and swallows its answer."""

    def __init__(self, url: str) -> None:
        host, port = url.removeprefix("http://").split(":")
        self._target = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.cut = threading.Event()

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        server = socket.create_connection(self._target)
        cutting = False

        def back() -> None:
            try:
                while data := server.recv(65536):
                    if cutting:
                        break
                    client.sendall(data)
                client.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            client.close()
            server.close()

        threading.Thread(target=back, daemon=True).start()
        try:
            while data := client.recv(65536):
                if b"/v3/kv/txn" in data and self.cut.is_set():
                    cutting = True
                    self.cut.clear()
                server.sendall(data)
        except OSError:
            pass
        try:
            server.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def test_too_large_is_said_and_nothing_written(healed: Cluster):
    with opened(healed) as store:
        puts = [Put(f"/k/{number}", b"") for number in range(128)]
        for size in (126, 127, 128):
            revision = store.transact([], puts[:size])
            assert store.get(f"/k/{size - 1}").revision == revision
        with pytest.raises(TooLarge, match="max-txn-ops"):
            store.transact([], [*puts, Put("/one-more", b"")])
        with pytest.raises(TooLarge, match="too large"):
            store.transact([], [Put("/big", b"x" * 1_700_000)])
        with pytest.raises(TooLarge):
            store.transact([], [Put("/big", b"x" * 4_000_000)])
        assert store.get("/big") is None and store.get("/one-more") is None
    with opened(healed, max_operations=1000) as store:
        with pytest.raises(TooLarge, match="too many operations"):
            store.transact([], [*puts, Put("/one-more", b"")])
        assert store.list("/") == ([], store.list("/")[1])


def test_prefixes_do_not_see_each_other(healed: Cluster):
    name = f"/p{time.monotonic_ns()}"
    with opened(healed, prefix=name) as one, opened(healed, prefix=name + "2") as two:
        replica = Replica(one)
        two.transact([], [Put("/a", b"two")])
        one.transact([], [Put("/b", b"one")])
        until(lambda: replica.batches)
        assert replica.data == {"/b": b"one"}
        assert [item.key for item in two.list("/")[0]] == ["/a"]
