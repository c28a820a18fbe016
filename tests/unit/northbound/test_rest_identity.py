"""Who asks is found out in one place, before anything else, also of one node for another."""

from __future__ import annotations

import pytest
from webob import Request

from ryu_apps.control.config.access import ADMINISTRATOR, Principal
from ryu_apps.identity.base import (
    Authenticator,
    BadIdentity,
    IdentityUnavailable,
    Standing,
    Unauthenticated,
    token_of,
)
from ryu_apps.northbound.api import build
from ryu_apps.northbound.http.application import Application
from ryu_apps.northbound.http.call import Call, Reply, Route
from ryu_apps.northbound.identity import operators_only
from ryu_apps.northbound.node.others import FORWARDED, asking
from tests.unit.authorities import authority
from tests.unit.northbound.api_client import Node

URI = "http://keystone.example/v3"
WHO = {"admin": ADMINISTRATOR, "red": Principal("red")}


class Names(Authenticator):
    """The token is the client's name."""

    def authenticate(self, environ):
        token = token_of(environ, URI)
        if token == "later":
            raise IdentityUnavailable("Keystone does not answer.", 7)
        if token == "odd":
            raise BadIdentity("odd")
        if token not in WHO:
            raise Unauthenticated("Nobody knows this token.", URI)
        return WHO[token]

    def forwarded(self, environ, who):
        return {"X-Auth-Token": environ["HTTP_X_AUTH_TOKEN"]}

    def standing(self):
        return Standing("names")


@pytest.fixture(scope="module")
def application():
    node = Node()
    yield build(node.configuration, node.view, node.settings, Names())
    node.close()


def ask(application, token: str, method: str, path: str, **fields):
    headers = {"X-Auth-Token": token} if token else {}
    request = Request.blank(path, method=method, headers=headers, **fields)
    request.environ["REQUEST_URI"] = path
    return request.get_response(application)


def test_every_handler_is_told_who_asks():
    def handler(call: Call) -> Reply:
        return Reply(200, [call.principal.project_id, asking(call)])

    route = Route("GET", "/who", handler)
    answer = ask(Application([route], Names(), authority), "red", "GET", "/who")
    assert answer.json == ["red", {FORWARDED: "1", "X-Auth-Token": "red"}]
    operators = Application([operators_only(route)], Names(), authority)
    assert ask(operators, "red", "GET", "/who").status_int == 403
    assert ask(operators, "admin", "GET", "/who").json[0] == ""


@pytest.mark.parametrize("token,status", [("", 401), ("nobody", 401), ("x" * 20000, 401),
                                          ("odd", 400), ("later", 503)])
def test_nobody_is_told_anything_else(application, token, status):
    """Whatever else is wrong with the request, and of every route but the public ones."""
    cases = [(route.method, route.path.replace("{", "").replace("}", ""))
             for route in application.routes if not route.public]
    assert len(cases) > 80
    cases += [("GET", "/v2.0/nothing"), ("GET", "/nowhere"), ("PATCH", "/v2.0/networks"),
              ("POST", "/"), ("GET", "/v2.0/networks/%ff"), ("GET", "/v2.0/networks?x=%ff"),
              ("GET", "/v1/rib?bogus=1"), ("GET", "/v3/auth/tokens")]
    for method, path in cases:
        answer = ask(application, token, method, path, body=b"{no json", content_type="text/plain")
        assert answer.status_int == status, (method, path, answer.text)
        if status == 401:
            assert answer.headers["WWW-Authenticate"] == f'Keystone uri="{URI}"'
            assert set(answer.json["error"]) == {"code", "title", "message"}
            assert (answer.json["error"]["code"], answer.json["error"]["title"]) == (
                401, "Unauthorized")
        else:
            assert answer.json["NeutronError"]["message"]
        assert ("Retry-After" in answer.headers) == (status == 503)


def test_public_routes_ask_nobody(application):
    public = {route.path for route in application.routes if route.public}
    assert public == {"/", "/v2.0", "/openapi.json"}
    for path in (*public, "/v2.0/"):
        for token in ("", "nobody", "later", "odd", "red"):
            assert ask(application, token, "GET", path).status_int == 200
            assert ask(application, token, "HEAD", path).status_int == 200


def test_an_operators_route_says_so_before_it_looks_at_parameters(application):
    assert ask(application, "red", "GET", "/v1/rib?bogus=1&limit=x").status_int == 403
    assert ask(application, "admin", "GET", "/v1/rib?bogus=1").status_int == 400
    assert ask(application, "red", "POST", "/v2.0/networks", body=b"{").status_int == 400
    assert ask(application, "red", "GET", "/nowhere").status_int == 404
    assert ask(application, "red", "PATCH", "/v2.0/networks").status_int == 405
