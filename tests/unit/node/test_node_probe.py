"""A node is declared dead where its port is closed, and only there."""

from __future__ import annotations

import json
import socket
import threading
import time

import pytest

from ryu_apps.control.messages import ProbeNode
from ryu_apps.control.ownership.records import NODES
from ryu_apps.node_probe import NodeProbe, address_of, is_gone
from ryu_apps.store.base import Put
from ryu_apps.store.memory import MemoryStore


@pytest.mark.parametrize("url, local, address", [
    ("http://192.0.2.1:9696", False, ("192.0.2.1", 9696)),
    ("https://[2001:db8::1]:9696", False, ("2001:db8::1", 9696)),
    ("http://127.0.0.1:9696", False, None), ("http://127.0.0.1:9696", True, ("127.0.0.1", 9696)),
    ("http://0.0.0.0:9696", True, None), ("http://node1:9696", False, None),
    ("http://192.0.2.1:99999", False, None), ("garbage", True, None), ("", True, None),
])  # fmt: skip
def test_where_it_listens(url, local, address):
    assert address_of(url, local) == address


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


def probe(listener, url: str | None = None, **other: str) -> MemoryStore:
    """Look at a node once; the store afterwards."""
    store = MemoryStore()
    record = {"url": url or f"http://127.0.0.1:{listener.getsockname()[1]}", "host": "here",
              "started_at": "today"}
    store.transact([], [Put(NODES + "n2", json.dumps(record | other).encode())])
    look(store, record)
    return store


def look(store: MemoryStore, record: dict[str, str]) -> None:
    """One look of n1 at n2, whose record was ``record``."""
    one = NodeProbe(store, "n1", "here")
    one.probe(ProbeNode("n2", record))
    end = time.monotonic() + 20
    while one._probing:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_one_that_listens_is_alive(listener):
    assert not is_gone(listener.getsockname())
    assert probe(listener).get(NODES + "n2") is not None


def test_one_whose_port_is_closed_is_dead(listener):
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    listener.close()
    assert probe(listener, url).get(NODES + "n2") is None


def test_one_that_has_started_again_meanwhile_is_left(listener):
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    listener.close()
    assert probe(listener, url, started_at="tomorrow").get(NODES + "n2") is not None


@pytest.mark.parametrize("value", [b"", b"{", b"null", b"[]"])
def test_a_record_that_cannot_be_read_is_left(listener, value, caplog):
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    listener.close()
    store = MemoryStore()
    store.transact([], [Put(NODES + "n2", value)])
    look(store, {"url": url, "host": "here", "started_at": "today"})
    for thread in threading.enumerate():
        if thread.name == "probe-n2":
            thread.join(20)
    assert store.get(NODES + "n2").value == value
    assert not caplog.records
