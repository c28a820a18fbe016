"""Projects, users and roles: what may be changed, and what that takes with it."""

from __future__ import annotations

import pytest

from ryu_apps.identity.directory import records, rules
from ryu_apps.identity.directory.directory import Directory
from ryu_apps.identity.directory.errors import IdentityError
from ryu_apps.identity.directory.records import ApplicationCredential, Project, User
from tests.unit.identity.directories import ADMIN, ALICE, BOB, RED, contents, make, two_projects


def refused(directory: Directory, plan: rules.Plan, status: int) -> str:
    before = contents(directory)
    with pytest.raises(IdentityError) as caught:
        plan(directory)
    assert caught.value.status == status
    assert contents(directory) == before
    return str(caught.value)


def test_names_are_unique():
    directory = two_projects()
    refused(directory, rules.create_project(Project("9" * 32, "red")), 409)
    refused(directory, rules.create_user(User("9" * 32, "bob"), ""), 409)
    refused(directory, rules.update_user(ALICE, name="bob"), 409)
    assert make(directory, rules.update_user(ALICE, name="alice")).name == "alice"


def test_a_password_that_changes_and_a_user_that_is_disabled_void_tokens():
    directory = two_projects()
    generation = directory.users[ALICE].generation
    make(directory, rules.update_user(ALICE, email="a@example.org"))
    assert directory.users[ALICE].generation == generation
    make(directory, rules.update_user(ALICE, "another hash"))
    make(directory, rules.update_user(ALICE, enabled=False))
    make(directory, rules.update_user(ALICE, enabled=True))
    assert directory.users[ALICE].generation == generation + 2
    assert directory.hashes[ALICE].hash == "another hash"


def test_a_user_takes_its_roles_password_and_credentials_with_it():
    directory = two_projects()
    made = ApplicationCredential("c1", "ci", ALICE, RED, ("member",))
    make(directory, rules.create_credential(made, "hash of a secret"))
    make(directory, rules.delete_user(ALICE))
    assert not directory.assignments(ALICE)
    assert ALICE not in directory.hashes and "c1" not in directory.hashes
    assert not directory.credentials


def test_a_project_takes_its_roles_and_credentials_with_it():
    directory = two_projects()
    made = ApplicationCredential("c1", "ci", ALICE, RED, ("member",))
    make(directory, rules.create_credential(made, "hash of a secret"))
    make(directory, rules.delete_project(RED))
    assert not directory.assignments(target=RED)
    assert not directory.credentials and "c1" not in directory.hashes
    assert directory.projects_of(ALICE) == []


def test_a_role_takes_the_credentials_that_stand_on_it():
    directory = two_projects()
    make(directory, rules.assign(ALICE, RED, "reader"))
    for id, role in (("c1", "member"), ("c2", "reader")):
        made = ApplicationCredential(id, id, ALICE, RED, (role,))
        make(directory, rules.create_credential(made, "hash of a secret"))
    make(directory, rules.unassign(ALICE, RED, "member"))
    assert set(directory.credentials) == {"c2"}


@pytest.mark.parametrize("plan", [
    rules.delete_user(ADMIN), rules.update_user(ADMIN, enabled=False),
    rules.unassign(ADMIN, "system", "admin"),
])
def test_the_last_administrator_stays(plan):
    directory = two_projects()
    assert "nobody" in refused(directory, plan, 409)
    make(directory, rules.assign(BOB, "system", "admin"))
    make(directory, plan)
    assert directory.administrators() == {BOB}


def test_who_has_no_password_is_no_administrator_that_is_left():
    directory = two_projects()
    make(directory, rules.create_user(User("9" * 32, "carol"), ""))
    make(directory, rules.assign("9" * 32, "system", "admin"))
    refused(directory, rules.delete_user(ADMIN), 409)


def test_what_is_disabled_gives_no_role():
    directory = two_projects()
    assert directory.assigned(ALICE, RED) == {"member"}
    make(directory, rules.update_project(RED, enabled=False))
    assert not directory.assigned(ALICE, RED)


def test_what_is_not_there():
    directory = two_projects()
    refused(directory, rules.assign(ALICE, "9" * 32, "member"), 404)
    refused(directory, rules.assign("9" * 32, RED, "member"), 404)
    refused(directory, rules.unassign(ALICE, RED, "admin"), 404)
    refused(directory, rules.delete_project("9" * 32), 404)
    with pytest.raises(IdentityError):
        rules.assign(ALICE, RED, "superuser")


def test_bootstrap_makes_an_administrator_and_lets_one_in_again():
    directory = Directory()
    plan = rules.bootstrap(User("a" * 32, "admin"), "first", Project("1" * 32, "admin"))
    make(directory, plan)
    assert directory.administrators() == {"a" * 32}
    make(directory, rules.update_user("a" * 32, email="root@example.org"))
    make(directory, rules.bootstrap(User("b" * 32, "admin"), "second", Project("2" * 32, "admin")))
    assert directory.administrators() == {"a" * 32} and len(directory.projects) == 1
    assert directory.hashes["a" * 32].hash == "second"
    assert directory.users["a" * 32].email == "root@example.org"


def test_too_many_revocations_of_one_user_void_all_of_its_tokens():
    directory = two_projects()
    for number in range(rules.MAX_REVOCATIONS):
        make(directory, rules.revoke(records.Revocation(f"r{number}", ALICE, 100)))
    assert len(directory.revocations) == rules.MAX_REVOCATIONS
    generation = directory.users[ALICE].generation
    make(directory, rules.revoke(records.Revocation("one more", ALICE, 100)))
    assert not directory.revocations
    assert directory.users[ALICE].generation == generation + 1


def test_revocations_go_when_their_tokens_have_expired():
    directory = two_projects()
    for number in range(150):
        make(directory, rules.revoke(records.Revocation(f"r{number}", ALICE, number)))
    while make(directory, rules.forget_expired(100)):
        pass
    assert {one.expires_at for one in directory.revocations.values()} == set(range(100, 150))
