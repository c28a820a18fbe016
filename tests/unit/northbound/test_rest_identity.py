"""Who asks is found out in one place, for every call, also of one node to another."""

from __future__ import annotations

import pytest
from webob import Request

from ryu_apps.control.config.access import ADMINISTRATOR, Authority, Principal, roles_up_to
from ryu_apps.northbound.http.application import Application
from ryu_apps.northbound.http.call import Reply, Route
from ryu_apps.northbound.identity import NoProject, headers, identify, operators_only
from ryu_apps.northbound.node.others import FORWARDED, asking
from tests.unit.authorities import authority


def request(**fields: str) -> Request:
    return Request.blank("/who", headers=fields)


@pytest.mark.parametrize("principal", [
    ADMINISTRATOR, Principal("p"), Principal("x" * 255), Principal("p", roles_up_to("admin")),
    Principal("p", frozenset({"reader"})), Principal(roles=frozenset({"reader"})),
    Principal(roles=frozenset()),
])
def test_a_node_asks_for_whom_it_was_asked(principal):
    sent = asking(principal)
    assert sent[FORWARDED] and identify(request(**sent)) == principal
    assert headers(ADMINISTRATOR) == {}


@pytest.mark.parametrize("project", ["", " ", "x" * 256])
def test_a_project_without_a_name_is_nobody(project):
    with pytest.raises(NoProject):
        identify(request(**{"X-Project-Id": project}))


def test_every_handler_is_told_who_asks():
    asked = []

    def somebody(request: Request) -> Authority:
        asked.append(request.path)
        return authority(Principal("red"))

    def handler(call):
        return Reply(200, [call.principal.project_id, call.principal.project_id])

    route = Route("GET", "/who", handler)
    answer = request().get_response(Application([route], somebody))
    assert answer.json == ["red", "red"] and asked == ["/who"]
    answer = request().get_response(Application([operators_only(route)], somebody))
    assert answer.status_int == 403
    application = Application([operators_only(route)], lambda _: authority(ADMINISTRATOR))
    answer = request().get_response(application)
    assert answer.json == ["", ""]
