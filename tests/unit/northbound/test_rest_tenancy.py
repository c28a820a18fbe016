"""What a project can see of another one's things, and do to them: nothing that is not shared."""

from __future__ import annotations

import pytest

from tests.unit.northbound.api_client import Node

A, B = {"X-Project-Id": "a"}, {"X-Project-Id": "b"}


class Site:
    """Project a has a network, b has one, and an administrator shares a third."""

    def __init__(self, node):
        self.node = node
        self.net_a = self.make("network", A)["id"]
        self.sub_a = self.make("subnet", A, network_id=self.net_a, cidr="10.1.0.0/24")["id"]
        self.port_a = self.make("port", A, network_id=self.net_a)["id"]
        self.router_a = self.make("router", A)["id"]
        self.group_a = self.make("security_group", A, name="web-of-a")["id"]
        self.list_a = self.make("address_group", A, addresses=["10.0.0.0/8"])["id"]
        self.net_b = self.make("network", B)["id"]
        self.sub_b = self.make("subnet", B, network_id=self.net_b, cidr="10.2.0.0/24")["id"]
        self.port_b = self.make("port", B, network_id=self.net_b)["id"]
        self.router_b = self.make("router", B)["id"]
        self.group_b = self.make("security_group", B, name="web-of-b")["id"]
        self.shared = self.make("network", {}, shared=True, project_id="a")["id"]
        self.sub_shared = self.make(
            "subnet", {}, network_id=self.shared, cidr="10.3.0.0/24")["id"]

    def path(self, kind, *rest):
        words = {"security_group": "security-groups", "address_group": "address-groups",
                 "security_group_rule": "security-group-rules"}.get(kind, f"{kind}s")
        return "/".join(("/v2.0", words, *rest))

    def make(self, kind, who, **fields):
        return self.node.call("POST", self.path(kind), {kind: fields}, headers=who)[kind]

    def refused(self, who, method, path, body, status, type):
        error = self.node.call(method, path, body, status, headers=who)["NeutronError"]
        assert error["type"] == type, error
        return error["message"]


@pytest.fixture(scope="module")
def site():
    node = Node()
    yield Site(node)
    node.close()


def test_what_a_new_resource_names_must_be_visible(site):
    for kind, fields, type in (
        ("port", {"network_id": site.net_a}, "NetworkNotFound"),
        ("subnet", {"network_id": site.net_a, "cidr": "10.9.0.0/24"}, "NetworkNotFound"),
        ("subnet", {"network_id": site.net_a, "cidr": "10.1.0.0/25"}, "NetworkNotFound"),
        ("port", {"network_id": site.net_b, "fixed_ips": [{"subnet_id": site.sub_a}]},
         "SubnetNotFound"),
        ("port", {"network_id": site.net_b, "security_groups": [site.group_a]},
         "SecurityGroupNotFound"),
        ("security_group_rule", {"security_group_id": site.group_a, "direction": "ingress"},
         "SecurityGroupNotFound"),
        ("security_group_rule", {"security_group_id": site.group_b, "direction": "ingress",
                                 "remote_group_id": site.group_a}, "SecurityGroupNotFound"),
        ("security_group_rule", {"security_group_id": site.group_b, "direction": "ingress",
                                 "remote_address_group_id": site.list_a}, "AddressGroupNotFound"),
    ):
        path = site.path(kind)
        message = site.refused(B, "POST", path, {kind: fields}, 404, type)
        assert "web-of-a" not in message
        plural = path.rpartition("/")[2].replace("-", "_")
        site.refused(B, "POST", path, {plural: [fields]}, 404, type)


def test_what_a_change_names_must_be_visible(site):
    port, router = site.path("port", site.port_b), site.path("router", site.router_b)
    site.refused(B, "PUT", port, {"port": {"fixed_ips": [{"subnet_id": site.sub_a}]}}, 404,
                 "SubnetNotFound")
    site.refused(B, "PUT", port, {"port": {"security_groups": [site.group_a]}}, 404,
                 "SecurityGroupNotFound")
    for word in ("add", "remove"):
        site.refused(B, "PUT", f"{router}/{word}_router_interface", {"subnet_id": site.sub_a},
                     404, "SubnetNotFound")
    site.refused(B, "PUT", f"{router}/add_router_interface", {"port_id": site.port_a}, 404,
                 "PortNotFound")


def test_what_is_not_visible_is_not_there(site):
    for kind, id in (
        ("network", site.net_a), ("subnet", site.sub_a), ("port", site.port_a),
        ("router", site.router_a), ("security_group", site.group_a),
        ("address_group", site.list_a),
    ):
        path = site.path(kind, id)
        site.node.call("GET", path, status=404, headers=B)
        site.node.call("PUT", path, {kind: {"name": "x"}}, 404, headers=B)
        site.node.call("DELETE", path, status=404, headers=B)
        for tail in ("/tags", "/tags/x"):
            site.node.call("GET", path + tail, status=404, headers=B)
        site.node.call("PUT", path + "/tags/x", status=404, headers=B)
        site.node.call("PUT", path + "/tags", {"tags": []}, 404, headers=B)
        site.node.call("DELETE", path + "/tags", status=404, headers=B)


def test_a_shared_network_is_its_owners(site):
    path = site.path("network", site.shared)
    assert site.node.get(path, headers=B)["network"]["shared"] is True
    listed = site.node.get(f"/v2.0/subnets?network_id={site.shared}", headers=B)["subnets"]
    assert [one["id"] for one in listed] == [site.sub_shared]
    assert site.node.get(site.path("subnet", site.sub_shared), headers=B)
    denied = "PolicyNotAuthorized"
    site.refused(B, "PUT", path, {"network": {"name": "taken"}}, 403, denied)
    site.refused(B, "PUT", path, {"network": {"shared": False}}, 403, denied)
    site.refused(B, "DELETE", path, None, 403, denied)
    site.refused(B, "PUT", path + "/tags/x", None, 403, denied)
    site.refused(B, "DELETE", path + "/tags", None, 403, denied)
    site.refused(B, "POST", "/v2.0/subnets",
                 {"subnet": {"network_id": site.shared, "cidr": "10.4.0.0/24"}}, 403, denied)
    subnet = site.path("subnet", site.sub_shared)
    site.refused(B, "PUT", subnet, {"subnet": {"gateway_ip": None}}, 403, denied)
    site.refused(B, "DELETE", subnet, None, 403, denied)
    assert "owned" in site.refused(
        B, "PUT", site.path("router", site.router_b, "add_router_interface"),
        {"subnet_id": site.sub_shared}, 400, "BadRequest")
    site.node.call("PUT", path, {"network": {"name": "mine"}}, headers=A)
    site.node.call("PUT", subnet, {"subnet": {"name": "mine"}}, headers=A)
    # It is an administrator's to share.
    site.refused(A, "PUT", path, {"network": {"shared": False}}, 403, denied)


def test_ports_on_a_shared_network(site):
    denied = "PolicyNotAuthorized"
    for fields in (
        {"port_security_enabled": False}, {"port_security_enabled": True},
        {"allowed_address_pairs": [{"ip_address": "10.3.0.1"}]},
        {"fixed_ips": [{"ip_address": "10.3.0.9"}]}, {"mac_address": "fa:16:3e:00:00:09"},
        {"fixed_ips": [{"subnet_id": site.sub_shared, "ip_address": "10.3.0.9"}]},
        {"binding:host_id": "hv1"}, {"binding:profile": {"a": 1}},
    ):
        body = {"network_id": site.shared, **fields}
        site.refused(B, "POST", "/v2.0/ports", {"port": body}, 403, denied)
        site.refused(B, "POST", "/v2.0/ports", {"ports": [body]}, 403, denied)
    port = site.make("port", B, network_id=site.shared,
                     fixed_ips=[{"subnet_id": site.sub_shared, "ip_address": None}],
                     allowed_address_pairs=[])
    path = site.path("port", port["id"])
    for fields in (
        {"port_security_enabled": False}, {"allowed_address_pairs": []}, {"fixed_ips": []},
        {"mac_address": "fa:16:3e:00:00:09"}, {"binding:host_id": "hv1"},
    ):
        site.refused(B, "PUT", path, {"port": fields}, 403, denied)
    site.node.call("PUT", path, {"port": {"name": "b1", "device_id": "vm"}}, headers=B)
    # The network's owner sees it and can delete it, but it is another's.
    seen = site.node.get(f"/v2.0/ports?network_id={site.shared}", headers=A)["ports"]
    assert [one["id"] for one in seen] == [port["id"]]
    site.refused(A, "PUT", path, {"port": {"name": "x"}}, 403, denied)
    router = site.path("router", site.router_a, "add_router_interface")
    site.node.call("PUT", path, {"port": {"device_id": ""}}, headers=B)
    site.refused(A, "PUT", router, {"port_id": port["id"]}, 403, denied)
    own = site.make("port", A, network_id=site.shared, port_security_enabled=False,
                    fixed_ips=[{"ip_address": "10.3.0.77"}], mac_address="fa:16:3e:00:00:77")
    assert site.node.get("/v2.0/ports?network_id=" + site.shared, headers=B)["ports"] == [
        site.node.get(path, headers=B)["port"]]
    router_b = site.path("router", site.router_b, "add_router_interface")
    site.refused(B, "PUT", router_b, {"port_id": port["id"]}, 400, "BadRequest")
    admin = f"/v2.0/networks/{site.shared}"
    site.refused({}, "PUT", admin, {"network": {"shared": False}}, 409, "InvalidSharedSetting")
    site.node.call("DELETE", site.path("port", own["id"]), headers=A)
    site.node.call("DELETE", path, headers=A)


@pytest.mark.parametrize("kind,fields", [
    ("network", {"shared": True}), ("network", {"provider:segmentation_id": 4000}),
    ("network", {"provider:network_type": "vxlan"}), ("network", {"vpn:flood_unknown": True}),
    ("network", {"vpn:import_targets": ["64512:1"]}), ("network", {"vpn:mdns": "answer"}),
    ("router", {"vpn:export_targets": ["64512:1"]}), ("router", {"distributed": True}),
])
def test_what_only_administrators_set(site, kind, fields):
    denied = "PolicyNotAuthorized"
    site.refused(B, "POST", site.path(kind), {kind: fields}, 403, denied)
    id = {"network": site.net_b, "router": site.router_b}[kind]
    site.refused(B, "PUT", site.path(kind, id), {kind: fields}, 403, denied)
    site.make(kind, {}, **fields)


def test_asking_for_nothing_is_no_matter_of_policy(site):
    made = site.make("network", B, shared=False, port_security_enabled=False, **{
        "provider:segmentation_id": None, "router:external": False, "is_default": False})
    site.make("port", B, network_id=made["id"], allowed_address_pairs=[], fixed_ips=[],
              **{"binding:vnic_type": "normal", "binding:profile": {}, "binding:host_id": ""})


@pytest.mark.parametrize("kind", ["network", "router", "security_group", "address_group"])
def test_nobody_creates_for_another_project(site, kind):
    for fields in ({"project_id": "a"}, {"tenant_id": "a"},
                   {"project_id": "b", "tenant_id": "a"}):
        message = site.refused(B, "POST", site.path(kind), {kind: {"name": "n", **fields}}, 400,
                               "HTTPBadRequest")
        assert "other than the authenticated project" in message
    assert site.make(kind, B, name="n", project_id="b")["project_id"] == "b"


def test_hidden_attributes(site):
    hidden = {
        "network": ("provider:segmentation_id", "provider:network_type", "vpn:rd_index",
                    "vpn:import_targets", "vpn:mdns"),
        "port": ("binding:host_id", "binding:profile", "binding:vif_type", "binding:vif_details"),
        "router": ("vpn:vni", "vpn:rd_index", "distributed", "ha"),
    }
    ids = {"network": site.net_b, "port": site.port_b, "router": site.router_b}
    for kind, names in hidden.items():
        path = site.path(kind)
        for name in names:
            for query in (f"{name}=1", f"sort_key={name}", f"name=x&{name}="):
                site.refused(B, "GET", f"{path}?{query}", None, 403, "PolicyNotAuthorized")
        asked = "&".join(f"fields={name}" for name in (*names, "id"))
        plural = f"{kind}s"
        for answer in (
            site.node.get(f"{path}?{asked}", headers=B)[plural],
            [site.node.get(f"{path}/{ids[kind]}?{asked}", headers=B)[kind]],
        ):
            assert all(set(one) == {"id"} for one in answer) and answer
        whole = site.node.get(f"{path}/{ids[kind]}", headers=B)[kind]
        changed = site.node.call("PUT", f"{path}/{ids[kind]}", {kind: {"name": "n"}}, headers=B)
        for one in (whole, changed[kind]):
            assert not set(one) & set(names)
        assert set(names) < set(site.node.get(f"{path}/{ids[kind]}")[kind])
    assert site.node.get(site.path("port", site.port_b), headers=B)["port"][
        "binding:vnic_type"] == "normal"


def test_rules_in_ones_own_group_are_listed(site):
    rule = site.make("security_group_rule", {}, security_group_id=site.group_a,
                     direction="ingress", project_id="z")["id"]
    path = "/v2.0/security-group-rules"
    assert rule in {one["id"] for one in site.node.get(path, headers=A)["security_group_rules"]}
    site.node.call("GET", f"{path}/{rule}", status=404, headers=B)
    site.node.call("DELETE", f"{path}/{rule}", status=404, headers=B)
    site.node.call("DELETE", f"{path}/{rule}", headers=A)


def test_errors_name_nothing_of_others(site):
    network = site.make("network", A)["id"]
    subnet = site.make("subnet", {}, network_id=network, cidr="10.5.0.0/24", project_id="b")["id"]
    port = site.make("port", A, network_id=network)["id"]
    text = site.refused(B, "DELETE", site.path("subnet", subnet), None, 409, "SubnetInUse")
    assert port not in text and "another project" in text
    assert port in site.refused(A, "DELETE", site.path("subnet", subnet), None, 409, "SubnetInUse")
    group = site.make("security_group", B, name="lent")["id"]
    site.node.call("PUT", site.path("port", port), {"port": {"security_groups": [group]}})
    text = site.refused(B, "DELETE", site.path("security_group", group), None, 409,
                        "SecurityGroupInUse")
    assert port not in text


@pytest.mark.parametrize("project", ["", "x" * 256])
def test_a_project_without_a_name_is_no_administrator(site, project):
    who = {"X-Project-Id": project}
    for method, path, body in (
        ("GET", "/v2.0/networks", None), ("GET", site.path("network", site.net_a), None),
        ("POST", "/v2.0/networks", {"network": {}}), ("GET", "/v2.0/security-groups", None),
        ("DELETE", site.path("port", site.port_a), None), ("GET", "/v2.0/agents", None),
        ("PUT", site.path("network", site.net_a, "tags/x"), None), ("GET", "/v1/nodes", None),
    ):
        site.refused(who, method, path, body, 400, "HTTPBadRequest")


def test_the_node_is_for_operators(site):
    for path in ("/v1/elements", "/v1/rib", "/v1/nodes", f"/v1/ports/{site.port_b}",
                 f"/v1/explain?port={site.port_b}&to=10.2.0.9"):
        site.refused(B, "GET", path, None, 403, "PolicyNotAuthorized")
        site.node.get(path)
