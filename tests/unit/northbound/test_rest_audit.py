"""The audit trail: a line of JSON for each change, and none for what changed nothing."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest

from ryu_apps.northbound.http.audit import MAX_VALUE
from ryu_apps.store.base import Unavailable
from tests.unit.northbound.api_client import Node
from tests.unit.northbound.users import admin, asked, login, with_users

RED = {"X-Project-Id": "red", "X-Roles": "member,reader"}


@pytest.fixture
def node() -> Iterator[Node]:
    made = Node()
    yield made
    made.close()


@pytest.fixture
def lines(caplog) -> Any:
    caplog.set_level(logging.INFO, "ryu_apps.audit")

    def found() -> list[dict[str, Any]]:
        said = [json.loads(one.getMessage()) for one in caplog.records
                if one.name == "ryu_apps.audit"]
        caplog.clear()
        return said

    return found


def test_what_is_made_changed_and_deleted(node, lines):
    answer = node.http.post(f"{node.url}/v2.0/networks", json={"network": {"name": "a"}},
                            headers=RED, timeout=10)
    id = answer.json()["network"]["id"]
    (line,) = lines()
    assert line["request_id"] == answer.headers["X-Openstack-Request-Id"]
    assert re.fullmatch(r"req-[0-9a-f-]{36}", line["request_id"])
    assert (line["project_id"], line["roles"]) == ("red", ["member", "reader"])
    assert (line["method"], line["path"], line["status"]) == ("POST", "/v2.0/networks", 201)
    assert line["address"] == "127.0.0.1"
    assert (line["kind"], line["id"], line["action"]) == ("network", id, "create")
    assert line["before"] is None and line["after"]["name"] == "a"
    node.call("PUT", f"/v2.0/networks/{id}", {"network": {"name": "b", "mtu": 1400}}, headers=RED)
    (line,) = lines()
    assert (line["action"], line["before"], line["after"]) == (
        "update", {"name": "a", "mtu": 1450}, {"name": "b", "mtu": 1400})
    node.call("PUT", f"/v2.0/networks/{id}/tags/t", status=201, headers=RED)
    (line,) = lines()
    assert (line["before"], line["after"]) == ({"tags": []}, {"tags": ["t"]})
    node.call("DELETE", f"/v2.0/networks/{id}", headers=RED)
    (line,) = lines()
    assert line["action"] == "delete" and line["after"] is None and line["before"]["name"] == "b"


def test_each_of_many_has_a_line_and_what_follows_too(node, lines):
    node.call("POST", "/v2.0/networks", {"networks": [{"name": "a"}, {"name": "b"}]})
    made = lines()
    assert [one["after"]["name"] for one in made] == ["a", "b"]
    assert len({one["request_id"] for one in made}) == 1
    network = made[0]["id"]
    node.call("POST", "/v2.0/subnets", {"subnet": {"network_id": network, "ip_version": 4,
                                                   "cidr": "10.0.0.0/24"}})
    assert [one["kind"] for one in lines()] == ["subnet", "network"]
    node.call("DELETE", f"/v2.0/networks/{network}")
    assert sorted((one["kind"], one["action"]) for one in lines()) == [
        ("network", "delete"), ("subnet", "delete")]


def test_a_list_that_makes_the_default_group_says_so(node, lines):
    node.call("GET", "/v2.0/security-groups", headers=RED)
    made = lines()
    assert {one["kind"] for one in made} == {"security_group", "security_group_rule"}
    assert {one["method"] for one in made} == {"GET"}
    node.call("GET", "/v2.0/security-groups", headers=RED)
    assert lines() == []


def test_quotas_and_operators_requests(node, lines):
    node.call("PUT", "/v2.0/quotas/red", {"quota": {"network": 3}})
    (line,) = lines()
    assert line["kind"] == "quota" and line["after"]["limits"] == [["network", 3]]


def test_what_is_refused_changes_nothing(node, lines):
    node.call("POST", "/v2.0/networks", {"network": {"mtu": 1}, "x": 1}, 400)
    node.call("DELETE", "/v2.0/networks/x", status=404)
    node.call("POST", "/v2.0/networks", {"network": {}}, 403,
              headers={"X-Project-Id": "red", "X-Roles": "reader"})
    assert lines() == []


def test_the_number_of_the_service_that_passes_a_request_on(node, lines):
    theirs = "req-01234567-89ab-cdef-0123-456789abcdef"
    node.call("POST", "/v2.0/networks", {"network": {}},
              headers={"X-Openstack-Request-Id": theirs})
    (line,) = lines()
    assert line["global_request_id"] == theirs != line["request_id"]
    node.call("POST", "/v2.0/networks", {"network": {}},
              headers={"X-Openstack-Request-Id": "req-\"forged"})
    assert "global_request_id" not in lines()[0]


def test_a_long_value_is_cut_and_a_line_stays_one(node, lines):
    addresses = [f"10.{number // 256}.{number % 256}.0/24" for number in range(1000)]
    node.call("POST", "/v2.0/address-groups", {"address_group": {
        "addresses": addresses, "name": "line\nbreak"}})
    (line,) = lines()
    assert line["after"]["addresses"].endswith("characters)")
    assert len(line["after"]["addresses"]) < MAX_VALUE + 50
    assert line["after"]["name"] == "line\nbreak"


@pytest.mark.parametrize("definite", [True, False])
def test_a_store_that_does_not_say_whether_it_has_it(node, lines, monkeypatch, definite):
    def fail(*_: Any) -> Any:
        raise Unavailable("the store is away", definite=definite)

    monkeypatch.setattr(node.store, "transact", fail)
    node.call("POST", "/v2.0/networks", {"network": {"name": "lost"}}, 503)
    found = lines()
    if definite:
        assert found == []
    else:
        (line,) = found
        assert line["outcome"] == "unknown" and line["after"]["name"] == "lost"
        assert line["status"] == 503


def test_users_are_audited_and_what_proves_who_they_are_is_not_told(lines, caplog):
    node = with_users()
    try:
        root = admin(node)
        lines()
        made = root.create("user", name="eve", password="a secret that nobody reads")
        found = lines()
        assert {(one["kind"], one["action"]) for one in found} == {
            ("user", "create"), ("secret/hash", "create")}
        assert all(one["user_name"] == "admin" and one["user_id"] for one in found)
        (secret,) = (one for one in found if one["kind"] == "secret/hash")
        assert secret["before"] is secret["after"] is None
        assert "a secret" not in str(found) and "$2b$" not in str(found)
        # A login changes nothing.
        login(node, asked("eve", "a secret that nobody reads"))
        assert lines() == []
        own = login(node, asked("eve", "a secret that nobody reads"))
        node.call("DELETE", "/v3/auth/tokens", headers={"X-Auth-Token": own,
                                                        "X-Subject-Token": own})
        (line,) = lines()
        assert (line["kind"], line["action"]) == ("revocation", "create")
        assert own not in str(line)
        root("DELETE", f"/v3/users/{made['id']}")
        assert ("user", "delete") in {(one["kind"], one["action"]) for one in lines()}
    finally:
        node.close()
