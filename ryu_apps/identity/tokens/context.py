"""What a token gives now: by the directory as it is when the token is used."""

from __future__ import annotations

from typing import NamedTuple

from ryu_apps.control.config.access.principal import Principal
from ryu_apps.identity.directory.directory import Directory, implied
from ryu_apps.identity.directory.records import SYSTEM, ApplicationCredential, Project, User
from ryu_apps.identity.tokens.payload import Payload


class Void(Exception):
    """The token gives nothing (any more); the text is for the log of this node alone."""


class Context(NamedTuple):
    """``roles``: with all that they imply; none of a token without a scope."""

    payload: Payload
    user: User
    project: Project | None
    roles: frozenset[str]
    credential: ApplicationCredential | None

    @property
    def principal(self) -> Principal:
        return Principal(
            project_id=self.project.id if self.project else "", roles=self.roles,
            user_id=self.user.id, user_name=self.user.name,
            system_scope="all" if self.payload.system else "",
        )


def context(payload: Payload, directory: Directory, now: float) -> Context:
    """``now``: seconds since 1970.  Raises Void."""
    if now >= payload.expires_at:
        raise Void("it has expired")
    user = directory.users.get(payload.user_id)
    if user is None or not user.enabled:
        raise Void("its user is gone or disabled")
    if user.generation != payload.user_generation:
        raise Void("its user has another password, or was disabled, since")
    if payload.audit_ids[0] in directory.revocations:
        raise Void("it was revoked")
    if payload.system:
        roles = implied(directory.assigned(user.id, SYSTEM))
        if not roles:
            raise Void("its user has no role in the system")
        return Context(payload, user, None, roles, None)
    if not payload.project_id:
        return Context(payload, user, None, frozenset(), None)
    project = directory.projects.get(payload.project_id)
    if project is None or not project.enabled:
        raise Void("its project is gone or disabled")
    if project.generation != payload.project_generation:
        raise Void("its project was disabled since")
    roles = implied(directory.assigned(user.id, project.id))
    if not roles:
        raise Void("its user has no role in the project")
    credential = None
    if payload.credential_id:
        credential = directory.credentials.get(payload.credential_id)
        if credential is None or credential.user_id != user.id:
            raise Void("its application credential is gone")
        if not usable(credential, roles, now):
            raise Void("its application credential has expired, or its user lost a role of it")
        roles = implied(credential.roles)
    return Context(payload, user, project, roles, credential)


def usable(credential: ApplicationCredential, roles: frozenset[str], now: float) -> bool:
    """Whether a credential has not expired, and its user has ``roles`` enough for it."""
    return set(credential.roles) <= roles and (
        not credential.expires_at or now < credential.expires_at
    )
