"""Without authentication: whom a client says it is, and where the API may then listen."""

from __future__ import annotations

import pytest

from ryu_apps.control.config.access import ADMINISTRATOR, Principal, roles_up_to
from ryu_apps.identity import choice
from ryu_apps.identity.base import MAX_TOKEN, BadIdentity, Unauthenticated, token_of
from ryu_apps.identity.exposure import is_loopback
from ryu_apps.identity.unverified import NoProject, Unverified
from ryu_apps.settings import SettingsError
from tests.unit.northbound.api_client import options


def environ(headers: dict[str, str]) -> dict[str, str]:
    return {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}


@pytest.mark.parametrize("principal", [
    ADMINISTRATOR, Principal("p"), Principal("x" * 255), Principal("p", roles_up_to("admin")),
    Principal("p", frozenset({"reader"})), Principal(roles=frozenset({"reader"})),
    Principal(roles=frozenset()),
])
def test_another_node_is_asked_for_the_same_client(principal):
    nodes = Unverified()
    assert nodes.authenticate(environ(nodes.forwarded({}, principal))) == principal
    assert nodes.forwarded({}, ADMINISTRATOR) == {}


@pytest.mark.parametrize("project", ["", " ", "x" * 256])
def test_a_project_without_a_name_is_nobody(project):
    with pytest.raises(NoProject):
        Unverified().authenticate(environ({"X-Project-Id": project}))
    with pytest.raises(NoProject):
        Unverified().authenticate(environ({"X-Project-Id": project, "X-Roles": "admin"}))


def test_roles_are_bounded():
    with pytest.raises(BadIdentity):
        Unverified().authenticate(environ({"X-Project-Id": "p", "X-Roles": "r," * 2049}))


def test_a_token_is_bounded():
    assert token_of({"HTTP_X_AUTH_TOKEN": " ttt "}, "") == "ttt"
    assert token_of({"HTTP_X_AUTH_TOKEN": "x" * MAX_TOKEN}, "") == "x" * MAX_TOKEN
    for token in (None, "", " ", "t t", "caf\xe9", "a\x07", "x" * (MAX_TOKEN + 1)):
        with pytest.raises(Unauthenticated) as refused:
            token_of({} if token is None else {"HTTP_X_AUTH_TOKEN": token}, "http://keystone/v3")
        assert refused.value.uri == "http://keystone/v3"
        assert len(str(refused.value)) < 200


@pytest.mark.parametrize("host,loopback", [
    ("127.0.0.1", True), ("127.5.0.9", True), ("::1", True), ("localhost", True),
    ("::ffff:127.0.0.1", True), ("0.0.0.0", False), ("::", False), ("192.0.2.1", False),
    ("2001:db8::1", False), ("::ffff:192.0.2.1", False), ("", False),
    ("nobody.invalid", False), ("a..b", False), ("x" * 80, False),
])
def test_loopback(host, loopback):
    assert is_loopback(host) is loopback


def test_an_open_api_is_asked_for(caplog):
    for host in ("0.0.0.0", "::", "192.0.2.1", "nobody.invalid"):
        with pytest.raises(SettingsError, match=f"{host}.*allow_unauthenticated = true"):
            choice.authenticator(options(host=host))
    assert not caplog.records
    made = choice.authenticator(options(host="192.0.2.1", allow_unauthenticated=True))
    assert "anybody who reaches 192.0.2.1:0 is an administrator" in caplog.records[0].message
    assert made.standing().warning and "192.0.2.1:0" in made.standing().detail


@pytest.mark.parametrize("api", [
    {"host": "127.0.0.1"}, {"host": "::1"}, {"host": "127.0.0.1", "allow_unauthenticated": True},
    {"host": "0.0.0.0", "client_ca_file": "/etc/vnc/ca.pem"},
])
def test_what_only_some_can_reach_is_no_warning(api, caplog):
    assert not choice.authenticator(options(**api)).standing().warning
    assert not caplog.records
