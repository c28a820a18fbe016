"""What a token gives is what the directory says when it is used."""

from __future__ import annotations

import pytest

from ryu_apps.identity.directory import rules
from ryu_apps.identity.directory.records import ApplicationCredential, Revocation
from ryu_apps.identity.tokens.context import Void, context
from ryu_apps.identity.tokens.payload import Payload
from tests.unit.identity.directories import ADMIN, ALICE, BOB, RED, make, two_projects

OF_ALICE = Payload(ALICE, 0, ("password",), 0, 100, ("audit",), RED)


def test_roles_with_what_they_imply():
    directory = two_projects()
    found = context(OF_ALICE, directory, 50)
    assert found.principal.roles == {"member", "reader"}
    assert (found.principal.project_id, found.principal.user_name) == (RED, "alice")
    system = context(Payload(ADMIN, 0, ("password",), 0, 100, ("x",), system=True), directory, 50)
    assert system.principal.roles == {"admin", "member", "reader"}
    assert (system.principal.project_id, system.principal.system_scope) == ("", "all")
    unscoped = context(OF_ALICE._replace(project_id=""), directory, 50)
    assert unscoped.principal.roles == frozenset() and unscoped.principal.project_id == ""


@pytest.mark.parametrize("plan", [
    rules.update_user(ALICE, enabled=False), rules.update_user(ALICE, "another hash"),
    rules.delete_user(ALICE), rules.update_project(RED, enabled=False), rules.delete_project(RED),
    rules.unassign(ALICE, RED, "member"), rules.revoke(Revocation("audit", ALICE, 100)),
])
def test_what_voids_it_at_once(plan):
    directory = two_projects()
    context(OF_ALICE, directory, 50)
    make(directory, plan)
    with pytest.raises(Void):
        context(OF_ALICE, directory, 50)


@pytest.mark.parametrize("there, back", [
    (rules.update_user(ALICE, enabled=False), rules.update_user(ALICE, enabled=True)),
    (rules.update_project(RED, enabled=False), rules.update_project(RED, enabled=True)),
])
def test_what_was_disabled_stays_void_when_it_is_enabled_again(there, back):
    directory = two_projects()
    make(directory, there)
    make(directory, back)
    with pytest.raises(Void):
        context(OF_ALICE, directory, 50)


def test_it_expires():
    directory = two_projects()
    context(OF_ALICE, directory, 99.9)
    with pytest.raises(Void):
        context(OF_ALICE, directory, 100)


@pytest.mark.parametrize("changed", [
    {"user_id": BOB}, {"system": True, "project_id": ""}, {"project_id": "9" * 32},
    {"credential_id": "c1"},
])
def test_what_its_user_has_not(changed):
    with pytest.raises(Void):
        context(OF_ALICE._replace(**changed), two_projects(), 50)


def test_a_credential_gives_its_own_roles_as_long_as_its_user_has_them():
    directory = two_projects()
    made = ApplicationCredential("c1", "ci", ALICE, RED, ("reader",), expires_at=80)
    make(directory, rules.create_credential(made, "hash"))
    token = OF_ALICE._replace(credential_id="c1")
    assert context(token, directory, 50).roles == {"reader"}
    with pytest.raises(Void):
        context(token, directory, 80)
    make(directory, rules.delete_credential(ALICE, "c1"))
    with pytest.raises(Void):
        context(token, directory, 50)
