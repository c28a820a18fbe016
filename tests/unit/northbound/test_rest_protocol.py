"""The API as a protocol: bodies, queries, paths, limits, discovery, OpenAPI."""

from __future__ import annotations

import json

import pytest
import requests
from openapi_spec_validator import validate

from tests.unit.northbound.api_client import Node, options
from tests.unit.northbound.raw_client import post


@pytest.fixture(scope="module")
def node():
    node = Node(conf=options(max_body=100_000, threads=4))
    yield node
    node.close()


NOTHING = "00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize("data,words", [
    (b"{", "not valid JSON"), (b"", "no"), (b"[]", "JSON object"), (b"null", "JSON object"),
    (b'{"network": []}', "JSON object"), (b'{"network": {}, "x": 1}', "'x'"),
    (b'{"net": {}}', "'networks'"), (b'{"networks": {}}', "list"), (b"\xff\xfe", "not valid JSON"),
    (b'{"network": {"nmae": "x"}}', "Unrecognized attribute(s) 'nmae'"),
    (b'{"network": {"name": 5}}', "Invalid input for name"),
    (b'{"network": {"name": "' + b"x" * 256 + b'"}}', "255"),
    (b'{"network": {"mtu": -1}}', "mtu"), (b'{"network": {"mtu": NaN}}', "NaN"),
    (b'{"network": {"admin_state_up": "maybe"}}', "admin_state_up"),
    (b'{"network": {"router:external": "outside"}}', "router:external"),
    (b'{"network": {"qinq": true}}', "not supported"),
    (b'{"network": {"name": "\\ud800"}}', "surrogate"),
    (b"[" * 50_000, "not valid JSON"),
    (b'{"network": {' + b",".join(b'"k%d": 1' % i for i in range(9000)) + b"}}", "'k0, k1, k2, k"),
    (b"{" + b",".join(b'"k%d": 1' % i for i in range(9000)) + b', "network": {}}', "'k0, k1, k2, "),
    (b'{"network": {"' + b"k" * 90_000 + b'": 1}}', "kkk..."),
    (b'{"port": {"network_id": "x", "binding:profile": ' + b'{"a":' * 40 + b"1" + b"}" * 42,
     "within one another"),
    (b'{"networks": [' + b"{}," * 30_000 + b"{}]}", "1 to 10000"),
])
def test_bad_bodies(node, data, words):
    answer = post(node, data)
    assert answer.status_code == 400, answer.text
    assert words in answer.json()["NeutronError"]["message"]
    assert len(answer.content) < 3000, "an answer does not repeat a request"


@pytest.mark.parametrize("name", ["fixed_ips", "allowed_address_pairs"])
def test_long_lists(node, name):
    text = node.refused("POST", "/v2.0/ports", {"port": {"network_id": "x", name: [{}] * 9000}},
                        400, "HTTPBadRequest")
    assert "at most 1000" in text


def test_a_body_of_many_values_is_not_even_read():
    node = Node(conf=options(threads=2))
    try:
        answer = post(node, b'{"network": {"tags": [' + b"1," * 600_000 + b"1]}}")
        assert answer.status_code == 413
        assert "values; split" in answer.json()["NeutronError"]["message"]
    finally:
        node.close()


@pytest.mark.parametrize("query,words", [
    ("&".join(f"name={i}" for i in range(3000)), "2000 parameters"),
    ("&".join(f"tags=a{i}" for i in range(100)), "64 times"),
    ("&".join(f"fixed_ips=ip_address_substr={i}" for i in range(100)), "64 times"),
    ("&".join(["sort_key=name"] * 100), "64 times"),
    ("x" * 60_000 + "=1", "not an attribute"),
])
def test_long_queries(node, query, words):
    answer = requests.get(f"{node.url}/v2.0/ports?{query}", timeout=10)
    assert answer.status_code == 400 and len(answer.content) < 3000
    assert words in answer.json()["NeutronError"]["message"] or "x" * 60 in answer.text


def test_long_queries_that_are_served(node):
    made = node.make("network", name="n7")
    query = "&".join(f"name=n{i}" for i in range(1900))
    assert made["id"] in [one["id"] for one in node.get(f"/v2.0/networks?{query}")["networks"]]
    assert node.get("/v2.0/networks?" + "&".join(f"fields=f{i}" for i in range(1900)))


def test_parameters_of_a_path_are_decoded_after_it_was_taken_apart(node):
    node.view.element_list = [{"id": "a/b c"}]
    assert node.get("/v1/elements/a%2Fb%20c") == {"id": "a/b c"}
    node.call("DELETE", "/v1/elements/a%2Fb%20c")
    node.refused("GET", "/v1/elements/a/b", None, 404, "HTTPNotFound")
    node.refused("GET", "/v1/elements/a%2Fb%20c", None, 404, "ElementNotFound")
    node.refused("GET", "/v1/elements/%ff", None, 400, "HTTPBadRequest")


def test_the_suffix_of_older_clients(node):
    made = node.make("network", name="suffix")
    assert node.get("/v2.0/networks.json?name=suffix")["networks"] == [
        node.get(f"/v2.0/networks/{made['id']}.json")["network"]]
    node.call("PUT", f"/v2.0/networks/{made['id']}/tags/a.json", status=201)
    assert node.get(f"/v2.0/networks/{made['id']}/tags.json")["tags"] == ["a.json"]


@pytest.mark.parametrize("path", [
    "security-groups", "network_segment_ranges", "network-ip-availabilities", "service_profiles",
])
def test_hyphens_and_underscores_of_a_collection(node, path):
    """Clients of the API use both: the SDK network_segment_ranges, tempest
    network-segment-ranges."""
    other = path.replace("-", "*").replace("_", "-").replace("*", "_")
    assert other != path
    for end in ("", ".json", "/", "?limit=1"):
        one, two = node.get(f"/v2.0/{path}{end}"), node.get(f"/v2.0/{other}{end}")
        assert one == two
    for below in ("x_y", "nothing-here"):
        node.refused("GET", f"/v2.0/{below}", None, 404, "HTTPNotFound")


def test_content_type_does_not_matter(node):
    assert post(node, b'{"network": {}}', **{"Content-Type": "text/weird; x"}).status_code == 201


def test_too_large(node):
    body = json.dumps({"network": {"description": "x" * 200_000}}).encode()
    assert post(node, body).status_code == 413
    assert post(node, (body[i:i + 1000] for i in range(0, len(body), 1000))).status_code == 413
    chunks = post(node, iter([b'{"network"', b': {"name": "chunked"}}']))
    assert chunks.status_code == 201 and chunks.json()["network"]["name"] == "chunked"


def test_missing_fields(node):
    text = node.refused("POST", "/v2.0/subnets", {"subnet": {"cidr": "10.0.0.0/24"}}, 400,
                        "HTTPBadRequest")
    assert "'network_id'" in text
    for body in ({"network_id": "none"}, {"network_id": NOTHING, "security_groups": ["x"]},
                 {"network_id": NOTHING, "fixed_ips": [{"subnet_id": "x"}]}):
        text = node.refused("POST", "/v2.0/ports", {"port": body}, 400, "HTTPBadRequest")
        assert "not a valid UUID" in text
    node.refused("POST", "/v2.0/ports", {"port": {"network_id": NOTHING}}, 404, "NetworkNotFound")


def test_paths_and_methods(node):
    node.refused("GET", "/v2.0/nothing", None, 404, "HTTPNotFound")
    answer = requests.request("PATCH", node.url + "/v2.0/networks", timeout=10)
    assert answer.status_code == 405 and answer.headers["Allow"] == "GET, HEAD, POST"
    assert answer.json()["NeutronError"]["type"] == "HTTPMethodNotAllowed"
    assert requests.get(node.url + "/%ff", timeout=10).status_code in (400, 404)
    head = requests.head(node.url + "/v2.0/networks", timeout=10)
    assert head.status_code == 200 and head.content == b""


def test_discovery(node):
    assert node.get("/")["versions"][0]["id"] == "v2.0"
    for path in ("/v2.0", "/v2.0/"):
        assert {one["collection"] for one in node.get(path)["resources"]} == {
            "networks", "subnets", "ports", "routers", "security_groups", "security_group_rules",
            "address_groups", "address_scopes", "subnetpools", "rbac_policies", "segments",
            "network_segment_ranges", "floatingips", "policies", "trunks", "port_pairs",
            "port_pair_groups", "flow_classifiers", "port_chains", "tap_mirrors", "tap_services",
            "tap_flows"}
    listed = [one["alias"] for one in node.get("/v2.0/extensions")["extensions"]]
    assert {"binding", "router", "provider", "standard-attr-tag"} <= set(listed)
    assert node.get("/v2.0/extensions/router")["extension"]["alias"] == "router"
    node.refused("GET", "/v2.0/extensions/vpnaas", None, 404, "ExtensionNotFound")


def test_openapi(node):
    document = node.get("/openapi.json")
    validate(document)
    described = {(path, method.upper()) for path, item in document["paths"].items()
                 for method in item}
    assert described == {(route.path, route.method) for route in node.server.application.routes}
    create = document["components"]["schemas"]["PortCreate"]
    assert "binding:host_id" in create["properties"] and create["additionalProperties"] is False


def test_a_fault_is_answered_with_a_reference(node, caplog, monkeypatch):
    monkeypatch.setattr(type(node.view), "health", lambda self: 1 // 0)
    text = node.refused("GET", "/v1/health", None, 500, "HTTPInternalServerError")
    assert text.split()[-1].rstrip(".") in caplog.text and "ZeroDivisionError" not in text
