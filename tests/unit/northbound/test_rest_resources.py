"""The Networking API over HTTP: resources, lists, tags, revisions, bulk, projects."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from ryu_apps.northbound.base import PortState
from tests.unit.northbound.api_client import Node


@pytest.fixture
def node():
    node = Node()
    yield node
    node.close()


def ids(answer, collection="ports"):
    return [one["id"] for one in answer[collection]]


def names(answer, collection="ports"):
    return [one["name"] for one in answer[collection]]


def test_life_of_resources(node):
    network = node.make("network", name="red", **{"provider:segmentation_id": 4711})
    assert network["provider:segmentation_id"] == 4711
    assert network["subnets"] == [] and network["tags"] == []
    subnet = node.make("subnet", network_id=network["id"], cidr="10.0.0.0/24", gateway_ip=None)
    assert subnet["gateway_ip"] is None and subnet["host_routes"] == []
    assert node.get(f"/v2.0/networks/{network['id']}")["network"]["subnets"] == [subnet["id"]]
    port = node.make("port", network_id=network["id"], **{"binding:profile": {"a": 1}})
    assert port["binding:profile"] == {"a": 1} and port["binding:vif_type"] == "unbound"
    path = f"/v2.0/ports/{port['id']}"
    changed = node.call("PUT", path, {"port": {"name": "x", "admin_state_up": "false"}})["port"]
    assert (changed["name"], changed["admin_state_up"], changed["revision_number"]) == (
        "x", False, 2)
    assert node.get(path + "?fields=name&fields=id") == {"port": {"name": "x", "id": port["id"]}}
    node.refused("DELETE", f"/v2.0/networks/{network['id']}", None, 409, "NetworkInUse")
    node.call("DELETE", path)
    node.refused("GET", path, None, 404, "PortNotFound")
    node.refused("GET", "/v2.0/networks/red", None, 404, "NetworkNotFound")
    node.call("DELETE", f"/v2.0/networks/{network['id']}")
    assert node.get("/v2.0/subnets") == {"subnets": []}


def test_where_multicast_dns_of_a_network_goes(node):
    network = node.make("network")
    assert network["vpn:mdns"] == "flood"
    path = f"/v2.0/networks/{network['id']}"
    for mode in ("answer", "local"):
        changed = node.call("PUT", path, {"network": {"vpn:mdns": mode}})["network"]
        assert changed["vpn:mdns"] == mode
    assert node.make("network", **{"vpn:mdns": "answer"})["vpn:mdns"] == "answer"
    found = node.get("/v2.0/networks?vpn:mdns=local")
    assert ids(found, "networks") == [network["id"]]
    for wrong in ("drop", "LOCAL", 1):
        body = {"network": {"vpn:mdns": wrong}}
        node.refused("PUT", path, body, 400, "HTTPBadRequest")
        node.refused("POST", "/v2.0/networks", body, 400, "HTTPBadRequest")
    changed = node.call("PUT", path, {"network": {"vpn:mdns": None}})["network"]
    assert changed["vpn:mdns"] == "flood"


def test_router_actions(node):
    network = node.make("network")
    subnet = node.make("subnet", network_id=network["id"], cidr="10.0.0.0/24")
    router = node.make("router", name="r")
    path = f"/v2.0/routers/{router['id']}"
    answer = node.call("PUT", path + "/add_router_interface", {"subnet_id": subnet["id"]})
    assert answer["id"] == router["id"] and answer["subnet_ids"] == [subnet["id"]]
    port = node.get(f"/v2.0/ports/{answer['port_id']}")["port"]
    assert port["device_id"] == router["id"] and port["status"] == "ACTIVE"
    found = node.get(f"/v2.0/ports?device_id={router['id']}"
                     "&device_owner=network:router_interface")
    assert ids(found) == [port["id"]]
    node.refused("DELETE", path, None, 409, "RouterInUse")
    node.refused("DELETE", f"/v2.0/ports/{port['id']}", None, 409, "ServicePortInUse")
    node.call("PUT", path + "/remove_router_interface", {"port_id": port["id"]})
    node.call("DELETE", path)


def test_extra_routes(node):
    network = node.make("network")["id"]
    subnet = node.make("subnet", network_id=network, cidr="10.0.0.0/24")["id"]
    router = node.make("router")
    path = f"/v2.0/routers/{router['id']}"
    assert router["routes"] == []
    node.call("PUT", f"{path}/add_router_interface", {"subnet_id": subnet})
    one = {"destination": "192.168.1.0/24", "nexthop": "10.0.0.9"}
    two = {"destination": "192.168.2.0/24", "nexthop": "10.0.0.9"}
    assert node.call("PUT", path, {"router": {"routes": [one]}})["router"]["routes"] == [one]
    added = node.call("PUT", f"{path}/add_extraroutes", {"router": {"routes": [two]}})["router"]
    assert added["routes"] == [one, two] and added["id"] == router["id"]
    assert node.get("/v2.0/routers?routes=nexthop=10.0.0.9&routes=destination=192.168.2.0/24")[
        "routers"][0]["id"] == router["id"]
    left = node.call("PUT", f"{path}/remove_extraroutes", {"router": {"routes": [one]}})["router"]
    assert left["routes"] == [two]
    node.refused("PUT", f"{path}/remove_router_interface", {"subnet_id": subnet}, 409,
                 "RouterInterfaceInUseByRoute")
    node.refused("PUT", path, {"router": {"routes": [{**one, "nexthop": "10.9.0.1"}]}}, 400,
                 "InvalidRoutes")
    for body in ({"routes": [one]}, {"router": {}}, {"router": {"routes": [{}]}}, {"router": one}):
        node.call("PUT", f"{path}/add_extraroutes", body, 400)
    node.call("POST", "/v2.0/routers", {"router": {"routes": [one]}}, 400)
    assert node.call("PUT", path, {"router": {"routes": None}})["router"]["routes"] == []


def test_port_binding_tells_the_truth(node):
    network = node.make("network")
    port = node.make("port", network_id=network["id"], **{"binding:host_id": "wanted"})
    assert port["binding:host_id"] == "wanted" and port["status"] == "DOWN"
    node.view.states[port["id"]] = PortState("ACTIVE", "hv2", "e2")
    shown = node.get(f"/v2.0/ports/{port['id']}")["port"]
    assert (shown["binding:host_id"], shown["binding:vif_type"], shown["status"]) == (
        "hv2", "ovs", "ACTIVE")
    other = node.make("port", network_id=network["id"])
    assert ids(node.get("/v2.0/ports?status=ACTIVE")) == [port["id"]]
    assert ids(node.get("/v2.0/ports?binding:host_id=hv2")) == [port["id"]]
    assert ids(node.get("/v2.0/ports?status=DOWN")) == [other["id"]]
    assert node.get("/v2.0/ports?fields=status&status=ACTIVE") == {"ports": [{"status": "ACTIVE"}]}


def test_bulk_is_all_or_nothing(node):
    network = node.make("network")
    node.make("subnet", network_id=network["id"], cidr="10.0.0.0/29", gateway_ip=None)
    wanted = [{"network_id": network["id"], "name": f"p{i}"} for i in range(7)]
    node.refused("POST", "/v2.0/ports", {"ports": wanted}, 409, "IpAddressGenerationFailure")
    assert node.get("/v2.0/ports") == {"ports": []}
    made = node.call("POST", "/v2.0/ports", {"ports": wanted[:6]})["ports"]
    assert [one["name"] for one in made] == [f"p{i}" for i in range(6)]
    assert [one["fixed_ips"][0]["ip_address"] for one in made] == [
        f"10.0.0.{i}" for i in range(1, 7)]
    node.refused("POST", "/v2.0/ports", {"ports": []}, 400, "HTTPBadRequest")
    nets = node.call("POST", "/v2.0/networks", {"networks": [{}, {"name": "b"}]})["networks"]
    assert nets[0]["provider:segmentation_id"] != nets[1]["provider:segmentation_id"]


@pytest.fixture
def ports(node):
    """Six ports p0 to p5 on one subnet, 10.0.0.10 upwards."""
    network = node.make("network", name="n")
    subnet = node.make("subnet", network_id=network["id"], cidr="10.0.0.0/24")
    return node.call("POST", "/v2.0/ports", {"ports": [
        {
            "network_id": network["id"], "name": f"p{i}", "description": "even" if i % 2 == 0
            else "", "admin_state_up": i < 3, "tags": [f"t{i % 3}", "all"],
            "fixed_ips": [{"subnet_id": subnet["id"], "ip_address": f"10.0.0.{10 + i}"}],
        }
        for i in range(6)
    ]})["ports"]


@pytest.mark.parametrize("query,wanted", [
    ("name=p1", "1"), ("name=p1&name=p2", "12"), ("name=p1&description=even", ""),
    ("admin_state_up=True", "012"), ("admin_state_up=0", "345"), ("description=", "135"),
    ("fixed_ips=ip_address%3D10.0.0.12", "2"),
    ("fixed_ips=ip_address=10.0.0.12&fixed_ips=ip_address=10.0.0.13", "23"),
    ("fixed_ips=ip_address_substr=0.1", "012345"), ("fixed_ips=subnet_id=none", ""),
    ("tags=t1", "14"), ("tags=t1,all", "14"), ("tags=t1,t2", ""), ("tags-any=t1,t2", "1245"),
    ("not-tags=t1", "0235"), ("not-tags-any=t1,t2", "03"), ("not-tags=t1,all", "0235"),
    ("id=none", ""), ("network_id=none", ""), ("device_id=", "012345"),
])
def test_filters(node, ports, query, wanted):
    answer = node.get(f"/v2.0/ports?sort_key=name&{query}")
    assert names(answer) == [f"p{digit}" for digit in wanted]


def test_filter_by_index(node, ports):
    both = f"id={ports[0]['id']}&id={ports[1]['id']}"
    assert sorted(names(node.get(f"/v2.0/ports?{both}"))) == ["p0", "p1"]
    network = ports[0]["network_id"]
    assert len(ids(node.get(f"/v2.0/ports?network_id={network}&name=p0"))) == 1
    assert len(node.get(f"/v2.0/subnets?network_id={network}&ip_version=4")["subnets"]) == 1
    assert node.get("/v2.0/networks?router:external=True") == {"networks": []}
    assert len(node.get("/v2.0/networks?shared=false&fields=id")["networks"]) == 1


def test_sorting_and_pages(node, ports):
    down = names(node.get("/v2.0/ports?sort_key=admin_state_up&sort_dir=asc"
                          "&sort_key=name&sort_dir=desc"))
    assert down == ["p5", "p4", "p3", "p2", "p1", "p0"]
    url, seen, pages = "/v2.0/ports?sort_key=name&limit=4", [], 0
    while url:
        answer = node.get(url)
        seen += names(answer)
        pages += 1
        links = {link["rel"]: link["href"] for link in answer.get("ports_links", ())}
        url = links.get("next", "").removeprefix(node.url)
    assert seen == [f"p{i}" for i in range(6)] and pages == 2
    back = node.get(links["previous"].removeprefix(node.url))
    assert names(back) == ["p0", "p1", "p2", "p3"]
    assert [link["rel"] for link in back["ports_links"]] == ["next", "previous"]
    again = next(link["href"] for link in back["ports_links"] if link["rel"] == "next")
    assert names(node.get(again.removeprefix(node.url))) == ["p4", "p5"]
    # Whether a full page is the last one, the next request tells.
    full = node.get("/v2.0/ports?sort_key=name&limit=6")
    (href,) = [link["href"] for link in full["ports_links"] if link["rel"] == "next"]
    empty = node.get(href.removeprefix(node.url))
    assert empty["ports"] == [] and [link["rel"] for link in empty["ports_links"]] == ["previous"]
    whole = node.get(empty["ports_links"][0]["href"].removeprefix(node.url))
    assert names(whole) == [f"p{i}" for i in range(6)]
    everything = node.get("/v2.0/ports")
    assert ids(everything) == sorted(ids(everything)) and "ports_links" not in everything


@pytest.mark.parametrize("query", [
    "mac_address=FA-16-3E-00-00-0A", "mac_address=fa163e00000a", "mac_address=fa16.3e00.000a",
    "fixed_ips=ip_address=FD00:0:0::000a", "fixed_ips=ip_address_substr=fd00",
    "allowed_address_pairs=ip_address=FD01::0/64", "allowed_address_pairs=mac_address=fa163e0000bb",
    "admin_state_up=t", "admin_state_up=Y&port_security_enabled=on",
    "extra_dhcp_opts=ip_version=04",
    "revision_number=01", "status=down", "dns_assignment=ip_address=FD00::A",
    "mac_address=x&mac_address=FA:16:3E:0:0:A", "security_groups=none&security_groups=GROUP",
])
def test_filters_are_converted_as_the_attribute_is(node, query):
    network = node.make("network", name="n")
    node.make("subnet", network_id=network["id"], cidr="fd00::/64", ip_version=6)
    group = node.call("POST", "/v2.0/security-groups", {"security_group": {"name": "g"}})
    port = node.make(
        "port", network_id=network["id"], mac_address="fa:16:3e:00:00:0a",
        fixed_ips=[{"ip_address": "fd00::a"}], security_groups=[group["security_group"]["id"]],
        allowed_address_pairs=[{"ip_address": "fd01::/64", "mac_address": "fa:16:3e:00:00:bb"}],
        extra_dhcp_opts=[{"opt_name": "ntp-server", "opt_value": "10.0.0.1", "ip_version": 4}],
    )
    other = node.make("port", network_id=network["id"], fixed_ips=[], admin_state_up=False,
                      security_groups=[], mac_address="fa:16:3e:00:00:0b")
    node.view.states[other["id"]] = PortState("ERROR", "hv1")
    node.call("PUT", f"/v2.0/ports/{other['id']}", {"port": {"name": "other"}})
    query = query.replace("GROUP", group["security_group"]["id"])
    assert ids(node.get(f"/v2.0/ports?{query}")) == [port["id"]]


@pytest.mark.parametrize("query", [
    "limit=x", "limit=-1", "admin_state_up=maybe", "revision_number=x", "fixed_ips=mac_address=x",
    "allowed_address_pairs=10.0.0.0/8", "marker=none", "sort_key=nope", "sort_key=name&sort_dir=up",
    "sort_key=name&sort_dir=asc&sort_dir=asc", "colour=red", "fixed_ips=x", "%ff=1",
])
def test_bad_queries(node, query):
    assert node.call("GET", f"/v2.0/ports?{query}", status=400)["NeutronError"]["message"]


def test_subnets_and_rules_are_found_by_any_spelling(node):
    network = node.make("network", shared=True)
    own = node.make("network")
    one = node.make("subnet", network_id=network["id"], cidr="fd00::/64", gateway_ip="fe80::1",
                    dns_nameservers=["fd00::53"],
                    host_routes=[{"destination": "fd01::/64", "nexthop": "fd00::9"}])
    other = node.make("subnet", network_id=own["id"], cidr="10.0.0.0/24")
    for query in (
        "cidr=FD00:0::/64", "gateway_ip=FE80::01", "ip_version=06", "dns_nameservers=FD00:0::53",
        "host_routes=nexthop=FD00::0009", "host_routes=destination=FD01::/64", "shared=true",
        "shared=T", "allocation_pools=start=FD00::1",
    ):
        assert ids(node.get(f"/v2.0/subnets?{query}"), "subnets") == [one["id"]], query
    assert ids(node.get("/v2.0/subnets?shared=false"), "subnets") == [other["id"]]
    assert "shared" not in node.get(f"/v2.0/subnets/{one['id']}")["subnet"]
    assert "shared" not in node.get("/v2.0/subnets?fields=shared&fields=id")["subnets"][0]
    node.refused("POST", "/v2.0/subnets", {"subnet": {
        "network_id": own["id"], "cidr": "10.1.0.0/24", "shared": True}}, 400, "HTTPBadRequest")
    group = node.call("POST", "/v2.0/security-groups", {"security_group": {}})["security_group"]
    rule = node.call("POST", "/v2.0/security-group-rules", {"security_group_rule": {
        "security_group_id": group["id"], "direction": "ingress", "protocol": "tcp",
        "port_range_min": 22, "port_range_max": 22, "remote_ip_prefix": "10.0.0.5/8",
    }})["security_group_rule"]
    for query in ("protocol=6", "protocol=TCP", "port_range_min=022",
                  "direction=Ingress&protocol=tcp", "ethertype=ipv4&protocol=tcp",
                  "remote_ip_prefix=10.0.0.5/255.0.0.0"):
        found = node.get(f"/v2.0/security-group-rules?{query}")["security_group_rules"]
        assert [one["id"] for one in found] == [rule["id"]], query


def test_tags(node):
    network = node.make("network", tags=["b", "a"])
    path = f"/v2.0/networks/{network['id']}/tags"
    assert node.get(path) == {"tags": ["a", "b"]}
    assert node.call("PUT", path, {"tags": ["x", "y"]}) == {"tags": ["x", "y"]}
    node.call("PUT", path + "/z", status=201)
    node.call("GET", path + "/z", status=204)
    node.call("DELETE", path + "/x")
    node.refused("GET", path + "/x", None, 404, "TagNotFound")
    node.refused("DELETE", path + "/x", None, 404, "TagNotFound")
    assert node.get(f"/v2.0/networks/{network['id']}")["network"]["tags"] == ["y", "z"]
    node.call("DELETE", path)
    assert node.get(path) == {"tags": []}
    node.refused("GET", "/v2.0/networks/none/tags", None, 404, "NetworkNotFound")
    node.refused("PUT", path, {"tags": "x"}, 400, "HTTPBadRequest")


def test_tags_of_any_text(node):
    network = node.make("network")
    path = f"/v2.0/networks/{network['id']}/tags"
    odd = ["a/b", "a,b", "x" * 255, "50%", "é", "v1.json"]
    node.call("PUT", path, {"tags": odd})
    for tag in odd:
        node.call("GET", f"{path}/{quote(tag, safe='')}", status=204)
    node.call("DELETE", f"{path}/a%2Fb")
    node.call("PUT", f"{path}/c%2Fd", status=201)
    assert "c/d" in node.get(path)["tags"] and "a/b" not in node.get(path)["tags"]
    for wrong in (["a", "a"], ["x" * 256], [""], [1]):
        for method in ("PUT", "POST"):
            assert node.call(method, path, {"tags": wrong}, 400)
    assert node.call("POST", path, {"tags": ["new", "50%"]}) == {"tags": ["new", "50%"]}
    assert set(node.get(path)["tags"]) == {*odd[1:], "c/d", "new"}
    node.call("POST", path, {"tags": [str(number) for number in range(51)]}, 400)
    node.call("POST", path, {"tags": [str(number) for number in range(43)]})
    assert len(node.get(path)["tags"]) == 50
    node.call("PUT", f"{path}/one-more", status=400)
    node.refused("POST", "/v2.0/networks", {"network": {"tags": ["a", "a"]}}, 400, "InvalidInput")


def test_bulk_with_each_one_wrapped(node):
    made = node.call("POST", "/v2.0/networks", {"networks": [
        {"network": {"name": "a"}}, {"name": "b"}]})["networks"]
    assert [one["name"] for one in made] == ["a", "b"]
    node.refused("POST", "/v2.0/networks", {"networks": [{"network": {}, "name": "a"}]}, 400,
                 "HTTPBadRequest")
    node.refused("POST", "/v2.0/networks", {"networks": [{"network": [{}]}]}, 400,
                 "HTTPBadRequest")


def test_a_router_without_a_gateway(node):
    for nothing in (None, {}, {"network_id": None}, {"network_id": ""}):
        router = node.make("router", external_gateway_info=nothing)
        node.call("PUT", f"/v2.0/routers/{router['id']}",
                  {"router": {"external_gateway_info": nothing}})
    network = node.make("network", project_id="p")["id"]
    for method, path in (("POST", "/v2.0/routers"), ("PUT", f"/v2.0/routers/{router['id']}")):
        for id, status, type in ((router["id"], 404, "NetworkNotFound"),
                                 (network, 400, "BadRequest"), ("x", 400, "HTTPBadRequest")):
            node.refused(method, path, {"router": {"external_gateway_info": {
                "network_id": id, "enable_snat": True}}}, status, type)
    for info in ({"network_id": network, "external_fixed_ips": [{"ip_address": "192.0.2.9"}]},
                 {"external_fixed_ips": [{"subnet_id": network}]}):
        text = node.refused("POST", "/v2.0/routers", {"router": {"external_gateway_info": info}},
                            400, "BadRequest")
        assert "external network" in text
    body = {"router": {"external_gateway_info": {"network_id": network}}}
    node.call("POST", "/v2.0/routers", body, 404, headers={"X-Project-Id": "q"})


def test_if_match(node):
    network = node.make("network")
    path = f"/v2.0/networks/{network['id']}"
    right, wrong = ({"If-Match": f"revision_number={n}"} for n in (1, 9))
    node.call("PUT", path, {"network": {"name": "x"}}, 412, headers=wrong)
    node.call("PUT", path, {"network": {"name": "x"}}, headers=right)
    node.call("DELETE", path, status=412, headers=right)
    node.call("DELETE", path, status=400, headers={"If-Match": "*"})


def test_projects(node):
    one, two = ({"X-Project-Id": name} for name in ("one", "two"))
    mine = node.call("POST", "/v2.0/networks", {"network": {"name": "m"}}, headers=one)["network"]
    assert mine["project_id"] == mine["tenant_id"] == "one"
    shared = node.make("network", shared=True, project_id="one")
    assert ids(node.get("/v2.0/networks", headers=two), "networks") == [shared["id"]]
    node.call("GET", f"/v2.0/networks/{mine['id']}", status=404, headers=two)
    node.call("DELETE", f"/v2.0/networks/{mine['id']}", status=404, headers=two)
    assert len(node.get("/v2.0/networks")["networks"]) == 2
    assert ids(node.get("/v2.0/networks?tenant_id=one&name=m"), "networks") == [mine["id"]]
    assert node.make("subnet", network_id=mine["id"], cidr="10.0.0.0/24")["project_id"] == "one"


def test_pages_are_bounded(node):
    node.call("POST", "/v2.0/networks", {"networks": [{} for _ in range(12)]})
    node.settings.set_override("max_page", 5, "api")
    small = Node(node.store, node.settings)
    try:
        answer = small.get("/v2.0/networks?limit=50")
        assert len(answer["networks"]) == 5 and answer["networks_links"][0]["rel"] == "next"
    finally:
        small.close()


def test_a_port_gets_a_new_mac(node):
    """Null asks for one, and addresses that follow from it follow."""
    network = node.make("network")["id"]
    node.make("subnet", network_id=network, cidr="fd00::/64", ipv6_address_mode="slaac",
              ipv6_ra_mode="slaac")
    port = node.make("port", network_id=network, mac_address="fa:16:3e:00:00:01")
    path = f"/v2.0/ports/{port['id']}"
    after = node.call("PUT", path, {"port": {"mac_address": None}})["port"]
    assert after["mac_address"] != port["mac_address"]
    assert after["mac_address"].startswith("fa:16:3e:")
    assert [one["subnet_id"] for one in after["fixed_ips"]] == [
        one["subnet_id"] for one in port["fixed_ips"]]
    assert after["fixed_ips"] != port["fixed_ips"]
    assert after["revision_number"] == port["revision_number"] + 1
    again = node.call("PUT", path, {"port": {"mac_address": after["mac_address"]}})["port"]
    assert again == after
    router = node.make("router")["id"]
    subnet = node.make("subnet", network_id=network, cidr="10.0.0.0/24")["id"]
    interface = node.call("PUT", f"/v2.0/routers/{router}/add_router_interface",
                          {"subnet_id": subnet})["port_id"]
    node.refused("PUT", f"/v2.0/ports/{interface}", {"port": {"mac_address": None}}, 409,
                 "ServicePortInUse")
