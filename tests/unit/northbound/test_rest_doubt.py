"""What a client and an operator see of a store in doubt."""

from __future__ import annotations

import pytest

from ryu_apps.cli import vnctl
from ryu_apps.store.base import Delete
from tests.unit.northbound.api_client import Node
from tests.unit.store.store_support import until


@pytest.fixture
def node():
    one = Node()
    yield one
    one.close()


def lose(node: Node) -> None:
    node.make("network", name="red")
    items, _ = node.store.list("/config/")
    node.store.transact([], [Delete(item.key) for item in items])
    until(lambda: node.configuration.doubt)


def test_changes_are_refused_with_the_reason_and_reading_goes_on(node):
    assert node.get("/v1/configuration")["followed"]
    lose(node)
    for method, path, body in (
        ("POST", "/v2.0/networks", {"network": {"name": "blue"}}),
        ("POST", "/v2.0/networks", {"networks": [{"name": "blue"}, {"name": "green"}]}),
        ("PUT", f"/v2.0/networks/{node.get('/v2.0/networks')['networks'][0]['id']}",
         {"network": {"name": "blue"}}),
        ("DELETE", f"/v2.0/networks/{node.get('/v2.0/networks')['networks'][0]['id']}", None),
    ):  # fmt: skip
        text = node.refused(method, path, body, 503, "ServiceUnavailable")
        assert "holds no configuration" in text and "vnctl config" in text
    assert [one["name"] for one in node.get("/v2.0/networks")["networks"]] == ["red"]
    shown = node.get("/v1/configuration")
    assert not shown["followed"] and "holds no configuration" in shown["reason"]


def test_an_operator_accepts_by_the_api(node):
    lose(node)
    answer = node.call("POST", "/v1/configuration/accept", status=200)
    assert answer["followed"] and answer["reason"] == ""
    assert node.get("/v2.0/networks")["networks"] == []
    node.make("network", name="blue")
    assert node.call("POST", "/v1/configuration/accept", status=200)["followed"]
    assert [one["name"] for one in node.get("/v2.0/networks")["networks"]] == ["blue"]


def test_an_operator_accepts_by_vnctl(node, capsys):
    assert vnctl.main(["--url", node.url, "config"]) == 0
    lose(node)
    assert vnctl.main(["--url", node.url, "config"]) == 1
    assert "holds no configuration" in capsys.readouterr().out
    assert vnctl.main(["--url", node.url, "config", "accept"]) == 0
    assert node.get("/v2.0/networks")["networks"] == []


def test_a_store_that_cannot_be_written_is_not_accepted(node, monkeypatch, capsys):
    lose(node)
    node.store.close()
    assert vnctl.main(["--url", node.url, "config", "accept"]) != 0
    assert "config store" in capsys.readouterr().err
