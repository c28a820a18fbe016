"""``/v1/identity``: what the Identity API has no word for: the first administrator, the keys that
seal tokens."""

from __future__ import annotations

import hmac
import ipaddress
import time
import uuid
from typing import Any

from ryu_apps.identity.directory import rules
from ryu_apps.identity.directory.errors import IdentityError, bad
from ryu_apps.identity.directory.records import Project, User
from ryu_apps.identity.tokens import keys
from ryu_apps.northbound.http.call import Call, Reply, Route
from ryu_apps.northbound.identity_api import bodies, shapes
from ryu_apps.northbound.identity_api.base import Part, moment

TAG = "node"
BOOTSTRAP_FIELDS = {
    "code": bodies.text(100), "name": bodies.name, "password": bodies.password,
    "project": bodies.name,
}
_PROXIED = ("Forwarded", "X-Forwarded-For", "Via")


class BootstrapApi(Part):
    """The one thing that may be done without a login: from this host, with the code that stands in
    this node's log, while there is no user."""

    def routes(self) -> list[Route]:
        return [
            Route("POST", "/v1/identity/bootstrap", self.bootstrap, "Make the first administrator",
                  TAG, "BootstrapRequest", "UserItem", 201, public=True, refusals=(429,)),
        ]

    def bootstrap(self, call: Call) -> Reply:
        if not _local(call):
            raise IdentityError(403, "The first administrator is made on the node's own host, "
                                "without a proxy between.")
        if not self._service.copy.loaded:
            raise IdentityError(503, "The config store was not read yet; try again.", 1)
        if not self._service.empty:
            raise IdentityError(409, "There are users; log in as an administrator, or set a "
                                "password with vnctl identity bootstrap --config-file.")
        given = bodies.read(call, "bootstrap", BOOTSTRAP_FIELDS)
        code, password = (bodies.needs(given, one) for one in ("code", "password"))
        if not password:
            raise bad("The password is empty.")
        with self._service.gate.enter(self._source(call)) as attempt:
            attempt.succeeded = hmac.compare_digest(code.encode(), self._service.code.encode())
        if not attempt.succeeded:
            raise IdentityError(403, "The code is not the one in this node's log.")
        hash = self._service.hash(password)
        user = User(uuid.uuid4().hex, given.get("name", "admin"))
        home = Project(uuid.uuid4().hex, given.get("project", "admin"))
        made = self._commit(_first(rules.bootstrap(user, hash, home)))
        return Reply(201, {"user": shapes.user(made, self._v3(call))})


def _first(plan: rules.Plan) -> rules.Plan:
    def only(directory: Any) -> Any:
        if directory.users:
            raise IdentityError(409, "There are users already.")
        return plan(directory)

    return only


def _local(call: Call) -> bool:
    if any(call.header(name) for name in _PROXIED):
        return False
    try:
        address = ipaddress.ip_address(call.request.environ.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


class TokenKeysApi(Part):
    def routes(self) -> list[Route]:
        root = "/v1/identity/token-keys"
        return [
            Route("GET", root, self.list, "The keys that seal tokens, without themselves", TAG,
                  None, "TokenKeys"),
            Route("POST", f"{root}/rotate", self.rotate, "Seal with the next key", TAG, None,
                  "TokenKeys"),
            Route("DELETE", f"{root}/old", self.drop, "Forget old keys, which voids the tokens "
                  "that they sealed", TAG, status=204),
        ]

    def list(self, call: Call) -> Reply:
        return Reply(200, {"token_keys": self._rows()})

    def rotate(self, call: Call) -> Reply:
        primary = self._commit(keys.rotate(time.time()))
        return Reply(200, {"primary": primary, "token_keys": self._rows()})

    def drop(self, call: Call) -> Reply:
        self._commit(keys.drop_old)
        return Reply(204)

    def _rows(self) -> list[dict[str, Any]]:
        found = self._service.read(lambda directory: keys.ordered(directory.token_keys.values()))
        last = len(found) - 1
        return [
            {"number": one.number, "made_at": moment(one.made_at),
             "state": {last: "staged", last - 1: "primary"}.get(place, "old")}
            for place, one in enumerate(found)
        ]
