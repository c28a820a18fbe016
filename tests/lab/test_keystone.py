"""Clients that a real Keystone knows, and those that it does not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from lab.beds.node_bed import LoopbackNode
from lab.beds.openflow_bed import free_port
from lab.client import ApiError, Client
from lab.keystone import Keystone
from lab.keystone.server import ADMIN, PASSWORD, REGION
from ryu_apps.cli.client import Client as VnctlClient
from ryu_apps.cli.login.session import Login
from ryu_apps.cli.vnctl import main as vnctl
from ryu_apps.identity.choice import authenticator
from ryu_apps.northbound.base import Remote
from ryu_apps.store.memory import MemoryStore
from tests.lab.keystone_support import lines, node, options
from tests.unit.northbound.api_client import Node

pytestmark = pytest.mark.timeout(600)
"""The environment of Keystone may have to be made first."""
SECRET = "their-password"


class Site(NamedTuple):
    """``node`` remembers tokens; ``strict``, of the same system, does not.  ``clouds``: clouds.yaml
    with the users."""

    keystone: Keystone
    node: Node
    strict: Node
    projects: dict[str, str]
    clouds: Path

    def ask(self, token: str, path: str, status: int, node: Node | None = None, method: str = "GET",
            body: Any = None, **headers: str) -> Any:
        fields = {"X-Auth-Token": token} if token else {}
        fields |= {name.replace("_", "-"): value for name, value in headers.items()}
        return (node or self.node).call(method, path, body, status, headers=fields)

    def token(self, user: str, **scope: Any) -> str:
        return self.keystone.token(user, SECRET, **scope)

    def openstack(self, cloud: str, *words: str) -> Any:
        """What the client says, by clouds.yaml."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith("OS_")}
        done = subprocess.run(
            [Path(sys.executable).with_name("openstack"), *words, "-f", "json"], timeout=100,
            capture_output=True, text=True,
            env={**clean, "OS_CLIENT_CONFIG_FILE": str(self.clouds), "OS_CLOUD": cloud},
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Two projects with a member each, and somebody who may read everything."""
    directory = tmp_path_factory.mktemp("keystone")
    store = MemoryStore()
    with Keystone(free_port()) as keystone:
        nodes = []
        try:
            for remember in (300, -1):
                (place := directory / str(remember)).mkdir()
                nodes.append(node(place, keystone, remember, store=store))
            projects = {name: keystone.project(name) for name in ("red", "blue")}
            for user, project in (("anna", "red"), ("bert", "blue")):
                keystone.assign(keystone.user(user, SECRET), "member", projects[project])
            keystone.assign(keystone.user("rita", SECRET), "reader")
            keystone.service("network", nodes[0].url)
            clouds = directory / "clouds.yaml"
            users = {"anna": ("anna", SECRET, "red"), "bert": ("bert", SECRET, "blue"),
                     "admin": (ADMIN, PASSWORD, "admin")}
            clouds.write_text(yaml.safe_dump({"clouds": {
                cloud: {"region_name": REGION, "identity_api_version": 3, "auth": {
                    "auth_url": keystone.url, "username": user, "password": password,
                    "project_name": project, "user_domain_id": "default",
                    "project_domain_id": "default"}}
                for cloud, (user, password, project) in users.items()
            }}))
            yield Site(keystone, nodes[0], nodes[1], projects, clouds)
        finally:
            for one in nodes:
                one.close()


def test_the_openstack_client_logs_in(site: Site) -> None:
    """Members see what is of their project, an administrator all."""
    made = {name: site.openstack(name, "network", "create", f"of-{name}")
            for name in ("anna", "bert")}
    for name, project in (("anna", "red"), ("bert", "blue")):
        assert made[name]["project_id"] == site.projects[project]
        found = site.openstack(name, "network", "list")
        assert [one["Name"] for one in found] == [f"of-{name}"]
    found = {one["Name"] for one in site.openstack("admin", "network", "list")}
    assert found >= {"of-anna", "of-bert"}


def test_what_a_client_says_of_itself_counts_for_nothing(site: Site) -> None:
    token = site.token("anna", project="red")
    claims = {"X_Project_Id": site.projects["blue"], "X_Roles": "admin", "X_User_Id": "root",
              "X_Identity_Status": "Confirmed", "OpenStack_System_Scope": "all",
              "X_Service_Token": "x", "X_Is_Admin_Project": "True"}
    made = site.ask(token, "/v2.0/networks", 201, None, "POST", {"network": {"name": "claimed"}},
                    **claims)["network"]
    assert made["project_id"] == site.projects["red"]
    assert "provider:network_type" not in made
    site.ask(token, "/v1/nodes", 403, **claims)
    site.ask("", "/v2.0/networks", 401, **claims)


def test_scopes(site: Site) -> None:
    """The system is for who has a role in it; a role in a domain is none in its projects."""
    assert site.ask(site.token("rita", scope={"system": {"all": True}}), "/v1/nodes", 200)
    assert site.ask(site.keystone.token(), "/v1/nodes", 200)
    site.ask(site.token("anna", project="red"), "/v1/nodes", 403)
    said = site.ask(site.token("rita", scope={}), "/v2.0/networks", 401)
    assert "for no project" in said["error"]["message"]
    knows = authenticator(site.strict.settings)
    for scope, (project, roles, system) in {
        "project": (site.projects["red"], {"member", "reader"}, ""),
        "system": ("", {"reader"}, "all"),
    }.items():
        who, wanted = ("anna", None) if scope == "project" else ("rita", {"system": {"all": True}})
        token = site.keystone.token(who, SECRET, "red", wanted)
        found = knows.authenticate({
            "REQUEST_METHOD": "GET", "PATH_INFO": "/", "wsgi.url_scheme": "http",
            "SERVER_NAME": "x", "SERVER_PORT": "1", "HTTP_X_AUTH_TOKEN": token})
        assert (found.project_id, found.roles, found.system_scope) == (project, roles, system)
        assert found.user_name == who and found.user_id


def test_who_is_not_known_is_told_where_to_go(site: Site) -> None:
    for token in ("", "wrong", "gAAAAAB" + "x" * 180, "x" * 20_000, "caf\xe9"):
        answer = site.node.http.get(
            site.node.url + "/v2.0/networks", timeout=30,
            headers={"X-Auth-Token": token.encode("latin-1")} if token else {},
        )
        assert answer.status_code == 401, token[:20]
        assert answer.headers["WWW-Authenticate"] == f'Keystone uri="{site.keystone.url}"'
        assert answer.json()["error"]["code"] == 401
    answer = site.node.http.get(
        site.node.url + "/v2.0/networks", headers={"X-Auth-Token": "x" * 2**20}, timeout=30
    )
    assert answer.status_code == 413
    for path in ("/", "/v2.0", "/openapi.json"):
        site.ask("", path, 200)


def test_a_revoked_token_is_worth_nothing(site: Site) -> None:
    """At once where nothing is remembered, else when that is forgotten."""
    token = site.token("anna", project="red")
    for one in (site.node, site.strict):
        site.ask(token, "/v2.0/networks", 200, one)
    site.keystone.revoke(token)
    site.ask(token, "/v2.0/networks", 401, site.strict)
    site.ask(token, "/v2.0/networks", 200, site.node)
    fresh = site.token("anna", project="red")
    site.keystone.revoke(fresh)
    site.ask(fresh, "/v2.0/networks", 401, site.node)


def test_one_node_asks_the_other_for_the_client(site: Site) -> None:
    """With the client's own token, which the other validates itself."""
    site.strict.view.element_list = [{"id": "e2"}]
    site.node.view.owners["e2"] = Remote("node2", site.strict.url)
    site.node.view.node_list.append(
        {"node": "node2", "url": site.strict.url, "alive": True, "elements": 1})
    try:
        token = site.keystone.token()
        assert site.ask(token, "/v1/elements/e2", 200) == {"id": "e2"}
        found = site.ask(token, "/v1/elements", 200)
        assert found["unanswered"] == []
        site.ask(site.token("anna", project="red"), "/v1/elements/e2", 403)
        site.keystone.revoke(token)  # This node still takes it, the other does not.
        assert site.ask(token, "/v1/elements/e2", 401)["error"]["code"] == 401
    finally:
        site.node.view.owners.clear()
        site.node.view.node_list.pop()
        site.strict.view.element_list = []


def test_keystone_goes_and_comes_back(site: Site) -> None:
    known, other = (site.token("anna", project="red") for _ in range(2))
    site.ask(known, "/v2.0/networks", 200)
    site.keystone.stop()
    try:
        site.ask(known, "/v2.0/networks", 200)
        answer = site.node.http.get(site.node.url + "/v2.0/networks", timeout=60,
                                    headers={"X-Auth-Token": other})
        assert answer.status_code == 503 and int(answer.headers["Retry-After"]) > 0
        assert "Keystone cannot be asked" in answer.json()["NeutronError"]["message"]
        site.ask("", "/v2.0/networks", 401)
        site.ask("", "/", 200)
    finally:
        site.keystone.start()
    site.ask(other, "/v2.0/networks", 200)
    site.ask(other, "/v2.0/networks", 200, site.strict)


def test_a_whole_node(site: Site, tmp_path: Path) -> None:
    """By its configuration file, which it reads without a complaint."""
    section = lines(site.keystone.url)
    with LoopbackNode(tmp_path, (), f"auth = keystone\n{section}", site.keystone.token()) as bed:
        (check,) = (one for one in bed.client.health()["checks"] if one["name"] == "authentication")
        assert check["detail"] == f"Keystone at {site.keystone.url}" and "warning" not in check
        stranger = Client(bed.client.url)
        assert stranger.get("/")["versions"]
        with pytest.raises(ApiError) as refused:
            stranger.health()
        assert refused.value.status == 401
        assert bed.logged("keystone_authtoken") == bed.logged("Traceback") == 0


def test_an_application_credential_with_access_rules(site: Site) -> None:
    """It is for what its rules name, also when its token is remembered."""
    keystone = site.keystone
    token = keystone.rules_token("anna", SECRET, "red", [
        {"service": "network", "method": "GET", "path": "/v2.0/networks"}])
    for _ in range(2):
        site.ask(token, "/v2.0/networks", 200)
        site.ask(token, "/v2.0/ports", 401)


def test_credentials_of_the_node_that_keystone_does_not_take(site: Site, tmp_path: Path) -> None:
    conf = options(tmp_path / "node.conf", site.keystone.url)
    file = (tmp_path / "node.conf").read_text().replace(f"password = {PASSWORD}", "password = no")
    (tmp_path / "node.conf").write_text(file)
    conf.reload_config_files()
    other = Node(conf=conf)
    try:
        answer = site.ask(site.token("anna", project="red"), "/v2.0/networks", 503, other)
        assert "does not take this node's credentials" in answer["NeutronError"]["message"]
        site.ask("wrong", "/v2.0/networks", 503, other)
    finally:
        other.close()


def test_vnctl_logs_in(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                       capsys: pytest.CaptureFixture[str]) -> None:
    """By clouds.yaml, and by variables."""

    def run(*words: str, status: int = 0, node: Node = site.node) -> str:
        capsys.readouterr()
        assert vnctl(["--url", node.url, *words]) == status, capsys.readouterr()
        said = capsys.readouterr()
        return said.err if status else said.out

    for name in [one for one in os.environ if one.startswith(("OS_", "VNCTL_"))]:
        monkeypatch.delenv(name)
    assert "wants to know who asks" in run("networks", status=3)
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(site.clouds))
    assert "of-anna" in run("--os-cloud", "anna", "networks")
    assert "of-anna" not in run("--os-cloud", "bert", "networks")
    assert run("--os-cloud", "admin", "nodes", node=site.strict)
    assert "for operators" in run("--os-cloud", "anna", "nodes", status=3)
    for name, value in {"AUTH_URL": site.keystone.url, "USERNAME": "bert", "PASSWORD": SECRET,
                        "PROJECT_NAME": "blue"}.items():
        monkeypatch.setenv(f"OS_{name}", value)
    assert "of-bert" in run("networks")
    monkeypatch.setenv("OS_PASSWORD", "wrong")
    assert "refused the login" in run("networks", status=3)


def test_vnctl_gets_another_token_for_one_that_has_ended(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it does while it watches."""
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(site.clouds))
    client = VnctlClient(site.strict.url)
    login = client.login = Login(site.strict.url, "anna")
    assert client.networking("networks")
    token = login.token()
    site.keystone.revoke(token)
    assert client.networking("networks")
    assert login.token() != token


def test_a_token_ends(site: Site) -> None:
    """Also one that is remembered for longer."""
    keystone = site.keystone
    lasting = keystone.expiration
    keystone.stop()
    keystone.expiration = 8
    keystone.start()
    try:
        made = time.monotonic()
        token = site.token("anna", project="red")
        site.ask(token, "/v2.0/networks", 200)
        time.sleep(max(0.0, made + keystone.expiration + 1 - time.monotonic()))
        for one in (site.node, site.strict):
            site.ask(token, "/v2.0/networks", 401, one)
    finally:
        keystone.stop()
        keystone.expiration = lasting
        keystone.start()
    # What the node itself asks with has ended too; it gets another.
    site.ask(site.token("anna", project="red"), "/v2.0/networks", 200)
