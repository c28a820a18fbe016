"""The directory at several nodes: changes are transactions, and every node has them."""

from __future__ import annotations

import threading

import pytest

from ryu_apps.identity.directory import copy as copies
from ryu_apps.identity.directory import rules
from ryu_apps.identity.directory.copy import DirectoryCopy
from ryu_apps.identity.directory.errors import IdentityError
from ryu_apps.identity.directory.records import GENERATION, IDENTITY, Project, User, encode
from ryu_apps.store.base import Batch, Delete, Put, Unavailable
from ryu_apps.store.memory import MemoryStore
from tests.unit.identity.directories import contents, until


@pytest.fixture
def store():
    store = MemoryStore()
    yield store
    store.close()


@pytest.fixture
def node(store):
    made = []

    def make(doubt=lambda: "", most=128):
        made.append(DirectoryCopy(store, doubt, most))
        made[-1].load()
        return made[-1]

    yield make
    for one in made:
        one.close()


def users(copy):
    return copy.read(lambda directory: sorted(one.name for one in directory.users.values()))


def test_a_change_is_seen_at_once_here_and_soon_at_the_others(node):
    one, two = node(), node()
    one.commit(rules.create_user(User("a" * 32, "alice"), "hash"))
    assert users(one) == ["alice"]
    until(lambda: users(two) == ["alice"])
    two.commit(rules.update_user("a" * 32, name="alicia"))
    until(lambda: users(one) == ["alicia"])
    assert users(node()) == ["alicia"]


def test_two_nodes_never_give_one_name_to_two_users(node):
    nodes = [node() for _ in range(4)]
    results = []

    def create(number):
        made = User(f"{number:032x}", "alice")
        try:
            nodes[number].commit(rules.create_user(made, ""))
            results.append("made")
        except IdentityError as error:
            results.append(error.status)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results, key=str) == [409, 409, 409, "made"]


def test_many_changes_at_all_nodes_end_the_same(node):
    nodes = [node() for _ in range(3)]

    def work(number):
        for step in range(20):
            id = f"{number:016x}{step:016x}"
            nodes[number].commit(rules.create_project(Project(id, f"{number}-{step}")))
            nodes[number].commit(rules.update_project(id, description="changed"))
            if step % 2:
                nodes[number].commit(rules.delete_project(id))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wanted = node().read(contents)
    assert len(wanted["project"]) == 30
    for one in nodes:
        until(lambda one=one: one.read(contents) == wanted)


def test_what_has_no_room_in_one_transaction_is_written_in_several(node):
    one, two = node(most=8), node()
    one.commit(rules.create_project(Project("1" * 32, "red")))
    for number in range(20):
        id = f"{number:032x}"
        one.commit(rules.create_user(User(id, f"user{number}"), ""))
        one.commit(rules.assign(id, "1" * 32, "member"))
    one.commit(rules.delete_project("1" * 32))
    until(lambda: not two.read(lambda directory: directory.assignments()))


def test_a_record_that_cannot_be_read_is_left_out_and_the_rest_goes_on(store, node):
    one = node()
    store.transact([], [Put(IDENTITY + "user/bad", b"{"), Put(IDENTITY + "shoe/1", b"{}"),
                        Put(IDENTITY + "user/a", encode(User("a", "alice")))])
    until(lambda: users(one) == ["alice"])
    assert one.skipped == 2 and node().skipped == 2


def test_while_the_store_is_in_doubt_nothing_is_written(node):
    one = node(doubt=lambda: "it is another one")
    with pytest.raises(Unavailable, match="it is another one"):
        one.commit(rules.create_user(User("a" * 32, "alice"), ""))
    assert users(one) == []


def test_an_emptied_store_is_followed_only_when_the_configuration_follows_it(
    store, node, monkeypatch
):
    monkeypatch.setattr(copies, "SETTLE", 0.0)
    doubts = [""]
    one = node(doubt=lambda: doubts[0])
    one.commit(rules.create_user(User("a" * 32, "alice"), ""))
    doubts[0] = "the store is empty"
    items, _ = store.list(IDENTITY)
    store.transact([], [Delete(item.key) for item in items])
    other = node()
    assert users(other) == []
    one.mend()
    assert users(one) == ["alice"]
    with pytest.raises(Unavailable):
        one.commit(rules.create_user(User("b" * 32, "bob"), ""))
    doubts[0] = ""
    one.mend()
    assert users(one) == []


def test_a_store_with_another_history_is_compared_as_a_whole(store, node, monkeypatch):
    monkeypatch.setattr(copies, "SETTLE", 0.0)
    one = node()
    one.commit(rules.create_user(User("a" * 32, "alice"), ""))
    one._on_batch(Batch(1, ((IDENTITY + "user/" + "a" * 32, None),), restarted=True))
    assert users(one) == ["alice"]
    store.transact([], [Put(IDENTITY + "user/b", encode(User("b", "bob")))])
    one.mend()
    assert users(one) == ["alice", "bob"]
    one.commit(rules.update_user("b", name="robert"))
    assert users(node()) == ["alice", "robert"]


def test_a_write_without_generation_is_taken_and_does_not_hide_behind_our_own(store, node):
    """An import writes in stages: what it wrote before our change comes after it."""
    one = node()
    delayed = []
    take = one._on_batch
    one._watch.cancel()
    one._watch = store.watch(IDENTITY, store.list(IDENTITY)[1], delayed.append)
    store.transact([], [Put(IDENTITY + "user/b", encode(User("b", "bob")))])
    one.commit(rules.create_user(User("a" * 32, "alice"), ""))
    until(lambda: len(delayed) == 2)
    for batch in delayed:
        take(batch)
    assert users(one) == ["alice", "bob"]
    assert store.get(GENERATION) is not None
