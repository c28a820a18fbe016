"""External networks, the gateways of routers, and floating IPs, as clients see them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.unit.northbound.api_client import Node

RED, BLUE, ADMIN = {"X-Project-Id": "red"}, {"X-Project-Id": "blue"}, {}


class Site(NamedTuple):
    node: Node
    outside: str
    router: str
    inside: str
    port: dict[str, Any]


@pytest.fixture
def node() -> Iterator[Node]:
    made = Node()
    yield made
    made.close()


@pytest.fixture
def site(node: Node) -> Site:
    """A project with a network, a router and a port; the router has a gateway."""
    outside = external(node)
    router = node.call("POST", "/v2.0/routers", {"router": {
        "external_gateway_info": {"network_id": outside}}}, headers=RED)["router"]["id"]
    network = node.call("POST", "/v2.0/networks", {"network": {}}, headers=RED)["network"]["id"]
    inside = node.call("POST", "/v2.0/subnets", {"subnet": {
        "network_id": network, "ip_version": 4, "cidr": "10.0.0.0/24"}},
        headers=RED)["subnet"]["id"]
    node.call("PUT", f"/v2.0/routers/{router}/add_router_interface", {"subnet_id": inside},
              headers=RED)
    port = node.call("POST", "/v2.0/ports", {"port": {"network_id": network}}, headers=RED)
    return Site(node, outside, router, inside, port["port"])


def external(node: Node, cidr: str = "203.0.113.0/24", **fields: Any) -> str:
    network = node.make("network", **{"router:external": True}, **fields)["id"]
    node.make("subnet", network_id=network, cidr=cidr)
    return network


def floating(site: Site, status: int = 201, who: dict[str, str] = RED, **fields: Any) -> Any:
    body = {"floatingip": {"floating_network_id": site.outside, **fields}}
    answer = site.node.call("POST", "/v2.0/floatingips", body, status, headers=who)
    return answer["floatingip"] if status == 201 else answer["NeutronError"]["type"]


def router_put(site: Site, status: int = 200, who: dict[str, str] = RED, **fields: Any) -> Any:
    answer = site.node.call(
        "PUT", f"/v2.0/routers/{site.router}", {"router": fields}, status, headers=who)
    return answer["router"] if status == 200 else answer["NeutronError"]["type"]


# ---------------------------------------------------------------- external networks


def test_an_external_network_is_seen_by_all_and_used_as_a_way_out_alone(site):
    node, outside = site.node, site.outside
    for who in (RED, BLUE):
        seen = node.get(f"/v2.0/networks/{outside}", headers=who)["network"]
        assert seen["router:external"] is True and seen["shared"] is False
        (subnet,) = node.get(f"/v2.0/subnets?network_id={outside}", headers=who)["subnets"]
        assert subnet["router:external"] is True
        node.call("POST", "/v2.0/ports", {"port": {"network_id": outside}}, 403, headers=who)
        node.call("PUT", f"/v2.0/networks/{outside}", {"network": {"name": "x"}}, 403, headers=who)
    found = node.get("/v2.0/networks?router:external=true", headers=BLUE)["networks"]
    assert [one["id"] for one in found] == [outside]
    for method, path in (("POST", "/v2.0/networks"),
                         ("PUT", f"/v2.0/networks/{site.port['network_id']}")):
        node.call(method, path, {"network": {"router:external": True}}, 403, headers=RED)


def test_a_network_goes_out_for_whom_its_policies_say(node):
    network = node.make("network")["id"]
    node.make("subnet", network_id=network, cidr="203.0.113.0/24")
    node.call("GET", f"/v2.0/networks/{network}", status=404, headers=RED)
    policy = node.call("POST", "/v2.0/rbac-policies", {"rbac_policy": {
        "object_type": "network", "object_id": network, "target_tenant": "red",
        "action": "access_as_external"}})["rbac_policy"]
    assert node.get(f"/v2.0/networks/{network}", headers=RED)["network"]["router:external"]
    node.call("GET", f"/v2.0/networks/{network}", status=404, headers=BLUE)
    body = {"router": {"external_gateway_info": {"network_id": network}}}
    router = node.call("POST", "/v2.0/routers", body, headers=RED)["router"]["id"]
    node.call("POST", "/v2.0/routers", body, 404, headers=BLUE)
    path = f"/v2.0/rbac-policies/{policy['id']}"
    node.refused("DELETE", path, None, 409, "RbacPolicyInUse")
    node.refused("PUT", path, {"rbac_policy": {"target_tenant": "blue"}}, 409, "RbacPolicyInUse")
    node.call("PUT", f"/v2.0/routers/{router}", {"router": {"external_gateway_info": None}},
              headers=RED)
    node.call("PUT", path, {"rbac_policy": {"target_tenant": "blue"}})
    node.call("GET", f"/v2.0/networks/{network}", status=404, headers=RED)
    node.call("DELETE", path)
    node.call("GET", f"/v2.0/networks/{network}", status=404, headers=BLUE)
    # Made internal and external again it is everybody's, by one policy.
    for external in (False, True, True):
        node.call("PUT", f"/v2.0/networks/{network}", {"network": {"router:external": external}})
    (policy,) = node.get(f"/v2.0/rbac-policies?object_id={network}")["rbac_policies"]
    assert policy["target_tenant"] == "*" and policy["action"] == "access_as_external"
    node.call("DELETE", f"/v2.0/networks/{network}")
    assert not node.get(f"/v2.0/rbac-policies?object_id={network}")["rbac_policies"]


def test_a_network_in_use_stays_external(site):
    path = f"/v2.0/networks/{site.outside}"
    internal = {"network": {"router:external": False}}
    site.node.refused("PUT", path, internal, 409, "ExternalNetworkInUse")
    one = floating(site)
    router_put(site, external_gateway_info={})
    site.node.refused("PUT", path, internal, 409, "ExternalNetworkInUse")
    vm = site.node.make("port", network_id=site.outside)["id"]
    site.node.refused("DELETE", path, None, 409, "NetworkInUse")
    site.node.call("DELETE", f"/v2.0/ports/{vm}")
    site.node.call("DELETE", f"/v2.0/floatingips/{one['id']}", headers=RED)
    assert not site.node.call("PUT", path, internal)["network"]["router:external"]
    assert not site.node.get(f"/v2.0/rbac-policies?object_id={site.outside}")["rbac_policies"]


def test_floating_ips_that_stand_for_nothing_go_with_their_network(site):
    path = f"/v2.0/networks/{site.outside}"
    one, other = floating(site, port_id=site.port["id"]), floating(site)
    site.node.refused("DELETE", path, None, 409, "NetworkInUse")
    assert len(site.node.get("/v2.0/floatingips")["floatingips"]) == 2
    site.node.call("DELETE", f"/v2.0/ports/{site.port['id']}", headers=RED)
    router_put(site, external_gateway_info={})
    site.node.call("DELETE", path)
    for gone in (one, other):
        site.node.call("GET", f"/v2.0/floatingips/{gone['id']}", status=404)
    assert not site.node.get(f"/v2.0/ports?network_id={site.outside}")["ports"]


# ---------------------------------------------------------------- gateways


def test_a_gateway_has_a_port_of_the_system(site):
    node = site.node
    router = node.get(f"/v2.0/routers/{site.router}", headers=RED)["router"]
    info = router["external_gateway_info"]
    assert info["network_id"] == site.outside and info["enable_snat"] is True
    (address,) = info["external_fixed_ips"]
    (port,) = node.get("/v2.0/ports?device_owner=network:router_gateway")["ports"]
    assert port["fixed_ips"] == [address] and port["device_id"] == site.router
    assert port["project_id"] == "" and port["network_id"] == site.outside
    assert port["status"] == "ACTIVE" and not port["port_security_enabled"]
    assert not node.get("/v2.0/ports?device_owner=network:router_gateway", headers=RED)["ports"]
    path = f"/v2.0/ports/{port['id']}"
    node.refused("DELETE", path, None, 409, "ServicePortInUse")
    for change in ({"mac_address": None}, {"device_id": ""}, {"fixed_ips": []}):
        node.refused("PUT", path, {"port": change}, 409, "ServicePortInUse")
    node.call("DELETE", f"/v2.0/networks/{site.outside}", status=409)
    # The same network again changes nothing but what is said of it.
    again = router_put(site, external_gateway_info={"network_id": site.outside})
    assert again["external_gateway_info"] == info
    assert again["revision_number"] == router["revision_number"]


def test_what_administrators_say_of_a_gateway(site):
    subnet = site.node.get(f"/v2.0/subnets?network_id={site.outside}")["subnets"][0]["id"]
    for more in ({"enable_snat": False},
                 {"external_fixed_ips": [{"subnet_id": subnet, "ip_address": "203.0.113.9"}]}):
        info = {"network_id": site.outside, **more}
        assert router_put(site, 403, external_gateway_info=info) == "PolicyNotAuthorized"
        shown = router_put(site, who=ADMIN, external_gateway_info=info)["external_gateway_info"]
        assert {name: shown[name] for name in info} == info
    # SNAT is what there is unless somebody says otherwise.
    assert shown["enable_snat"] is True
    (port,) = site.node.get(f"/v2.0/ports?device_id={site.router}&network_id={site.outside}")[
        "ports"]
    assert [one["ip_address"] for one in port["fixed_ips"]] == ["203.0.113.9"]


def test_addresses_that_a_gateway_cannot_have(site):
    vm = site.node.make("port", network_id=site.outside)["fixed_ips"][0]["ip_address"]
    for address, status, error in (
        (vm, 409, "IpAddressInUse"), ("203.0.113.1", 400, "BadRequest"),
        ("192.0.2.1", 400, "InvalidIpForNetwork"),
    ):
        info = {"network_id": site.outside, "external_fixed_ips": [{"ip_address": address}]}
        assert router_put(site, status, ADMIN, external_gateway_info=info) == error
        body = {"router": {"external_gateway_info": info}}
        site.node.refused("POST", "/v2.0/routers", body, status, error)
    assert len(site.node.get("/v2.0/routers")["routers"]) == 1


def test_nothing_outside_overlaps_with_what_is_inside(site):
    node = site.node
    other = external(node, "10.0.0.0/16")
    info = {"network_id": other}
    assert router_put(site, 400, external_gateway_info=info) == "BadRequest"
    node.call("POST", "/v2.0/subnets", {"subnet": {
        "network_id": site.outside, "ip_version": 4, "cidr": "10.0.0.128/25"}}, 400)
    network = node.call("POST", "/v2.0/networks", {"network": {}}, headers=RED)["network"]["id"]
    subnet = node.call("POST", "/v2.0/subnets", {"subnet": {
        "network_id": network, "ip_version": 4, "cidr": "203.0.113.0/25"}}, headers=RED)["subnet"]
    text = node.refused("PUT", f"/v2.0/routers/{site.router}/add_router_interface",
                        {"subnet_id": subnet["id"]}, 400, "BadRequest", headers=RED)
    assert "overlaps" in text
    assert router_put(site)["external_gateway_info"]["network_id"] == site.outside


def test_a_route_holds_the_gateway_that_it_needs(site):
    routes = [{"destination": "198.51.100.0/24", "nexthop": "203.0.113.99"}]
    router_put(site, routes=routes)
    assert router_put(site, 409, external_gateway_info={}) == "RouterExternalGatewayInUseByRoute"
    router_put(site, routes=[])
    assert router_put(site, external_gateway_info={})["external_gateway_info"] is None
    assert not site.node.get(f"/v2.0/ports?network_id={site.outside}")["ports"]


def test_another_network_takes_the_place_of_the_first(site):
    other = external(site.node, "198.51.100.0/24")
    shown = router_put(site, external_gateway_info={"network_id": other})["external_gateway_info"]
    assert shown["network_id"] == other
    assert not site.node.get(f"/v2.0/ports?network_id={site.outside}")["ports"]


# ---------------------------------------------------------------- floating IPs


def test_a_floating_ip_is_an_address_of_its_own_port(site):
    node = site.node
    one = floating(site)
    assert one["status"] == "DOWN" and one["port_id"] is one["router_id"] is None
    assert one["fixed_ip_address"] is one["port_details"] is None
    (port,) = node.get("/v2.0/ports?device_owner=network:floatingip")["ports"]
    assert port["device_id"] == one["id"] and port["status"] == "N/A"
    assert port["fixed_ips"][0]["ip_address"] == one["floating_ip_address"]
    node.refused("DELETE", f"/v2.0/ports/{port['id']}", None, 409, "ServicePortInUse")
    path = f"/v2.0/floatingips/{one['id']}"
    node.call("GET", path, status=404, headers=BLUE)
    there = node.call("PUT", path, {"floatingip": {"port_id": site.port["id"]}},
                      headers=RED)["floatingip"]
    assert there["router_id"] == site.router and there["port_id"] == site.port["id"]
    assert there["fixed_ip_address"] == site.port["fixed_ips"][0]["ip_address"]
    assert there["port_details"]["mac_address"] == site.port["mac_address"]
    # What says nothing of a port leaves it where it is; null takes it away.
    same = node.call("PUT", path, {"floatingip": {"description": "d"}}, headers=RED)["floatingip"]
    assert same["port_id"] == site.port["id"] and same["description"] == "d"
    gone = node.call("PUT", path, {"floatingip": {"port_id": None}}, headers=RED)["floatingip"]
    assert gone["port_id"] is gone["router_id"] is gone["fixed_ip_address"] is None
    node.call("DELETE", path, headers=RED)
    assert not node.get("/v2.0/ports?device_owner=network:floatingip")["ports"]


def test_lists_of_floating_ips(site):
    one, other = floating(site, port_id=site.port["id"]), floating(site)
    for query, found in (
        (f"port_id={site.port['id']}", [one]), (f"router_id={site.router}", [one]),
        (f"floating_ip_address={other['floating_ip_address']}", [other]),
        (f"floating_network_id={site.outside}&fixed_ip_address={one['fixed_ip_address']}", [one]),
        ("status=ACTIVE", []),
    ):
        shown = site.node.get(f"/v2.0/floatingips?{query}", headers=RED)["floatingips"]
        assert [item["id"] for item in shown] == [item["id"] for item in found]
    assert site.node.get("/v2.0/floatingips", headers=BLUE)["floatingips"] == []


def test_what_a_floating_ip_cannot_stand_for(site):
    node, port = site.node, site.port
    fixed = port["fixed_ips"][0]["ip_address"]
    assert floating(site, 400, fixed_ip_address=fixed) == "BadRequest"
    assert floating(site, 400, port_id=port["id"], fixed_ip_address="10.0.0.200") == "BadRequest"
    assert floating(site, 400, port_id=port["id"], fixed_ip_address="fd00::1") == "BadRequest"
    assert floating(site, 404, port_id=site.router) == "PortNotFound"
    assert floating(site, 403, floating_ip_address="203.0.113.50") == "PolicyNotAuthorized"
    assert floating(site, 400, ADMIN, floating_ip_address="192.0.2.1") == "InvalidIpForNetwork"
    first = floating(site, port_id=port["id"])
    assert floating(site, 409, port_id=port["id"]) == "FloatingIPPortAlreadyAssociated"
    assert floating(
        site, 409, ADMIN, floating_ip_address=first["floating_ip_address"]) == "IpAddressInUse"
    # Two addresses: which one has to be said.
    two = node.call("POST", "/v2.0/ports", {"port": {
        "network_id": port["network_id"],
        "fixed_ips": [{"subnet_id": site.inside}, {"subnet_id": site.inside}]}},
        headers=RED)["port"]
    assert floating(site, 400, port_id=two["id"]) == "BadRequest"
    for address in two["fixed_ips"]:
        floating(site, port_id=two["id"], fixed_ip_address=address["ip_address"])
    # Where no router leads out.
    network = node.call("POST", "/v2.0/networks", {"network": {}}, headers=RED)["network"]["id"]
    node.call("POST", "/v2.0/subnets", {"subnet": {
        "network_id": network, "ip_version": 4, "cidr": "10.1.0.0/24"}}, headers=RED)
    lost = node.call("POST", "/v2.0/ports", {"port": {"network_id": network}}, headers=RED)["port"]
    assert floating(site, 404, port_id=lost["id"]) == "ExternalGatewayForFloatingIPNotFound"
    assert node.refused("POST", "/v2.0/floatingips", {"floatingip": {
        "floating_network_id": network}}, 400, "BadRequest", headers=RED)
    node.make("network", name="bare", **{"router:external": True})
    bare = node.get("/v2.0/networks?name=bare")["networks"][0]["id"]
    assert "IPv4" in node.refused("POST", "/v2.0/floatingips", {"floatingip": {
        "floating_network_id": bare}}, 400, "BadRequest")
    interface = node.get(f"/v2.0/ports?device_id={site.router}", headers=RED)["ports"][0]["id"]
    assert floating(site, 400, port_id=interface) == "BadRequest"


def test_what_a_floating_ip_needs_stays(site):
    node = site.node
    one = floating(site, port_id=site.port["id"])
    assert router_put(site, 409, external_gateway_info={}) == (
        "RouterExternalGatewayInUseByFloatingIp")
    node.refused("PUT", f"/v2.0/routers/{site.router}/remove_router_interface",
                 {"subnet_id": site.inside}, 409, "RouterInterfaceInUseByFloatingIP", headers=RED)
    node.refused("DELETE", f"/v2.0/routers/{site.router}", None, 409, "RouterInUse", headers=RED)
    path = f"/v2.0/ports/{site.port['id']}"
    node.call("PUT", path, {"port": {"name": "x"}}, headers=RED)
    show = f"/v2.0/floatingips/{one['id']}"
    assert node.get(show, headers=RED)["floatingip"]["port_id"] == site.port["id"]
    node.call("DELETE", path, headers=RED)
    left = node.get(show, headers=RED)["floatingip"]
    assert left["port_id"] is left["router_id"] is left["fixed_ip_address"] is None
    node.call("PUT", f"/v2.0/routers/{site.router}/remove_router_interface",
              {"subnet_id": site.inside}, headers=RED)
    node.call("DELETE", f"/v2.0/routers/{site.router}", headers=RED)
    node.call("DELETE", show, headers=RED)
    assert not node.get(f"/v2.0/ports?network_id={site.outside}")["ports"]


def test_a_port_that_loses_its_address_loses_the_floating_ip(site):
    one = floating(site, port_id=site.port["id"])
    site.node.call("PUT", f"/v2.0/ports/{site.port['id']}", {"port": {"fixed_ips": [
        {"ip_address": "10.0.0.77"}]}}, headers=RED)
    assert site.node.get(f"/v2.0/floatingips/{one['id']}")["floatingip"]["port_id"] is None


def test_another_projects_port(site):
    body = {"floatingip": {"floating_network_id": site.outside, "port_id": site.port["id"]}}
    site.node.call("POST", "/v2.0/floatingips", body, 404, headers=BLUE)
    # Administrators may.
    made = site.node.call("POST", "/v2.0/floatingips", body)["floatingip"]
    assert made["port_id"] == site.port["id"]


def test_addresses_run_out(node):
    outside = external(node, "203.0.113.0/29")
    for _ in range(5):
        node.make("floatingip", floating_network_id=outside)
    node.refused("POST", "/v2.0/floatingips", {"floatingip": {"floating_network_id": outside}},
                 400, "ExternalIpAddressExhausted")
