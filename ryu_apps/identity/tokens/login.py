"""Logs clients in: proves who they are, and makes their token."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from ryu_apps.identity.directory.copy import DirectoryCopy
from ryu_apps.identity.directory.directory import Directory, implied
from ryu_apps.identity.directory.errors import IdentityError, unauthorized
from ryu_apps.identity.directory.records import (
    SYSTEM,
    ApplicationCredential,
    PasswordHash,
    Project,
    User,
)
from ryu_apps.identity.gate import Gate
from ryu_apps.identity.passwords import verify, verify_nobody
from ryu_apps.identity.tokens.context import Context, usable
from ryu_apps.identity.tokens.payload import Payload
from ryu_apps.identity.tokens.requests import Login, Reference, Scope


class Logins:
    """``context``: of a token, raises IdentityError 401.  ``lifetime``: of tokens, in seconds.
    ``cost``: bcrypt's."""

    def __init__(
        self, copy: DirectoryCopy, gate: Gate, context: Callable[[str], Context],
        lifetime: int, cost: int, now: Callable[[], float],
    ) -> None:
        self._copy = copy
        self._gate = gate
        self._context = context
        self._lifetime = lifetime
        self._cost = cost
        self._now = now

    def login(self, request: Login, source: str) -> Payload:
        """What the token says that the client is given.  ``source``: where it is.  Raises
        IdentityError: 401 whatever is wrong with who it says it is, 429 where there are too many
        logins."""
        users: set[str] = set()
        methods, before, credential = set(request.methods), None, None
        if "token" in methods:
            before = self._context(request.token)
            if before.credential is not None:
                raise IdentityError(403, "A token of an application credential gives no other.")
            users.add(before.user.id)
            methods.update(before.payload.methods)
        if "password" in request.methods:
            users.add(self._password(request, source))
        if "application_credential" in request.methods:
            credential = self._credential(request, source)
            users.add(credential.user_id)
        if len(users) != 1:
            raise unauthorized()
        (user_id,) = users
        return self._copy.read(
            lambda directory: self._issue(
                directory, user_id, tuple(sorted(methods)), request.scope, before, credential)
        )

    def prove(self, user_id: str, password: str, source: str) -> str:
        """The hash of a user's password, which was given.  Raises IdentityError 401, 429."""
        known = self._copy.read(lambda directory: _hash(directory.hashes.get(user_id)))
        self._check(password, known, source)
        return known

    # ------------------------------------------------------------ proofs

    def _password(self, request: Login, source: str) -> str:
        def look(directory: Directory) -> tuple[str, str]:
            user = _user(directory, request.user)
            if user is None or not user.enabled:
                return "", ""
            return user.id, _hash(directory.hashes.get(user.id))

        user_id, known = self._copy.read(look)
        self._check(request.password, known, source)
        return user_id

    def _credential(self, request: Login, source: str) -> ApplicationCredential:
        def look(directory: Directory) -> tuple[ApplicationCredential | None, str]:
            found = _find_credential(directory, request)
            if found is None:
                return None, ""
            user = directory.users.get(found.user_id)
            alive = user is not None and user.enabled
            return found, _hash(directory.hashes.get(found.id)) if alive else ""

        found, known = self._copy.read(look)
        self._check(request.secret, known, source)
        if found is None:  # pragma: no cover - nobody's secret is right
            raise unauthorized()
        return found

    def _check(self, password: str, known: str, source: str) -> None:
        """Takes the same time whether there is somebody or not."""
        with self._gate.enter(source) as attempt:
            attempt.succeeded = (
                verify(password, known) if known else verify_nobody(password, self._cost)
            )
        if not attempt.succeeded:
            raise unauthorized()

    # ------------------------------------------------------------ the token

    def _issue(
        self, directory: Directory, user_id: str, methods: tuple[str, ...], scope: Scope | None,
        before: Context | None, credential: ApplicationCredential | None,
    ) -> Payload:
        user = directory.users.get(user_id)
        if user is None or not user.enabled:
            raise unauthorized()
        now = self._now()
        audit = (secrets.token_urlsafe(16),)
        expires = int(now) + self._lifetime
        if before is not None:
            audit += (before.payload.audit_ids[-1],)
            expires = before.payload.expires_at
        made = Payload(user.id, user.generation, methods, int(now), expires, audit)
        if credential is not None:
            return _with_credential(directory, made, credential, now)
        if scope is None:
            home = directory.projects.get(user.default_project_id)
            if home is None or not directory.assigned(user.id, home.id):
                return made
            return _with_project(made, home)
        if scope.system:
            if not directory.assigned(user.id, SYSTEM):
                raise unauthorized()
            return made._replace(system=True)
        if scope.project is None:
            return made
        project = _project(directory, scope.project)
        if project is None or not directory.assigned(user.id, project.id):
            raise unauthorized()
        return _with_project(made, project)


def _with_project(made: Payload, project: Project) -> Payload:
    return made._replace(project_id=project.id, project_generation=project.generation)


def _with_credential(
    directory: Directory, made: Payload, credential: ApplicationCredential, now: float
) -> Payload:
    project = directory.projects.get(credential.project_id)
    roles = implied(directory.assigned(made.user_id, credential.project_id))
    if project is None or not roles or not usable(credential, roles, now):
        raise unauthorized()
    expires = made.expires_at
    if credential.expires_at:
        expires = min(expires, credential.expires_at)
    return _with_project(
        made._replace(credential_id=credential.id, expires_at=expires), project
    )


def _hash(found: PasswordHash | None) -> str:
    return found.hash if found is not None else ""


def _user(directory: Directory, named: Reference) -> User | None:
    if named.elsewhere:
        return None
    return directory.users.get(named.id) if named.id else directory.user_named(named.name)


def _project(directory: Directory, named: Reference) -> Project | None:
    if named.elsewhere:
        return None
    return directory.projects.get(named.id) if named.id else directory.project_named(named.name)


def _find_credential(directory: Directory, request: Login) -> ApplicationCredential | None:
    if request.credential.id:
        return directory.credentials.get(request.credential.id)
    user = _user(directory, request.user)
    if user is None:
        return None
    return next((one for one in directory.credentials_of(user.id)
                 if one.name == request.credential.name), None)
