"""Configuration: loading, committing beside others, watching, status records."""

from __future__ import annotations

import dataclasses
import threading
import time

import pytest

from ryu_apps.configuration.service import GENERATION, Configuration
from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import Change, Network
from ryu_apps.control.config.stored import encode
from ryu_apps.control.messages import ConfigChanged, ConfigLoaded, StatusChanged
from ryu_apps.store.base import Conflict, Put, StoreError, Unavailable
from ryu_apps.store.memory import MemoryStore
from tests.unit.northbound.api_client import options


class Started:
    def __init__(self, store):
        self.events = []
        self.configuration = Configuration(store, self.events.append, options())
        self.configuration.start()

    def replayed(self):
        """What the events add up to."""
        config = Config()
        for event in list(self.events):
            if isinstance(event, ConfigChanged):
                for change in event.changes:
                    config.apply(change)
        return config

    def networks(self):
        return self.configuration.read(lambda config: dict(config.networks))


@pytest.fixture
def store():
    store = MemoryStore()
    yield store
    store.close()


@pytest.fixture
def start(store):
    made = []

    def begin(where=None):
        made.append(Started(where or store))
        return made[-1]

    yield begin
    for one in made:
        one.configuration.stop()


def until(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def add(id, vni=None):
    """A plan that adds a network with the next VNI: two that do not see each other would clash."""

    def plan(config):
        number = vni or 1 + max(config.by_vni, default=0)
        return [Change("network", id, Network(id, number, number))], number

    return plan


def test_load_and_order(store, start):
    for number in range(5000):
        id = f"n{number:04}"
        store.transact([], [Put(f"/config/network/{id}", encode(Network(id, number + 1, 1)))])
    store.transact([], [Put("/status/elements/e1", b'{"a":1}'), Put("/status/elements/e2", b"{")])
    node = start()
    kinds = [type(event) for event in node.events]
    assert kinds == [StatusChanged, ConfigChanged, ConfigChanged, ConfigChanged, ConfigLoaded]
    assert node.events[0].changes == (
        ("/status/elements/e1", {"a": 1}), ("/status/elements/e2", None))
    assert len(node.networks()) == 5000 == len(node.replayed().networks)


def test_malformed_records_are_skipped(store, start, caplog):
    good = encode(Network("n1", 5, 1))
    store.transact([], [
        Put("/config/network/n1", good), Put("/config/network/n2", b"{"),
        Put("/config/network/n3", b'{"schema":1}'), Put("/config/network/n4", good),
        Put("/config/future/x", b"{}"),
    ])
    node = start()
    assert set(node.networks()) == {"n1"} and node.configuration.skipped == 4
    assert "/config/network/n2" in caplog.text
    store.transact([], [Put("/config/network/n1", b"garbage")])  # keeps what it had
    assert node.configuration.commit(add("n9")) == 6
    assert set(node.networks()) == {"n1", "n9"}


def test_a_newer_schema_stops_the_start(store):
    store.transact([], [Put("/config/network/n1", b'{"schema": 99, "id": "n1"}')])
    with pytest.raises(StoreError, match="upgrade"):
        Configuration(store, print, options()).start()


def test_commit_is_visible_at_once_and_posted_once(store, start):
    one, two = start(), start()
    assert one.configuration.commit(add("a")) == 1
    assert set(one.networks()) == {"a"}
    until(lambda: set(two.networks()) == {"a"})
    assert two.configuration.commit(add("b")) == 2
    until(lambda: set(one.networks()) == {"a", "b"})
    for node in (one, two):
        changed = [event for event in node.events if isinstance(event, ConfigChanged)]
        assert [len(event.changes) for event in changed] == [1, 1]
        assert changed[0].revision < changed[1].revision


def test_what_a_plan_raises_comes_out_and_changes_nothing(store, start):
    node = start()
    before = store.list("/")

    def plan(config):
        raise KeyError("mine")

    with pytest.raises(KeyError):
        node.configuration.commit(plan)
    assert node.configuration.commit(lambda config: ([], "nothing")) == "nothing"
    assert store.list("/") == before


def test_many_writers_on_three_nodes(store, start):
    """No VNI twice, nothing lost, all nodes equal, although each plan reads before it writes."""
    nodes = [start() for _ in range(3)]
    given, failed = [], []

    def work(node, name):
        for number in range(25):
            try:
                given.append(node.configuration.commit(add(f"{name}-{number}")))
            except Conflict as error:
                failed.append(error)

    threads = [
        threading.Thread(target=work, args=(node, f"{position}{worker}"))
        for position, node in enumerate(nodes) for worker in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failed
    assert sorted(given) == list(range(1, 301))
    until(lambda: all(len(node.networks()) == 300 for node in nodes))
    assert nodes[0].networks() == nodes[1].networks() == nodes[2].networks()
    until(lambda: all(node.replayed().networks == node.networks() for node in nodes))


def test_the_order_of_own_and_foreign_changes(store, start):
    """The same network changed by turns on two nodes ends the same in both event streams."""
    one, two = start(), start()
    one.configuration.commit(add("n"))
    until(lambda: "n" in two.networks())

    def rename(name):
        return lambda config: (
            [Change("network", "n", dataclasses.replace(config.networks["n"], name=name))], None)

    for number in range(100):
        (one, two)[number % 2].configuration.commit(rename(str(number)))
    for node in (one, two):
        until(lambda node=node: node.replayed().networks["n"].name == "99")
        assert node.networks()["n"].name == "99"
        assert not node.configuration._copy._own


class Flaky(MemoryStore):
    """``lose``: the next transactions happen, but their answer is lost; ``fail``: they do not."""

    lose = fail = 0

    def transact(self, compares, operations):
        if compares and self.fail:
            self.fail -= 1
            raise Unavailable("no endpoint answers", definite=True)
        revision = super().transact(compares, operations)
        if compares and self.lose:
            self.lose -= 1
            raise Unavailable("the answer was lost")
        return revision


def test_a_lost_answer_is_cleared_up(start):
    store = Flaky()
    node = start(store)
    store.lose = 1
    assert node.configuration.commit(add("a")) == 1
    store.fail = 1
    with pytest.raises(Unavailable):
        node.configuration.commit(add("b"))
    assert set(node.networks()) == {"a"}
    assert node.configuration.commit(add("b")) == 2
    assert store.get(GENERATION) is not None


def test_stopped(store, start):
    node = start()
    node.configuration.stop()
    with pytest.raises(Unavailable):
        node.configuration.commit(add("a"))


def test_status_records(store, start):
    one, two = start(), start()
    for number in range(50):
        one.configuration.put_status("/status/elements/e", {"n": number})
    one.configuration.put_status("/status/nodes/a", {"up": True}, ephemeral=True)
    until(lambda: any(
        ("/status/elements/e", {"n": 49}) in event.changes
        for event in two.events if isinstance(event, StatusChanged)))
    one.configuration.put_status("/status/elements/e", None)
    until(lambda: store.get("/status/elements/e") is None)
    until(lambda: any(
        ("/status/elements/e", None) in event.changes
        for event in two.events if isinstance(event, StatusChanged)))
    with pytest.raises(ValueError):
        one.configuration.put_status("/config/network/x", {})
