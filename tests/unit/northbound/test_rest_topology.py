"""``/v1/topology`` and ``vnctl topology`` of two nodes, whichever is asked."""

from __future__ import annotations

import json

import pytest

from ryu_apps.store.memory import MemoryStore
from tests.unit.cli.vnctl_support import runner
from tests.unit.northbound.api_client import Node

UPLINK = {"name": "eth0", "bridge": "br-phy0", "mac": "", "mtu": 9000, "speed": 25 * 10**9,
          "state": "up"}


@pytest.fixture
def nodes():
    store = MemoryStore()
    made = Node(store), Node(store)
    for at, node in enumerate(made):
        node.view.node_list = [
            {"node": f"node{other + 1}", "url": one.url, "alive": True, "self": other == at,
             "elements": 1 - other}
            for other, one in enumerate(made)
        ]
        # Only the owner knows what is plugged in.
        mine = {"uplinks": [dict(UPLINK)], "tunnels": [
            {"vtep": "192.0.2.2", "encap": "vxlan", "path": 0, "bfd": "down", "egress": "br-phy0"},
        ]} if at == 0 else {}  # fmt: skip
        node.view.element_list = [{"id": "hv1", "hostname": "hv1", "vtep": "192.0.2.1",
                                   "owner": "node1", "connected": True, "mine": at == 0, **mine}]
    # A router that the node without hypervisors knows.
    made[1].view.peer_list = [{"name": "fw1", "address": "203.0.113.1", "kind": "router",
                               "up": True, "state": "Established"}]
    made[1].view.paths = [{"family": "ipv4-unicast", "prefix": "192.0.2.0/24", "peer": "fw1"}]
    yield made
    for node in made:
        node.close()


def test_any_node_shows_the_whole(nodes):
    answers = [node.get("/v1/topology") for node in nodes]
    assert answers[0] == answers[1]
    assert answers[0]["unanswered"] == []
    devices = {one["id"]: one for one in answers[0]["devices"]}
    assert devices.keys() == {"hv1", "node1", "node2", "fw1"}
    assert devices["fw1"]["known_by"] == [{"how": "bgp", "node": "node2", "where": ""}]
    assert devices["fw1"]["prefixes"] == ["192.0.2.0/24"]
    (cable,) = [one for one in answers[0]["links"] if one["kind"] == "physical"]
    assert (cable["mtu"], cable["carries"]["tunnels"]["down"]) == (9000, 1)


def test_who_does_not_answer_is_said(nodes):
    nodes[1].view.node_list = []
    nodes[0].view.node_list[1]["url"] = "http://127.0.0.1:1"
    found = nodes[0].get("/v1/topology")
    assert [one["node"] for one in found["unanswered"]] == ["node2"]
    assert "hv1" in {one["id"] for one in found["devices"]}


def test_for_people_and_for_programs(nodes, capsys):
    vnctl = runner(nodes[1], capsys)
    shown = vnctl("topology")
    assert "├─" in shown or "└─" in shown
    assert "eth0 -- (no neighbour heard)  up  25 Gb/s  mtu 9000  tunnels 0 of 1 up  down: " \
        "192.0.2.2 path 0" in shown
    assert "router  fw1  up  203.0.113.1  known from bgp by node2  announces 192.0.2.0/24" in shown
    assert json.loads(vnctl("topology", "--json")) == nodes[1].get("/v1/topology")
    drawn = vnctl("topology", "--dot")
    assert drawn.startswith("graph topology {") and drawn.rstrip().endswith("}")
    assert '"node2" -- "fw1"' in drawn


def test_what_a_stranger_calls_itself_stays_within_its_quotes(nodes, capsys):
    nodes[0].view.element_list[0]["uplinks"][0]["neighbours"] = [
        {"chassis": "x", "port": '"]; evil', "system_name": 'a"b\\\x1b[31m'},
    ]
    vnctl = runner(nodes[0], capsys)
    drawn = vnctl("topology", "--dot")
    assert '"\\"]; evil"' in drawn and "\x1b" not in drawn
    assert "\x1b" not in vnctl("topology")
