"""Tap mirrors, tap services and tap flows, as clients see them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.northbound.api_client import Node

RED, BLUE = {"X-Project-Id": "red"}, {"X-Project-Id": "blue"}
ADMIN = {"X-Project-Id": "red", "X-Roles": "admin,member,reader"}
GRE = {"mirror_type": "gre", "remote_ip": "198.51.100.9", "directions": {"IN": 7, "OUT": "8"}}


@pytest.fixture
def node() -> Iterator[Node]:
    made = Node()
    yield made
    made.close()


@pytest.fixture
def ports(node: Node) -> list[str]:
    network = node.call("POST", "/v2.0/networks", {"network": {}}, headers=RED)["network"]["id"]
    made = [
        node.call("POST", "/v2.0/ports", {"port": {"network_id": network}}, headers=RED)
        for _ in range(3)
    ]
    return [one["port"]["id"] for one in made]


def post(node: Node, kind: str, who: dict[str, str] = RED, status: int = 201, **fields: Any) -> Any:
    answer = node.call("POST", f"/v2.0/taas/{kind}s", {kind: fields}, status, headers=who)
    return answer[kind] if status == 201 else answer["NeutronError"]["type"]


def test_a_mirror(node: Node, ports: list[str]) -> None:
    made = post(node, "tap_mirror", ADMIN, port_id=ports[0], name="m", **GRE)
    assert made["directions"] == {"IN": 7, "OUT": 8} and made["remote_ip"] == GRE["remote_ip"]
    path = f"/v2.0/taas/tap_mirrors/{made['id']}"
    assert node.get(path, headers=RED)["tap_mirror"]["port_id"] == ports[0]
    node.call("GET", path, status=404, headers=BLUE)
    changed = node.call("PUT", path, {"tap_mirror": {"name": "n"}}, headers=RED)["tap_mirror"]
    assert changed["name"] == "n" and changed["revision_number"] == 2
    for body in ({"remote_ip": "198.51.100.10"}, {"directions": {}}, {"port_id": ports[1]}):
        node.call("PUT", path, {"tap_mirror": body}, 400, headers=RED)
    node.call("DELETE", path, headers=RED)


def test_where_copies_go_outside_is_for_administrators(node: Node, ports: list[str]) -> None:
    assert post(node, "tap_mirror", RED, 403, port_id=ports[0], **GRE) == "PolicyNotAuthorized"


@pytest.mark.parametrize("fields", [
    {"directions": {}}, {"directions": {"IN": None}}, {"directions": {"IN": 0}},
    {"directions": {"UP": 1}}, {"directions": {"IN": 2**32}}, {"directions": "IN"},
    {"mirror_type": "erspanv2"}, {"mirror_type": "erspanv1", "directions": {"IN": 1024}},
    {"remote_ip": "224.0.0.1"}, {"remote_ip": "nowhere"}, {"remote_ip": "127.0.0.1"},
])  # fmt: skip
def test_mirrors_that_make_no_sense(node: Node, ports: list[str], fields: dict[str, Any]) -> None:
    post(node, "tap_mirror", ADMIN, 400, port_id=ports[0], **{**GRE, **fields})


def test_a_session_is_one_mirrors_in_a_project(node: Node, ports: list[str]) -> None:
    post(node, "tap_mirror", ADMIN, port_id=ports[0], **GRE)
    again = {**GRE, "directions": {"IN": 8}}
    assert post(node, "tap_mirror", ADMIN, 409, port_id=ports[1], **again) == (
        "TapMirrorTunnelConflict"
    )


def test_services_and_flows(node: Node, ports: list[str]) -> None:
    service = post(node, "tap_service", port_id=ports[0])
    flow = post(node, "tap_flow", source_port=ports[1], tap_service_id=service["id"],
                direction="BOTH")  # fmt: skip
    assert service["status"] == flow["status"] == "DOWN"
    path = f"/v2.0/taas/tap_services/{service['id']}"
    node.refused("DELETE", path, None, 409, "TapServiceInUse", headers=RED)
    node.call("DELETE", f"/v2.0/taas/tap_flows/{flow['id']}", headers=RED)
    node.call("DELETE", path, headers=RED)
    for fields in ({"direction": "UP"}, {"direction": "IN", "vlan_filter": "1-5"}):
        post(node, "tap_flow", status=400, source_port=ports[1],
             tap_service_id=service["id"], **fields)  # fmt: skip


def test_copies_are_not_copied(node: Node, ports: list[str]) -> None:
    """Whichever of the two comes first."""
    service = post(node, "tap_service", port_id=ports[0])
    other = post(node, "tap_service", port_id=ports[2])
    flow = {"tap_service_id": other["id"], "direction": "IN"}
    assert post(node, "tap_flow", status=409, source_port=ports[0], **flow) == "MirrorOfMirror"
    assert post(node, "tap_mirror", ADMIN, 409, port_id=ports[0], **GRE) == "MirrorOfMirror"
    post(node, "tap_flow", source_port=ports[1], **flow)
    assert post(node, "tap_service", status=409, port_id=ports[1]) == "MirrorOfMirror"
    assert service["id"] != other["id"]


def test_ports_of_others(node: Node, ports: list[str]) -> None:
    """Of another project, and the system's own."""
    assert post(node, "tap_service", BLUE, 404, port_id=ports[0]) == "PortNotFound"
    wrong = {"port_id": ports[0], "project_id": "blue"}
    assert post(node, "tap_service", ADMIN, 400, **wrong) == "PortDoesNotBelongToTenant"
    service = post(node, "tap_service", port_id=ports[0])
    assert post(node, "tap_flow", BLUE, 404, source_port=ports[1], direction="IN",
                tap_service_id=service["id"]) == "TapServiceNotFound"  # fmt: skip
    router = node.call("POST", "/v2.0/routers", {"router": {}}, headers=RED)["router"]["id"]
    network = node.get(f"/v2.0/ports/{ports[0]}", headers=RED)["port"]["network_id"]
    subnet = node.call("POST", "/v2.0/subnets", {"subnet": {
        "network_id": network, "ip_version": 4, "cidr": "10.0.0.0/24"}}, headers=RED)["subnet"]
    port = node.call("PUT", f"/v2.0/routers/{router}/add_router_interface",
                     {"subnet_id": subnet["id"]}, headers=RED)["port_id"]  # fmt: skip
    assert post(node, "tap_service", status=400, port_id=port) == "BadRequest"


def test_a_port_goes_with_what_is_copied_from_and_to_it(node: Node, ports: list[str]) -> None:
    for gone in (0, 1):
        service = post(node, "tap_service", port_id=ports[0])
        post(node, "tap_flow", source_port=ports[1], tap_service_id=service["id"], direction="IN")
        post(node, "tap_mirror", ADMIN, port_id=ports[1], **GRE)
        node.call("DELETE", f"/v2.0/ports/{ports[gone]}", headers=RED)
        left = {kind: node.get(f"/v2.0/taas/{kind}s", headers=RED)[f"{kind}s"]
                for kind in ("tap_service", "tap_flow", "tap_mirror")}  # fmt: skip
        assert not left["tap_flow"]
        assert bool(left["tap_service"]) == (gone == 1) and bool(left["tap_mirror"]) == (gone == 0)
        for kind in ("tap_service", "tap_mirror"):
            for one in left[kind]:
                node.call("DELETE", f"/v2.0/taas/{kind}s/{one['id']}", headers=RED)
        network = node.get(f"/v2.0/ports/{ports[2]}", headers=RED)["port"]["network_id"]
        ports[gone] = node.call("POST", "/v2.0/ports", {"port": {"network_id": network}},
                                headers=RED)["port"]["id"]  # fmt: skip
