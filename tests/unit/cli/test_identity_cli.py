"""vnctl identity, and how vnctl logs in."""

from __future__ import annotations

import io
import json
import os

import pytest
import yaml

from ryu_apps.cli.vnctl import build_parser, main
from ryu_apps.identity.directory.copy import DirectoryCopy
from ryu_apps.store.sqlite import SqliteStore
from tests.unit.cli.vnctl_support import runner
from tests.unit.northbound.api_client import Node, options
from tests.unit.northbound.users import PASSWORD, with_users


@pytest.fixture(autouse=True)
def nobody(monkeypatch):
    for name in [name for name in os.environ if name.startswith("OS_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def node():
    node = with_users()
    yield node
    node.close()


@pytest.fixture
def admin(monkeypatch):
    monkeypatch.setenv("OS_USERNAME", "admin")
    monkeypatch.setenv("OS_PASSWORD", PASSWORD)
    monkeypatch.setenv("OS_PROJECT_NAME", "admin")


@pytest.fixture
def secret(tmp_path):
    file = tmp_path / "password"
    file.write_text("a-secret\nnot this line\n")
    return str(file)


def test_users_projects_and_roles(node, admin, secret, capsys, monkeypatch):
    vnctl = runner(node, capsys)
    assert "NAME" in vnctl("identity")
    vnctl("identity", "project", "create", "red", "--description", "of the reds")
    made = json.loads(vnctl("identity", "user", "create", "alice", "--password-file", secret,
                            "--email", "a@example.org", "--default-project", "red", "--json"))
    assert made["email"] == "a@example.org" and "password" not in made
    assert "has the role member in project red" in vnctl(
        "identity", "role", "assign", "member", "--user", "alice", "--project", "red")
    vnctl("identity", "role", "assign", "reader", "--user", "alice", "--system")
    assert vnctl("identity", "role", "list", "--user", "alice", "--no-headings").split() == [
        "alice", "member", "red", "alice", "reader", "(the", "whole", "system)"]
    assert vnctl("identity", "user", "list", "-o", "name").split() == ["admin", "alice"]
    assert "of the reds" in vnctl("identity", "project", "show", "red")
    vnctl("identity", "role", "unassign", "reader", "--user", "alice", "--system")

    monkeypatch.setenv("OS_USERNAME", "alice")
    monkeypatch.setenv("OS_PASSWORD", "a-secret")
    monkeypatch.setenv("OS_PROJECT_NAME", "red")
    assert "not authorized" in vnctl("identity", "user", "list", status=3)
    assert "disallowed by policy" in vnctl("status", status=3)
    monkeypatch.setenv("OS_USERNAME", "admin")
    monkeypatch.setenv("OS_PASSWORD", PASSWORD)
    monkeypatch.setenv("OS_PROJECT_NAME", "admin")

    vnctl("identity", "user", "set", "alice", "--name", "alicia", "--disable")
    assert json.loads(vnctl("identity", "user", "show", "alicia", "--json"))["enabled"] is False
    vnctl("identity", "user", "password", "alicia", "--password-file", secret)
    assert "no user has the id or name alice" in vnctl("identity", "user", "show", "alice",
                                                       status=3)
    vnctl("identity", "user", "delete", "alicia")
    vnctl("identity", "project", "delete", "red")
    assert "nobody with the role admin" in vnctl("identity", "user", "delete", "admin", status=3)


def test_keys_of_tokens(node, admin, capsys):
    vnctl = runner(node, capsys)
    states = [one["state"] for one in json.loads(
        vnctl("identity", "token", "rotate-keys", "--json"))]
    assert states == ["old", "primary", "staged"]
    assert "old" not in vnctl("identity", "token", "drop-old-keys")
    assert vnctl("identity", "token", "keys", "-o", "name").split() == ["2", "3"]


# ------------------------------------------------------------ the first administrator


def test_bootstrap_with_the_code_of_a_running_node(secret, capsys, monkeypatch):
    conf = options(auth="tokens")
    conf.set_override("bcrypt_cost", 4, "identity")
    node = Node(conf=conf)
    try:
        vnctl = runner(node, capsys)
        words = ("identity", "bootstrap", "--password-file", secret, "--user", "root")
        assert "either --code" in vnctl(*words, status=2)
        assert "not the one" in vnctl(*words, "--code", "guess", status=3)
        assert "OS_USERNAME=root" in vnctl(*words, "--code", node.identity.code)
        monkeypatch.setenv("OS_USERNAME", "root")
        monkeypatch.setenv("OS_PASSWORD", "a-secret")
        monkeypatch.setenv("OS_SYSTEM_SCOPE", "all")
        assert vnctl("identity", "user", "list", "-o", "name").split() == ["root"]
        assert "There are users" in vnctl(*words, "--code", node.identity.code, status=3)
    finally:
        node.close()


def test_bootstrap_into_the_store_and_who_lost_the_password(tmp_path, secret, capsys, monkeypatch):
    monkeypatch.setattr("ryu_apps.identity.passwords.DEFAULT_COST", 4)
    path = tmp_path / "config.db"
    file = tmp_path / "node.conf"
    file.write_text(f"[store]\npath = {path}\n")
    hashes = set()
    for _ in range(2):
        assert main(["identity", "bootstrap", "--config-file", str(file),
                     "--password-file", secret]) == 0
        store = SqliteStore(path)
        copy = DirectoryCopy(store, lambda: "", 128)
        copy.load()
        assert len(copy.read(lambda directory: directory.administrators())) == 1
        hashes.add(copy.read(lambda directory: next(iter(directory.hashes.values())).hash))
        copy.close()
        store.close()
    assert len(hashes) == 2
    assert "bcrypt" not in capsys.readouterr().out


# ------------------------------------------------------------ logging in


def test_without_a_login_vnctl_says_how(node, capsys):
    assert "OS_USERNAME" in runner(node, capsys)("ports", status=3)


@pytest.mark.parametrize("words", [("status",), ("config", "show"), ("ports", "-o", "json"),
                                   ("config", "export", "-"), ("elements",)])
def test_every_command_logs_in(node, admin, capsysbinary, words):
    assert main(["--url", node.url, *words]) in (0, 1)
    assert capsysbinary.readouterr().out


def test_a_wrong_password_and_a_token_that_is_void(node, admin, capsys, monkeypatch):
    monkeypatch.setenv("OS_PASSWORD", "not this one")
    error = runner(node, capsys)("ports", status=3)
    assert "refused the login" in error and "not this one" not in error
    monkeypatch.setenv("OS_TOKEN", "void")
    assert "requires authentication" in runner(node, capsys)("ports", status=3)


def test_a_cloud_of_clouds_yaml(node, capsys, monkeypatch, tmp_path):
    file = tmp_path / "clouds.yaml"
    file.write_text(yaml.safe_dump({"clouds": {"here": {"auth": {
        "auth_url": node.url, "username": "admin", "password": PASSWORD,
        "project_name": "admin", "user_domain_name": "Default"}}}}))
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(file))
    monkeypatch.setenv("OS_CLOUD", "here")
    assert runner(node, capsys)("ports").startswith("NAME")
    monkeypatch.setenv("OS_CLOUD", "elsewhere")
    assert "no cloud elsewhere" in runner(node, capsys)("ports", status=2)


def test_a_password_comes_from_the_input_or_is_refused(node, admin, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("a-secret\n"))
    vnctl = runner(node, capsys)
    vnctl("identity", "user", "create", "alice", "--password-file", "-")
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    assert "empty" in vnctl("identity", "user", "create", "bob", "--password-file", "-", status=2)
    assert "--password-file" in vnctl("identity", "user", "create", "bob", status=2)
    assert "cannot read" in vnctl("identity", "user", "create", "bob", "--password-file", "/no",
                                  status=2)
    vnctl("identity", "user", "create", "bob", "--no-password")


def test_every_action_has_help_with_an_example(capsys):
    actions = [("user", name) for name in ("list", "show", "create", "set", "password", "delete")]
    actions += [("project", name) for name in ("list", "show", "create", "set", "delete")]
    actions += [("role", name) for name in ("list", "assign", "unassign")]
    actions += [("token", name) for name in ("keys", "rotate-keys", "drop-old-keys")]
    for words in (*actions, ("bootstrap",)):
        with pytest.raises(SystemExit):
            build_parser().parse_args(["identity", *words, "--help"])
        assert f"vnctl identity {' '.join(words)}" in capsys.readouterr().out
