"""How the API's places, memory and workers are shared between sources."""

from __future__ import annotations

import logging
import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ryu_apps.connections.source import source_of
from ryu_apps.northbound.serving.clients import LOG_EVERY, Clients, Turned
from ryu_apps.northbound.serving.connection import HttpConnection
from ryu_apps.northbound.serving.pool import WorkerPool


@pytest.mark.parametrize("address,source", [
    ("192.0.2.1", "192.0.2.1"), ("::ffff:192.0.2.1", "192.0.2.1"),
    ("2001:db8::1", "2001:db8::/64"), ("2001:db8:0:0:ffff::9", "2001:db8::/64"),
    ("fe80::1%eth0", "fe80::/64"), ("", ""),
])
def test_whom_a_client_counts_for(address, source):
    assert source_of(address) == source


class Sized(HttpConnection):
    size = 0


def connection(source, size=0, busy=False):
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    theirs.close()
    ours.close()
    made = Sized.__new__(Sized)
    made.source, made.size, made.busy, made.state = source, size, busy, None
    return made


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9), st.booleans()), max_size=20))
def test_what_must_go_is_of_the_source_with_the_most(found):
    clients = Clients(100, 5)
    made = [connection(*one) for one in found]
    for one in made:
        clients.add(one)
        clients.weigh(one)
    counts = {source: sum(one.source == source for one in made) for source in "abc"}
    crowded = clients.crowded()
    if crowded is not None:
        assert not crowded.busy and counts[crowded.source] == max(counts.values())
    total = sum(one.size for one in made)
    heavy = clients.heavy()
    assert bool(heavy) == (total > 5)
    sizes = [sum(one.size for one in made if one.source == source) for source, _ in heavy]
    assert sizes == sorted(sizes, reverse=True)
    for source, largest in heavy:
        loose = [one.size for one in made if one.source == source and not one.busy and one.size]
        assert (largest.size if largest else 0) == max(loose, default=0)
    for one in made:
        clients.remove(one)
        clients.remove(one)
    assert len(clients) == 0 and clients.crowded() is None and clients.heavy() == []


@given(st.lists(st.sampled_from("aaaab"), max_size=60), st.integers(2, 9))
def test_sources_take_turns_and_none_has_all_threads(asked, threads):
    """Not started: what threads would take, one after the other, while nothing ends."""
    pool = WorkerPool(threads, print, 1000)
    for number, source in enumerate(asked):
        assert pool.submit(source, number) is None
    taken = []
    while len(taken) < threads and (one := pool._take()) is not None:
        taken.append(one)
    for source in "ab":
        numbers = [number for owner, number in taken if owner == source]
        assert numbers == sorted(numbers) and len(numbers) < threads
    waiting = {source: asked.count(source) - sum(owner == source for owner, _ in taken)
               for source in "ab"}
    if waiting["b"]:
        assert sum(owner == "b" for owner, _ in taken) >= min(asked.count("b"), threads // 4)


def test_what_has_no_place_is_of_those_who_ask_most():
    pool = WorkerPool(2, print, 3)
    assert [pool.submit("a", number) for number in range(3)] == [None] * 3
    assert pool.submit("b", "x") == 2
    assert pool.submit("a", 3) == 3
    assert pool.withdraw("a") == 1 and pool.withdraw("c") is None


def test_a_worker_outlives_what_it_works_on():
    done = threading.Event()

    def work(item):
        if item == "bad":
            raise RuntimeError("broken")
        done.set()

    pool = WorkerPool(2, work, 10)
    pool.start()
    for item in ("bad", "bad", "bad", "good"):
        pool.submit("a", item)
    assert done.wait(10)
    pool.stop(5)
    assert not any(thread.is_alive() for thread in pool._threads)


def test_the_log_has_a_line_and_then_a_number(caplog):
    now = [0.0]
    turned = Turned(lambda: now[0])
    with caplog.at_level(logging.WARNING):
        for _ in range(1000):
            turned("too many", "192.0.2.1")
        now[0] = LOG_EVERY + 1
        turned("too many", "192.0.2.2")
    assert [record.getMessage() for record in caplog.records] == [
        "API: a connection of 192.0.2.1 ended: too many",
        "API: a connection of 192.0.2.2 ended: too many (1000 since the last line like this)"]
    assert turned.counts == {"too many": 1001}


def test_those_that_are_known_are_served_first():
    served, begin, done = [], threading.Event(), threading.Event()

    def work(item):
        begin.wait(10)
        served.append(item)
        if len(served) == 6:
            done.set()

    pool = WorkerPool(1, work, 100, first=lambda source: source == "known")
    for source in ("a", "b", "a", "known", "b", "known"):
        pool.submit(source, source)
    pool.start()
    begin.set()
    assert done.wait(10)
    pool.stop(10)
    assert served == ["known", "known", "a", "b", "a", "b"]
