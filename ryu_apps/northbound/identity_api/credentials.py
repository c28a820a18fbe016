"""``/v3/users/<id>/application_credentials``: logins of programs, for one project and at most the
roles of their user there."""

from __future__ import annotations

import secrets
import uuid

from ryu_apps.identity.directory import rules
from ryu_apps.identity.directory.directory import ROLES, Directory, implied
from ryu_apps.identity.directory.errors import IdentityError, forbidden
from ryu_apps.identity.directory.records import ApplicationCredential
from ryu_apps.identity.tokens.context import Context
from ryu_apps.northbound.http.call import Call, Reply, Route
from ryu_apps.northbound.identity_api import bodies, shapes
from ryu_apps.northbound.identity_api.base import TAG, Part

NAME = "application_credential"
CREDENTIAL_FIELDS = {
    "name": bodies.name, "description": bodies.description, "secret": bodies.password,
    "expires_at": bodies.time, "roles": bodies.roles, "unrestricted": bodies.flag,
    "access_rules": bodies.nothing, "project_id": bodies.id,
}


class CredentialsApi(Part):
    def routes(self) -> list[Route]:
        root = "/v3/users/{user_id}/application_credentials"
        one = root + "/{id}"
        return [
            Route("GET", root, self.list, "List application credentials", TAG, None,
                  "ApplicationCredentialList"),
            Route("POST", root, self.create, "Create an application credential; the answer alone "
                  "has its secret", TAG, "ApplicationCredentialRequest",
                  "ApplicationCredentialItem", 201),
            Route("GET", one, self.show, "Show an application credential", TAG, None,
                  "ApplicationCredentialItem"),
            Route("DELETE", one, self.delete, "Delete an application credential", TAG,
                  status=204),
        ]

    def list(self, call: Call, user_id: str) -> Reply:
        self._readers_only(call, "identity:list_application_credentials", user_id)

        def look(directory: Directory) -> list[ApplicationCredential]:
            rules.user(directory, user_id)
            return directory.credentials_of(user_id)

        v3 = self._v3(call)
        return self._list(call, f"{NAME}s", shapes.sorted_by_name(
            shapes.credential(one, v3) for one in self._service.read(look)))

    def show(self, call: Call, user_id: str, id: str) -> Reply:
        self._readers_only(call, "identity:get_application_credential", user_id)
        found = self._service.read(
            lambda directory: rules.credential(directory, user_id, id))
        return Reply(200, {NAME: shapes.credential(found, self._v3(call))})

    def create(self, call: Call, user_id: str) -> Reply:
        context = self._context(call)
        if context.user.id != user_id:
            raise forbidden("identity:create_application_credential")
        self._unrestricted(context)
        given = bodies.read(call, NAME, CREDENTIAL_FIELDS)
        bodies.needs(given, "name")
        if context.project is None or given.pop("project_id", "") not in ("", context.project.id):
            raise IdentityError(400, "An application credential is for the project of the token "
                                "that asks for it; this one is for none, or another.")
        given.pop("access_rules", None)
        secret = given.pop("secret", "") or secrets.token_urlsafe(64)
        given["roles"] = _roles(given.get("roles", ()), context)
        made = ApplicationCredential(
            uuid.uuid4().hex, user_id=user_id, project_id=context.project.id, **given)
        hash = self._service.hash(secret)
        self._commit(rules.create_credential(made, hash))
        shown = shapes.credential(made, self._v3(call))
        return Reply(201, {NAME: {**shown, "secret": secret}})

    def delete(self, call: Call, user_id: str, id: str) -> Reply:
        context = self._context(call)
        if context.user.id != user_id:
            self._admins_only(call, "identity:delete_application_credential")
        self._unrestricted(context)
        self._commit(rules.delete_credential(user_id, id))
        return Reply(204)

    @staticmethod
    def _unrestricted(context: Context) -> None:
        """Raises IdentityError for the token of a credential that may not manage others."""
        if context.credential is not None and not context.credential.unrestricted:
            raise forbidden("identity:manage_application_credentials")


def _roles(wanted: tuple[str, ...], context: Context) -> tuple[str, ...]:
    """Those asked for, or all of the token, without those that others imply."""
    for one in wanted:
        if one not in context.roles:
            raise IdentityError(400, f"The token has no role {one} in its project.")
    found = set(wanted or context.roles)
    return tuple(one for one in ROLES if one in found
                 and not any(one in implied([two]) and one != two for two in found))
