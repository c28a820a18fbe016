"""What a node answers under /v1, for itself and for the owner of what it is asked about."""

from __future__ import annotations

import socket
from urllib.parse import quote

import pytest

from ryu_apps.northbound.base import PortState, Remote
from ryu_apps.northbound.node import merge
from tests.unit.northbound.api_client import Node


@pytest.fixture
def pair():
    """Two nodes; element e1 belongs to the first, e2 to the second."""
    nodes = Node(), Node()
    for position, node in enumerate(nodes):
        node.view.element_list = [{"id": "e1"}, {"id": "e2"}]
        other = nodes[1 - position]
        node.view.owners[f"e{2 - position}"] = Remote(f"node{2 - position}", other.url)
        own = f"e{position + 1}"
        node.view.objects[own] = [{"kind": "port", "id": own}, {"kind": "evi", "evi": 1000}]
        node.view.flow_list[own] = [
            {"table": "classify", "priority": 1, "cookie": "0x10", "object": ["port", "p"]},
            {"table": "output", "priority": 2, "cookie": "0x11", "object": ["evi", 1000]},
        ]
    yield nodes
    for node in nodes:
        node.close()


def test_node_api(pair):
    one, two = pair
    assert one.get("/v1/health")["status"] == "ok"
    one.view.ok = False
    one.call("GET", "/v1/health", status=503)
    assert one.get("/v1/nodes")["nodes"] and one.get("/v1/evis")["evis"]
    assert [item["id"] for item in one.get("/v1/elements")["elements"]] == ["e1", "e2"]
    one.refused("GET", "/v1/elements/e9", None, 404, "ElementNotFound")
    for node in pair:  # any node answers for all
        assert node.get("/v1/vrouters/e1/objects?kind=port")["objects"] == [
            {"kind": "port", "id": "e1"}]
        assert node.get("/v1/vrouters/e2/flows?table=output")["flows"][0]["cookie"] == "0x11"
    assert one.get("/v1/vrouters/e2/flows?cookie=16")["total"] == 1
    assert one.get("/v1/vrouters/e1/flows?object=evi&limit=1")["total"] == 1
    one.refused("GET", "/v1/vrouters/e9/flows", None, 404, "ElementNotFound")
    one.refused("GET", "/v1/vrouters/e1/flows?limit=x", None, 400, "InvalidInput")
    two.view.connected.add("e2")
    one.refused("DELETE", "/v1/elements/e2", None, 409, "ElementConnected")
    two.view.connected.clear()
    one.call("DELETE", "/v1/elements/e2")
    assert [item["id"] for item in two.view.element_list] == ["e1"]


def test_names_that_a_url_must_quote_reach_the_owner(pair):
    one, two = pair
    name = "a b%2F?#\u00fc"
    for node in pair:
        node.view.owners[name] = Remote("node2", two.url) if node is one else None
    two.view.element_list.append({"id": name})
    path = quote(name, safe="")
    assert one.get(f"/v1/elements/{path}")["id"] == name
    one.call("DELETE", f"/v1/elements/{path}")
    assert name not in [item["id"] for item in two.view.element_list]


def test_a_port_whose_owner_has_just_died_is_shown_as_it_is_known_here(pair):
    one, _ = pair
    network = one.make("network", name="n")
    id = one.make("port", network_id=network["id"])["id"]
    one.view.states[id] = PortState("ACTIVE", "hv9", "e9")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        one.view.owners["e9"] = Remote("node9", f"http://127.0.0.1:{unused.getsockname()[1]}")
        found = one.call("GET", f"/v1/ports/{id}")
    assert found["state"]["host"] == "hv9" and found["unanswered"] == ["node9"]


def test_forwarding_does_not_loop(pair):
    one, two = pair
    one.view.owners["e3"] = Remote("node2", two.url)
    two.view.owners["e3"] = Remote("node1", one.url)
    one.refused("GET", "/v1/vrouters/e3/flows", None, 503, "OwnerUnclear")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        one.view.owners["e3"] = Remote("n", f"http://127.0.0.1:{unused.getsockname()[1]}")
        one.refused("GET", "/v1/vrouters/e3/flows", None, 502, "NodeUnreachable")


def test_rib(pair):
    one = pair[0]
    one.view.peer_list = [{"name": "a"}]
    one.view.instances = {"evis": [{"vni": 1}], "vrfs": [{"vni": 7}]}
    one.view.paths = [
        {"type": 2, "mac": "fa:16:3e:00:00:01", "ip": "10.0.0.1", "rts": ["64512:1"],
         "evi": 1, "best": True, "next_hop": "192.0.2.1", "peer": ""},
        {"type": 2, "mac": "fa:16:3e:00:00:01", "ip": "10.0.0.1", "rts": ["64512:1"],
         "evi": 1, "best": False, "next_hop": "192.0.2.2", "peer": "a"},
        {"type": 5, "prefix": "10.0.0.0/24", "rts": ["64512:2"], "vrf": 7, "best": True,
         "next_hop": "192.0.2.2", "peer": "a"},
    ]
    for query, count in (("", 3), ("type=2", 2), ("best=true", 2), ("best=0&peer=a", 1),
                         ("rt=64512:2", 1), ("vrf=7", 1), ("type=2&type=5", 3),
                         ("mac=FA-16-3E-00-00-01", 2), ("mac=fa:16:3e:00:00:02", 0),
                         ("next_hop=192.0.2.2&limit=1", 2), ("prefix=10.0.0.0/24", 1)):
        assert one.get(f"/v1/rib?{query}")["total"] == count, query
    assert len(one.get("/v1/rib?limit=1&offset=2")["rib"]) == 1
    one.refused("GET", "/v1/rib?best=maybe", None, 400, "InvalidInput")


def test_port_detail(pair):
    one = pair[0]
    network = one.make("network")
    port = one.make("port", network_id=network["id"])
    one.view.details[port["id"]] = {"claims": [{"element": "e1"}]}
    assert one.get(f"/v1/ports/{port['id']}")["claims"] == [{"element": "e1"}]
    one.refused("GET", "/v1/ports/none", None, 404, "PortNotFound")


def test_a_duplicate_is_cleared_by_its_owner(pair):
    one = pair[0]
    port = one.make("port", network_id=one.make("network")["id"])
    one.view.details[port["id"]] = {"duplicate": {"vtep": "192.0.2.60"}}
    path = f"/v1/ports/{port['id']}/duplicate"
    one.view.states[port["id"]] = PortState("ACTIVE", "e2", "e2")
    one.call("DELETE", path, status=404)  # Node two does not know this port.
    assert one.view.details[port["id"]]
    one.view.states[port["id"]] = PortState("ACTIVE", "e1", "e1")
    one.call("DELETE", path, status=204)
    assert not one.view.details[port["id"]]
    one.refused("DELETE", "/v1/ports/none/duplicate", None, 404, "PortNotFound")


def explanation(verdict, reason, port=""):
    stage = {"stage": "forwarding", "verdict": verdict, "reason": reason, "port": "", "rules": [],
             "nearest": []}
    return {"verdict": {"pass": "allowed", "drop": "unreachable"}.get(verdict, verdict),
            "reason": reason, "packet": "icmp", "stages": [stage],
            "source": {"port": "a", "name": "", "address": "10.0.0.1"},
            "destination": {"port": port, "name": "", "address": "10.0.0.2"}}


def test_explain_asks_the_owners_of_both_ends(pair, monkeypatch):
    one, two = pair
    asked = []

    def says(node, name, answer):
        def explain(port_id, to, **packet):
            asked.append((name, port_id, to))
            return answer
        monkeypatch.setattr(node.view, "explain", explain)

    path = "/v1/explain?port=a&to=10.0.0.2"
    # The receiver is two's: its switch may have no way back.
    one.view.states |= {"a": PortState("ACTIVE", "e1", "e1"), "b": PortState("ACTIVE", "e2", "e2")}
    for verdict in ("pass", "drop", "unknown"):
        says(one, "one", explanation("pass", "there", "b"))
        says(two, "two", explanation(verdict, "because", "a"))
        asked.clear()
        answer = one.get(path)
        assert asked == [("one", "a", "10.0.0.2"), ("two", "b", "10.0.0.1")]
        assert answer["verdict"] == explanation(verdict, "")["verdict"]
        assert answer["stages"][-1]["stage"] == "reply forwarding"
        assert answer["stages"][-1]["verdict"] == verdict
        assert answer["reason"] == ("" if verdict == "pass" else "reply forwarding: because") or (
            verdict == "pass")
    # The sender is two's: it is asked, once.
    one.view.states["a"] = PortState("ACTIVE", "e2", "e2")
    says(two, "two", explanation("drop", "at the sender"))
    asked.clear()
    assert one.get(path)["reason"] == "at the sender" and asked == [("two", "a", "10.0.0.2")]
    # Nobody answers there.
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        gone = Remote("node2", f"http://127.0.0.1:{unused.getsockname()[1]}")
        monkeypatch.setitem(one.view.owners, "e2", gone)
        asked.clear()
        assert one.get(path)["verdict"] == "unknown", "of the way back nothing is known"
        assert asked == [("one", "a", "10.0.0.2")]


def test_who_stands_by_is_shown_wherever_it_stands_by():
    owned = {"id": "e1", "mine": True, "state": "connected"}
    seen = {**owned, "mine": False, "standby": [{"node": "n2", "reason": "standby: owned by n1"}]}
    for ours, theirs in (([owned], [[seen]]), ([seen], [[owned]])):
        (shown,) = merge.elements(ours, theirs)
        assert shown["detail"] and shown["standby"] == seen["standby"]


def test_drains_and_pins_are_in_the_store_when_they_are_answered(pair):
    one, _ = pair
    name = "node1"
    one.view.node_list = [{"node": name, "self": True, "alive": True, "elements": 1}]
    assert one.get(f"/v1/nodes/{name}")["elements"] == 1
    one.refused("GET", "/v1/nodes/nobody", None, 404, "NodeNotFound")
    one.refused("POST", "/v1/nodes/nobody/drain", None, 404, "NodeNotFound")
    assert one.call("POST", f"/v1/nodes/{name}/drain", status=200)["draining"] is True
    assert one.store.get(f"/status/maintenance/{name}").value == b'{"drain": true}'
    assert one.call("POST", f"/v1/nodes/{name}/undrain", status=200)["draining"] is False
    assert one.store.get(f"/status/maintenance/{name}") is None
    one.call("PUT", f"/v1/elements/e1/pin/{name}", status=204)
    assert one.store.get("/status/pins/e1").value == b'{"node": "node1"}'
    one.refused("PUT", "/v1/elements/e1/pin/nobody", None, 404, "NodeNotFound")
    one.refused("PUT", f"/v1/elements/e9/pin/{name}", None, 404, "ElementNotFound")
    one.call("DELETE", "/v1/elements/e1/pin")
    assert one.store.get("/status/pins/e1") is None


def test_an_element_whose_owner_has_just_died_is_shown_as_it_is_known(pair):
    one, _ = pair
    one.view.owners["e2"] = Remote("node2", "http://127.0.0.1:1")
    one.view.element_list.append({"id": "e2", "mine": False, "owner": "node2"})
    found = one.get("/v1/elements/e2")
    assert (found["id"], found["unanswered"]) == ("e2", ["node2"])
