"""Lists of the whole system from any node, and filters that cannot match."""

from __future__ import annotations

import socket
import threading

import pytest
import requests

from ryu_apps.northbound.base import PortState
from ryu_apps.northbound.node import merge, others
from ryu_apps.store.memory import MemoryStore
from tests.unit.northbound.api_client import Node


@pytest.fixture
def nodes():
    """Two nodes of one system; each shows its own element in full."""
    store = MemoryStore()
    made = Node(store), Node(store)
    records = [{"node": f"node{at + 1}", "url": node.url, "alive": True, "elements": 1}
               for at, node in enumerate(made)]
    for at, node in enumerate(made):
        node.view.node_list = [{**record, "self": other == at}
                               for other, record in enumerate(records)]
        node.view.element_list = [{"id": "e1", "mine": at == 0}, {"id": "e2", "mine": at == 1}]
        node.view.element_list[at]["ports"] = [f"p{at}"]
        node.view.instances = {
            "evis": [{"vni": 1000, "vrouters": [f"e{at + 1}"], "macs": at, "flood": ["192.0.2.1"]}],
            "vrfs": [{"vni": 5000, "vrouters": [f"e{at + 1}"], "prefixes": 3}],
        }
    yield made
    for node in made:
        node.close()


def test_any_node_shows_all(nodes):
    for at, node in enumerate(nodes):
        found = node.get("/v1/elements")
        assert found["unanswered"] == [] and found["total"] == 2
        assert [one["ports"] for one in found["elements"]] == [["p0"], ["p1"]]
        assert [one["mine"] for one in found["elements"]] == [at == 0, at == 1]
        (evi,) = node.get("/v1/evis")["evis"]
        assert evi["vrouters"] == ["e1", "e2"] and evi["macs"] == 1
        assert node.get("/v1/vrfs")["vrfs"][0]["vrouters"] == ["e1", "e2"]


def test_refused_hypervisors_of_all_nodes_are_shown(nodes):
    for at, node in enumerate(nodes):
        node.view.element_list.append({"id": f"r{at}", "mine": False, "refused": "no system-id"})
    found = nodes[0].get("/v1/elements")["elements"]
    assert [one["id"] for one in found] == ["e1", "e2", "r0", "r1"]


def test_ports_of_the_system(nodes):
    one, two = nodes
    network = one.make("network")
    ids = [one.make("port", network_id=network["id"])["id"] for _ in range(3)]
    first, second, _ = sorted(ids)
    one.view.states[first] = PortState("ACTIVE", "host1", "e1")
    one.view.details[first] = two.view.details[second] = {}
    two.view.states[second] = PortState("ERROR", "host2", "e2", "the switch refused it")
    one.view.states[second] = PortState("DOWN", "")
    found = one.get("/v1/ports")["ports"]
    assert [(port["id"], port["status"], port["reason"]) for port in found][:2] == [
        (first, "ACTIVE", ""), (second, "ERROR", "the switch refused it")]
    page = one.get("/v1/ports?limit=1&offset=1")
    assert page["total"] == 3 and [port["id"] for port in page["ports"]] == [second]
    assert page["ports"][0]["status"] == "ERROR"


def test_parts_that_did_not_answer_are_named(nodes, monkeypatch):
    one = nodes[0]
    monkeypatch.setattr(others, "PATIENCE", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = "http://127.0.0.1:{}".format
        one.view.node_list += [
            {"node": "dead", "url": "http://x", "alive": False, "elements": 1},
            {"node": "idle", "url": "http://x", "alive": True, "elements": 0},
            {"node": "silent", "url": url(silent.getsockname()[1]), "alive": True, "elements": 1},
            {"node": "closed", "url": url(closed.getsockname()[1]), "alive": True, "elements": 1},
        ]
        found = one.get("/v1/elements")
        assert [one["id"] for one in found["elements"]] == ["e1", "e2"]
        reasons = {gone["node"]: gone["reason"] for gone in found["unanswered"]}
        assert set(reasons) == {"dead", "silent", "closed"}
        assert reasons["dead"] == "is away" and "no answer in" in reasons["silent"]
        assert "does not answer at" in reasons["closed"]
        for _ in range(6):  # One that hangs does not collect threads.
            found = one.get("/v1/elements")
        reasons = {gone["node"]: gone["reason"] for gone in found["unanswered"]}
        assert "earlier questions" in reasons["silent"]
        asking = [thread for thread in threading.enumerate() if thread.name == "api-asks-silent"]
        assert len(asking) <= others.WAITING


def test_many_ask_at_once_and_all_are_told_all(nodes):
    """More than a node is asked side by side."""
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(
            requests.get(f"{nodes[0].url}/v1/elements", timeout=10).json()))
        for _ in range(30)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 30
    for one in found:
        assert one["unanswered"] == [] and [e["ports"] for e in one["elements"]] == [["p0"], ["p1"]]


def test_a_node_that_says_something_else(nodes):
    one, two = nodes
    two.view.instances = {"evis": ["x"], "vrfs": []}
    found = one.get("/v1/evis")
    assert found["evis"][0]["vrouters"] == ["e1"]
    assert found["unanswered"] == [
        {"node": "node2", "reason": "gave an answer that this version cannot read"}]


def test_lists_have_pages(nodes):
    found = nodes[0].get("/v1/elements?limit=1&offset=1")
    assert [one["id"] for one in found["elements"]] == ["e2"]
    assert (found["total"], found["offset"]) == (2, 1)
    for name in ("nodes", "evis", "vrfs", "peers", "ports"):
        assert nodes[0].get(f"/v1/{name}?limit=1")["offset"] == 0


@pytest.mark.parametrize("path", ["/v1", "/v1/"])
def test_an_index(nodes, path):
    listed = nodes[0].get(path)["resources"]
    paths = {one["path"] for one in listed}
    assert {"/v1/health", "/v1/elements/{element}", "/v1/explain", "/v1/rib"} <= paths
    assert "mac" in next(one["query"] for one in listed if one["path"] == "/v1/rib")


@pytest.mark.parametrize("path,words", [
    ("rib?mac=zz", "not a MAC address"), ("rib?mac=01:00:5e:00:00:01", "multicast"),
    ("rib?ip=10.0.0", "no IP address"), ("rib?next_hop=x", "no IP address"),
    ("rib?prefix=10.0.0.1/8", "host bits"), ("rib?type=9", "1 to 5"), ("rib?type=0", "1 to 5"),
    ("rib?rt=x", "64512:1000"), ("rib?rd=7", "192.0.2.1:7"), ("rib?evi=77", "there is no evi 77"),
    ("rib?vrf=77", "there are: 5000"), ("rib?peer=nosuch", "there are: local"),
    ("vrouters/e1/flows?table=nosuch", "classify"), ("vrouters/e1/flows?table=200", "classify"),
    ("vrouters/e1/flows?object=nosuch", "tunnel"), ("vrouters/e1/flows?cookie=x", "number"),
    ("vrouters/e1/objects?kind=nosuch", "tunnel"),
])
def test_filters_that_cannot_match(nodes, path, words):
    nodes[0].view.flow_list["e1"] = [{"table": "classify", "cookie": "0x1", "object": ["port"]}]
    nodes[0].view.objects["e1"] = []
    assert words in nodes[0].refused("GET", f"/v1/{path}", None, 400, "InvalidInput")


def test_instances_that_only_another_node_knows_yet():
    assert merge.instances([], [[{"vni": 7, "vrouters": ["e2"]}]]) == [
        {"vni": 7, "vrouters": ["e2"]}]
