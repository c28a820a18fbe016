"""Ephemeral keys of etcd: they go with their process, and outlive a lease that was lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from base64 import b64decode

from ryu_apps.store.base import Compare, Delete, Put
from tests.unit.store.etcd_cluster import Cluster
from tests.unit.store.store_support import Replica, opened, until


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
