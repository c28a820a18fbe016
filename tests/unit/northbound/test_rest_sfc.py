"""``/v2.0/sfc``: what is made, what is refused and why, and what it comes to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.northbound.api_client import Node


@pytest.fixture
def node() -> Iterator[Node]:
    made = Node()
    yield made
    made.close()


@pytest.fixture
def ports(node: Node) -> list[str]:
    network = node.make("network")["id"]
    return [node.make("port", network_id=network)["id"] for _ in range(8)]


def make(node: Node, kind: str, status: int = 201, **fields: Any) -> Any:
    found = node.call("POST", f"/v2.0/sfc/{kind}s", {kind: fields}, status)
    return found[kind]["id"] if status == 201 else found["NeutronError"]


def service(node: Node, *ports: str) -> str:
    pairs = [make(node, "port_pair", ingress=port, egress=port) for port in ports]
    return make(node, "port_pair_group", port_pairs=pairs)


def test_a_chain_is_shown_as_networking_sfc_shows_it(node, ports):
    classifier = make(
        node, "flow_classifier", protocol="TCP", logical_source_port=ports[0],
        source_ip_prefix="10.1.2.3/8", destination_port_range_min="80",
        destination_port_range_max=81)
    shown = node.get(f"/v2.0/sfc/flow_classifiers/{classifier}")["flow_classifier"]
    wanted = {
        "protocol": "tcp", "source_ip_prefix": "10.0.0.0/8", "ethertype": "IPv4",
        "destination_ip_prefix": None, "source_port_range_min": None,
        "destination_port_range_min": 80, "destination_port_range_max": 81,
        "logical_destination_port": None, "l7_parameters": {}}
    assert wanted.items() <= shown.items()
    group = service(node, ports[1], ports[2])
    chain = make(node, "port_chain", port_pair_groups=[group], flow_classifiers=[classifier])
    shown = node.get(f"/v2.0/sfc/port_chains/{chain}")["port_chain"]
    assert shown["chain_parameters"] == {"correlation": "mpls", "symmetric": False}
    assert shown["chain_id"] == 1 and shown["port_pair_groups"] == [group]
    assert node.get(f"/v2.0/sfc/port_pair_groups/{group}")["port_pair_group"]["group_id"] == 1
    listed = node.get(f"/v2.0/sfc/port_chains?chain_id=1&flow_classifiers={classifier}")
    assert [one["id"] for one in listed["port_chains"]] == [chain]


CLASSIFIERS = (
    ({"protocol": "sctp"}, "FlowClassifierInvalidProtocol"),
    ({"source_port_range_min": 1}, "FlowClassifierProtocolRequiredWithPorts"),
    ({"protocol": "icmp", "source_port_range_min": 1}, "FlowClassifierProtocolRequiredWithPorts"),
    ({"protocol": "udp", "source_port_range_min": 5, "source_port_range_max": 4},
     "FlowClassifierInvalidPortRange"),
    ({"protocol": "udp", "source_port_range_min": 65536}, ""),
    ({"source_ip_prefix": "fd00::/64"}, "FlowClassifierIpPrefixFormatConflictWithEthertype"),
    ({"ethertype": "IPv6", "source_ip_prefix": "10.0.0.0/8"},
     "FlowClassifierIpPrefixFormatConflictWithEthertype"),
    ({"source_ip_prefix": "everywhere"}, ""), ({"ethertype": "ARP"}, ""),
    ({"l7_parameters": {"url": "/"}}, ""), ({"logical_source_port": None}, ""),
)  # fmt: skip


@pytest.mark.parametrize(("fields", "type_"), CLASSIFIERS)
def test_a_classifier_that_cannot_be(node, ports, fields, type_):
    error = make(node, "flow_classifier", 400, **{"logical_source_port": ports[0], **fields})
    assert not type_ or error["type"] == type_
    assert node.get("/v2.0/sfc/flow_classifiers") == {"flow_classifiers": []}


def test_two_classifiers_do_not_take_the_same_packets(node, ports):
    def web(status: int = 201, port: str = ports[0], **fields: Any) -> Any:
        return make(node, "flow_classifier", status, protocol="tcp", logical_source_port=port,
                    **fields)

    web(destination_port_range_min=80, destination_port_range_max=90)
    web(destination_port_range_min=91, destination_port_range_max=99)
    web(ports[1] and 201, ports[1], destination_port_range_min=80, destination_port_range_max=90)
    web(ethertype="IPv6")
    for fields in ({}, {"destination_port_range_min": 90, "destination_port_range_max": 90},
                   {"source_ip_prefix": "10.0.0.0/8"}):
        assert web(400, **fields)["type"] == "FlowClassifierInConflict"
    make(node, "flow_classifier", protocol="udp", logical_source_port=ports[0])


def test_what_is_in_use_stays(node, ports):
    classifier = make(node, "flow_classifier", logical_source_port=ports[0])
    pair = make(node, "port_pair", ingress=ports[1], egress=ports[1])
    group = make(node, "port_pair_group", port_pairs=[pair])
    chain = make(node, "port_chain", port_pair_groups=[group], flow_classifiers=[classifier])
    for kind, id in (("port_pair", pair), ("port_pair_group", group),
                     ("flow_classifier", classifier)):
        node.call("DELETE", f"/v2.0/sfc/{kind}s/{id}", None, 409)
    assert make(node, "port_pair_group", 409, port_pairs=[pair])["type"] == "PortPairInUse"
    assert make(node, "port_chain", 409, port_pair_groups=[service(node, ports[2])],
                flow_classifiers=[classifier])["type"] == "FlowClassifierInUse"
    assert make(node, "port_pair", 400, ingress=ports[1],
                egress=ports[1])["type"] == "PortPairIngressEgressInUse"
    for path in (f"port_chains/{chain}", f"port_pair_groups/{group}", f"port_pairs/{pair}",
                 f"flow_classifiers/{classifier}"):
        node.call("DELETE", f"/v2.0/sfc/{path}")


def test_a_chain_that_loops_or_cannot_be_told_is_refused(node, ports):
    group = service(node, ports[1])
    classifier = make(node, "flow_classifier", logical_source_port=ports[1])
    looped = {"port_pair_groups": [group], "flow_classifiers": [classifier]}
    assert make(node, "port_chain", 400, **looped)["type"] == "PortChainLoop"
    assert make(node, "port_chain", 400, port_pair_groups=[group, group])["type"] == (
        "PortChainLoop")
    assert make(node, "port_chain", 400, port_pair_groups=[])["type"] == (
        "PortPairGroupNotSpecified")
    other = make(node, "flow_classifier", logical_source_port=ports[0])
    assert make(
        node, "port_chain", 400, port_pair_groups=[group], flow_classifiers=[other],
        chain_parameters={"symmetric": True},
    )["type"] == "FlowClassifierLogicalDestinationPortRequired"
    # Two chains through one service to different next ones, of packets that both take.
    last = service(node, ports[2])
    make(node, "port_chain", port_pair_groups=[group, last], flow_classifiers=[other])
    third = make(node, "flow_classifier", logical_source_port=ports[3], protocol="tcp")
    error = make(node, "port_chain", 409, port_pair_groups=[group, service(node, ports[4])],
                 flow_classifiers=[third])
    assert error["type"] == "PortChainFlowClassifierInConflict"
    # Nothing is half done.
    assert len(node.get("/v2.0/sfc/port_chains")["port_chains"]) == 1
    # A group that would bring a loop into a chain is refused as well.
    pair = make(node, "port_pair", ingress=ports[0], egress=ports[5])
    path = f"/v2.0/sfc/port_pair_groups/{last}"
    node.refused("PUT", path, {"port_pair_group": {"port_pairs": [pair]}}, 400, "PortChainLoop")


NOT_SUPPORTED = (
    ("port_pair", {"service_function_parameters": {"correlation": "mpls"}}),
    ("port_pair", {"service_function_parameters": {"correlation": "nsh"}}),
    ("port_pair_group", {"port_pair_group_parameters": {"lb_fields": ["ip_src"]}}),
    ("port_pair_group", {"tap_enabled": True}),
    ("port_chain", {"chain_parameters": {"correlation": "nsh"}}),
)  # fmt: skip


@pytest.mark.parametrize(("kind", "fields"), NOT_SUPPORTED)
def test_what_is_not_supported_is_refused(node, ports, kind, fields):
    base = {"port_pair": {"ingress": ports[0], "egress": ports[0]}, "port_pair_group": {},
            "port_chain": {"port_pair_groups": [service(node, ports[1])]}}[kind]
    assert "not supported" in make(node, kind, 400, **base, **fields)["message"]
    make(node, kind, **base)


def test_weights_are_bounded(node, ports):
    pairs = [make(node, "port_pair", ingress=port, egress=port,
                  service_function_parameters={"weight": 256}) for port in ports[:5]]
    make(node, "port_pair", 400, ingress=ports[5], egress=ports[5],
         service_function_parameters={"weight": 257})
    make(node, "port_pair_group", 400, port_pairs=pairs)
    make(node, "port_pair_group", port_pairs=pairs[:4])


def test_a_chain_id_is_taken_once(node, ports):
    groups = [service(node, port) for port in ports[:3]]
    make(node, "port_chain", port_pair_groups=groups[:1], chain_id=2)
    assert make(node, "port_chain", 400, port_pair_groups=groups[1:2],
                chain_id=2)["type"] == "PortChainChainIdInConflict"
    found = [make(node, "port_chain", port_pair_groups=[group]) for group in groups[1:]]
    chains = {one["id"]: one["chain_id"]
              for one in node.get("/v2.0/sfc/port_chains")["port_chains"]}
    assert [chains[id] for id in found] == [1, 3]
