"""Users of the nodes' own, in a system of two nodes: who was made at one is known at the other, a
tenant's VMs on hypervisors of both talk, and nobody sees or reaches another's."""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from lab.client import ApiError, Client
from lab.hosts.node import Node
from lab.tenants import Tenant
from lab.topology import Lab
from lab.traffic.ping import ping, reach_all
from lab.wait import wait_until

pytestmark = pytest.mark.timeout(300)

PASSWORD = "of-the-lab"
NAMES = ("red", "blue")
SETTINGS = {"api": ("auth = tokens",), "identity": ("bcrypt_cost = 4",)}


def log_in(node: Node, user: str, project: str = "") -> str:
    """A token of ``node``: of ``user`` in the project of that name, or in one of its own name."""
    domain = {"id": "default"}
    body = {"auth": {
        "identity": {"methods": ["password"], "password": {
            "user": {"name": user, "password": PASSWORD, "domain": domain}}},
        "scope": {"project": {"name": project or user, "domain": domain}},
    }}  # fmt: skip
    request = urllib.request.Request(
        f"{node.url}/v3/auth/tokens", json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.headers["X-Subject-Token"]


def bootstrap(node: Node) -> None:
    """The first administrator, by who may read the node's configuration."""
    password = node.directory / "password"
    password.write_text(f"{PASSWORD}\n")
    node.space.run([
        sys.executable, "-m", "ryu_apps.cli.vnctl", "identity", "bootstrap", "--config-file",
        str(node.config), "--password-file", str(password),
    ])


def make_user(admin: Client, name: str) -> str:
    """A user who is a member of a project of the same name; returns the project's id."""
    project = admin.post("/v3/projects", {"project": {"name": name}})["project"]["id"]
    user = {"name": name, "password": PASSWORD}
    user_id = admin.post("/v3/users", {"user": user})["user"]["id"]
    admin.put(f"/v3/projects/{project}/users/{user_id}/roles/member", None)
    return project


class Site(NamedTuple):
    lab: Lab
    tenants: dict[str, Tenant]

    def client(self, node: str, user: str) -> Client:
        """Of a token that the *other* node gave."""
        other = next(one for one in self.lab.nodes.values() if one.name != node)
        return Client(self.lab.nodes[node].url, token=log_in(other, user))


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Lab(f"vncusr{os.getpid()}", settings=SETTINGS) as lab:
        first, second = lab.nodes["node1"], lab.nodes["node2"]
        bootstrap(first)
        wait_until(lambda: _logged_in(second), "the administrator to be known at node2", 10)
        for node in lab.nodes.values():
            node.token = log_in(second, "admin")
        lab.wait_converged()
        tenants = {}
        # Each works at a node of its own, with the same addresses.
        for name, node in zip(NAMES, (first, second), strict=True):
            project = make_user(first.client, name)
            wait_until(lambda node=node, name=name: _logged_in(node, name), f"{name} known", 10)
            tenant = tenants[name] = Tenant(
                name, Client(node.url, token=log_in(node, name)), project, ipv6=True)
            tenant.create_networks()
            # Only who may say where a port is does so; the claim of the hypervisor is enough.
            tenant.create_vms(lab, (("web1", "hv1"), ("db3", "hv3")))
        for tenant in tenants.values():
            tenant.wait_active()
            tenant.wait_reachable()
        yield Site(lab, tenants)


def _logged_in(node: Node, user: str = "admin") -> bool:
    try:
        return bool(log_in(node, user))
    except urllib.error.HTTPError as error:
        if error.code != 401:
            raise
        return False


def test_a_tenant_who_logged_in_reaches_its_own_in_both_families(site: Site) -> None:
    for tenant in site.tenants.values():
        one, two = tenant.vms["web1"], tenant.vms["db3"]
        results = reach_all([(one.space, two.ip), (two.space, one.ip),
                             (one.space, two.ip6), (two.space, one.ip6)])
        assert [result.ok for result in results] == [True] * 4, tenant.name


def test_a_token_of_one_node_is_good_at_the_other(site: Site) -> None:
    for node in site.lab.nodes:
        for name in NAMES:
            seen = site.client(node, name).list("network")
            assert {network["project_id"] for network in seen} == {site.tenants[name].project_id}


def test_what_is_anothers_does_not_exist_at_either_node(site: Site) -> None:
    red, blue = (site.tenants[name] for name in NAMES)
    port = red.vms["web1"].port.id
    for node in site.lab.nodes:
        client = site.client(node, "blue")
        for call in (
            lambda client=client: client.show("port", port),
            lambda client=client: client.update("port", port, name="mine"),
            lambda client=client: client.remove("port", port),
            lambda client=client: client.create("port", network_id=red.networks["web"]["id"]),
            lambda client=client: client.add_router_interface(
                blue.router["id"], red.subnets["db"]["id"]),
            lambda client=client: client.get(f"/v1/ports/{port}"),
        ):
            with pytest.raises(ApiError) as error:
                call()
            assert error.value.status in (403, 404)
            assert red.vms["web1"].port.mac not in str(error.value)


def test_their_packets_do_not_meet(site: Site) -> None:
    """Both have a 10.0.2.13: what one sends there does not arrive at the other's."""
    red, blue = (site.tenants[name] for name in NAMES)
    before = blue.echo_requests()
    assert ping(red.vms["web1"].space, red.vms["db3"].ip, 5).ok
    assert blue.echo_requests() == before


def test_a_user_who_is_disabled_at_one_node_is_out_at_both(site: Site) -> None:
    """At once where it was said, at the other when the store has told it; its VMs stay."""
    red = site.tenants["red"]
    admin = site.lab.nodes["node1"].client
    tokens = {node: site.client(node, "red") for node in site.lab.nodes}
    user = admin.get("/v3/users", name="red")["users"][0]["id"]
    admin.request("PATCH", f"/v3/users/{user}", {"user": {"enabled": False}})
    try:
        with pytest.raises(ApiError) as error:
            tokens["node1"].list("network")
        assert error.value.status == 401
        wait_until(lambda: _refused(tokens["node2"]), "node2 to refuse the token", 5)
        assert ping(red.vms["web1"].space, red.vms["db3"].ip, 3).ok
    finally:
        admin.request("PATCH", f"/v3/users/{user}", {"user": {"enabled": True}})


def _refused(client: Client) -> bool:
    try:
        client.list("network")
    except ApiError as error:
        return error.status == 401
    return False


def test_a_node_that_is_killed_leaves_users_logged_in(site: Site) -> None:
    """kill -9 of the node that gave the token; the other goes on taking it, and so does the first
    when it is back."""
    first = site.lab.nodes["node1"]
    token = log_in(first, "red")
    first.kill()
    try:
        assert Client(site.lab.nodes["node2"].url, token=token).list("network")
    finally:
        first.restart()
    assert Client(first.url, token=token).list("network")
