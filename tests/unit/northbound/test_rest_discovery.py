"""What the API says that it has: extensions, agents; and of what it has not, that it has not."""

from __future__ import annotations

import pytest

from ryu_apps.northbound.discovery import unsupported
from tests.unit.northbound.api_client import Node

MEMBER = {"X-Project-Id": "p"}


@pytest.fixture(scope="module")
def node():
    node = Node()
    yield node
    node.close()


def test_extensions_have_the_names_that_clients_look_for(node):
    listed = {one["alias"] for one in node.get("/v2.0/extensions")["extensions"]}
    assert {
        "security-groups-remote-address-group", "allowed-address-pairs", "ip-substring-filtering",
        "empty-string-filtering", "sort-key-validation", "port-security-groups-filtering",
        "tag-ports-during-bulk-creation", "tag-creation", "aap-reject-multicast",
        "availability_zone", "network_availability_zone", "router_availability_zone",
        "network-ip-availability", "service-type",
        "extraroute", "extraroute-atomic", "subnet-service-types",
        "external-net", "ext-gw-mode", "fip-port-details", "subnet-external-network",
        "security-groups-default-rules",
        "subnet_onboard", "network-segment-range", "port-mac-address-regenerate",
        "address-scope", "subnet_allocation", "default-subnetpools", "subnetpool-prefix-ops",
        "segment", "standard-attr-segment",
        "quotas", "quota_details", "rbac-policies", "security-groups-shared-filtering",
        "qos", "qos-default", "qos-rules-alias", "qos-rule-type-details", "qos-rule-type-filter",
        "qos-bw-limit-direction", "qos-bw-minimum-ingress", "qos-pps", "qos-pps-minimum",
        "qos-pps-minimum-rule-alias", "qos-port-network-policy",
    } <= listed
    assert not listed & {
        "security-group-remote-address-group", "address-pairs", "agent", "auto-allocated-topology",
        "flavors", "l3-flavors", "router-gateway-ip-qos",
        "qos-fip", "qos-gateway-ip", "port-resource-request", "port-resource-request-groups",
    }
    assert not listed & {alias for alias in map(unsupported.extension_of, (
        "/v2.0/bgpvpn",))}


@pytest.mark.parametrize("path,alias", [
    ("local_ips.json", "local_ip"),
    ("log/logs", "logging"),
    ("floatingips/x/port_forwardings", "floating-ip-port-forwarding"),
    ("routers/x/l3-agents", "l3_agent_scheduler"), ("bgpvpn/bgpvpns/x", "bgpvpn"),
    ("routers/x/conntrack_helpers", "l3-conntrack-helper"),
    ("vpn/ikepolicies", "vpnaas"),
])
def test_what_is_absent_is_named(node, path, alias):
    for method in ("GET", "POST", "PUT"):
        text = node.refused(method, f"/v2.0/{path}", None, 404, "HTTPNotFound")
        assert f"no extension '{alias}'" in text and "/v2.0/extensions" in text


def test_other_paths_that_are_not_there(node):
    for path in ("/v2.0/nothing", "/v2.0/ports/x/y", "/v2.0/networks/x/qos", "/qos/policies"):
        assert "openapi" in node.refused("GET", path, None, 404, "HTTPNotFound")


def test_agents_are_nodes_and_hypervisors(node):
    node.view.element_list = [
        {"id": "e1", "hostname": "hv1", "vtep": "192.0.2.1", "owner": "node1", "connected": True},
        {"id": "e2", "hostname": "hv2", "vtep": "192.0.2.2", "owner": "node1", "connected": False},
    ]
    node.view.node_list = [{"node": "node1", "alive": True, "self": True, "url": node.url}]
    agents = node.get("/v2.0/agents")["agents"]
    found = {one["host"]: one for one in agents if one["binary"] == "ovs-vswitchd"}
    assert {host: one["alive"] for host, one in found.items()} == {"hv1": True, "hv2": False}
    assert any(one["binary"] == "vnc-node" for one in agents)
    one = node.get(f"/v2.0/agents/{found['hv1']['id']}")["agent"]
    assert one == found["hv1"]
    assert [item["host"] for item in node.get(
        "/v2.0/agents?alive=false&binary=ovs-vswitchd")["agents"]] == ["hv2"]
    assert node.get("/v2.0/agents?host=hv1&fields=host") == {"agents": [{"host": "hv1"}]}
    assert node.get("/v2.0/agents", headers=MEMBER) == {"agents": []}
    node.call("GET", f"/v2.0/agents/{one['id']}", status=404, headers=MEMBER)
    node.refused("GET", "/v2.0/agents/x", None, 404, "AgentNotFound")
    node.call("PUT", f"/v2.0/agents/{one['id']}", {"agent": {}}, 405)
    node.call("GET", "/v2.0/agents?colour=red", status=400)


def test_of_an_extension_there_may_be_a_part():
    assert "has no extension 'qos'" in unsupported.message("/v2.0/qos/policies")
    assert "only a part" in unsupported.message("/v2.0/qos/rule-types", {"qos"})
