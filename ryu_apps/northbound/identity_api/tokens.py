"""``/v3`` and ``/v3/auth``: the version, logging in, what a token gives."""

from __future__ import annotations

from typing import Any

from ryu_apps.identity.directory.errors import IdentityError
from ryu_apps.identity.directory.records import SYSTEM
from ryu_apps.identity.tokens.context import Context
from ryu_apps.identity.tokens.requests import parse
from ryu_apps.northbound.http.call import Call, Parameter, Reply, Route
from ryu_apps.northbound.identity_api import shapes
from ryu_apps.northbound.identity_api.base import TAG, Part

SUBJECT = "X-Subject-Token"
_GIVES = (SUBJECT, "Vary")
_NOCATALOG = (Parameter("nocatalog", "leave the catalog out"),)
VERSION, UPDATED = "v3.14", "2020-04-07T00:00:00Z"
"""Of Keystone's API, that this is a part of."""


class TokensApi(Part):
    def routes(self) -> list[Route]:
        return [
            Route("GET", "/v3", self.version, "The version of the Identity API", TAG, None,
                  "IdentityVersion", public=True),
            Route("POST", "/v3/auth/tokens", self.login, "Log in", TAG, "LoginRequest", "Token",
                  201, public=True, refusals=(401, 429), gives=_GIVES, query=_NOCATALOG),
            Route("GET", "/v3/auth/tokens", self.show, "What a token gives", TAG, None, "Token",
                  needs=(SUBJECT,), gives=_GIVES, refusals=(404,), query=_NOCATALOG),
            Route("DELETE", "/v3/auth/tokens", self.revoke, "Void a token", TAG, status=204,
                  needs=(SUBJECT,), refusals=(404,)),
            Route("GET", "/v3/auth/projects", self.projects, "Where the client has a role", TAG,
                  None, "ProjectList"),
            Route("GET", "/v3/auth/domains",
                  lambda call: self._list(call, "domains", []),
                  "Domains that a token can be for: none", TAG, None, "DomainList"),
            Route("GET", "/v3/auth/system", self.system, "Whether the client has a role in the "
                  "system", TAG, None, "SystemScopes"),
            Route("GET", "/v3/auth/catalog",
                  lambda call: Reply(200, {
                      "catalog": shapes.catalog(self._base(call)),
                      "links": {"self": f"{self._v3(call)}/auth/catalog"}}),
                  "The services of this node", TAG, None, "Catalog"),
        ]

    def version(self, call: Call) -> Reply:
        return Reply(200, {"version": {
            "id": VERSION, "status": "stable", "updated": UPDATED,
            "links": [{"rel": "self", "href": f"{self._v3(call)}/"}],
            "media-types": [{"base": "application/json",
                             "type": "application/vnd.openstack.identity-v3+json"}],
        }})

    # ------------------------------------------------------------ tokens

    def login(self, call: Call) -> Reply:
        payload = self._service.logins.login(parse(call.json()), self._source(call))
        token = self._service.seal(payload)
        return self._shown(call, token, self._service.context(token), 201)

    def show(self, call: Call) -> Reply:
        token, found = self._subject(call)
        if found.user.id != call.principal.user_id:
            self._readers_only(call, "identity:validate_token")
        return self._shown(call, token, found, 200)

    def revoke(self, call: Call) -> Reply:
        _, found = self._subject(call)
        if found.user.id != call.principal.user_id:
            self._admins_only(call, "identity:revoke_token")
        self._commit(self._service.revocation(found))
        return Reply(204)

    def _subject(self, call: Call) -> tuple[str, Context]:
        token = call.header(SUBJECT)
        if not token:
            raise IdentityError(400, f"The header {SUBJECT} names the token.")
        try:
            return token, self._service.context(token)
        except IdentityError:
            raise IdentityError(404, "Could not find token.") from None

    def _shown(self, call: Call, token: str, context: Context, status: int) -> Reply:
        catalog = None
        if "nocatalog" not in call.query:
            catalog = shapes.catalog(self._base(call))
        return Reply(status, shapes.token(context, catalog),
                     ((SUBJECT, token), ("Vary", "X-Auth-Token")))

    # ------------------------------------------------------------ scopes

    def projects(self, call: Call) -> Reply:
        user_id = self._context(call).user.id
        found = self._service.read(lambda directory: directory.projects_of(user_id))
        v3 = self._v3(call)
        return self._list(call, "projects",
                          [shapes.project(one, v3) for one in found if one.enabled])

    def system(self, call: Call) -> Reply:
        user_id = self._context(call).user.id
        found: list[Any] = []
        if self._service.read(lambda directory: directory.assigned(user_id, SYSTEM)):
            found = [{"all": True}]
        return Reply(200, {"system": found, "links": {"self": f"{self._v3(call)}/auth/system"}})
