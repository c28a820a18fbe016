"""What a client that does it wrong is told: the API's error format, whoever finds the fault."""

from __future__ import annotations

import http.client
import json
import socket
import time

import pytest
import requests

from tests.unit.northbound.api_client import Node, options


@pytest.fixture(scope="module")
def node():
    node = Node(conf=options(max_body=1_000_000, threads=4))
    yield node
    node.close()


def raw(node, data: bytes) -> tuple[int, dict]:
    """Send bytes as they are; the answer's status and its NeutronError."""
    with socket.create_connection(node.server.address, 15) as link:
        link.sendall(data)
        answer = http.client.HTTPResponse(link)
        answer.begin()
        body = json.loads(answer.read())["NeutronError"]
        assert answer.getheader("Content-Type") == "application/json"
        assert set(body) == {"type", "message", "detail"} and body["message"]
        return answer.status, body


@pytest.mark.parametrize("data,status,words", [
    (b"FOO\r\n\r\n", 400, "Malformed"),
    (b"GET / HTTP/9.9\r\nHost: x\r\n\r\n", 505, "HTTP/1.1"),
    (b"GET //v2.0/networks HTTP/1.1\r\nHost: x\r\n\r\n", 400, "URI"),
    (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400, "header"),
    (b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", 405, "CONNECT"),
    (b"POST /v2.0/networks HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n", 400, "Length"),
    (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", 400,
     "not both"),
    (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", 400,
     "Length"),
    (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 400, "slash"),
    (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, "shorter"),
    (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 70_000 + b"\r\n\r\n", 413, "headers"),
])
def test_what_is_no_request(node, data, status, words):
    found, error = raw(node, data)
    assert found == status and words in error["message"], error


def test_a_body_that_is_announced_too_large_is_refused_at_once(node):
    began = time.monotonic()
    status, error = raw(
        node, b"POST /v2.0/networks HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\nx"
    )
    assert (status, error["type"]) == (413, "RequestEntityTooLarge")
    assert "1000000 bytes" in error["message"] and "split" in error["message"]
    assert time.monotonic() - began < 5


def test_half_a_request_is_told_so(node):
    status, error = raw(
        node, b"POST /v2.0/networks HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{"
    )
    assert status == 408 and "in time" in error["message"]


def test_a_client_that_sends_all_of_a_large_body_sees_the_answer(node):
    """It is still sending when it is refused: a reset would take the answer from it."""
    body = b'{"network": {"name": "' + b"x" * 30_000_000 + b'"}}'
    for headers in ({}, {"Transfer-Encoding": "chunked"}):
        link = http.client.HTTPConnection(*node.server.address, timeout=15)
        pieces = iter([body[i:i + 100_000] for i in range(0, len(body), 100_000)])
        link.request("POST", "/v2.0/networks", pieces if headers else body, headers,
                     encode_chunked=bool(headers))
        answer = link.getresponse()
        assert answer.status == 413
        assert "split" in json.loads(answer.read())["NeutronError"]["message"]
        link.close()


def test_head_says_what_get_would(node):
    for path in ("/v2.0/networks", "/v2.0/networks/none", "/v1/health"):
        head = requests.head(node.url + path, timeout=10)
        get = requests.get(node.url + path, timeout=10)
        assert head.content == b"" and head.status_code == get.status_code
        assert head.headers["Content-Length"] == str(len(get.content))
    with requests.Session() as session:  # The connection goes on.
        assert session.head(node.url + "/v2.0/networks", timeout=10).ok
        assert session.get(node.url + "/v2.0/networks", timeout=10).json()


def test_the_body_is_named_as_it_is_wanted(node):
    text = node.refused("POST", "/v2.0/networks", {}, 400, "HTTPBadRequest")
    assert "'network'" in text and "'networks'" in text
    text = node.refused("POST", "/v2.0/security-groups", [], 400, "HTTPBadRequest")
    assert "'security_group'" in text


def test_attributes_that_cannot_be_written(node):
    """Known, but not to be set: another text than for a spelling mistake."""
    text = node.refused("POST", "/v2.0/networks", {"network": {"status": "ACTIVE"}}, 400,
                        "HTTPBadRequest")
    assert text == "Attribute(s) 'status' not allowed in POST: they cannot be set."
    made = node.make("network")
    subnet = node.make("subnet", network_id=made["id"], cidr="10.0.0.0/24")
    text = node.refused("PUT", f"/v2.0/subnets/{subnet['id']}",
                        {"subnet": {"cidr": "10.0.1.0/24", "ip_version": 4}}, 400, "HTTPBadRequest")
    assert text == "Attribute(s) 'cidr, ip_version' not allowed in PUT: they cannot change."
    text = node.refused("PUT", f"/v2.0/subnets/{subnet['id']}",
                        {"subnet": {"cidr": "10.0.1.0/24", "nmae": ""}}, 400, "HTTPBadRequest")
    assert text.startswith("Unrecognized attribute(s) 'nmae'") and "/openapi.json" in text
    text = node.refused("POST", "/v2.0/ports", {"port": {
        "network_id": made["id"], "fixed_ips": [{"ip": "10.0.0.5"}]}}, 400, "HTTPBadRequest")
    assert text.startswith("Unrecognized attribute(s) 'fixed_ips.0.ip'")


@pytest.mark.parametrize("query", [
    "admin_state_up=maybe", "shared=2", "port_security_enabled=", "page_reverse=maybe",
])
def test_filters_that_are_neither_true_nor_false(node, query):
    node.make("network")
    text = node.refused("GET", f"/v2.0/networks?{query}", None, 400, "InvalidInput")
    assert "true or false" in text
    assert node.get("/v2.0/networks?admin_state_up=True&shared=no&page_reverse=false")["networks"]


@pytest.mark.parametrize("path", [
    "/v1/nodes?x=1", "/v1/rib?tpye=2", "/v1/health?verbose=1", "/v1/elements?host=hv1",
    "/v1/explain?prot=tcp",
])
def test_unknown_parameters_of_v1(node, path):
    """A filter that was ignored would select everything."""
    text = node.refused("GET", path, None, 400, "InvalidInput")
    name = path.partition("?")[2].partition("=")[0]
    assert f"'{name}' is not a parameter" in text
    if "rib" in path:
        assert "prefix" in text


def test_families_of_the_rib(node):
    text = node.refused("GET", "/v1/rib?family=ipv4", None, 400, "InvalidInput")
    assert "l2vpn-evpn" in text and "ipv4-unicast" in text
    assert node.get("/v1/rib?family=ipv4-unicast&family=l2vpn-evpn")["rib"] == []


@pytest.mark.parametrize("query", ["type=x", "evi=web", "vrf=-1"])
def test_numbers_of_the_rib(node, query):
    assert "number" in node.refused("GET", f"/v1/rib?{query}", None, 400, "InvalidInput")
