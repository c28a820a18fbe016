"""What vnctl takes for somebody's credentials, and what it says where they are missing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from ryu_apps.cli.errors import CliError
from ryu_apps.cli.login.clouds import Cloud, find
from ryu_apps.cli.vnctl import main
from ryu_apps.identity.base import Authenticator, Standing, Unauthenticated
from ryu_apps.northbound.api import build
from tests.unit.northbound.api_client import Node

AUTH = {"auth_url": "http://keystone/v3", "username": "anna", "password": "p",
        "project_name": "red", "user_domain_id": "default", "project_domain_id": "default"}


def variables(auth: dict[str, str]) -> dict[str, str]:
    return {f"OS_{name.upper()}": value for name, value in auth.items()}


def clouds(directory: Path, content: object, name: str = "clouds.yaml") -> str:
    (directory / name).write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return str(directory / name)


def test_nothing_is_logged_in_to_where_nothing_says_so():
    for environment in ({}, {"OS_AUTH_TYPE": "none", "OS_ENDPOINT": "x"},
                        {**variables(AUTH), "OS_AUTH_TYPE": "none"}):
        assert find("", environment) is None


def test_variables():
    assert find("", variables(AUTH)) == Cloud("password", AUTH)
    more = {"OS_CACERT": "/ca.pem", "OS_INSECURE": "true", "OS_PASSWORD": ""}
    token = {"auth_url": "http://keystone/v3", "token": "t"}
    assert find("", {**variables(token), **more}) == Cloud("token", token, False, "/ca.pem")
    own = {**variables(token), "OS_CERT": "/me.pem"}
    assert find("", own).cert == "/me.pem"
    assert find("", {**own, "OS_KEY": "/me.key"}).cert == ("/me.pem", "/me.key")
    secret = {"application_credential_id": "i", "application_credential_secret": "s"}
    assert find("", variables(secret)) == Cloud("v3applicationcredential", secret)
    assert find("", {"OS_AUTH_TYPE": "v3totp", "OS_PASSCODE": "1"}) == Cloud(
        "v3totp", {"passcode": "1"})


def test_names_are_of_the_default_domain_unless_another_is_named():
    names = {"username": "anna", "password": "p", "project_name": "red"}
    found = find("", variables(names))
    assert found.auth == {**names, "user_domain_id": "default", "project_domain_id": "default"}
    for more in ({"user_domain_name": "x", "project_domain_name": "y"},
                 {"default_domain_id": "x"}):
        assert find("", variables({**names, **more})).auth == {**names, **more}
    ids = {"user_id": "1", "password": "p", "project_id": "2"}
    assert find("", variables(ids)).auth == ids


def test_clouds_yaml(tmp_path, monkeypatch):
    """With the secrets beside it; variables say otherwise, and the option which cloud it is."""
    monkeypatch.chdir(tmp_path)
    auth = {name: value for name, value in AUTH.items() if name != "password"}
    clouds(tmp_path, {"clouds": {"one": {"auth": auth, "cacert": "/ca", "verify": False},
                                 "two": {"auth_type": "none"}}})
    clouds(tmp_path, {"clouds": {"one": {"auth": {"password": "p"}}}}, "secure.yaml")
    wanted = Cloud("password", AUTH, False, "/ca")
    assert find("one", {}) == find("", {"OS_CLOUD": "one"}) == wanted
    assert find("one", {"OS_CLOUD": "two"}) == wanted
    assert find("one", {"OS_PASSWORD": "q"}).auth == {**AUTH, "password": "q"}
    assert find("two", {}) is None


@pytest.mark.parametrize("content,text", [
    ("clouds: [", "cannot read"), ("[]", "has no 'clouds'"), ("clouds: {one: 1}", "no 'clouds'"),
    ("clouds: []", "no 'clouds'"), ("clouds", "no 'clouds'"), ("{", "cannot read"),
    ("clouds: {two: {}}", "has no cloud one; there are: two"),
    ("clouds: {one: {}}", "no auth of keys"), ("clouds: {one: {auth: x}}", "no auth of keys"),
    ("\x00", "cannot read"),
])
def test_a_file_that_makes_no_sense(tmp_path, content, text):
    with pytest.raises(CliError, match=text) as refused:
        find("one", {"OS_CLIENT_CONFIG_FILE": clouds(tmp_path, content)})
    assert refused.value.status == 2


def test_a_file_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with pytest.raises(CliError, match=r"no clouds\.yaml with the cloud one"):
        find("one", {})
    with pytest.raises(CliError, match="cannot read"):
        find("one", {"OS_CLIENT_CONFIG_FILE": str(tmp_path / "none")})


class Nobody(Authenticator):
    def authenticate(self, environ):
        raise Unauthenticated("Nobody is known.", "http://keystone/v3")

    def forwarded(self, environ, who):
        return {}

    def standing(self):
        return Standing("nobody")


def test_who_is_not_logged_in_is_told_how(capsys, monkeypatch):
    for name in [one for one in os.environ if one.startswith("OS_")]:
        monkeypatch.delenv(name)
    node = Node()

    def refused(status: int) -> str:
        assert main(["--url", node.url, "networks"]) == status
        return capsys.readouterr().err

    try:
        monkeypatch.setenv("OS_CLOUD", "nowhere")  # nobody asks for it
        assert main(["--url", node.url, "networks"]) == 0
        node.server.application = build(
            node.configuration, node.view, node.settings, Nobody())
        monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", "/nowhere/clouds.yaml")
        assert "cannot read /nowhere/clouds.yaml" in refused(2)
        monkeypatch.delenv("OS_CLOUD")
        assert "wants to know who asks" in (said := refused(3)) and "OS_CLOUD" in said
        monkeypatch.setenv("OS_TOKEN", "void")
        assert "Nobody is known" in refused(3)
        monkeypatch.delenv("OS_TOKEN")
        monkeypatch.setenv("OS_AUTH_URL", "http://127.0.0.1:1/v3")
        assert "OS_USERNAME and OS_PASSWORD is missing" in refused(2)
        for name, value in variables(AUTH).items():
            if name != "OS_AUTH_URL":
                monkeypatch.setenv(name, value)
        assert "no answer from http://127.0.0.1:1/v3" in refused(4)
        monkeypatch.setenv("OS_AUTH_TYPE", "nonsense")
        assert "nonsense" in refused(2)
    finally:
        node.close()
