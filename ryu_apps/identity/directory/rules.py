"""Changes of the directory, each a pure function of it: a plan.  Raises IdentityError."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

from ryu_apps.identity.directory.directory import ROLES, Directory
from ryu_apps.identity.directory.errors import IdentityError, bad, conflict, missing
from ryu_apps.identity.directory.records import (
    SYSTEM,
    ApplicationCredential,
    Assignment,
    Change,
    PasswordHash,
    Project,
    Revocation,
    TokenKey,
    User,
    gone,
    put,
)

Plan = Callable[[Directory], tuple[list[Change], Any]]
"""The changes that a request makes, and its result.  It leaves the directory as it found it."""

MAX_NAME, MAX_DESCRIPTION, MAX_EMAIL = 255, 4096, 255
MAX_PROJECTS, MAX_USERS = 100_000, 100_000
MAX_CREDENTIALS = 100
"""Application credentials of one user."""
MAX_REVOCATIONS = 1000
"""Tokens of one user that were given back and have not expired; one more voids all of them."""
CREDENTIAL = "application credential"


def project(directory: Directory, id: str) -> Project:
    found = directory.projects.get(id)
    if found is None:
        raise missing("project", id)
    return found


def user(directory: Directory, id: str) -> User:
    found = directory.users.get(id)
    if found is None:
        raise missing("user", id)
    return found


def role(name: str) -> str:
    if name not in ROLES:
        raise missing("role", name)
    return name


def credential(directory: Directory, user_id: str, id: str) -> ApplicationCredential:
    found = directory.credentials.get(id)
    if found is None or found.user_id != user_id:
        raise missing(CREDENTIAL, id)
    return found


# ------------------------------------------------------------ projects


def create_project(made: Project) -> Plan:
    def plan(directory: Directory) -> tuple[list[Change], Project]:
        _room(len(directory.projects), MAX_PROJECTS, "projects")
        _free(directory.project_named(made.name), "project", made.name)
        return [put(made)], made

    return plan


def update_project(id: str, **fields: Any) -> Plan:
    """``fields``: of Project, to be changed."""
    def plan(directory: Directory) -> tuple[list[Change], Project]:
        old = project(directory, id)
        new = dataclasses.replace(old, **fields)
        if new.name != old.name:
            _free(directory.project_named(new.name), "project", new.name)
        if old.enabled and not new.enabled:
            new = dataclasses.replace(new, generation=old.generation + 1)
        return _guarded(directory, [put(new)]), new

    return plan


def delete_project(id: str) -> Plan:
    def plan(directory: Directory) -> tuple[list[Change], None]:
        found = project(directory, id)
        changes = [gone(found), *map(gone, directory.assignments(target=id))]
        for one in directory.credentials_for(id):
            changes += _without(directory, one)
        return _guarded(directory, changes), None

    return plan


# ------------------------------------------------------------ users


def create_user(made: User, hash: str) -> Plan:
    """``hash``: of the password, or "": it has none and cannot log in with one."""
    def plan(directory: Directory) -> tuple[list[Change], User]:
        _room(len(directory.users), MAX_USERS, "users")
        _free(directory.user_named(made.name), "user", made.name)
        changes = [put(made)]
        if hash:
            changes.append(put(PasswordHash(made.id, hash)))
        return changes, made

    return plan


def update_user(id: str, hash: str = "", **fields: Any) -> Plan:
    """``hash``: of a new password, or "".  ``fields``: of User, to be changed."""
    def plan(directory: Directory) -> tuple[list[Change], User]:
        old = user(directory, id)
        new = dataclasses.replace(old, **fields)
        if new.name != old.name:
            _free(directory.user_named(new.name), "user", new.name)
        if hash or (old.enabled and not new.enabled):
            new = dataclasses.replace(new, generation=old.generation + 1)
        changes = [put(new)]
        if hash:
            changes.append(put(PasswordHash(id, hash)))
        return _guarded(directory, changes), new

    return plan


def change_password(id: str, known: str, hash: str) -> Plan:
    """By the user itself, whose password was proven against the hash ``known``."""
    def plan(directory: Directory) -> tuple[list[Change], None]:
        found = directory.hashes.get(id)
        if found is None or found.hash != known:
            raise conflict("The password was changed meanwhile.")
        changes, _ = update_user(id, hash)(directory)
        return changes, None

    return plan


def delete_user(id: str) -> Plan:
    def plan(directory: Directory) -> tuple[list[Change], None]:
        found = user(directory, id)
        changes = [gone(found), *map(gone, directory.assignments(id))]
        if id in directory.hashes:
            changes.append(gone(directory.hashes[id]))
        for one in directory.credentials_of(id):
            changes += _without(directory, one)
        changes += map(gone, directory.revocations_of(id))
        return _guarded(directory, changes), None

    return plan


# ------------------------------------------------------------ roles


def assign(user_id: str, target: str, name: str) -> Plan:
    """``target``: the id of a project, or SYSTEM.  What is there already is no error."""
    made = Assignment(user_id, target, role(name))

    def plan(directory: Directory) -> tuple[list[Change], None]:
        user(directory, user_id)
        if target != SYSTEM:
            project(directory, target)
        there = made.id in directory.tables[made.kind]
        return [] if there else [put(made)], None

    return plan


def unassign(user_id: str, target: str, name: str) -> Plan:
    def plan(directory: Directory) -> tuple[list[Change], None]:
        found = directory.tables[Assignment.kind].get(Assignment(user_id, target, role(name)).id)
        if found is None:
            raise missing("role assignment", f"role {name} of user {user_id} at {target}")
        changes = [gone(found)]
        # A credential stands on roles that its user has: without one of them it is void (Keystone's
        # reference, "Application Credentials").
        for one in directory.credentials_of(user_id):
            if one.project_id == target and name in one.roles:
                changes += _without(directory, one)
        return _guarded(directory, changes), None

    return plan


# ------------------------------------------------------------ application credentials


def create_credential(made: ApplicationCredential, hash: str) -> Plan:
    def plan(directory: Directory) -> tuple[list[Change], ApplicationCredential]:
        user(directory, made.user_id)
        there = directory.credentials_of(made.user_id)
        _room(len(there), MAX_CREDENTIALS, "application credentials of this user")
        if any(one.name == made.name for one in there):
            _free(made, CREDENTIAL, made.name)
        return [put(made), put(PasswordHash(made.id, hash))], made

    return plan


def delete_credential(user_id: str, id: str) -> Plan:
    def plan(directory: Directory) -> tuple[list[Change], None]:
        return _without(directory, credential(directory, user_id, id)), None

    return plan


def _without(directory: Directory, found: ApplicationCredential) -> list[Change]:
    changes = [gone(found)]
    if found.id in directory.hashes:
        changes.append(gone(directory.hashes[found.id]))
    return changes


# ------------------------------------------------------------ tokens


def revoke(made: Revocation) -> Plan:
    """Void a token.  Where its user has given back more than anybody does, all of its tokens go, so
    that the directory stays small."""
    def plan(directory: Directory) -> tuple[list[Change], None]:
        owner = directory.users.get(made.user_id)
        if owner is None or made.id in directory.revocations:
            return [], None
        there = directory.revocations_of(made.user_id)
        if len(there) < MAX_REVOCATIONS:
            return [put(made)], None
        new = dataclasses.replace(owner, generation=owner.generation + 1)
        return [put(new), *map(gone, there)], None

    return plan


def forget_expired(now: float) -> Plan:
    """What is over: revocations of tokens that have expired.  Not everything at once."""
    def plan(directory: Directory) -> tuple[list[Change], int]:
        found = [one for one in directory.revocations.values() if one.expires_at < now][:100]
        return [gone(one) for one in found], len(found)

    return plan


def first_keys(made: Iterable[TokenKey]) -> Plan:
    """The keys of a system that has none."""
    keys = list(made)

    def plan(directory: Directory) -> tuple[list[Change], None]:
        return [] if directory.token_keys else list(map(put, keys)), None

    return plan


# ------------------------------------------------------------ the first administrator


def bootstrap(made: User, hash: str, home: Project) -> Plan:
    """The first administrator, of the system and of a first project.  One whose name is there gets
    the password and the roles, so that who has lost all passwords comes in again."""
    def plan(directory: Directory) -> tuple[list[Change], User]:
        place = directory.project_named(home.name) or home
        there = directory.user_named(made.name)
        if there is None:
            new = dataclasses.replace(made, default_project_id=place.id)
        else:
            new = dataclasses.replace(there, enabled=True, generation=there.generation + 1)
        place = dataclasses.replace(place, enabled=True)
        changes = [put(place), put(new), put(PasswordHash(new.id, hash))]
        changes += [put(Assignment(new.id, target, "admin")) for target in (place.id, SYSTEM)]
        return changes, new

    return plan


# ------------------------------------------------------------ common


def _free(there: object, kind: str, name: str) -> None:
    if there is not None:
        raise conflict(
            f"Conflict occurred attempting to store {kind} - it is not permitted to have two "
            f"{kind}s with the same name: {name}."
        )


def _room(count: int, most: int, what: str) -> None:
    if count >= most:
        raise IdentityError(403, f"There are {count} {what}; there may be {most}.")


def _guarded(directory: Directory, changes: list[Change]) -> list[Change]:
    """The changes, refused where nobody could administrate the system after them."""
    if not directory.administrators():
        return changes
    undo = [directory.apply(change) for change in changes]
    left = directory.administrators()
    for change in reversed(undo):
        directory.apply(change)
    if not left:
        raise conflict("This would leave nobody with the role admin who can log in; give it to "
                       "another user first.")
    return changes


def named(text: object, what: str = "name") -> str:
    """A name as a request gives it."""
    if type(text) is not str or not text.strip() or len(text) > MAX_NAME or not text.isprintable():
        raise bad(f"Invalid input for field {what!r}: it must have 1 to {MAX_NAME} printable "
                  "characters.")
    return text
