"""The openstack client with a clouds.yaml against nodes with users of their own: no Keystone."""

from __future__ import annotations

import contextlib
import io
import json
import os
from pathlib import Path
from typing import Any

import openstack
import pytest
import yaml
from openstackclient.common.clientmanager import ClientManager
from openstackclient.shell import OpenStackShell
from osc_lib.clientmanager import ClientCache

from tests.unit.identity.directories import until
from tests.unit.northbound.api_client import Node
from tests.unit.northbound.users import PASSWORD, with_users
from tests.unit.store.store_support import cluster, open_store


class Clouds:
    """``clouds.yaml`` in a folder, and the client that reads it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._clouds: dict[str, Any] = {}

    def add(self, name: str, node: Node, auth_type: str = "password", **auth: Any) -> None:
        if auth_type == "password":
            auth = {"username": name, "user_domain_id": "default", "project_domain_id": "default",
                    **auth}
        self._clouds[name] = {
            "auth_type": auth_type, "auth": {"auth_url": f"{node.url}/v3", **auth}}
        self._path.write_text(yaml.safe_dump({"clouds": self._clouds}))

    def run(self, cloud: str, *words: str, ok: bool = True) -> str:
        """The same program without a new interpreter for each command, nor what it keeps of the
        one before."""
        for manager in ClientManager.__mro__:
            for one in vars(manager).values():
                if isinstance(one, ClientCache):
                    one._handle = None
        out, errors = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
            code = OpenStackShell().run(["--os-cloud", cloud, *words])
        assert (code == 0) is ok, (words, out.getvalue(), errors.getvalue())
        return out.getvalue() if ok else errors.getvalue()

    def read(self, cloud: str, *words: str) -> Any:
        return json.loads(self.run(cloud, *words, "-f", "json"))

    def names(self, cloud: str, *words: str) -> list[str]:
        return sorted(one["Name"] for one in self.read(cloud, *words))


@pytest.fixture
def clouds(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("OS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(tmp_path / "clouds.yaml"))
    return Clouds(tmp_path / "clouds.yaml")


def two_projects(clouds: Clouds, node: Node) -> None:
    """alice, a member of red, and bob, one of blue; made with the client."""
    clouds.add("admin", node, password=PASSWORD, project_name="admin")
    for user, project in (("alice", "red"), ("bob", "blue")):
        clouds.run("admin", "project", "create", "--domain", "default", project)
        clouds.run("admin", "user", "create", "--password", f"{user}-secret", user)
        clouds.run("admin", "role", "add", "--project", project, "--user", user, "member")
        clouds.add(user, node, password=f"{user}-secret", project_name=project)


def test_two_projects_on_one_node(clouds):
    node = with_users()
    try:
        two_projects(clouds, node)
        clouds.run("alice", "network", "create", "web")
        assert clouds.names("alice", "network", "list") == ["web"]
        assert clouds.names("bob", "network", "list") == []
        assert "No Network found" in clouds.run("bob", "network", "show", "web", ok=False)
        assert clouds.names("admin", "network", "list") == ["web"]

        rows = clouds.read("admin", "role", "assignment", "list", "--names")
        assert {(one["User"], one["Role"], one["Project"]) for one in rows} >= {
            ("alice@Default", "member", "red@Default"), ("bob@Default", "member", "blue@Default")}
        assert clouds.names("alice", "project", "list") == ["red"]
        assert clouds.names("admin", "project", "list") == ["admin", "blue", "red"]
        assert "not authorized" in clouds.run("alice", "user", "list", ok=False)
        assert {one["Type"] for one in clouds.read("alice", "catalog", "list")} == {
            "network", "identity"}
        for words in (("service", "list"), ("endpoint", "list"), ("domain", "list"),
                      ("role", "list"), ("region", "list"), ("implied", "role", "list")):
            assert clouds.read("admin", *words)

        # A program of alice's, which may look and not change.
        made = clouds.read("alice", "application", "credential", "create", "--role", "reader",
                           "--expiration", "2099-01-01T00:00:00", "ci")
        clouds.add("ci", node, "v3applicationcredential", application_credential_id=made["ID"],
                   application_credential_secret=made["Secret"])
        assert clouds.names("ci", "network", "list") == ["web"]
        assert "disallowed by policy" in clouds.run("ci", "network", "create", "x", ok=False)
        clouds.run("alice", "application", "credential", "delete", "ci")
        clouds.run("ci", "network", "list", ok=False)

        token = clouds.run("alice", "token", "issue", "-f", "value", "-c", "id").strip()
        clouds.add("again", node, "v3token", token=token, project_name="red",
                   project_domain_id="default")
        assert clouds.names("again", "network", "list") == ["web"]
        clouds.run("alice", "token", "revoke", token)
        clouds.run("again", "network", "list", ok=False)

        clouds.add("alice", node, password="wrong", project_name="red")
        assert "401" in clouds.run("alice", "network", "list", ok=False)
        clouds.add("alice", node, password="alice-secret", project_name="red")
        clouds.run("alice", "user", "password", "set", "--original-password", "alice-secret",
                   "--password", "another")
        clouds.run("alice", "network", "list", ok=False)
        clouds.add("alice", node, password="another", project_name="red")
        assert clouds.names("alice", "network", "list") == ["web"]

        clouds.run("admin", "user", "set", "--disable", "alice")
        assert "401" in clouds.run("alice", "network", "list", ok=False)
        clouds.run("admin", "user", "set", "--enable", "alice")
        clouds.run("admin", "role", "remove", "--project", "red", "--user", "alice", "member")
        clouds.run("alice", "network", "list", ok=False)
        clouds.run("admin", "user", "delete", "alice", "bob")
        clouds.run("admin", "project", "delete", "blue")
        assert clouds.names("admin", "user", "list") == ["admin"]
    finally:
        node.close()


def test_a_program_that_runs_for_long_logs_in_again_when_its_token_expires(clouds):
    node = with_users()
    try:
        two_projects(clouds, node)
        with openstack.connect(cloud="alice") as cloud:
            cloud.network.create_network(name="web")
            first = cloud.session.get_token()
            later = node.identity._now() + 4000
            node.identity._now = node.identity.logins._now = lambda: later
            assert [one.name for one in cloud.network.networks()] == ["web"]
            assert cloud.session.get_token() != first
    finally:
        node.close()


def test_two_nodes_with_etcd(clouds):
    """What is made at one is known at the other, and a token of one is good at both, whatever key
    sealed it."""
    with cluster() as etcd:
        stores = [open_store("etcd", endpoints=etcd.urls, prefix="/users") for _ in range(2)]
        one = with_users(stores[0])
        two = with_users(stores[1])
        try:
            two_projects(clouds, one)
            clouds.add("bob", two, password="bob-secret", project_name="blue")
            until(lambda: two.identity.read(lambda known: known.user_named("bob")) is not None
                  and two.identity.read(lambda known: len(known.assignments())) == 4)
            clouds.run("bob", "network", "create", "web")
            token = clouds.run("bob", "token", "issue", "-f", "value", "-c", "id").strip()
            headers = {"X-Auth-Token": token}
            until(lambda: len(one.get("/v2.0/networks", headers=headers)["networks"]) == 1)
            clouds.add("admin", two, password=PASSWORD, project_name="admin")
            root = clouds.run("admin", "token", "issue", "-f", "value", "-c", "id").strip()
            for _ in range(2):
                two.call("POST", "/v1/identity/token-keys/rotate", status=200,
                         headers={"X-Auth-Token": root})
            fresh = clouds.run("bob", "token", "issue", "-f", "value", "-c", "id").strip()
            for each in (token, fresh):
                until(lambda each=each: one.http.get(
                    f"{one.url}/v2.0/networks", headers={"X-Auth-Token": each}
                ).status_code == 200)
            clouds.run("admin", "user", "set", "--disable", "bob")
            for node in (one, two):
                until(lambda node=node: node.http.get(
                    f"{node.url}/v2.0/networks", headers=headers).status_code == 401)
        finally:
            for node in (two, one):
                node.close()
            for store in stores:
                store.close()
