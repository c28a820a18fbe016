"""The directory as every node has it: all records with the indexes that logins and rules need."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ryu_apps.control.config.access.principal import ADMIN, MEMBER, READER, roles_up_to
from ryu_apps.identity.directory.records import (
    KINDS,
    SYSTEM,
    ApplicationCredential,
    Assignment,
    Change,
    PasswordHash,
    Project,
    Revocation,
    TokenKey,
    User,
)

ROLES = (READER, MEMBER, ADMIN)


def implied(roles: Iterable[str]) -> frozenset[str]:
    """The roles with all that they imply."""
    found: frozenset[str] = frozenset()
    for role in roles:
        found |= roles_up_to(role)
    return found


class Directory:
    """Changed only through :meth:`apply`; the order of changes does not matter for the result.

    ``version``: another one after each change of it."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[str, Any]] = {kind: {} for kind in KINDS}
        self.projects: dict[str, Project] = self.tables[Project.kind]
        self.users: dict[str, User] = self.tables[User.kind]
        self.credentials: dict[str, ApplicationCredential] = self.tables[
            ApplicationCredential.kind]
        self.revocations: dict[str, Revocation] = self.tables[Revocation.kind]
        self.hashes: dict[str, PasswordHash] = self.tables[PasswordHash.kind]
        self.token_keys: dict[str, TokenKey] = self.tables[TokenKey.kind]
        self._members: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.version = 0

    def apply(self, change: Change) -> Change:
        """Returns the change that undoes it."""
        table = self.tables[change.kind]
        old = table.pop(change.id, None)
        if old is not None:
            for key in _keys(old):
                members = self._members[key]
                del members[old.id]
                if not members:
                    del self._members[key]
        if change.record is not None:
            table[change.id] = change.record
            for key in _keys(change.record):
                self._members.setdefault(key, {})[change.id] = change.record
        self.version += 1
        return Change(change.kind, change.id, old)

    def _of(self, kind: type[Any], by: str, value: str) -> list[Any]:
        return list(self._members.get((kind.kind, by, value), {}).values())

    # ------------------------------------------------------------ looking up

    def project_named(self, name: str) -> Project | None:
        """Where two nodes' records have one name, which rules exclude: the one with the first
        id."""
        return min(self._of(Project, "name", name), key=lambda one: one.id, default=None)

    def user_named(self, name: str) -> User | None:
        return min(self._of(User, "name", name), key=lambda one: one.id, default=None)

    def credentials_of(self, user_id: str) -> list[ApplicationCredential]:
        return self._of(ApplicationCredential, "user", user_id)

    def credentials_for(self, project_id: str) -> list[ApplicationCredential]:
        return self._of(ApplicationCredential, "project", project_id)

    def revocations_of(self, user_id: str) -> list[Revocation]:
        return self._of(Revocation, "user", user_id)

    def assignments(self, user_id: str = "", target: str = "") -> list[Assignment]:
        """Those of a user, or at a target; of all where neither is given."""
        if user_id:
            found = self._of(Assignment, "actor", user_id)
            return [one for one in found if target in ("", one.target)]
        if target:
            return self._of(Assignment, "target", target)
        return list(self.tables[Assignment.kind].values())

    def assigned(self, user_id: str, target: str) -> frozenset[str]:
        """The roles that a user was given at a project (its id) or in the system, without those
        that they imply.  What does not exist, or is disabled, gives none."""
        user = self.users.get(user_id)
        if user is None or not user.enabled:
            return frozenset()
        if target != SYSTEM:
            project = self.projects.get(target)
            if project is None or not project.enabled:
                return frozenset()
        return frozenset(
            one.role for one in self.assignments(user_id, target) if one.role in ROLES
        )

    def projects_of(self, user_id: str) -> list[Project]:
        """Where a user has a role, disabled ones too; by name."""
        ids = {one.target for one in self.assignments(user_id)} - {SYSTEM}
        found = (self.projects.get(id) for id in ids)
        return sorted((one for one in found if one is not None), key=lambda one: one.name)

    def administrators(self) -> set[str]:
        """Ids of the users who can log in with a password and then do everything."""
        return {
            one.actor for one in self.assignments()
            if one.role == ADMIN and one.actor in self.hashes
            and ADMIN in self.assigned(one.actor, one.target)
        }


def _keys(record: Any) -> list[tuple[str, str, str]]:
    """Where a record stands in the index: kind, by what, value."""
    match record:
        case Project(name=name) | User(name=name):
            return [(record.kind, "name", name)]
        case Assignment(actor=actor, target=target):
            return [(record.kind, "actor", actor), (record.kind, "target", target)]
        case ApplicationCredential(user_id=user, project_id=project):
            return [(record.kind, "user", user), (record.kind, "project", project)]
        case Revocation(user_id=user):
            return [(record.kind, "user", user)]
    return []
