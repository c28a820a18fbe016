"""etcd that dies, pauses, forgets and is replaced, while transactions and watches go on.

Real members on loopback; three of them where one is killed.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from base64 import b64decode

import pytest

from ryu_apps.store.base import (
    Batch,
    Compare,
    Conflict,
    Delete,
    Put,
    TooLarge,
    Unavailable,
)
from tests.unit.store.etcd_cluster import Cluster, free_ports
from tests.unit.store.store_support import Replica, cluster, open_store, opened, until


@pytest.fixture(scope="module")
def trio():
    with cluster(3) as one:
        yield one


@pytest.fixture
def healed(trio: Cluster):
    """Three live members before and after a test."""
    yield trio
    dead = [number for number, process in enumerate(trio.processes) if process is None]
    for process in trio.processes:
        if process is not None:
            process.send_signal(signal.SIGCONT)
    if dead:
        trio.start(*dead)
    for number in range(3):
        trio.wait_ready(number)


class Writers:
    """Threads that increment counters with compare, and count what was acknowledged."""

    def __init__(self, store, count: int = 4) -> None:
        self.store = store
        self.acknowledged = [0] * count
        self.in_doubt = [0] * count
        self.faults: list[Exception] = []
        self._stop = threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(n,)) for n in range(count)]
        for thread in self.threads:
            thread.start()

    def _run(self, number: int) -> None:
        key = f"/counter/{number}"
        try:
            while not self._stop.is_set():
                item = self.store.get(key)
                value = int(item.value) + 1 if item else 1
                try:
                    self.store.transact(
                        [Compare(key, item.revision if item else 0)], [Put(key, b"%d" % value)]
                    )
                    self.acknowledged[number] += 1
                except Unavailable as error:
                    if not error.definite:
                        self.in_doubt[number] += 1
        except Exception as error:  # the thread's boundary: the test must hear of it
            self.faults.append(error)

    def progress(self, more: int) -> None:
        goal = [count + more for count in self.acknowledged]
        until(
            lambda: self.faults
            or all(a >= g for a, g in zip(self.acknowledged, goal, strict=True)),
            60,
        )
        assert not self.faults

    def finish(self) -> None:
        self._stop.set()
        for thread in self.threads:
            thread.join()
        assert not self.faults
        for number, count in enumerate(self.acknowledged):
            item = self.store.get(f"/counter/{number}")
            value = int(item.value) if item else 0
            # Nobody else writes the counter: each acknowledgement is one increment, and nothing
            # was done twice.
            assert count <= value <= count + self.in_doubt[number]


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


def test_ephemeral_keys_go_with_a_killed_process(healed: Cluster):
    with opened(healed) as store:
        child = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "import sys, time\n"
                "from tests.unit.store.store_support import open_store\n"
                "from ryu_apps.store.base import Put\n"
                "store = open_store('etcd', endpoints=sys.argv[2:], prefix=sys.argv[1],\n"
                "                   session_ttl=2)\n"
                "store.transact([], [Put('/node', b'1', ephemeral=True)])\n"
                "print('ready', flush=True)\n"
                "time.sleep(60)\n",
                store.root,
                *healed.urls,
            ],
            stdout=subprocess.PIPE,
        )
        try:
            assert child.stdout.readline() == b"ready\n"
            replica = Replica(store)
            time.sleep(3)  # longer than the lease: it is kept alive
            assert store.get("/node") is not None
            # A process that was stopped for too long puts its keys again.
            child.send_signal(signal.SIGSTOP)
            until(lambda: store.get("/node") is None)
            child.send_signal(signal.SIGCONT)
            until(lambda: store.get("/node") is not None)
            child.send_signal(signal.SIGKILL)
            until(lambda: store.get("/node") is None)
            until(lambda: len(replica.batches) == 3)
            assert [batch.changes[0][1] for batch in replica.batches] == [None, b"1", None]
            # Its markers went too.
            root = os.path.basename(store.root)
            assert not [key for key in _all_keys(healed) if f"{root}-writers" in key]
        finally:
            child.kill()
            child.communicate()


def _all_keys(etcd: Cluster) -> list[str]:
    answer = etcd.call("/v3/kv/range", {"key": "AA==", "range_end": "AA==", "keys_only": True})
    return [b64decode(kv["key"]).decode() for kv in answer.get("kvs", ())]


def test_a_lost_lease_is_replaced_and_writers_notice_nothing(healed: Cluster):
    with opened(healed, session_ttl=2) as store:
        store.transact([], [Put("/node", b"1", ephemeral=True), Put("/a", b"1")])
        store.transact([], [Put("/stolen", b"1", ephemeral=True)])
        lease = store._session.lease()
        healed.call("/v3/lease/revoke", {"ID": str(lease)})
        assert store.get("/node") is None
        with opened(healed, prefix=store.root) as other:
            other.transact([Compare("/stolen", 0)], [Put("/stolen", b"other's")])
        store.transact([], [Put("/a", b"2")])
        until(lambda: store.get("/node") is not None)
        assert store.get("/stolen").value == b"other's"
        assert store.get("/a").value == b"2"
        store.transact([], [Delete("/node")])
        healed.call("/v3/lease/revoke", {"ID": str(store._session.lease())})
        store.transact([], [Put("/a", b"3")])
        until(lambda: store._session._restored == store._session.lease())
        assert store.get("/node") is None  # it was deleted on purpose


def test_a_lease_that_was_lost_too_early_takes_no_key_with_it(healed: Cluster):
    """The session goes over to another lease while the old one still holds its keys."""
    with opened(healed, session_ttl=20) as store:
        revision = store.transact([], [Put("/node", b"1", ephemeral=True)])
        old = store._session.lease()
        store._session.lost(old)
        store.transact([], [Put("/a", b"1", ephemeral=True)])
        until(lambda: store.get("/node").revision > revision)
        healed.call("/v3/lease/revoke", {"ID": str(old)})
        assert store.get("/node").value == b"1"


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
