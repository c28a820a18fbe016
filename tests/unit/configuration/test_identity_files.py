"""Users in files: exported and imported without what proves who they are, and in backups with it
only where the store itself is read."""

from __future__ import annotations

import pytest

from ryu_apps.configuration.records import IDENTITY, IDENTITY_SECRETS
from ryu_apps.configuration.transfer import backup, document, imports
from ryu_apps.configuration.transfer.lines import FileError
from ryu_apps.identity.directory import rules
from ryu_apps.identity.directory.copy import DirectoryCopy, commit_offline
from ryu_apps.identity.directory.records import Project, Revocation, User
from ryu_apps.identity.tokens import keys
from ryu_apps.store.memory import MemoryStore
from tests.unit.identity.directories import until

ALICE = "a" * 32


def filled() -> MemoryStore:
    store = MemoryStore()
    for plan in (
        rules.bootstrap(User("0" * 32, "admin"), "hash of admin", Project("1" * 32, "admin")),
        rules.create_user(User(ALICE, "alice"), "hash of alice"),
        rules.assign(ALICE, "1" * 32, "member"),
        rules.first_keys([keys.new_key(1, 0), keys.new_key(2, 0)]),
        rules.revoke(Revocation("given-back", ALICE, 1 << 40)),
    ):
        commit_offline(store, plan)
    return store


def exported(store: MemoryStore) -> list[bytes]:
    there = imports.read_store(store)
    return list(document.export([], there.wishes, there.lineage))


def secrets(store: MemoryStore) -> dict[str, bytes]:
    return {one.key: one.value for one in store.list(IDENTITY_SECRETS)[0]}


def read(store: MemoryStore, function):
    copy = DirectoryCopy(store, lambda: "", 128)
    copy.load()
    try:
        return copy.read(function)
    finally:
        copy.close()


def test_an_export_has_users_and_nothing_that_proves_who_they_are():
    store = filled()
    text = b"".join(exported(store)).decode()
    assert "alice" in text and "assignment" in text
    for word in ("hash of", "secret/", "token_key", "given-back"):
        assert word not in text


def test_an_import_makes_users_what_the_file_says_and_leaves_secrets():
    store = filled()
    lines, before = exported(store), secrets(store)
    nothing = imports.Import(store, document.read(lines))
    assert not nothing.difference.operations
    commit_offline(store, rules.update_user(ALICE, name="alicia"))
    commit_offline(store, rules.create_user(User("b" * 32, "bob"), ""))
    running = DirectoryCopy(store, lambda: "", 128)
    running.load()
    imports.Import(store, document.read(lines)).write("test")
    until(lambda: running.read(
        lambda directory: sorted(one.name for one in directory.users.values())
    ) == ["admin", "alice"])
    running.commit(rules.create_project(Project("2" * 32, "red")))
    running.close()
    assert secrets(store) == before
    assert read(store, lambda directory: set(directory.revocations)) == {"given-back"}


def test_no_import_makes_a_token_valid_again():
    store = filled()
    lines = exported(store)
    commit_offline(store, rules.update_user(ALICE, "hash of another"))
    commit_offline(store, rules.update_user(ALICE, email="a@example.org"))
    generation = read(store, lambda directory: directory.users[ALICE].generation)
    imports.Import(store, document.read(lines)).write("test")
    after = read(store, lambda directory: directory.users[ALICE])
    assert after.email == "" and after.generation > generation
    again = imports.Import(store, document.read(lines))
    assert not again.difference.operations


def test_a_file_of_a_system_without_users_takes_none_away():
    store = filled()
    before = store.list(IDENTITY)[0]
    imports.Import(store, document.read(list(document.export([], {}, None)))).write("test")
    assert store.list(IDENTITY)[0] == before


@pytest.mark.parametrize("key", [
    "/identity/secret/hash/" + ALICE, "/identity/secret/token_key/1", "/identity/generation",
    "/identity/revocation/x",
])
def test_a_file_with_secrets_is_refused(key):
    with pytest.raises(FileError, match="no record"):
        document.read(list(document.export([], {key: {}}, None)))


def test_a_backup_of_the_store_itself_has_everything():
    store, other = filled(), MemoryStore()
    backup.restore(
        other, backup.read(list(backup.backup(store, secrets=True))), False, False, "test")
    assert [(one.key, one.value) for one in other.list(IDENTITY)[0]] == [
        (one.key, one.value) for one in store.list(IDENTITY)[0]]


def test_a_backup_that_a_node_made_leaves_the_secrets_of_the_store():
    store = filled()
    saved = list(backup.backup(store, secrets=False))
    assert b"hash of" not in b"".join(saved) and b"token_key" not in b"".join(saved)
    commit_offline(store, rules.create_user(User("b" * 32, "bob"), "hash of bob"))
    commit_offline(store, rules.revoke(Revocation("later", ALICE, 1 << 40)))
    before = secrets(store)
    backup.restore(store, backup.read(saved), True, False, "test")
    assert secrets(store) == before
    assert read(store, lambda directory: sorted(directory.users)) == ["0" * 32, ALICE]
    assert set(read(store, lambda directory: set(directory.revocations))) == {
        "given-back", "later"}
